"""Sets of points: distances within and between them, nearest neighbours, means over weighted pairs.

Weights count how often a sample is there: a sample that is drawn twice is no pair with itself. Large matrices are kept
and multiplied in single precision, which halves their memory; sums are in double precision.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ganlab.metrics.base import Floats, Weights

BLOCK = 256
"""Rows of a matrix of distances that are computed together, which bounds the memory."""


def blocks(count: int, size: int = BLOCK) -> Iterator[slice]:
    """Return slices of at most `size` that together are 0..count - 1."""
    return (slice(start, start + size) for start in range(0, count, size))


def product(matrix: Any, weights: Weights | NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return matrix `(N, M)`, dense or sparse, times weights `(M,)`: `(N,)`."""
    return np.asarray(matrix @ weights.astype(np.float32), np.float64)


def pair_mean(values: Any, weights: Weights) -> float:
    """Return the mean of `(N, N)` values over pairs of different samples; NaN where fewer than two weigh anything.

    The diagonal is left out.
    """
    own = weights**2
    pairs = weights.sum() ** 2 - own.sum()
    total = weights @ product(values, weights) - own @ values.diagonal()
    return float(total / pairs) if pairs > 0 else float("nan")


def cross_mean(values: Any, weights: Weights, other: Weights) -> float:
    """Return the mean of `(N, M)` values over pairs of one sample of either set."""
    return float(weights @ product(values, other) / (weights.sum() * other.sum()))


def distances(points: Floats, others: Floats, metric: str = "euclidean") -> NDArray[np.float32]:
    """Return the distance of each of N points to each of M others, `(N, M)`, in a metric of scipy's `cdist`."""
    return np.concatenate([cdist(points[part], others, metric).astype(np.float32) for part in blocks(len(points))])


def radii(points: Floats, k: int) -> Floats:
    """Return the distance of each point to its k-th neighbour, `(N,)`; to the farthest where there are fewer."""
    k = min(k, len(points) - 1)
    return np.concatenate([np.partition(cdist(points[p], points), k, axis=1)[:, k] for p in blocks(len(points))])


def nearest(
    points: Floats, others: Floats, same: NDArray[np.bool_] | None = None, metric: str = "euclidean"
) -> NDArray[np.float64]:
    """Return the distance of each of N points to the nearest of M others, `(N,)`; infinite where there is none.

    Pairs that are `same`, `(N, M)` or `(1, M)` as of `same_patient`, are left out; `metric` is one of scipy's `cdist`.
    """
    least = np.empty(len(points))
    for part in blocks(len(points)):
        apart = cdist(points[part], others, metric)
        if same is not None:
            np.copyto(apart, np.inf, where=same[part] if len(same) == len(points) else same)
        least[part] = apart.min(axis=1)
    return least


def nearest_places(points: Floats, others: Floats, count: int) -> NDArray[np.int64]:
    """Return the places of the `count` nearest of M others, nearest first: `(N, count)`, fewer where M is less."""
    count = min(count, len(others))
    rows = []
    for part in blocks(len(points)):
        apart = cdist(points[part], others)
        near = np.argpartition(apart, count - 1, axis=1)[:, :count]
        order = np.take_along_axis(apart, near, axis=1).argsort(axis=1)
        rows.append(np.take_along_axis(near, order, axis=1))
    return np.concatenate(rows)


def same_patient(patients: NDArray[np.int64] | None, others: NDArray[np.int64] | None, count: int) -> NDArray[np.bool_]:
    """Return which pairs of N and M samples are of one patient, `(N, M)`, by their patient ids.

    Without ids on one side, which are None then, these are `(1, M)` times False; `count` is M.
    """
    if patients is None or others is None:
        return np.zeros((1, count), np.bool_)
    return patients[:, None] == others
