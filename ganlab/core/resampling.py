"""Windows at another sampling rate, and about their medians."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ganlab.core.kind import Array

RATE = 250.0
"""Sampling rate at which windows are embedded, Hz: noise and spectrum are metrics of their own above 125 Hz."""
BLOCK = 256
"""Windows that are resampled together, which bounds the memory."""


def centred(windows: Array) -> NDArray[np.float32]:
    """Return windows `(N, leads, samples)` about the median of each lead: a generated window may have lost its zero."""
    return (windows - np.median(windows, axis=-1, keepdims=True)).astype(np.float32, copy=False)


def at_rate(windows: Array, rate: float, wanted: float = RATE) -> NDArray[np.float32]:
    """Return windows `(N, leads, samples)` of `rate` Hz about their medians, at no more than the `wanted` rate, Hz."""
    ratio = Fraction(min(wanted, rate) / rate).limit_denominator(1000)
    parts = [resample(centred(windows[k : k + BLOCK]), ratio) for k in range(0, len(windows), BLOCK)]
    return np.concatenate(parts) if parts else np.empty((0, windows.shape[1], 0), np.float32)


def resample(values: Array, ratio: Fraction) -> Array:
    """Return `(..., samples)` at `ratio` times their rate: a polyphase filter, the ends continued by their values."""
    from scipy.signal import resample_poly

    if ratio == 1:
        return values
    return resample_poly(values, ratio.numerator, ratio.denominator, axis=-1, padtype="edge")
