"""What a measure is: numbers of a set of samples beside real ones, each a function of how much every sample weighs.

A number is given as a function of weights because its interval comes from a bootstrap of persons: what is expensive is
computed once, and a draw of persons only changes the weights of their samples.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ganlab.dataset.kind import Kind
from ganlab.errors import UserError

Samples = NDArray[np.floating[Any]]
Weights = NDArray[np.float64]

Statistic = Callable[[Weights, Weights], float]
"""A number of the weights of the judged samples, `(N,)`, and of the reference's, `(M,)`; NaN where there is none."""


@dataclass(frozen=True)
class SampleSet:
    """Samples in their own unit, N of them, and of what class and whose they are, where that is known.

    `values` are windows `(N, leads, samples)` in mV, rows `(N, columns)` in the columns' units, or images
    `(N, C, H, W)` of levels 0..255; `labels` and `persons` are numbers with shape `(N,)`.
    """

    values: Samples
    labels: NDArray[np.int64] | None = None
    persons: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: NDArray[Any]) -> "SampleSet":
        """The samples at these places, or where a mask is true."""
        labels, persons = (None if each is None else each[index] for each in (self.labels, self.persons))
        return SampleSet(self.values[index], labels, persons)


@dataclass(frozen=True)
class Real:
    """Real samples: `train` of the persons who trained the generator, `reference` of others, to compare with.

    What a measure needs to know before it compares (a basis, a threshold, a classifier) it takes from `train`.
    `side` is the length of a row of the image that a lead was folded to, None where it is not known.
    """

    kind: Kind
    train: SampleSet
    reference: SampleSet
    classes: Sequence[str] = ()
    side: int | None = None


@dataclass(frozen=True)
class Number:
    """What a number says, and what it cannot see.

    `best` is the value of a perfect generator; None where the number describes a set by itself, so that the best is
    the reference's own value. `sees` are the controls of `ganlab.metrics.controls` that lie farther from the best than
    other real samples do. `limits` are the least and the greatest value that there can be.
    """

    unit: str
    meaning: str
    best: float | None = None
    sees: tuple[str, ...] = ()
    limits: tuple[float, float] = (-np.inf, np.inf)


Judge = Callable[[SampleSet], Mapping[str, Statistic]]
"""Numbers of a set by their names; where something is not measured of this set its name is left out."""


class Measure(ABC):
    """Compares sets of samples with real ones; `numbers` says what each number is, `kinds` what can be measured."""

    numbers: Mapping[str, Number]
    kinds: ClassVar[tuple[type[Kind], ...]]

    def check(self, kind: Kind) -> None:
        """Before any data is read: raise UserError for samples that cannot be measured."""
        if not isinstance(kind, self.kinds):
            measured = ", ".join(f"{other.noun}s" for other in self.kinds)
            raise UserError(
                f"{type(self).__name__} measures {measured}, and this data set gives {kind.noun}s. metrics=ecg is for "
                "windows, metrics=table for rows, metrics=image for images, metrics=paper for any."
            )

    @abstractmethod
    def beside(self, real: Real) -> Judge:
        """Learn what there is to learn from the real samples; what is returned judges sets beside them.

        Raises TooFew where there are not enough of them.
        """


class TooFew(UserError):
    """There are not enough samples for a number."""


def need(count: int, least: int, what: str) -> None:
    """Raise TooFew where there are less than `least`."""
    if count < least:
        raise TooFew(f"{count} {what}, and {least} are needed. More samples: metrics.samples=, or n= when sampling.")
