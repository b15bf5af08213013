"""Utility: a classifier learns the diagnosis from generated windows and is tested on real patients, and the reverse.

TSTR: train on synthetic, test on real (Esteban, Hyland and Ratsch, 2017); TRTS: train on real, test on synthetic; TRTR:
train on real, test on real, which is TSTR's reference range. A patient, not a window, is diagnosed: with the mean
probability of the patient's windows. A patient whose records have different labels has the one of most windows, of
equally many the first; where a record may have several labels, every label of any window. The intervals are those of
the tested patients and, but for TRTS, of the classifiers' seeds (`repeats`), without the variance of other training
patients.

An infarction is recognized from lead i at around 0.8 in patients that the classifier has not seen; 0.99 would mean that
the same patients are on both sides, which is refused.
"""

import functools
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ganlab.core.kind import Window
from ganlab.core.labels import Labels, of_class, present
from ganlab.core.spread import evenly
from ganlab.metrics.base import Estimate, Metric, Number, Real, SampleSet, Scorer, Statistic, Weights
from ganlab.metrics.needs import TooFew
from ganlab.metrics.numbers import numbers_of
from ganlab.metrics.utility.classifier import (
    STEPS,
    Classifier,
    Probabilities,
    at_network_rate,
    classify_unseen,
    labelled,
    train_classifier,
)
from ganlab.metrics.weighted import auroc, balanced_accuracy, macro_auroc, mean_of_finite

log = logging.getLogger(__name__)


class Utility(Metric):
    """TSTR, TRTS and augmentation with the classifier of `ganlab.metrics.utility.classifier`, by patient.

    Where a sample may be of several classes, each class has a number of its own as well.
    A set without labels, as of a GAN without classes, is not measured. A set with the reference's own patients is only
    tested on, not learned from.
    """

    kinds = (Window,)
    numbers: Mapping[str, Number] = numbers_of("utility")

    def __init__(self, steps: int = STEPS, seed: int = 0, repeats: int = 1) -> None:
        """Take steps and seed of training, and `repeats`: classifiers of other seeds, whose numbers are averaged."""
        self.steps, self.seed, self.repeats = steps, seed, repeats

    def fit(self, real: Real) -> Scorer:
        """Train on the real samples.

        Raises TooFew where there are not two classes on both sides, or the same patients on both.
        """
        kind, patients = labelled(real), _Patients.of(real)
        self.numbers = {**type(self).numbers, **{_name(name): _number(name) for name in patients.several}}
        classify = classify_unseen(real, self.seed, self.steps)
        reference = at_network_rate(real.reference.values, kind.rate)

        def tested(*learned: SampleSet, first: int = 0) -> list[Probabilities]:
            classifiers = self._trained(learned, kind, len(real.classes), first)
            # Of a single class nothing can be learned: all patients are alike.
            return [patients.mean(each.classify(reference)) for each in classifiers] or [patients.guess(real.classes)]

        @functools.cache
        def trtr(count: int) -> list[Probabilities]:
            # Another seed than TSTR's: the ratio of real samples then shows the variance of training.
            return tested(real.train.take(evenly(count, len(real.train))), first=self.repeats)

        alone = functools.cache(lambda: tested(real.train))

        def score(samples: SampleSet) -> dict[str, Statistic]:
            if samples.labels is None:
                _warn_unlabelled()
                return {}
            numbers = {"utility/trts_auroc": _tested_windows(classify(samples), samples.labels)}
            if samples.patients is not None and np.isin(samples.patients, patients.patient).any():
                return numbers
            mixed = np.random.default_rng(self.seed).permutation(samples.labels)
            real_as_many, synthetic = trtr(min(len(samples), len(real.train))), tested(samples)
            auroc = functools.partial(_by_patient, patients, macro_auroc)
            with_synthetic, without = auroc(tested(real.train, samples)), auroc(alone())
            of_synthetic, of_real = auroc(synthetic), auroc(real_as_many)
            numbers |= _of_each(patients, synthetic)
            return numbers | {
                "utility/tstr_auroc": of_synthetic,
                "utility/tstr_balanced_accuracy": _by_patient(patients, balanced_accuracy, synthetic),
                "utility/tstr_ratio": lambda of, other: of_synthetic(of, other) / (of_real(of, other) or np.nan),
                "utility/tstr_shuffled_auroc": auroc(tested(replace(samples, labels=mixed))),
                "utility/augmentation_auroc": with_synthetic,
                "utility/augmentation_gain": lambda of, other: with_synthetic(of, other) - without(of, other),
            }

        return score

    def _trained(self, learned: Sequence[SampleSet], kind: Window, classes: int, first: int) -> list[Classifier]:
        """Return classifiers trained on these samples, one per seed from the `first` on; none of a single class."""
        if len(present(np.concatenate([each.labels for each in learned if each.labels is not None]))) < 2:
            return []
        seeds = range(self.seed + first, self.seed + first + self.repeats)
        return [train_classifier(*learned, kind=kind, classes=classes, seed=seed, steps=self.steps) for seed in seeds]


@dataclass(frozen=True)
class _Patients:
    """The reference's patients: ids `(P,)`, labels `(P,)` or `(P, C)`; for each window its place in them, `(N,)`."""

    patient: NDArray[np.int64]
    label: Labels
    place: NDArray[np.int64]
    several: Sequence[str] = ()
    """Names of the classes where a patient may be of several."""

    @classmethod
    def of(cls, real: Real) -> "_Patients":
        """Return the reference's patients. Raises TooFew where they cannot test what training samples teach."""
        reference = real.reference
        if reference.labels is None or reference.patients is None or real.train.patients is None:
            raise TooFew("utility is tested by patient, and of the real samples labels or patients are not known.")
        both = np.intersect1d(reference.patients, real.train.patients)
        if len(both):
            raise TooFew(f"{len(both)} patients trained and would also test, which proves nothing. Use split=patient.")
        patient, place = np.unique(reference.patients, return_inverse=True)
        label = _labels(place, reference.labels, len(real.classes))
        if len(present(label)) < 2:
            raise TooFew("the reference's patients are of one class, and two are needed: another split.seed or judged.")
        return cls(patient, label, place, real.classes if label.ndim == 2 else ())

    def guess(self, classes: Sequence[str]) -> Probabilities:
        """Return the same probability of each class for each patient, `(P, K)`."""
        return np.full((len(self.label), len(classes)), 1 / len(classes))

    def mean(self, windows: Probabilities) -> Probabilities:
        """Return the mean of each patient's windows, `(P, K)` of `(N, K)`."""
        summed = np.zeros((len(self.patient), windows.shape[1]))
        np.add.at(summed, self.place, windows)
        return summed / np.bincount(self.place)[:, None]

    def weights(self, windows: Weights) -> Weights:
        """Return the weight of each patient, `(P,)`, given those of the windows, `(N,)`."""
        return np.bincount(self.place, windows) / np.bincount(self.place)


def _name(name: str) -> str:
    return f"utility/tstr_auroc_{name}"


def _number(name: str) -> Number:
    meaning = f"trained on this set, tested on the reference: patients of class {name} against all others"
    return Number("AUROC", meaning, best=1, limits=(0, 1))


def _of_each(patients: _Patients, tested: list[Probabilities]) -> dict[str, Statistic]:
    return {_name(name): _by_patient(patients, _one_class(k), tested) for k, name in enumerate(patients.several)}


def _one_class(k: int) -> Callable[[Probabilities, Labels], Estimate]:
    return lambda probabilities, labels: auroc(probabilities[:, k], of_class(labels, k))


def _labels(place: NDArray[np.int64], labels: Labels, classes: int) -> Labels:
    """Return each patient's class, that of most windows, or where a window may be of several all of any window."""
    votes = np.zeros((place.max() + 1, classes))
    if labels.ndim == 2:
        np.add.at(votes, place, labels)
        return votes > 0
    np.add.at(votes, (place, labels), 1)
    return votes.argmax(axis=1)


def _by_patient(
    patients: _Patients, number: Callable[[Probabilities, Labels], Estimate], tested: list[Probabilities]
) -> Statistic:
    parts = [number(each, patients.label) for each in tested]

    def statistic(_: Weights, reference: Weights) -> float:
        weights = patients.weights(reference)
        return _drawn_mean([part(weights) for part in parts], reference)

    return statistic


def _drawn_mean(values: Sequence[float], weights: Weights) -> float:
    """Return the mean of values of classifiers, one per seed; in a bootstrap draw of patients, that of drawn seeds.

    The draw follows from the `weights`. Its deviation is widened by sqrt(n / (n - 1)), for few seeds scatter less than
    all that could have been.
    """
    mean, count = float(np.mean(values)), len(values)
    if count < 2 or (weights == 1).all():
        return mean
    drawn = np.random.default_rng(crc32(np.ascontiguousarray(weights).tobytes())).integers(count, size=count)
    return mean + math.sqrt(count / (count - 1)) * (float(np.mean(np.take(values, drawn))) - mean)


def _tested_windows(judged: list[tuple[Probabilities, NDArray[np.bool_]]], labels: Labels) -> Statistic:
    parts = [macro_auroc(probabilities, labels) for probabilities, _ in judged]

    def statistic(of: Weights, _: Weights) -> float:
        return mean_of_finite(part(of * unseen) for part, (_, unseen) in zip(parts, judged, strict=True))

    return statistic


@functools.cache
def _warn_unlabelled() -> None:
    log.warning("utility is not measured of samples without labels: gan=acgan, or a generator for each class.")
