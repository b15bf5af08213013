"""Boosted trees on rows: can they detect generated ones, and do generated ones teach what real rows teach?

Detection: trees learn to distinguish generated rows from the reference's, and are tested on held-out patients. TSTR:
trees trained on synthetic rows and tested on real ones (Esteban, Hyland and Ratsch, 2017) predict the class or, where
there are no classes, the binary or category column that is named as target, from all other columns. The intervals are
of the tested rows; how much other training rows would change is not in them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from ganlab.core.kind import Array, Row, places_of
from ganlab.metrics.base import Real, SampleSet, Scorer, Scores, Statistic
from ganlab.metrics.c2st import two_sample_auc
from ganlab.metrics.weighted import macro_auroc

Labels = NDArray[np.int64]
BINS = 16
"""Bins of a column for the trees. With sklearn's 255 they see the decimals that values were written with: copies with
noise that the eye does not see were distinguished from real rows of the thyroid table at 0.96, with 16 at 0.65."""
ROUNDS = 50
SEED = 0


NO_TARGET = (
    "table/tstr_auroc: the data have no classes, and dataset.target names no column of two values or more that trees "
    "could predict"
)
"""Why it is missing."""


def fit(real: Real, kind: Row) -> Scorer:
    """Return the scorer of detection and TSTR."""
    target = _Target.of(real, kind)

    def score(samples: SampleSet) -> Scores:
        if target is None:
            return Scores(_detection(samples, real.reference), left_out=[NO_TARGET])
        return Scores({**_detection(samples, real.reference), **target.tstr(samples)})

    return score


class _Target:
    """What trees predict of a row: its class, or the column of the numbers at `places`, from all others."""

    def __init__(self, reference: SampleSet, classes: int, places: Sequence[int] = ()) -> None:
        self.classes, self.places = classes, list(places)
        parts = self.split(reference)
        assert parts is not None
        self.features, self.truth = parts

    @classmethod
    def of(cls, real: Real, kind: Row) -> "_Target | None":
        """Return the class or the named column; None where there is neither, or a set has one value of it only."""
        sets = (real.train, real.reference)
        several = all(each.labels is not None and len(np.unique(each.labels)) > 1 for each in sets)
        if len(real.classes) > 1 and several:
            return cls(real.reference, len(real.classes))
        places = places_of(kind.columns).get(kind.target or "", [])
        if len(places) in (0, len(kind.columns)) or not kind.columns[places[0]].binary:
            return None
        target = cls(real.reference, max(2, len(places)), places)
        return target if all(len(np.unique(target.values(each))) > 1 for each in sets) else None

    def values(self, samples: SampleSet) -> Labels:
        """Return the values of the named column, `(N,)`: 0 and 1, or the place of the category's largest number."""
        numbers = samples.values[:, self.places]
        binary = len(self.places) == 1
        return (numbers[:, 0] > 0.5).astype(np.int64) if binary else numbers.argmax(axis=1)

    def split(self, samples: SampleSet) -> tuple[Array, Labels] | None:
        """Return features `(N, columns)` and targets `(N,)`; None for rows without the class."""
        if not self.places:
            return None if samples.labels is None else (samples.values, samples.labels)
        return np.delete(samples.values, self.places, axis=1), self.values(samples)

    def tstr(self, samples: SampleSet) -> dict[str, Statistic]:
        """Return the numbers of trees trained on these samples; none for rows without the class."""
        parts = self.split(samples)
        if parts is None:
            return {}
        features, labels = parts
        shuffled = np.random.default_rng(SEED).permutation(labels)
        return {"table/tstr_auroc": self._tested(features, labels)} | {
            "table/tstr_shuffled_auroc": self._tested(features, shuffled)
        }

    def _tested(self, features: Array, labels: Labels) -> Statistic:
        probabilities = np.zeros((len(self.truth), self.classes))
        learned = np.unique(labels)
        if len(learned) > 1:
            probabilities[:, learned] = _trees().fit(features, labels).predict_proba(self.features)
        area = macro_auroc(probabilities, self.truth)
        return lambda _, real: area(real)


def _detection(samples: SampleSet, reference: SampleSet) -> dict[str, Statistic]:
    """Return the AUROC of the folds; nothing without two patients on both sides."""
    area = two_sample_auc(_trees(), samples.values, reference.values, samples.patients, reference.patients)
    return {} if area is None else {"table/detection_auc": area}


def _trees() -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        max_iter=ROUNDS,
        max_leaf_nodes=8,
        max_bins=BINS,
        class_weight="balanced",
        early_stopping=False,
        random_state=SEED,
    )
