"""What can be learned from rows: are they generated, and do they teach what real rows teach?

Detection: boosted trees learn to tell generated rows from the reference's and are asked about persons they have not
seen. TSTR: trees trained on synthetic rows and tested on real ones (Esteban, Hyland and Ratsch, 2017) guess the class
or, where there are no classes, the binary column whose rate among training rows is nearest to 1/2, from all other
columns. The intervals are of the tested rows; how much other training rows would change is not in them.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from ganlab.core.kind import Column
from ganlab.metrics.base import Array, Number, Real, SampleSet, Scorer, Statistic, Weights

Labels = NDArray[np.int64]

FOLDS = 5
"""Parts of the cross-validation of detection."""
BINS = 16
"""Bins of a column for the trees. With sklearn's 255 they see the decimals that values were written with: copies with
noise that the eye does not see were told from real rows of the thyroid table at 0.96, with 16 at 0.65."""
ROUNDS = 50
SEED = 0

NUMBERS: Mapping[str, Number] = {
    "table/detection_auc": Number(
        "AUROC",
        "boosted trees telling rows from the reference's, by persons they have not seen; blind to copies, and to what "
        "is finer than a sixteenth of a column",
        best=0.5,
        sees=("collapsed", "noise"),
        limits=(0.0, 1.0),
    ),
    "table/tstr_auroc": Number(
        "AUROC",
        "trees trained on these rows, tested on the reference: the class, or else the binary column nearest to half "
        "ones, from the others; the floor is TRTR; blind to what that guess does not need, and to copies",
        best=1.0,
        sees=("collapsed", "noise"),
        limits=(0.0, 1.0),
    ),
    "table/tstr_shuffled_auroc": Number(
        "AUROC",
        "the same after what is to be guessed was shuffled once: a control that scatters about 0.5",
        best=0.5,
        limits=(0.0, 1.0),
    ),
}


def fit(real: Real, columns: Sequence[Column]) -> Scorer:
    """Detection and TSTR beside these rows."""
    target = _Target.of(real, columns)

    def judge(samples: SampleSet) -> Mapping[str, Statistic]:
        return {**_detection(samples, real.reference), **({} if target is None else target.tstr(samples))}

    return judge


def auroc(truth: Labels, probabilities: NDArray[np.float64], weights: Weights) -> float:
    """Mean of the classes' AUROC, one against the rest; of the classes that are there, NaN for less than two.

    Arguments:
        truth: Class numbers, with shape (N,).
        probabilities: Of each class, with shape (N, classes).
        weights: Of the samples, with shape (N,).
    """
    here = weights > 0
    truth, probabilities, weights = truth[here], probabilities[here], weights[here]
    there = np.unique(truth)
    if len(there) < 2:
        return float("nan")
    # Of two classes the one is the mirror of the other.
    judged = there[1:] if probabilities.shape[1] == 2 else there
    return float(np.mean([roc_auc_score(truth == k, probabilities[:, k], sample_weight=weights) for k in judged]))


class _Target:
    """What is to be guessed of a row, and from what."""

    def __init__(self, reference: SampleSet, classes: int, column: int | None) -> None:
        self.classes, self.column = classes, column
        known = self.split(reference)
        assert known is not None
        self.features, self.truth = known

    @classmethod
    def of(cls, real: Real, columns: Sequence[Column]) -> "_Target | None":
        labels = (real.train.labels, real.reference.labels)
        if len(real.classes) > 1 and all(each is not None and len(np.unique(each)) > 1 for each in labels):
            return cls(real.reference, len(real.classes), None)
        binary = [n for n, column in enumerate(columns) if column.binary and _varies(real, n)]
        if not binary or len(columns) < 2:
            return None
        rates = real.train.values[:, binary].mean(axis=0)
        return cls(real.reference, 2, binary[int(np.abs(rates - 0.5).argmin())])

    def split(self, samples: SampleSet) -> tuple[Array, Labels] | None:
        """Features and what is to be guessed; None for rows whose class nobody knows."""
        if self.column is None:
            return None if samples.labels is None else (samples.values, samples.labels)
        return np.delete(samples.values, self.column, axis=1), (samples.values[:, self.column] > 0.5).astype(np.int64)

    def tstr(self, samples: SampleSet) -> dict[str, Statistic]:
        known = self.split(samples)
        if known is None:
            return {}
        features, labels = known
        shuffled = np.random.default_rng(SEED).permutation(labels)
        return {"table/tstr_auroc": self._tested(features, labels)} | {
            "table/tstr_shuffled_auroc": self._tested(features, shuffled)
        }

    def _tested(self, features: Array, labels: Labels) -> Statistic:
        probabilities = np.zeros((len(self.truth), self.classes))
        learned = np.unique(labels)
        if len(learned) > 1:
            probabilities[:, learned] = _trees().fit(features, labels).predict_proba(self.features)
        return lambda _, v: auroc(self.truth, probabilities, v)


def _detection(samples: SampleSet, reference: SampleSet) -> dict[str, Statistic]:
    """The mean AUROC of the folds; without two persons on both sides there is none."""
    groups = np.concatenate([_groups(reference), _groups(samples, after=_groups(reference).max() + 1)])
    real, count = len(reference), min(len(np.unique(_groups(each))) for each in (reference, samples))
    if count < 2:
        return {}
    rows = np.concatenate([reference.values, samples.values])
    generated = (np.arange(len(rows)) >= real).astype(np.int64)
    folds = StratifiedGroupKFold(min(FOLDS, count), shuffle=True, random_state=SEED)
    scored = []
    for learned, asked in folds.split(rows, generated, groups):
        if len(np.unique(generated[learned])) == 2:
            trees = _trees().fit(rows[learned], generated[learned])
            scored.append((asked, trees.predict_proba(rows[asked])))

    def statistic(w: Weights, v: Weights) -> float:
        weights = np.concatenate([v, w])
        found = np.array([auroc(generated[asked], score, weights[asked]) for asked, score in scored])
        return float(found[np.isfinite(found)].mean()) if np.isfinite(found).any() else float("nan")

    return {"table/detection_auc": statistic}


def _groups(samples: SampleSet, after: int = 0) -> NDArray[np.int64]:
    """Whose each row is, `(N,)`; nobody's rows are all of different persons."""
    return np.arange(after, after + len(samples)) if samples.persons is None else samples.persons


def _varies(real: Real, column: int) -> bool:
    return all(np.ptp(each.values[:, column]) > 0 for each in (real.train, real.reference))


def _trees() -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        max_iter=ROUNDS,
        max_leaf_nodes=8,
        max_bins=BINS,
        class_weight="balanced",
        early_stopping=False,
        random_state=SEED,
    )
