r"""Kernel distances of two sets of points: KID (Binkowski et al., ICLR 2018) and MMD (Gretton et al., JMLR 2012).

$\overline{k(x_i, x_{i'})} + \overline{k(y_j, y_{j'})} - 2 \overline{k(x_i, y_j)}$ over pairs $i \ne i'$, $j \ne j'$,
with $k(x, y) = (x \cdot y / d + 1)^3$ for KID and Gaussian kernels for MMD. The estimate is unbiased, so it is below 0
by chance.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.metrics.base import Floats, Statistic, Weights
from ganlab.metrics.points import blocks, cross_mean, pair_mean

Matrix = NDArray[np.float32]


def unbiased_mmd(within: Matrix, reference: Matrix, between: Matrix) -> Statistic:
    """Return the unbiased squared MMD of kernels `(N, N)`, `(M, M)` and `(N, M)`."""

    def statistic(judged: Weights, real: Weights) -> float:
        return pair_mean(within, judged) + pair_mean(reference, real) - 2 * cross_mean(between, judged, real)

    return statistic


def cubic(points: Floats, others: Floats) -> Matrix:
    """Return KID's kernel of points `(N, d)` and `(M, d)`, `(N, M)`."""
    kernel = points @ others.T
    kernel /= np.float32(points.shape[1])
    kernel += 1
    return np.power(kernel, 3, out=kernel)


def gaussian(distances: Matrix, width: float) -> Matrix:
    """Return the Gaussian kernel of distances `(N, M)`; `width` is its standard deviation."""
    kernel = np.square(distances)
    kernel *= np.float32(-0.5 / width**2)
    return np.exp(kernel, out=kernel)


def mixture(points: Floats, others: Floats, widths: Sequence[float]) -> Matrix:
    """Return the mean of Gaussian kernels of several widths, `(N, M)`."""
    from scipy.spatial.distance import cdist

    def kernel(part: Any) -> Floats:
        squared = cdist(part, others, "sqeuclidean")
        return np.mean([np.exp(-squared / (2 * width**2)) for width in widths], axis=0)

    return np.concatenate([kernel(points[part]).astype(np.float32) for part in blocks(len(points))])
