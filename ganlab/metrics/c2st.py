"""Classifier two-sample test (Lopez-Paz and Oquab, ICLR 2017): can a classifier tell two sets of samples apart?

Each patient's samples are scored by a classifier of other patients. Scores are compared within a fold of the
cross-validation alone, and the area is a mean over folds and shuffles: across folds a classifier that learns nothing
has less than 0.5, because whoever is left out is missing in training.
"""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ganlab.metrics.base import Estimate, Floats, SampleSet, Statistic, Weights
from ganlab.metrics.once import lazily
from ganlab.metrics.weighted import auroc

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

FOLDS = 5
"""Parts of the cross-validation."""
REPEATS = 3
"""How often patients are shuffled and divided anew."""
LANDMARKS = 200
"""Samples to which the non-linear classifier compares."""
SEED = 0


def linear() -> "ClassifierMixin":
    """Return a logistic regression on standardized features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=200))


def nonlinear() -> "ClassifierMixin":
    """Return a logistic regression on the similarities to some samples (Nystroem's approximation of an RBF kernel)."""
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(
        StandardScaler(),
        Nystroem(n_components=LANDMARKS, random_state=SEED),
        LogisticRegression(C=0.1, class_weight="balanced", max_iter=200),
    )


def two_sample_auc(
    model: "ClassifierMixin",
    points: Floats,
    others: Floats,
    groups: NDArray[Any] | None,
    other_groups: NDArray[Any] | None,
) -> Statistic | None:
    """Return the AUC of points `(N, d)` against others `(M, d)`; None where one side has a single patient.

    Groups are patient ids `(N,)` and `(M,)`, None for samples without: each is a group of its own.
    """
    n, both = len(points), np.concatenate([points, others])
    judged, alone = np.arange(len(both)) < n, -1 - np.arange(len(both))
    group = np.concatenate(
        [alone[:n] if groups is None else groups, alone[n:] if other_groups is None else other_groups]
    )
    folds = min(FOLDS, *(len(np.unique(group[judged == side])) for side in (True, False)))
    if folds < 2:
        return None

    def tested() -> Statistic:
        rng, areas = np.random.default_rng(SEED), []
        for _ in range(REPEATS):
            fold = _folds(group, judged, folds, rng)
            for k in range(folds):
                at = np.flatnonzero(fold == k)
                scores = _scores(model, both[fold != k], judged[fold != k], both[at])
                areas.append((at, judged[at], auroc(scores, judged[at])))
        return lambda weights, real: _mean(areas, np.concatenate([weights, real]))

    return lazily(tested)


def _mean(areas: Sequence[tuple[NDArray[np.int64], NDArray[np.bool_], Estimate]], weights: Weights) -> float:
    """Return the mean of areas, each of its samples and of which of them are judged, by how many pairs they are of."""
    pairs = np.array([weights[at][side].sum() * weights[at][~side].sum() for at, side, _ in areas])
    values = np.array([area(weights[at]) for at, _, area in areas])
    return float(values[pairs > 0] @ pairs[pairs > 0] / pairs.sum()) if pairs.any() else float("nan")


def _folds(group: NDArray[Any], judged: NDArray[np.bool_], folds: int, rng: Generator) -> NDArray[np.int64]:
    """Return the fold of each sample, `(N,)`: groups are dealt out so that every fold has some of both sides."""
    names, number = np.unique(group, return_inverse=True)
    left, right = (np.isin(np.arange(len(names)), number[judged == side]) for side in (True, False))
    shared = int((left & right).sum())
    of_group = np.empty(len(names), np.int64)
    for mask, first in ((left & right, 0), (left & ~right, shared), (right & ~left, shared)):
        of_group[mask] = rng.permutation((first + np.arange(mask.sum())) % folds)
    return of_group[number]


def _scores(model: "ClassifierMixin", points: Floats, judged: NDArray[np.bool_], tested: Floats) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what did not converge, and of fewer samples than landmarks
        fitted = model.fit(points, judged)
    return fitted.decision_function(tested)


def patients_or_nearest(
    samples: SampleSet, points: Floats, train: SampleSet, trained: Floats
) -> NDArray[np.int64] | None:
    """Return the patient ids of samples `(N,)`; without any, those of the nearest training samples, perhaps copied.

    In the embedding these are `points`, with shape (N, d), and `trained`, with shape (M, d). None, so that each sample
    is by itself, where all are nearest to a single patient: a collapsed set must be tested, too.
    """
    if samples.patients is not None or train.patients is None:
        return samples.patients
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(trained).kneighbors(points, return_distance=False)
    patients = train.patients[nearest[:, 0]]
    return patients if (patients != patients[0]).any() else None
