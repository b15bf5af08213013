r"""Precision, recall, density and coverage of two sets of points.

A point's ball reaches to the $k$-th neighbour in its own set. Precision is the share of generated points in a ball of
real ones, recall that of real points in a ball of generated ones (Kynkaanniemi et al., NeurIPS 2019). Density counts
the balls of real points that hold a generated one, over $k$; coverage is the share of real balls that hold one (Naeem
et al., ICML 2020). The balls have the radii of the whole sets: a draw of the bootstrap changes which points are there.
"""

from typing import Any

from ganlab.metrics.base import Statistic, Weights
from ganlab.metrics.points import product
from ganlab.metrics.weighted import mean


def precision(in_real: Any) -> Statistic:
    """Return the precision, of whether N generated points lie in the balls of M real ones, `(N, M)`."""
    return lambda judged, real: covered(in_real, judged, real)


def recall(in_judged: Any) -> Statistic:
    """Return the recall, of whether M real points lie in the balls of N generated ones, `(M, N)`."""
    return lambda judged, real: covered(in_judged, real, judged)


def density(in_real: Any, k: int) -> Statistic:
    """Return the density, of whether N generated points lie in the balls of M real ones, `(N, M)`."""
    return lambda judged, real: mean(product(in_real, real) * len(real) / (k * real.sum()), judged)


def coverage(of_real: Any) -> Statistic:
    """Return the coverage, of whether the balls of M real points hold N generated ones, `(M, N)`."""
    return lambda judged, real: covered(of_real, real, judged)


def covered(inside: Any, weights: Weights, others: Weights) -> float:
    """Return the weighted share of N points that any of M others with weight covers, of `inside` `(N, M)`."""
    return mean((product(inside, others > 0) > 0).astype(float), weights)
