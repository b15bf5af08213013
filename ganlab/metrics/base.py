"""A metric: numbers of a set of samples compared with real ones, each a function of how much every sample weighs.

A number is a function of weights because its confidence interval comes from a bootstrap over patients: what is
expensive is computed once, and a draw of patients only changes the weights of their samples.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.core.kind import Array, Kind
from ganlab.core.labels import Labels

Floats = NDArray[np.floating[Any]]
Weights = NDArray[np.float64]

Statistic = Callable[[Weights, Weights], float]
"""A number as a function of the weights of a set's samples, `(N,)`, and of the reference's, `(M,)`; NaN for none."""

Estimate = Callable[[Weights], float]
"""A number as a function of the weights of one set of samples, or of patients, `(N,)`."""

DiscriminatorScore = Callable[["SampleSet"], Floats]
"""Scores of N samples, `(N,)`: the higher, the more a discriminator takes them for real."""


@dataclass(frozen=True)
class SampleSet:
    """N samples in their own unit, with labels, patient ids and a discriminator where there are any.

    `values` are windows `(N, leads, samples)` in mV, rows `(N, columns)` in the columns' units, or images
    `(N, C, H, W)` of levels 0..255; `labels` and `patients` are numbers with shape `(N,)`; where a sample may have
    several labels they are multi-hot, `(N, C)` of bool. `discriminator` is that which came with generated samples.
    """

    values: Array
    labels: Labels | None = None
    patients: NDArray[np.int64] | None = None
    discriminator: DiscriminatorScore | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def unique_patients(self) -> NDArray[np.int64]:
        """Each patient id once; empty without patient ids."""
        return np.empty(0, np.int64) if self.patients is None else np.unique(self.patients)

    @property
    def owners(self) -> NDArray[np.int64]:
        """The patient of each sample, `(N,)`; a sample without patient id is a patient by itself."""
        return np.arange(len(self)) if self.patients is None else self.patients

    @cached_property
    def keys(self) -> list[bytes]:
        """A hash of each sample's bytes: equal ones are equal samples."""
        return [hashlib.sha256(each.tobytes()).digest() for each in self.values]

    def take(self, index: NDArray[Any]) -> "SampleSet":
        """Return the samples at these places, or where a mask is true."""
        labels, patients = (None if each is None else each[index] for each in (self.labels, self.patients))
        return SampleSet(self.values[index], labels, patients, self.discriminator)


@dataclass(frozen=True)
class Attacked:
    """The patients under attack, and what the attacker has besides the generated samples.

    `members` trained the generator; `nonmembers` are as many patients of the same classes that neither trained it nor
    chose anything. `gallery` holds other recordings of those of both who have several, None where nobody has;
    `gallery_trained` says whether the members' ones trained the generator too. `knowledge` is the attacker's auxiliary
    set: samples of patients in neither set, from which an attack may learn. `strangers` are samples of yet others, of
    which the negative control is made. A patient has one id in all of them.

    Raises UserError where a patient is in two of the sets.
    """

    members: SampleSet
    nonmembers: SampleSet
    knowledge: SampleSet
    strangers: SampleSet
    gallery: SampleSet | None = None
    gallery_trained: bool = False

    def __post_init__(self) -> None:
        sides = (self.members, self.nonmembers, self.knowledge, self.strangers)
        if any(each.patients is None for each in sides):
            raise UserError("attacks are on patients, and the samples have no patient ids: see dataset.people=.")
        patient, times = np.unique(np.concatenate([each.unique_patients for each in sides]), return_counts=True)
        if (times > 1).any():
            raise UserError(
                f"{(times > 1).sum()} patients are on two sides of an attack (such as number {patient[times > 1][0]}): "
                "a hold-out that overlaps with those who trained measures nothing. Use split=patient, whose parts are "
                "disjoint."
            )

    def changed(self, change: Callable[[SampleSet], SampleSet]) -> "Attacked":
        """Return a copy with every set changed alike, such as resampled."""
        sides = vars(self).items()
        changed: dict[str, Any] = {name: change(each) for name, each in sides if isinstance(each, SampleSet)}
        return replace(self, **changed)


@dataclass(frozen=True)
class Real:
    """Real samples: `train` of the patients who trained the generator, and `reference` of others, to compare with.

    What a metric learns before it compares (a basis, a threshold, a classifier) comes from `train`. `side` is the
    number of columns of the image that a lead was folded to, None where unknown. `attacked` is for metrics that attack.
    The real-versus-real reference range is made of `strangers` where there are some, else of `train`.
    """

    kind: Kind
    train: SampleSet
    reference: SampleSet
    classes: Sequence[str] = ()
    side: int | None = None
    attacked: Attacked | None = None
    strangers: SampleSet | None = None


@dataclass(frozen=True)
class Number:
    """The meaning of a number, and what it cannot see.

    `best` is the value of a perfect generator; None where the number describes a set by itself, so that the best is
    the reference's own value. `worse` is the only side of it that is worse, one of `WORSE`; empty where both are, so
    that the distance from the best counts. `sees` are the controls of `ganlab.evaluation.controls` that lie farther
    from the best than other real samples do. `limits` are the least and the greatest possible value.
    """

    unit: str
    meaning: str
    best: float | None = None
    sees: tuple[str, ...] = ()
    limits: tuple[float, float] = (-np.inf, np.inf)
    worse: str = ""


WORSE = ("above", "below")


class Scores(dict[str, Statistic]):
    """Statistics of a set by name, with `details` that a page draws (plain values, as in JSON) and `left_out`.

    `left_out` says what is missing, and why; `not_measurable` gives the reason by the names of numbers that are shown
    without a value.
    """

    def __init__(
        self,
        numbers: Mapping[str, Statistic],
        details: Mapping[str, Any] | None = None,
        left_out: Sequence[str] = (),
        not_measurable: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(numbers)
        self.details = dict(details or {})
        self.left_out = list(left_out)
        self.not_measurable = dict(not_measurable or {})


Scorer = Callable[[SampleSet], Mapping[str, Statistic]]
"""Returns the statistics of a set by name, without those that cannot be had of this set."""


class Metric(ABC):
    """Compares sets of samples with real ones. `numbers` says what each number means, `kinds` what can be measured."""

    numbers: Mapping[str, Number]
    kinds: ClassVar[tuple[type[Kind], ...]]
    attacks: ClassVar[bool] = False
    """Whether it needs `Real.attacked`."""
    in_millivolts: ClassVar[bool] = False
    """Whether it takes windows in mV alone: its thresholds are those of ECGs."""

    def check(self, kind: Kind) -> None:
        """Raise UserError for samples that cannot be measured. Called before any data are read."""
        if not isinstance(kind, self.kinds):
            measured = ", ".join(f"{other.noun}s" for other in self.kinds)
            raise UserError(
                f"{type(self).__name__} measures {measured}, and this data set gives {kind.noun}s. Windows are for "
                "metrics=ecg and metrics=privacy, rows for metrics=table and metrics=table_privacy, images for "
                "metrics=image, any of them for metrics=paper."
            )
        if self.in_millivolts and kind.other_unit:
            raise UserError(
                f"{type(self).__name__} measures ECGs in mV, and these windows are in {kind.other_unit}: "
                "metrics=signal measures any signal, metrics=paper no more than the losses."
            )

    def select(self, real: Real) -> Real:
        """Return the real samples to compare with: all of them, or for an attack members and non-members as reference.

        Raises UserError for an attack where nobody can be attacked.
        """
        if not self.attacks:
            return real
        if real.attacked is None:
            raise UserError(
                "nobody can be attacked: an attack needs patients who trained, and others who neither trained nor "
                "chose a checkpoint. Use split=patient with patients in holdout or test; see "
                "metrics.attacked.nonmembers."
            )
        sides = (real.attacked.members, real.attacked.nonmembers)
        labels = [each.labels for each in sides if each.labels is not None]
        pooled = SampleSet(
            np.concatenate([each.values for each in sides]),
            np.concatenate(labels) if len(labels) == len(sides) else None,
            np.concatenate([each.patients for each in sides if each.patients is not None]),
        )
        return replace(real, reference=pooled, strangers=real.attacked.strangers)

    def control(self, samples: SampleSet, real: Real) -> SampleSet:
        """Return a control as this metric takes it."""
        return samples

    def always(self, real: Real, samples: SampleSet) -> Mapping[str, Statistic]:
        """Return the statistics that take no number of samples, such as exact copies: where `fit` raises TooFew."""
        return {}

    @abstractmethod
    def fit(self, real: Real) -> Scorer:
        """Learn what there is to learn from the real samples, and return the scorer of sets compared with them.

        Raises TooFew where there are not enough of them.
        """
