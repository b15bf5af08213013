"""Statistics of weighted values: NaN are left out with their weights, and the result is NaN where nothing is left.

Areas under ROC curves sort the scores once: scikit-learn's functions, with which the tests compare, take too long in a
bootstrap.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon

from ganlab.core.labels import Labels, of_class, present
from ganlab.metrics.base import Estimate, Floats, Statistic, Weights


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


def column_distances(a: Floats, b: Floats) -> Callable[[Weights, Weights], Floats]:
    """Return the first Wasserstein distance of each column of `(N, K)` and `(M, K)`: `(K,)`, in their unit.

    It is a function of the weights of both. The columns are sorted once, which a bootstrap needs.
    """
    together = np.concatenate([a, b])
    together = np.where(np.isfinite(together), together, np.nan)
    order = together.argsort(axis=0)
    gaps = np.nan_to_num(np.diff(np.take_along_axis(together, order, axis=0), axis=0))
    sides = [np.isfinite(each).astype(np.float64) for each in (a, b)]

    def statistic(judged: Weights, real: Weights) -> Floats:
        weighted = [each * by[:, None] for each, by in zip(sides, (judged, real), strict=True)]
        shares = [each / np.where((total := each.sum(axis=0)) > 0, total, np.nan) for each in weighted]
        moved = np.take_along_axis(np.concatenate([shares[0], -shares[1]]), order, axis=0)
        return (np.abs(np.cumsum(moved, axis=0)[:-1]) * gaps).sum(axis=0)

    return statistic


def circular_distance(a: Floats, b: Floats) -> Statistic:
    """Return the first Wasserstein distance of directions `(N,)` and `(M,)` on a circle, all in degrees.

    It is the least mean way that moves one distribution onto the other, to a degree (Rabin et al., 2011).
    """
    places = [np.where(np.isfinite(each), each, 0).round().astype(np.int64) % 360 for each in (a, b)]

    def statistic(judged: Weights, real: Weights) -> float:
        weighted = [by * np.isfinite(each) for by, each in ((judged, a), (real, b))]
        if not all(each.any() for each in weighted):
            return float("nan")
        shares = [np.bincount(at, by, 360) / by.sum() for at, by in zip(places, weighted, strict=True)]
        moved = np.cumsum(shares[0] - shares[1])
        return float(np.abs(moved - np.median(moved)).sum())

    return statistic


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
    own, theirs = (np.flatnonzero(np.isfinite(each)) for each in (values, others))
    together = np.concatenate([values[own], others[theirs]]).astype(np.float64)
    order = together.argsort()
    gaps = np.diff(together[order])

    def statistic(judged: Weights, real: Weights) -> float:
        of_own, of_theirs = judged[own], real[theirs]
        totals = of_own.sum(), of_theirs.sum()
        if not all(totals):
            return float("nan")
        moved = np.concatenate([of_own / totals[0], of_theirs / -totals[1]])[order]
        return float(np.abs(np.cumsum(moved)[:-1]) @ gaps)

    return statistic


def auroc(scores: Floats, positive: NDArray[np.bool_]) -> Estimate:
    """Return the area under the ROC curve of `(N,)` scores; NaN where one side has no weight."""
    place = np.unique(scores, return_inverse=True)[1]

    def statistic(weights: Weights) -> float:
        above, below = (np.bincount(place, weights * side) for side in (positive, ~positive))
        pairs = above.sum() * below.sum()
        return float(above @ (np.cumsum(below) - below / 2) / pairs) if pairs else float("nan")

    return statistic


def macro_auroc(probabilities: Floats, labels: Labels) -> Estimate:
    """Return the mean one-vs-rest AUROC of the classes that are present; NaN where only one is.

    `probabilities` of the classes have shape (N, K), `labels` (N,), or (N, K) where a sample may be of several.
    """
    parts = [auroc(probabilities[:, k], of_class(labels, k)) for k in present(labels)]
    return lambda weights: mean_of_finite(part(weights) for part in parts)


def balanced_accuracy(probabilities: Floats, labels: Labels) -> Estimate:
    """Return the mean share of each class recognized, over the classes that are present; arguments as before.

    Where a sample may be of several, it is the mean over the classes of sensitivity and specificity at 1/2.
    """
    if labels.ndim == 2:
        each = [balanced_accuracy(_sides(probabilities[:, k]), labels[:, k].astype(np.int64)) for k in present(labels)]
        return lambda weights: mean_of_finite(one(weights) for one in each)
    right = probabilities.argmax(axis=1) == labels

    def statistic(weights: Weights) -> float:
        all_, hits = (np.bincount(labels, weights * each) for each in (np.ones(len(labels)), right))
        return float(np.mean(hits[all_ > 0] / all_[all_ > 0])) if all_.any() else float("nan")

    return statistic


def _sides(probability: Floats) -> Floats:
    return np.stack([1 - probability, probability], axis=1)


def mean_of_finite(values: Iterable[float]) -> float:
    """Return the mean of the values that are finite; NaN where none is."""
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def ratios(values: Floats, others: Floats, nothing: float = np.nan) -> Floats:
    """Return values over others of the same shape; `nothing` where the other is not above 0."""
    return np.divide(values, others, out=np.full(np.shape(values), nothing), where=np.asarray(others) > 0)


def ratio(value: float, other: float) -> float:
    """Return a value over another; NaN where the other is not above 0."""
    return float(value / other) if other > 0 else float("nan")
