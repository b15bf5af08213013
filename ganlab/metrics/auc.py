"""Areas under ROC curves and the balanced accuracy as functions of weights.

The scores are sorted once: scikit-learn's functions, with which the tests compare, take too long in a bootstrap.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ganlab.metrics.base import Estimate, Floats, Weights


def auroc(scores: Floats, positive: NDArray[np.bool_]) -> Estimate:
    """Return the area under the ROC curve of `(N,)` scores; NaN where one side has no weight."""
    place = np.unique(scores, return_inverse=True)[1]

    def statistic(weights: Weights) -> float:
        above, below = (np.bincount(place, weights * side) for side in (positive, ~positive))
        pairs = above.sum() * below.sum()
        return float(above @ (np.cumsum(below) - below / 2) / pairs) if pairs else float("nan")

    return statistic


def macro_auroc(probabilities: Floats, labels: NDArray[np.int64]) -> Estimate:
    """Return the mean one-vs-rest AUROC of the classes that are present; NaN where only one is.

    Arguments:
        probabilities: Of the classes, with shape (N, K).
        labels: With shape (N,).
    """
    parts = [auroc(probabilities[:, k], labels == k) for k in np.unique(labels)]
    return lambda weights: mean_of_finite(part(weights) for part in parts)


def balanced_accuracy(probabilities: Floats, labels: NDArray[np.int64]) -> Estimate:
    """Return the mean share of each class recognized, over the classes that are present; arguments as before."""
    right = probabilities.argmax(axis=1) == labels

    def statistic(weights: Weights) -> float:
        all_, hits = (np.bincount(labels, weights * each) for each in (np.ones(len(labels)), right))
        return float(np.mean(hits[all_ > 0] / all_[all_ > 0])) if all_.any() else float("nan")

    return statistic


def mean_of_finite(values: Iterable[float]) -> float:
    """Return the mean of the values that are finite; NaN where none is."""
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")
