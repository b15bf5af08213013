"""Classifier two-sample test (Lopez-Paz and Oquab, ICLR 2017): can a linear classifier distinguish two sets?"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.metrics.base import Floats, SampleSet, Statistic
from ganlab.metrics.weighted import auroc

FOLDS = 5
"""Parts of the cross-validation."""


def two_sample_auc(
    points: Floats, others: Floats, groups: NDArray[Any] | None, other_groups: NDArray[Any] | None
) -> Statistic | None:
    """Return the AUC of points `(N, d)` against others `(M, d)`; None where one side has a single patient.

    Each patient's samples are scored by a classifier of the others. Groups are patient ids, None for samples without:
    each is a group of its own. With few patients a classifier that learns nothing has less than 0.5, for whoever is
    left out is missing in training.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    n, both = len(points), np.concatenate([points, others])
    judged, alone = np.repeat([1, 0], [n, len(others)]), -1 - np.arange(len(both))
    group = np.concatenate(
        [alone[:n] if groups is None else groups, alone[n:] if other_groups is None else other_groups]
    )
    folds = min(FOLDS, *(len(np.unique(group[judged == side])) for side in (0, 1)))
    if folds < 2:
        return None
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=200))
    parts = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        scores = cross_val_predict(model, both, judged, groups=group, cv=parts, method="decision_function")
    area = auroc(scores, judged == 1)
    return lambda weights, real: area(np.concatenate([weights, real]))


def persons_or_nearest(
    samples: SampleSet, points: Floats, train: SampleSet, trained: Floats
) -> NDArray[np.int64] | None:
    """Return the patient ids of samples `(N,)`; without any, those of the nearest training samples, perhaps copied.

    In the embedding these are `points`, with shape (N, d), and `trained`, with shape (M, d).
    """
    if samples.persons is not None or train.persons is None:
        return samples.persons
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(trained).kneighbors(points, return_distance=False)
    return train.persons[nearest[:, 0]]
