"""Windows as the embedding, the classifier and the search for copies take them: at one rate, about their medians."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from ganlab.core.kind import Array

RATE = 250.0
"""Samples a second; what is above 125 Hz is the business of the noise and the spectrum."""
BLOCK = 256
"""Windows that are resampled together, which bounds the memory."""


def centred(windows: Array) -> NDArray[np.float32]:
    """Windows `(N, leads, samples)` about the median of each lead: a generated window may have lost its zero."""
    return (windows - np.median(windows, axis=-1, keepdims=True)).astype(np.float32, copy=False)


def at_rate(windows: Array, rate: float, wanted: float = RATE) -> NDArray[np.float32]:
    """Windows `(N, leads, samples)` of `rate` Hz at no more than the `wanted` rate, in Hz, about their medians."""
    ratio = Fraction(min(wanted, rate) / rate).limit_denominator(1000)
    parts = [_resampled(windows[k : k + BLOCK], ratio) for k in range(0, len(windows), BLOCK)]
    return np.concatenate(parts) if parts else np.empty((0, windows.shape[1], 0), np.float32)


def _resampled(windows: Array, ratio: Fraction) -> NDArray[np.float32]:
    part = centred(windows)
    return part if ratio == 1 else resample_poly(part, ratio.numerator, ratio.denominator, axis=-1, padtype="edge")
