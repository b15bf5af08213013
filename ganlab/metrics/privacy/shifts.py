r"""Distances of all pairs of windows, whatever shift in time lies between them.

Two windows are compared at 125 Hz, all leads at once, about their medians and with unit norm. With $r$ the largest
correlation over circular shifts in time, the same for all leads, their distance is $d = \sqrt{2 - 2r}$: 0 for a copy
that was shifted or scaled, $\sqrt 2$ for what has nothing in common.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from torch import Tensor

from ganlab.core.resampling import at_rate
from ganlab.metrics.base import SampleSet
from ganlab.metrics.needs import check_finite

COPY_RATE = 125.0
"""Sampling rate at which windows are compared, Hz: an ECG has little above 62 Hz, a copy with noise has noise there."""
BLOCK, PAIRS = 2048, 1 << 14
"""Windows, and pairs of them, that are compared together, which bounds the memory."""


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


def shifted_distances(windows: Spectra, others: Spectra) -> NDArray[np.float32]:
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


def _take(windows: Spectra, at: slice) -> Spectra:
    return Spectra(windows.values[:, at], windows.samples, windows.shifts)
