"""Vendi score (Friedman and Dieng, TMLR 2023): the effective number of directions in which points differ."""

import numpy as np

from ganlab.metrics.base import Floats, Weights


def vendi(points: Floats, weights: Weights) -> float:
    """Return exp of the entropy of the eigenvalues of the matrix of cosines of points `(N, d)`.

    It is 1 where all points have one direction, and d at most.
    """
    length = np.linalg.norm(points, axis=1, keepdims=True)
    unit = points / np.where(length > 0, length, 1)
    share = (weights / weights.sum()).astype(np.float32)[:, None]
    values = np.linalg.eigvalsh((unit.T @ (unit * share)).astype(np.float64))
    values = values[values > 0]
    return float(np.exp(-(values * np.log(values)).sum()))
