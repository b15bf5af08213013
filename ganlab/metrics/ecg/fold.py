"""Artefacts of a lead that was folded row by row to an image of `side` columns.

A seam: steps between rows are larger than steps within them. A comb: what is the same in all rows repeats `rate / side`
times a second (22.2 Hz for 45 columns at 1000 Hz), so that the power at multiples of that frequency stands out from its
neighbours.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import signal as dsp

from ganlab.metrics.base import Floats, Statistic, Weights
from ganlab.metrics.weighted import ratio

SIDE = 45
"""Columns of the image where they are unknown and the window fills no square."""
HARMONICS = range(2, 9)
NEAR = (3, 8)
"""Distance of a harmonic's neighbours in steps of the spectrum, beyond the Hann window's own width."""


def fold_side(samples: int) -> int:
    """Return the columns of the square image that a window fills, else 45."""
    return math.isqrt(samples) if math.isqrt(samples) ** 2 == samples else SIDE


def seam_steps(windows: Floats, side: int) -> NDArray[np.float64]:
    """Return the mean |step| of each window `(N, samples)` between rows of `side` samples, and within, `(N, 2)`."""
    step = np.abs(np.diff(windows))
    seam = np.arange(1, step.shape[1] + 1) % side == 0
    return np.stack([step[:, at].mean(axis=1, dtype=np.float64) for at in (seam, ~seam)], axis=1)


def comb_powers(windows: Floats, side: int) -> NDArray[np.float64]:
    """Return the power of windows `(N, samples)` in mV at multiples of the row's frequency, and next to them.

    The shape is `(N, 2, harmonics)`. The window is cut to whole rows of `side` samples, so that the multiples are
    frequencies of its discrete spectrum. The power next to a multiple is the median of its neighbours, because the
    mains may be one of them. There are no harmonics where rows are too short or too few to have such neighbours.
    """
    rows = windows.shape[1] // side
    taken = windows[:, : rows * side]
    taken = (taken - taken.mean(axis=1, keepdims=True)) * dsp.get_window("hann", rows * side)
    spectrum = np.abs(np.fft.rfft(taken)) ** 2
    near = np.arange(NEAR[0], NEAR[1] + 1)
    near = np.concatenate([-near, near])
    at = np.array(
        [h * rows for h in HARMONICS if rows > 2 * NEAR[1] and h * rows + NEAR[1] < spectrum.shape[1]], np.int64
    )
    around = np.median(spectrum[:, at[:, None] + near], axis=2)
    return np.stack([spectrum[:, at], around], axis=1)


def folds(steps: Floats, powers: Floats) -> dict[str, Statistic]:
    """Return the numbers of `seam_steps` `(N, 2)` and `comb_powers` `(N, 2, harmonics)`.

    The seam is the mean step between rows over that within them; 1 is no seam, NaN no step. The comb is the geometric
    mean over harmonics of power over neighbours' power; there is none without harmonics.
    """
    numbers: dict[str, Statistic] = {"seam_ratio": lambda judged, _: ratio(*(judged @ steps / judged.sum()))}
    if powers.shape[2]:
        numbers["comb_ratio"] = lambda judged, _: _comb(judged, powers)
    return numbers


def _comb(weights: Weights, powers: Floats) -> float:
    at, around = np.tensordot(weights, powers, axes=1)
    return float(np.exp(np.mean(np.log(at / around)))) if len(at) and (around > 0).all() and (at > 0).all() else np.nan
