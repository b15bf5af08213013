r"""Samples as points in which distances mean something: fixed before any generator is looked at.

Random convolutions follow MiniRocket (Dempster et al., KDD 2021): the 84 kernels of nine taps, three of them 2 and six
of them -1, at a few dilations $d$ each, $y_t = \sum_{l \in L} \sum_j w_j x_{l, t + jd}$ over a drawn subset $L$ of the
leads. Of each response the share above a quantile of the training responses, and its greatest value. Weights sum to 0,
so the level of a window does not count; nor does when in the window its beats come.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import signal as dsp
from torch import Tensor
from torch.nn.functional import conv1d

from ganlab.core.errors import UserError
from ganlab.core.kind import Kind, Window
from ganlab.core.resampling import at_rate, centred
from ganlab.core.spread import evenly
from ganlab.metrics.base import Array, Real
from ganlab.metrics.ecg.physiology import LEAST_RATE, describe

Embed = Callable[[Array], NDArray[np.float32]]
"""Samples of N to `(N, features)`."""

TAPS = 9
"""Of a random convolution, of which three weigh 2 and six -1."""
LEARNED = 256
"""Training windows at most, from which the thresholds of the random convolutions are learned."""
BLOCK = 64
"""Windows that are convolved together, which bounds the memory."""
SAME = 1e-6
"""A feature that deviates less than this in training is not scaled."""
QUANTILES = (0.01, 0.05, 0.25, 0.75, 0.95, 0.99)
"""Of the samples of a window, that are features."""
BANDS = ((0.5, 5.0), (5.0, 15.0), (15.0, 40.0), (40.0, 100.0))
"""Of the powers that are features, Hz."""
LEAST_POWER = 1e-8
"""Added to the power in a band before its logarithm is taken, mV^2: an amplitude of 0.1 uV."""


class Embedding(ABC):
    """Features of samples; what it must learn it learns from `real.train` alone.

    `blind` are the controls of `ganlab.evaluation.controls` that no number in these features tells from real samples.
    """

    blind: tuple[str, ...] = ()

    def check(self, kind: Kind) -> None:  # noqa: B027
        """Before any data is read: raise UserError for samples that cannot be embedded."""

    @abstractmethod
    def fit(self, real: Real) -> Embed:
        """Learn from training samples; what is returned embeds any samples of that kind."""


class RandomConvolutions(Embedding):
    """Seeded random convolutions of windows at 250 Hz: `168 x dilations` features, standardized on training windows.

    Arguments:
        dilations: How many at most, log-spaced from 1 to the greatest that fits the window.
        seed: Of the leads that each kernel sees.
    """

    def __init__(self, dilations: int = 5, seed: int = 0) -> None:
        self.dilations = dilations
        self.seed = seed

    def check(self, kind: Kind) -> None:
        """Raise UserError for anything but windows."""
        _check_window(kind, self)

    def fit(self, real: Real) -> Embed:
        """Thresholds and scales of the training windows; raises UserError for windows that are too short."""
        kind = _check_window(real.kind, self)
        length = at_rate(real.train.values[:1], kind.rate).shape[-1]
        if length < TAPS:
            raise UserError(f"windows of {kind.samples} samples at {kind.rate:g} Hz are too short to be embedded.")
        greatest = np.log2((length - 1) // (TAPS - 1))
        steps = np.unique(np.logspace(0, greatest, self.dilations, base=2).round().astype(int)).tolist()
        weights = [_kernels(len(kind.leads), self.seed + place) for place in range(len(steps))]
        kernels = list(zip(steps, weights, strict=True))

        spread = evenly(LEARNED, len(real.train))
        biases = _biases(_prepared(real.train.values[spread], kind.rate), kernels)
        standardized = Standardized(_convolved(_prepared(real.train.values, kind.rate), kernels, biases))
        return lambda windows: standardized(_convolved(_prepared(windows, kind.rate), kernels, biases))


def _kernels(leads: int, seed: int) -> Tensor:
    """`(84, leads, 9)`: each kernel on a drawn subset of the leads, small ones as likely as large ones."""
    weights = torch.full((84, TAPS), -1.0)
    for kernel, twos in zip(weights, combinations(range(TAPS), 3), strict=True):
        kernel[list(twos)] = 2.0
    draws = torch.Generator().manual_seed(seed)
    size = (leads + 1) ** torch.rand(84, generator=draws)
    rank = torch.rand(84, leads, generator=draws).argsort(dim=1)
    return weights[:, None] * (rank < size.floor()[:, None])[..., None]


def _biases(windows: Tensor, kernels: list[tuple[int, Tensor]]) -> list[Tensor]:
    """A quantile of each kernel's responses, `(84, 1)` for each dilation; the quantiles fill 0..1 evenly."""
    golden = (5**0.5 - 1) / 2
    found = []
    for place, (step, weights) in enumerate(kernels):
        parts = [conv1d(part, weights, dilation=step).numpy() for part in windows.split(BLOCK)]
        responses = np.concatenate(parts).swapaxes(0, 1).reshape(len(weights), -1)
        shares = golden * np.arange(1 + place * len(weights), 1 + (place + 1) * len(weights)) % 1
        quantiles = [np.quantile(each, share) for each, share in zip(responses, shares, strict=True)]
        found.append(torch.tensor(quantiles, dtype=torch.float32)[:, None])
    return found


def _convolved(windows: Tensor, kernels: list[tuple[int, Tensor]], biases: list[Tensor]) -> NDArray[np.float32]:
    features = []
    for part in windows.split(BLOCK):
        row = []
        for (step, weights), bias in zip(kernels, biases, strict=True):
            response = conv1d(part, weights, dilation=step)
            row += [(response > bias).float().mean(dim=2), response.amax(dim=2)]
        features.append(torch.cat(row, dim=1))
    return torch.cat(features).numpy()


def _prepared(windows: Array, rate: float) -> Tensor:
    check_finite(windows)
    return torch.from_numpy(at_rate(windows, rate))


class PhysiologicalFeatures(Embedding):
    """What `ganlab.metrics.ecg.physiology.describe` says of the first lead, quantiles of its amplitude, powers in
    bands.

    Standardized on the training windows. What a window does not have (a heart rate where there is one beat) is the
    training windows' median, and that it is missing a feature of its own. Few numbers with names: what they do not
    name they do not see.
    """

    def check(self, kind: Kind) -> None:
        """Raise UserError for anything but windows of a second or more at 100 Hz or more."""
        found = _check_window(kind, self)
        if found.samples < found.rate or found.rate < LEAST_RATE:
            raise UserError(
                f"{type(self).__name__} wants windows of a second or more at {LEAST_RATE:g} Hz or more, and these have "
                f"{found.samples} samples at {found.rate:g} Hz: use RandomConvolutions."
            )

    def fit(self, real: Real) -> Embed:
        """Medians and scales of the training windows' features."""
        self.check(real.kind)
        kind = _check_window(real.kind, self)
        named = _named(real.train.values, kind.rate)
        known = np.isfinite(named)
        medians = np.array([np.median(x[k]) if k.any() else 0.0 for x, k in zip(named.T, known.T, strict=True)])
        standardized = Standardized(np.where(known, named, medians))
        asked = (~known).any(axis=0)

        def embed(windows: Array) -> NDArray[np.float32]:
            found = _named(windows, kind.rate)
            missing = ~np.isfinite(found)
            return np.hstack([standardized(np.where(missing, medians, found)), missing[:, asked].astype(np.float32)])

        return embed


def _named(windows: Array, rate: float) -> NDArray[np.float64]:
    """Features of the first lead, `(N, features)`, NaN where a window has none; what is skewed in its logarithm."""
    check_finite(windows)
    lead = centred(windows[:, :1])[:, 0].astype(np.float64)
    found = describe(lead, rate)
    columns = [
        found.peaks,
        found.heart_rate_bpm,
        np.log1p(found.rr_irregularity),
        np.log1p(found.r_amplitude_cv),
        found.beat_correlation,
        np.log1p(found.noise_uv),
        np.log1p(np.abs(found.baseline_slope)),
        np.log1p(found.baseline_residual_uv),
    ]
    frequency, power = dsp.periodogram(lead, rate, window="hann", scaling="spectrum")
    bands = [(low, high) for low, high in BANDS if high <= rate / 2]
    powers = [power[:, (frequency >= low) & (frequency < high)].sum(axis=1) for low, high in bands]
    logarithms = [np.log10(each + LEAST_POWER) for each in powers]
    return np.stack([*columns, *np.quantile(lead, QUANTILES, axis=1), *logarithms], axis=1)


class Standardized:
    """Features about the mean of those it is made with, over their deviation."""

    def __init__(self, features: NDArray[Any]) -> None:
        self.centre = features.mean(axis=0, dtype=np.float64)
        scale = features.std(axis=0, dtype=np.float64)
        self.scale = np.where(scale > SAME, scale, 1.0)

    def __call__(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Of other samples, `(N, features)`."""
        return ((features - self.centre) / self.scale).astype(np.float32)


def check_finite(values: Array) -> None:
    """Raise UserError where samples hold NaN or infinity, and say how many do."""
    broken = int((~np.isfinite(values.reshape(len(values), -1))).any(axis=1).sum())
    if broken:
        raise UserError(f"{broken} of {len(values)} samples hold NaN or infinity: leave them out.")


def _check_window(kind: Kind, embedding: Embedding) -> Window:
    if not isinstance(kind, Window):
        raise UserError(f"{type(embedding).__name__} embeds windows, and this data set gives {kind.noun}s.")
    return kind
