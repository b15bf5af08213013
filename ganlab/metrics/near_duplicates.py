r"""How often samples nearly repeat each other: the support by the birthday test, and the share of near duplicates.

Support is $1 / p$ for a share $p$ of pairs that is nearly equal (Arora and Zhang, ICLR 2018): of so many different
samples, all as frequent, half of the batches of $\sqrt{2 \ln 2 / p}$ hold such a pair.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ganlab.core.spread import evenly
from ganlab.metrics.base import Floats, Statistic
from ganlab.metrics.points import pair_mean, product
from ganlab.metrics.weighted import mean, ratio

NEAR = 0.001
"""Share of the distances between training samples of different patients below which two samples are nearly equal."""
REPEATED = 0.01
"""Share of the training samples with a neighbour so near that one repeats the other."""


def support(distances: Floats, near: float) -> Statistic:
    """Return the support of points with distances `(N, N)`, of which pairs below `near` are equal; NaN for no pair."""
    close = _closer(distances, near)

    return lambda judged, _: ratio(1, pair_mean(close, judged))


def near_duplicates(distances: Floats, near: float) -> Statistic:
    """Return the share of points with another nearer than `near`, of distances `(N, N)`."""
    close = _closer(distances, near)
    return lambda judged, _: mean((product(close, judged) > 0).astype(float), judged)


def pair_threshold(distances: Floats, patients: NDArray[np.int64] | None) -> float:
    """Return the distance below which 0.1 % of the pairs of different patients are; of all without patient ids."""
    upper = np.triu_indices(len(distances), 1)
    if patients is None or len(np.unique(patients)) < 2:
        return float(np.quantile(distances[upper], NEAR))
    return float(np.quantile(distances[upper][patients[upper[0]] != patients[upper[1]]], NEAR))


def neighbour_threshold(points: Floats, count: int) -> float:
    """Return the distance nearer than which 1 % of points `(N, d)`, of which `count` are taken, have another."""
    from sklearn.neighbors import NearestNeighbors

    few = points[evenly(count, len(points))]
    return float(np.quantile(NearestNeighbors(n_neighbors=1, algorithm="brute").fit(few).kneighbors()[0], REPEATED))


def _closer(distances: Floats, near: float) -> csr_matrix:
    close = csr_matrix(distances < near, dtype=np.float32)
    close.setdiag(0)
    close.eliminate_zeros()
    return close
