"""Is what was generated of use? A classifier learns the diagnosis from it and is tested on real persons, and reversely.

TSTR: train on synthetic, test on real (Esteban, Hyland and Ratsch, 2017); TRTS: train on real, test on synthetic; TRTR:
train on real, test on real, which is TSTR's floor. A patient, not a window, is diagnosed: with the mean probability of
the patient's windows. A patient whose records have different labels has the one of most windows, of equally many the
first. The intervals are of the tested persons; how much other training persons would change is not in them.

Around 0.8 is what lead i tells of an infarction in persons that the classifier has not seen; 0.99 would mean that the
same persons are on both sides, which is refused.
"""

import functools
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganlab.core.kind import Window
from ganlab.core.spread import evenly
from ganlab.metrics.base import Metric, Number, Real, SampleSet, Scorer, Statistic, TooFew, Weights
from ganlab.metrics.utility.classifier import (
    SHARE,
    STEPS,
    Probabilities,
    classify_unseen,
    labelled,
    resampled,
    train_classifier,
)

log = logging.getLogger(__name__)


class Utility(Metric):
    """TSTR, TRTS and augmentation with the classifier of `ganlab.metrics.utility.classifier`, by patient.

    A set without labels, as of a GAN without classes, is not measured. A set with the reference's own persons is only
    tested, not learned from.
    """

    kinds = (Window,)
    numbers: Mapping[str, Number] = {
        "utility/tstr_auroc": Number(
            "AUROC",
            "trained on this set, tested on the reference: macro one-vs-rest, by patient; the floor is TRTR; blind to "
            "all that the diagnosis does not need, to copies, and with ten patients to nearly everything",
            best=1.0,
            limits=SHARE,
        ),
        "utility/tstr_balanced_accuracy": Number(
            "share", "the same classifier: mean share of each class's patients recognized", best=1.0, limits=SHARE
        ),
        "utility/tstr_ratio": Number(
            "", "TSTR over TRTR, AUROC, from as many real windows; paired, by patient", best=1.0, limits=(0.0, np.inf)
        ),
        "utility/tstr_shuffled_auroc": Number(
            "AUROC",
            "TSTR after its labels were shuffled once: a control; it scatters widely about 0.5 where patients are few",
            best=0.5,
            limits=SHARE,
        ),
        "utility/trts_auroc": Number(
            "AUROC",
            "trained on real training persons, tested on this set's windows: do they show their label? Rewards "
            "copies, and a collapse within a class",
            limits=SHARE,
        ),
        "utility/augmentation_auroc": Number(
            "AUROC",
            "trained on the real training samples and this set, by halves, tested on the reference, by patient",
            best=1.0,
            limits=SHARE,
        ),
        "utility/augmentation_gain": Number(
            "AUROC",
            "augmentation_auroc less that of the real training samples alone; more is better, 0 is no use",
            limits=(-1.0, 1.0),
        ),
    }

    def __init__(self, steps: int = STEPS, seed: int = 0, repeats: int = 1) -> None:
        """`repeats` classifiers with other seeds, whose numbers are averaged."""
        self.steps = steps
        self.seed = seed
        self.repeats = repeats

    def fit(self, real: Real) -> Scorer:
        """Train on the real samples.

        Raises TooFew where there are not two classes on both sides, or the same persons on both.
        """
        kind, patients = labelled(real), _Patients.of(real)
        classify = classify_unseen(real, self.seed, self.steps)
        reference = resampled(real.reference.values, kind.rate)

        def tested(*learned: SampleSet, first: int = 0) -> list[Probabilities]:
            """Of the reference's patients, by classifiers trained on these samples."""
            classes = len(real.classes)
            if len(np.unique(np.concatenate([each.labels for each in learned if each.labels is not None]))) < 2:
                return [np.full((len(patients.label), classes), 1 / classes)]
            seeds = range(self.seed + first, self.seed + first + self.repeats)
            trained = (
                train_classifier(*learned, kind=kind, classes=classes, seed=seed, steps=self.steps) for seed in seeds
            )
            return [patients.mean(each.classify(reference)) for each in trained]

        @functools.cache
        def trtr(count: int) -> list[Probabilities]:
            # Another seed than TSTR's: the floor of the ratio then shows what a training is worth.
            return tested(spread(real.train, count), first=self.repeats)

        alone = functools.cache(lambda: tested(real.train))

        def judge(samples: SampleSet) -> dict[str, Statistic]:
            if samples.labels is None:
                _say_unlabelled()
                return {}
            found = {"utility/trts_auroc": _tested_windows(classify(samples), samples.labels)}
            if samples.persons is not None and np.isin(samples.persons, patients.person).any():
                return found
            rng = np.random.default_rng(self.seed)
            shuffled = SampleSet(samples.values, rng.permutation(samples.labels), samples.persons)
            real_as_many, synthetic = trtr(min(len(samples), len(real.train))), tested(samples)
            auroc = functools.partial(_by_patient, patients, macro_auroc)
            with_synthetic, without = auroc(tested(real.train, samples)), auroc(alone())
            of_synthetic, of_real = auroc(synthetic), auroc(real_as_many)
            return found | {
                "utility/tstr_auroc": of_synthetic,
                "utility/tstr_balanced_accuracy": _by_patient(patients, balanced_accuracy, synthetic),
                "utility/tstr_ratio": lambda of, beside: of_synthetic(of, beside) / (of_real(of, beside) or np.nan),
                "utility/tstr_shuffled_auroc": auroc(tested(shuffled)),
                "utility/augmentation_auroc": with_synthetic,
                "utility/augmentation_gain": lambda of, beside: with_synthetic(of, beside) - without(of, beside),
            }

        return judge


@dataclass(frozen=True)
class _Patients:
    """The reference's: numbers and labels, `(P,)`, and for each window the place of its patient, `(N,)`."""

    person: NDArray[np.int64]
    label: NDArray[np.int64]
    place: NDArray[np.int64]

    @classmethod
    def of(cls, real: Real) -> "_Patients":
        """Raises TooFew where the reference cannot test what was learned from the training samples."""
        reference = real.reference
        if reference.labels is None or reference.persons is None or real.train.persons is None:
            raise TooFew("utility is tested by patient, and of the real samples labels or persons are not known.")
        both = np.intersect1d(reference.persons, real.train.persons)
        if len(both):
            raise TooFew(f"{len(both)} persons have trained and would test, which proves nothing. Use split=patient.")
        person, place = np.unique(reference.persons, return_inverse=True)
        votes = np.zeros((len(person), len(real.classes)))
        np.add.at(votes, (place, reference.labels), 1)
        label = votes.argmax(axis=1)
        if len(np.unique(label)) < 2:
            raise TooFew("the reference's patients are of one class, and two are needed: another split.seed or judged.")
        return cls(person, label, place)

    def mean(self, windows: Probabilities) -> Probabilities:
        """Of each patient's windows, `(P, K)` of `(N, K)`."""
        summed = np.zeros((len(self.person), windows.shape[1]))
        np.add.at(summed, self.place, windows)
        return summed / np.bincount(self.place)[:, None]

    def weights(self, windows: Weights) -> Weights:
        """How often each patient is there when windows are there so often, `(P,)`."""
        return np.bincount(self.place, windows) / np.bincount(self.place)


def macro_auroc(probabilities: Probabilities, labels: NDArray[np.int64]) -> Callable[[Weights], float]:
    """Mean one-vs-rest AUROC of the classes that are there, of weights `(N,)`; NaN where only one is.

    Arguments:
        probabilities: Of the classes, with shape (N, K).
        labels: With shape (N,).
    """
    parts = [auroc(probabilities[:, k], labels == k) for k in np.unique(labels)]

    def statistic(weights: Weights) -> float:
        values = [value for value in (part(weights) for part in parts) if np.isfinite(value)]
        return float(np.mean(values)) if values else float("nan")

    return statistic


def auroc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> Callable[[Weights], float]:
    """Area under the ROC curve as a function of weights `(N,)`; NaN where one side has no weight.

    The scores are sorted once: scikit-learn's function, with which the tests compare, takes too long in a bootstrap.
    """
    place = np.unique(scores, return_inverse=True)[1]

    def statistic(weights: Weights) -> float:
        above, below = (np.bincount(place, weights * side) for side in (positive, ~positive))
        pairs = above.sum() * below.sum()
        return float(above @ (np.cumsum(below) - below / 2) / pairs) if pairs else float("nan")

    return statistic


def balanced_accuracy(probabilities: Probabilities, labels: NDArray[np.int64]) -> Callable[[Weights], float]:
    """Mean share of each class recognized, of the classes that are there, as a function of weights `(N,)`."""
    right = probabilities.argmax(axis=1) == labels

    def statistic(weights: Weights) -> float:
        there, found = (np.bincount(labels, weights * each) for each in (np.ones(len(labels)), right))
        return float(np.mean(found[there > 0] / there[there > 0])) if there.any() else float("nan")

    return statistic


def spread(samples: SampleSet, count: int) -> SampleSet:
    """So many of the samples, evenly, or all."""
    return samples.take(evenly(count, len(samples)))


def _by_patient(
    patients: _Patients,
    number: Callable[[Probabilities, NDArray[np.int64]], Callable[[Weights], float]],
    tested: list[Probabilities],
) -> Statistic:
    parts = [number(each, patients.label) for each in tested]

    def statistic(_: Weights, reference: Weights) -> float:
        weights = patients.weights(reference)
        return float(np.mean([part(weights) for part in parts]))

    return statistic


def _tested_windows(judged: list[tuple[Probabilities, NDArray[np.bool_]]], labels: NDArray[np.int64]) -> Statistic:
    parts = [macro_auroc(probabilities, labels) for probabilities, _ in judged]

    def statistic(of: Weights, _: Weights) -> float:
        values = [part(of * unseen) for part, (_, unseen) in zip(parts, judged, strict=True)]
        known = [value for value in values if np.isfinite(value)]
        return float(np.mean(known)) if known else float("nan")

    return statistic


@functools.cache
def _say_unlabelled() -> None:
    log.warning("utility is not measured of samples without labels: gan=acgan, or a generator for each class.")
