r"""Copies: do generated windows lie nearer to training windows than windows of other patients do?

Two windows are compared at 125 Hz, all leads at once, about their medians and with unit norm. With $r$ the largest
correlation over circular shifts in time, the same for all leads, their distance is $d = \sqrt{2 - 2r}$: 0 for a copy
that was shifted or scaled, $\sqrt 2$ for what has nothing in common. The alarm's threshold is the distance that a small
share of the reference's windows have to their nearest training window, for which no copying can be the reason. Few
copies among many windows need a stricter one: a fifth below the least of these distances, since that is a single
window's, and others are below it by chance.

Sets whose distances raise no alarm have been shown to leak membership all the same (Yao et al., "The DCR Delusion",
2025): this metric finds copies, and does not show that members cannot be learned in another way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from torch import Tensor

from ganlab.core.errors import UserError
from ganlab.core.kind import Array, Window, of_kind
from ganlab.core.resampling import at_rate, centred
from ganlab.core.spread import evenly
from ganlab.metrics.base import (
    MORE_REFERENCE,
    MORE_TRAINING,
    Metric,
    Real,
    SampleSet,
    Scorer,
    Statistic,
    Weights,
    check_finite,
    need,
)
from ganlab.metrics.numbers import numbers_of
from ganlab.metrics.points import same_person
from ganlab.metrics.weighted import finite, mean, mean_of, quantile

COPY_RATE = 125.0
"""Sampling rate at which windows are compared, Hz: an ECG has little above 62 Hz, a copy with noise has noise there."""
LEAST = 10
"""Reference windows from which a threshold is learned."""
BLOCK, PAIRS = 2048, 1 << 14
"""Windows, and pairs of them, that are compared together, which bounds the memory."""
EXACT_MV, NEAR_EXACT = 0.001, 0.1
"""Samples this near to one another are equal, mV; windows at this distance or more are not compared so closely."""

BELOW = 0.8
"""Factor of the least distance of the reference's windows, so that one of them alone is no alarm."""


@dataclass(frozen=True)
class Spectra:
    """Windows as they are searched: spectra of unit norm, `(frequencies, N, leads)`, without the mean.

    `samples` is the length of the windows, `shifts` the number of shifts that are compared.
    """

    values: Tensor
    samples: int
    shifts: int

    def __len__(self) -> int:
        return self.values.shape[1]


class Copies(Metric):
    """The copy detector. Below its threshold lies this `share` of the reference's windows."""

    kinds = (Window,)
    in_millivolts = True

    def __init__(self, share: float = 0.05) -> None:
        if not 0 < share < 1:
            raise UserError(f"share={share}: the share of other patients' windows below the threshold is in (0, 1).")
        self.share = share
        numbers = numbers_of("copies", share=share)
        self.numbers = numbers | {"copies/share": replace(numbers["copies/share"], best=share)}

    def always(self, real: Real, samples: SampleSet) -> Mapping[str, Statistic]:
        """Return the share of exact copies, which needs no threshold."""
        if not len(real.train):
            return {}
        rate, train = of_kind(real.kind, Window).rate, real.train
        return {
            "copies/exact": _exact(samples, train, _apart(spectra(samples, rate), spectra(train, rate), samples, train))
        }

    def fit(self, real: Real) -> Scorer:
        """Learn the threshold from the reference. Raises TooFew for less than 10 of its windows or none to train."""
        self.check(real.kind)
        assert isinstance(real.kind, Window)
        train, reference, rate = real.train, real.reference, real.kind.rate
        need(len(train), 1, "training windows", MORE_TRAINING)
        need(len(reference), LEAST, "reference windows", MORE_REFERENCE)
        searched, others = spectra(train, rate), spectra(reference, rate)
        usual = _apart(others, searched, reference, train).min(axis=1)
        need(int(np.isfinite(usual).sum()), LEAST, "reference windows of patients who did not train", MORE_REFERENCE)
        equal = min(len(train), len(reference))
        some_train, some_others = evenly(equal, len(train)), evenly(equal, len(reference))

        def score(samples: SampleSet) -> dict[str, Statistic]:
            windows = spectra(samples, rate)
            to_train = _apart(windows, searched, samples, train)
            to_others = _apart(windows, others, samples, reference)[:, some_others].min(axis=1)
            closest = to_train.min(axis=1)
            to_some = to_train[:, some_train].min(axis=1)
            nearer = np.where(to_some == to_others, 0.5, to_some < to_others)

            def below(threshold: float, judged: Weights) -> float:
                return mean((closest < threshold).astype(np.float64), judged)

            def nearest(judged: Weights, real: Weights) -> float:
                drawn, _ = finite(usual, real)
                return below(BELOW * drawn.min(), judged) if len(drawn) else float("nan")

            return {
                "copies/share": lambda judged, real: below(quantile(usual, real, self.share), judged),
                "copies/nearest": nearest,
                "copies/nearer_to_train": mean_of(nearer),
                "copies/distance_ratio": lambda judged, real: quantile(closest, judged) / quantile(usual, real),
                "copies/exact": _exact(samples, train, to_train),
            }

        return score


def spectra(samples: SampleSet, rate: float) -> Spectra:
    """Return windows `(N, leads, samples)` in mV of `rate` Hz for the search; a flat one is far from all others.

    Raises UserError where one holds NaN or infinity.
    """
    windows = at_rate(check_finite(samples.values, "windows"), rate, COPY_RATE)
    windows -= windows.mean(axis=-1, keepdims=True)
    norm = np.linalg.norm(windows.reshape(len(windows), -1), axis=1)[:, None, None]
    windows /= np.where(norm > 0, norm, 1)
    length = windows.shape[-1]
    shifts = next_fast_len(length, real=True)
    values = torch.fft.rfft(torch.from_numpy(windows)).permute(2, 0, 1)[1:].contiguous()
    if length % 2 == 0 and shifts > length:
        values[-1] *= 0.5**0.5  # irfft of more samples takes this frequency for two
    return Spectra(values, length, shifts)


def distances(windows: Spectra, others: Spectra) -> NDArray[np.float32]:
    """Return the distance of each of N windows to each of M others of the same length, rate and leads, `(N, M)`."""
    apart = np.empty((len(windows), len(others)), np.float32)
    step = max(1, PAIRS // min(BLOCK, len(others)))
    for start in range(0, len(others), BLOCK):
        columns = _take(others, slice(start, start + BLOCK))
        for first in range(0, len(windows), step):
            r = correlation(_take(windows, slice(first, first + step)), columns)
            apart[first : first + step, start : start + BLOCK] = (2 - 2 * r).clamp(min=0).sqrt().numpy()
    return apart


def correlation(windows: Spectra, others: Spectra) -> Tensor:
    """Return the largest correlation over circular shifts of each of N windows with each of M others, `(N, M)`."""
    product = torch.matmul(windows.values, others.values.conj().transpose(1, 2))
    # irfft fills the spectrum up to a length at which it is fast, and so covers shifts between the samples too.
    padded = torch.nn.functional.pad(product.permute(1, 2, 0), (1, 0))
    return torch.fft.irfft(padded, n=windows.shifts).amax(dim=-1) * (windows.shifts / windows.samples)


def _exact(samples: SampleSet, train: SampleSet, to_train: NDArray[np.float32]) -> Statistic:
    """Return the share of windows that equal a training window, from their distances `(N, M)`."""
    place = np.where(to_train.min(axis=1) < NEAR_EXACT, to_train.argmin(axis=1), -1)
    return mean_of(equal_windows(samples.values, train.values, place))


def equal_windows(windows: Array, train: Array, place: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether each window equals a training window in every sample, to 1 uV about their medians, `(N,)`.

    Both have shape (N, leads, samples), in mV; `place` is the training window that each is compared with, -1 for none.
    """
    equal = np.zeros(len(windows), np.bool_)
    for k in np.flatnonzero(place >= 0):
        one, other = centred(np.stack([windows[k], train[place[k]]]))
        equal[k] = np.abs(one - other).max() <= EXACT_MV
    return equal


def _apart(windows: Spectra, others: Spectra, samples: SampleSet, real: SampleSet) -> NDArray[np.float32]:
    """Return the distances `(N, M)`, infinite between windows of one patient."""
    apart = distances(windows, others)
    np.copyto(apart, np.inf, where=same_person(samples.persons, real.persons, len(real)))
    return apart


def _take(windows: Spectra, at: slice) -> Spectra:
    return Spectra(windows.values[:, at], windows.samples, windows.shifts)
