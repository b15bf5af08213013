"""Errors of real windows to the nearest generated one: MAE, RMSE, PRD, PSNR and SSIM; distances of pairs by warping.

The errors ask whether there is a generated window like each real one; windows are not aligned, and a copy wins.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ganlab.metrics.base import Floats, Statistic, Weights
from ganlab.metrics.points import blocks, nearest_places
from ganlab.metrics.weighted import mean, ratios

NEAREST = 12
"""Nearest windows that are compared: the very nearest may be missing from a draw of the bootstrap."""
SSIM_SAMPLES, SSIM_K = 11, (0.01, 0.03)
PSNR_LIMIT = 100.0
"""PSNR of equal windows, dB."""


def errors(reference: Floats, windows: Floats) -> dict[str, Statistic]:
    """Return the mean errors of real windows `(M, samples)` to the nearest of generated ones `(N, samples)`."""
    place = nearest_places(reference, windows, NEAREST)
    parts = [_differences(reference[part], windows[place[part]]) for part in blocks(len(place))]
    names = ("mae", "rmse", "prd", "psnr", "ssim")
    return {name: _of_nearest(each, place) for name, each in zip(names, np.concatenate(parts, axis=1), strict=True)}


def nearest_distance(reference: Floats, points: Floats) -> Statistic:
    """Return the mean distance of real points `(M, d)` to the nearest of generated ones `(N, d)`."""
    place = nearest_places(reference, points, NEAREST)
    apart = [np.linalg.norm(reference[part, None] - points[place[part]], axis=2) for part in blocks(len(place))]
    return _of_nearest(np.concatenate(apart), place)


def _of_nearest(values: Floats, place: NDArray[np.int64]) -> Statistic:
    """Return the mean over the reference of the value at the nearest generated window with weight."""

    def statistic(judged: Weights, real: Weights) -> float:
        present = judged[place] > 0
        nearest = np.where(present.any(axis=1), present.argmax(axis=1), place.shape[1] - 1)
        return mean(values[np.arange(len(values)), nearest], real)

    return statistic


def _differences(real: Floats, near: Floats) -> NDArray[np.float64]:
    """Return five errors of windows `(B, samples)` to their nearest `(B, few, samples)`: `(5, B, few)`."""
    error = near.astype(np.float64) - real[:, None]
    rmse = np.sqrt((error**2).mean(axis=2))
    size, span = np.sqrt((real.astype(np.float64) ** 2).mean(axis=1)), np.ptp(real, axis=1).astype(np.float64)
    prd = 100 * ratios(rmse, size[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        psnr = np.minimum(20 * np.log10(span[:, None] / rmse), PSNR_LIMIT)
    flat = near.reshape(-1, near.shape[2])
    alike = ssim(np.repeat(real, near.shape[1], axis=0), flat).reshape(rmse.shape)
    return np.stack([np.abs(error).mean(axis=2), rmse, prd, psnr, alike])


def ssim(a: Floats, b: Floats) -> NDArray[np.float64]:
    """Return the mean structural similarity of pairs of windows, both `(N, samples)`, with shape (N,).

    It is that of pieces of 11 samples, with the range of `a`'s window (Wang et al., 2004).
    """
    least = [(k * np.ptp(a, axis=1, keepdims=True)) ** 2 for k in SSIM_K]

    def local(values: Floats) -> Floats:
        inside = (SSIM_SAMPLES - 1) // 2
        return ndimage.uniform_filter1d(values.astype(np.float64), SSIM_SAMPLES, axis=1)[:, inside:-inside]

    mean_a, mean_b = local(a), local(b)
    var_a, var_b, both = local(a * a) - mean_a**2, local(b * b) - mean_b**2, local(a * b) - mean_a * mean_b
    above = (2 * mean_a * mean_b + least[0]) * (2 * both + least[1])
    below = (mean_a**2 + mean_b**2 + least[0]) * (var_a + var_b + least[1])
    return np.where(below > 0, above / np.where(below > 0, below, 1), 1.0).mean(axis=1)


BAND = 0.1
"""Share of a window that warping may shift its samples by."""


def dtw(a: Floats, b: Floats, band: float = BAND) -> NDArray[np.float64]:
    r"""Return the warped distance of pairs of windows, both `(N, samples)`, with shape (N,), in their unit.

    $d^2 = \min_\pi \sum_{(i, j) \in \pi} (x_i - y_j)^2$ over monotonous paths, which shift a sample by at most a share
    `band` of the window (Sakoe and Chiba, 1978).
    """
    count, length = a.shape
    reach = round(band * length)
    above = np.full((length + 1, count), np.inf)
    above[0] = 0
    for i in range(length):
        low, high = max(0, i - reach), min(length, i + reach + 1)
        row = np.full((length + 1, count), np.inf)
        cost = (a[:, i, None] - b[:, low:high]).T.astype(np.float64) ** 2
        before = np.minimum(above[low:high], above[low + 1 : high + 1])
        for j in range(low, high):
            row[j + 1] = cost[j - low] + np.minimum(before[j - low], row[j])
        above = row
    return np.sqrt(above[length])
