"""Statistics of weighted values: NaN are left out with their weights, and the result is NaN where nothing is left."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from ganlab.metrics.base import Floats, Statistic, Weights


def mean(values: Floats, weights: Weights) -> float:
    """Return the weighted mean of `(N,)` values."""
    values, weights = finite(values, weights)
    return float(values @ weights / weights.sum()) if len(values) else float("nan")


def quantile(values: Floats, weights: Weights, share: float = 0.5) -> float:
    """Return the least value that at least a `share` of the weight does not exceed; the median by default.

    Where a value ends exactly at the share, this is the middle between it and the next one.
    """
    values, weights = finite(values, weights)
    if not len(values):
        return float("nan")
    order = np.argsort(values)
    below = np.cumsum(weights[order]) / weights.sum()
    at = np.searchsorted(below, [share - 1e-12, share + 1e-12])
    return float(values[order][np.minimum(at, len(values) - 1)].mean())


def wasserstein(a: Floats, b: Floats, of_a: Weights, of_b: Weights) -> float:
    """Return the first Wasserstein distance of two weighted sets of values, `(N,)` and `(M,)`, in their unit."""
    (a, of_a), (b, of_b) = finite(a, of_a), finite(b, of_b)
    return float(wasserstein_distance(a, b, of_a, of_b)) if len(a) and len(b) else float("nan")


def jensen_shannon(shares: NDArray[Any], others: NDArray[Any]) -> float:
    """Return the Jensen-Shannon divergence of two histograms with the same bins, in bits; NaN where one is empty."""
    return float(jensenshannon(shares, others, base=2) ** 2) if shares.sum() and others.sum() else float("nan")


def finite(values: Floats, weights: Weights) -> tuple[Floats, Weights]:
    """Return the values that are numbers and weigh something, with their weights."""
    kept = np.isfinite(values) & (weights > 0)
    return values[kept], weights[kept]


def mean_of(values: NDArray[Any]) -> Statistic:
    """Return the weighted mean of a value of each generated sample, `(N,)`."""
    numbers = values.astype(np.float64)
    return lambda judged, _: mean(numbers, judged)


def median_of(values: Floats) -> Statistic:
    """Return the weighted median of a value of each generated sample, `(N,)`."""
    return lambda judged, _: quantile(values, judged)


def distance_of(values: Floats, others: Floats) -> Statistic:
    """Return the Wasserstein distance of a value of each generated sample, `(N,)`, and of each real one, `(M,)`."""
    return lambda judged, real: wasserstein(values, others, judged, real)
