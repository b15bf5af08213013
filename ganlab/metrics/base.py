"""What a measure is: numbers of a set of samples beside real ones, each a function of how much every sample weighs.

A number is given as a function of weights because its interval comes from a bootstrap of persons: what is expensive is
computed once, and a draw of persons only changes the weights of their samples.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.core.kind import Array, Kind

Weights = NDArray[np.float64]

Statistic = Callable[[Weights, Weights], float]
"""A number of the weights of the judged samples, `(N,)`, and of the reference's, `(M,)`; NaN where there is none."""

DiscriminatorScore = Callable[[Array], NDArray[np.floating[Any]]]
"""What a discriminator says of N samples, `(N,)`: the higher, the more like those that it was trained on."""


@dataclass(frozen=True)
class SampleSet:
    """Samples in their own unit, N of them, and of what class and whose they are, where that is known.

    `values` are windows `(N, leads, samples)` in mV, rows `(N, columns)` in the columns' units, or images
    `(N, C, H, W)` of levels 0..255; `labels` and `persons` are numbers with shape `(N,)`. `discriminator`
    scores samples, where generated ones came with it.
    """

    values: Array
    labels: NDArray[np.int64] | None = None
    persons: NDArray[np.int64] | None = None
    discriminator: DiscriminatorScore | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def people(self) -> NDArray[np.int64]:
        """The numbers of the persons, each once; none where they are not known."""
        return np.empty(0, np.int64) if self.persons is None else np.unique(self.persons)

    def take(self, index: NDArray[Any]) -> "SampleSet":
        """The samples at these places, or where a mask is true."""
        labels, persons = (None if each is None else each[index] for each in (self.labels, self.persons))
        return SampleSet(self.values[index], labels, persons, self.discriminator)


@dataclass(frozen=True)
class Attacked:
    """Whom attacks on privacy try to tell apart, and what whoever attacks has beside the generated samples.

    `members` trained the generator, `nonmembers` are as many persons, of the same classes, that nothing has looked at.
    `gallery` are other recordings of those of both who have several, None where nobody has; `gallery_trained` says
    whether those of members trained the generator too. `knowledge` are samples of persons in neither set, which an
    attack may learn from, and `strangers` those of yet others, of which the control is made that no attack may find. A
    person has one number in all of them.

    Raises UserError where a person is in two of the sets.
    """

    members: SampleSet
    nonmembers: SampleSet
    knowledge: SampleSet
    strangers: SampleSet
    gallery: SampleSet | None = None
    gallery_trained: bool = False

    def __post_init__(self) -> None:
        sides = (self.members, self.nonmembers, self.knowledge, self.strangers)
        if any(each.persons is None for each in sides):
            raise UserError("attacks are on persons, and whose the samples are is not known: see dataset.people=.")
        people = np.concatenate([each.people for each in sides])
        person, times = np.unique(people, return_counts=True)
        if (times > 1).any():
            raise UserError(
                f"{(times > 1).sum()} persons stand on two sides of an attack (such as number {person[times > 1][0]}): "
                "a hold-out that overlaps with those who trained measures nothing. Use split=patient, whose parts are "
                "disjoint."
            )

    def changed(self, change: Callable[[SampleSet], SampleSet]) -> "Attacked":
        """With every set changed alike, such as brought to another rate."""
        return replace(
            self,
            members=change(self.members),
            nonmembers=change(self.nonmembers),
            knowledge=change(self.knowledge),
            strangers=change(self.strangers),
            gallery=None if self.gallery is None else change(self.gallery),
        )


@dataclass(frozen=True)
class Real:
    """Real samples: `train` of the persons who trained the generator, `reference` of others, to compare with.

    What a measure needs to know before it compares (a basis, a threshold, a classifier) it takes from `train`.
    `side` is the length of a row of the image that a lead was folded to, None where it is not known. `attacked` is for
    the measures that attack. The floor is made of `strangers` where there are some, else of `train`.
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
    """What a number says, and what it cannot see.

    `best` is the value of a perfect generator; None where the number describes a set by itself, so that the best is
    the reference's own value. `sees` are the controls of `ganlab.evaluation.controls` that lie farther from the best
    than other real samples do. `limits` are the least and the greatest value that there can be.
    """

    unit: str
    meaning: str
    best: float | None = None
    sees: tuple[str, ...] = ()
    limits: tuple[float, float] = (-np.inf, np.inf)


class Scores(dict[str, Statistic]):
    """Numbers of a set by name, what a page draws of them, and why some are not there.

    `shown` holds plain values only, as JSON does.
    """

    def __init__(
        self, numbers: Mapping[str, Statistic], shown: Mapping[str, Any] | None = None, left_out: Sequence[str] = ()
    ) -> None:
        super().__init__(numbers)
        self.shown = dict(shown or {})
        self.left_out = list(left_out)


Scorer = Callable[[SampleSet], Mapping[str, Statistic]]
"""Numbers of a set by their names; where something is not measured of this set its name is left out."""


class Metric(ABC):
    """Compares sets of samples with real ones; `numbers` says what each number is, `kinds` what can be measured."""

    numbers: Mapping[str, Number]
    kinds: ClassVar[tuple[type[Kind], ...]]
    attacks: ClassVar[bool] = False
    """Whether it needs `Real.attacked`: persons who trained, and as many of whom nobody has seen anything."""

    def check(self, kind: Kind) -> None:
        """Before any data is read: raise UserError for samples that cannot be measured."""
        if not isinstance(kind, self.kinds):
            measured = ", ".join(f"{other.noun}s" for other in self.kinds)
            raise UserError(
                f"{type(self).__name__} measures {measured}, and this data set gives {kind.noun}s. Windows are for "
                "metrics=ecg and metrics=privacy, rows for metrics=table and metrics=table_privacy, images for "
                "metrics=image, any of them for metrics=paper."
            )

    def select(self, real: Real) -> Real:
        """What the samples are judged beside: the real samples as they are, or for an attack those under attack.

        Raises UserError for an attack where nobody can be attacked.
        """
        if not self.attacks:
            return real
        if real.attacked is None:
            raise UserError(
                "nobody can be attacked: it takes persons who trained and others who chose nothing. Use split=patient "
                "with patients in holdout or test; see metrics.attacked.nonmembers."
            )
        return replace(real, reference=_pooled(real.attacked), strangers=real.attacked.strangers)

    def control(self, samples: SampleSet, real: Real) -> SampleSet:
        """A control or the floor as this measure takes it."""
        return samples

    @abstractmethod
    def fit(self, real: Real) -> Scorer:
        """Learn what there is to learn from the real samples; what is returned judges sets beside them.

        Raises TooFew where there are not enough of them.
        """


def _pooled(attacked: Attacked) -> SampleSet:
    """Members first, then non-members."""
    sides = (attacked.members, attacked.nonmembers)
    labels = [each.labels for each in sides if each.labels is not None]
    return SampleSet(
        np.concatenate([each.values for each in sides]),
        np.concatenate(labels) if len(labels) == len(sides) else None,
        np.concatenate([each.persons for each in sides if each.persons is not None]),
    )


class TooFew(UserError):
    """There are not enough samples for a number."""


def need(count: int, least: int, what: str) -> None:
    """Raise TooFew where there are less than `least`."""
    if count < least:
        raise TooFew(f"{count} {what}, and {least} are needed. More samples: metrics.samples=, or n= when sampling.")
