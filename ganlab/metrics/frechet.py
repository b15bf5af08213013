r"""Frechet distance of two sets of points as Gaussians (Dowson and Landau, 1982; Heusel et al., NeurIPS 2017).

$|\mu_x - \mu_y|^2 + \mathrm{tr}(S_x + S_y - 2 (S_x S_y)^{1/2})$.
"""

import numpy as np
from numpy.typing import NDArray

from ganlab.metrics.base import Floats, Statistic, Weights


def frechet_distance(points: Floats, others: Floats) -> Statistic:
    """Return the squared Frechet distance of points `(N, d)` and `(M, d)` as a function of their weights."""
    return lambda judged, real: frechet(*moments(points, judged), *moments(others, real))


def moments(points: Floats, weights: Weights) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weighted mean `(d,)` and covariance `(d, d)` of points `(N, d)`."""
    mean = weights @ points / weights.sum()
    scaled = (points - mean) * np.sqrt(weights / max(weights.sum() - 1, 1))[:, None]
    return mean, scaled.T @ scaled


def frechet(mean_a: Floats, covariance_a: Floats, mean_b: Floats, covariance_b: Floats) -> float:
    r"""Return the squared Frechet (2-Wasserstein) distance of two Gaussians with means `(d,)`, covariances `(d, d)`.

    The trace of $(S_a S_b)^{1/2}$ is that of $(R^T S_b R)^{1/2}$ for $S_a = R R^T$, which is symmetric.
    """
    values, vectors = np.linalg.eigh(covariance_a)
    root = vectors * np.sqrt(np.maximum(values, 0))
    crossed = np.linalg.eigvalsh(root.T @ covariance_b @ root)
    apart = float(((mean_a - mean_b) ** 2).sum() + np.trace(covariance_a) + np.trace(covariance_b))
    return max(apart - 2 * float(np.sqrt(np.maximum(crossed, 0)).sum()), 0.0)
