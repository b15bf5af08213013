"""Statistics of weighted values. A value that is NaN is left out with its weight; where none is left the answer is NaN.

The distances are those of scipy.stats, which tests compare with.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from ganlab.metrics.base import Weights

Floats = NDArray[np.floating]


def mean(values: Floats, weights: Weights) -> float:
    """Weighted mean of `(N,)` values."""
    values, weights = known(values, weights)
    return float(values @ weights / weights.sum()) if len(values) else float("nan")


def quantile(values: Floats, weights: Weights, share: float = 0.5) -> float:
    """The least value that at least a `share` of the weight does not exceed; the median by default.

    Where a value ends exactly at the share, the middle between it and the next one.
    """
    values, weights = known(values, weights)
    if not len(values):
        return float("nan")
    order = np.argsort(values)
    below = np.cumsum(weights[order]) / weights.sum()
    at = np.searchsorted(below, [share - 1e-12, share + 1e-12])
    return float(values[order][np.minimum(at, len(values) - 1)].mean())


def wasserstein(a: Floats, b: Floats, of_a: Weights, of_b: Weights) -> float:
    """First Wasserstein distance of two weighted sets of values, `(N,)` and `(M,)`, in their unit."""
    (a, of_a), (b, of_b) = known(a, of_a), known(b, of_b)
    return float(wasserstein_distance(a, b, of_a, of_b)) if len(a) and len(b) else float("nan")


def kolmogorov_smirnov(a: Floats, b: Floats, of_a: Weights, of_b: Weights) -> float:
    """Largest distance of the distribution functions of two weighted sets of values, `(N,)` and `(M,)`."""
    (a, of_a), (b, of_b) = known(a, of_a), known(b, of_b)
    if not len(a) or not len(b):
        return float("nan")
    at = np.concatenate([a, b])
    return float(np.abs(_below(a, of_a, at) - _below(b, of_b, at)).max())


def known(values: Floats, weights: Weights) -> tuple[Floats, Weights]:
    """Values that are numbers and weigh something, with their weights."""
    here = np.isfinite(values) & (weights > 0)
    return values[here], weights[here]


def _below(values: Floats, weights: Weights, at: Floats) -> Floats:
    order = np.argsort(values)
    summed = np.concatenate([[0.0], np.cumsum(weights[order])]) / weights.sum()
    return summed[np.searchsorted(values[order], at, side="right")]
