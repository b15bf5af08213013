r"""Embeddings of windows: seeded random convolutions, and named physiological features.

Random convolutions follow MiniRocket (Dempster et al., KDD 2021): the 84 kernels of nine taps, three of them 2 and six
of them -1, at a few dilations $d$ each, $y_t = \sum_{l \in L} \sum_j w_j x_{l, t + jd}$ over a drawn subset $L$ of the
leads. The features are the share of each response above a quantile of the training responses, and its greatest value.
The weights sum to 0, so the level of a window does not count; nor does when in the window its beats come.
"""

from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import signal as dsp
from torch import Tensor
from torch.nn.functional import conv1d

from ganlab.core.errors import UserError
from ganlab.core.kind import Kind, Window, of_kind
from ganlab.core.resampling import at_rate, centred
from ganlab.core.spread import evenly
from ganlab.metrics.base import Array, Real
from ganlab.metrics.ecg.peaks import LEAST_RATE, chunks
from ganlab.metrics.ecg.physiology import describe
from ganlab.metrics.embedding import Embed, Embedding, Standardized, standardized
from ganlab.metrics.needs import check_finite

TAPS = 9
"""Taps of a random convolution: three weigh 2 and six -1."""
LEARNED = 256
"""Training windows at most, from which the thresholds of the random convolutions are learned."""
BLOCK = 64
"""Windows that are convolved together, which bounds the memory."""
QUANTILES = (0.01, 0.05, 0.25, 0.75, 0.95, 0.99)
"""Quantiles of a window's samples that are features."""
BANDS = ((0.5, 5.0), (5.0, 15.0), (15.0, 40.0), (40.0, 100.0))
"""Bands whose powers are features, Hz."""
LEAST_POWER = 1e-8
"""Added to the power in a band before its logarithm is taken, mV^2: an amplitude of 0.1 uV."""


class RandomConvolutions(Embedding):
    """Seeded random convolutions of windows at 250 Hz: `168 x dilations` features, standardized on training windows.

    There are at most as many `dilations`, log-spaced from 1 to the greatest that fits the window; the `seed` is that of
    the leads that each kernel sees.
    """

    kinds = (Window,)

    def __init__(self, dilations: int = 5, seed: int = 0) -> None:
        self.dilations, self.seed = dilations, seed

    def fit(self, real: Real) -> Embed:
        """Learn thresholds and scales from training windows. Raises UserError for windows that are too short."""
        self.check(real.kind)
        kind = of_kind(real.kind, Window)
        length = at_rate(real.train.values[:1], kind.rate).shape[-1]
        if length < TAPS:
            raise UserError(f"windows of {kind.samples} samples at {kind.rate:g} Hz are too short to be embedded.")
        greatest = np.log2((length - 1) // (TAPS - 1))
        steps = np.unique(np.logspace(0, greatest, self.dilations, base=2).round().astype(int)).tolist()
        weights = [_kernels(len(kind.leads), self.seed + place) for place in range(len(steps))]
        kernels = list(zip(steps, weights, strict=True))

        few = evenly(LEARNED, len(real.train))
        biases = _biases(_prepared(real.train.values[few], kind.rate), kernels)
        return standardized(lambda windows: _convolved(_prepared(windows, kind.rate), kernels, biases), real.train)


def _kernels(leads: int, seed: int) -> Tensor:
    """Return kernels `(84, leads, 9)`, each on a drawn subset of the leads, small ones as likely as large ones."""
    weights = torch.full((84, TAPS), -1.0)
    for kernel, twos in zip(weights, combinations(range(TAPS), 3), strict=True):
        kernel[list(twos)] = 2.0
    draws = torch.Generator().manual_seed(seed)
    size = (leads + 1) ** torch.rand(84, generator=draws)
    rank = torch.rand(84, leads, generator=draws).argsort(dim=1)
    return weights[:, None] * (rank < size.floor()[:, None])[..., None]


def _biases(windows: Tensor, kernels: list[tuple[int, Tensor]]) -> list[Tensor]:
    """Return a quantile of each kernel's responses, `(84, 1)` for each dilation; the quantiles fill 0..1 evenly."""
    golden = (5**0.5 - 1) / 2
    biases = []
    for place, (step, weights) in enumerate(kernels):
        parts = [conv1d(part, weights, dilation=step).numpy() for part in windows.split(BLOCK)]
        responses = np.concatenate(parts).swapaxes(0, 1).reshape(len(weights), -1)
        shares = golden * np.arange(1 + place * len(weights), 1 + (place + 1) * len(weights)) % 1
        quantiles = [np.quantile(each, share) for each, share in zip(responses, shares, strict=True)]
        biases.append(torch.tensor(quantiles, dtype=torch.float32)[:, None])
    return biases


def _convolved(windows: Tensor, kernels: list[tuple[int, Tensor]], biases: list[Tensor]) -> NDArray[np.float32]:
    features = []
    for part in windows.split(BLOCK):
        row = []
        for (step, weights), bias in zip(kernels, biases, strict=True):
            response = conv1d(part, weights, dilation=step)
            greatest = response.amax(dim=2)
            row += [response.gt_(bias).mean(dim=2), greatest]
        features.append(torch.cat(row, dim=1))
    return torch.cat(features).numpy()


def _prepared(windows: Array, rate: float) -> Tensor:
    return torch.from_numpy(at_rate(check_finite(windows), rate))


class PhysiologicalFeatures(Embedding):
    """Embeds windows by `ganlab.metrics.ecg.physiology.describe`, quantiles of each lead's amplitude, powers in bands.

    All are standardized on the training windows. What a window does not have (a heart rate with one beat) becomes the
    training windows' median, and that it is missing is a feature of its own. These are few numbers with names: what
    they do not name they do not see.
    """

    kinds = (Window,)

    def check(self, kind: Kind) -> None:
        """Raise UserError for anything but windows of a second or more at 100 Hz or more."""
        super().check(kind)
        window = of_kind(kind, Window)
        if window.samples < window.rate or window.rate < LEAST_RATE:
            raise UserError(
                f"{type(self).__name__} needs windows of a second or more at {LEAST_RATE:g} Hz or more, and these have "
                f"{window.samples} samples at {window.rate:g} Hz: use RandomConvolutions."
            )

    def fit(self, real: Real) -> Embed:
        """Learn medians and scales of the training windows' features."""
        self.check(real.kind)
        kind = of_kind(real.kind, Window)
        named = _named(real.train.values, kind.rate)
        finite = np.isfinite(named)
        medians = np.array([np.median(x[k]) if k.any() else 0.0 for x, k in zip(named.T, finite.T, strict=True)])
        standardized = Standardized(np.where(finite, named, medians))
        lacking = (~finite).any(axis=0)

        def embed(windows: Array) -> NDArray[np.float32]:
            features = named if windows is real.train.values else _named(windows, kind.rate)
            missing = ~np.isfinite(features)
            filled = standardized(np.where(missing, medians, features))
            return np.hstack([filled, missing[:, lacking].astype(np.float32)])

        return embed


def _named(windows: Array, rate: float) -> NDArray[np.float64]:
    """Return features of windows `(N, leads, samples)`, `(N, features)`, skewed ones as logarithms; NaN for none."""
    parts = [_named_part(part, rate) for part in chunks(check_finite(windows))]
    return np.concatenate(parts)


def _named_part(windows: Array, rate: float) -> NDArray[np.float64]:
    leads = centred(windows).astype(np.float64)
    described = describe(leads, rate)
    columns = [
        described.peaks,
        described.heart_rate_bpm,
        np.log1p(described.rr_irregularity),
        np.log1p(described.r_amplitude_cv),
        described.beat_correlation,
        np.log1p(described.noise_uv),
        np.log1p(np.abs(described.baseline_slope)),
        np.log1p(described.baseline_residual_uv),
    ]
    frequency, power = dsp.periodogram(leads, rate, window="hann", scaling="spectrum")
    bands = [(low, high) for low, high in BANDS if high <= rate / 2]
    powers = [power[..., (frequency >= low) & (frequency < high)].sum(axis=-1) for low, high in bands]
    by_lead = [*np.quantile(leads, QUANTILES, axis=-1), *(np.log10(each + LEAST_POWER) for each in powers)]
    return np.hstack([np.stack(columns, axis=1), *by_lead])
