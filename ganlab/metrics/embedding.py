"""Embeddings: samples as points in which distances mean something, fixed before any generator is looked at."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.core.kind import Image, Kind, Row, Window
from ganlab.metrics.base import Array, Real, SampleSet

Embed = Callable[[Array], NDArray[np.float32]]
"""Returns the features of N samples, `(N, features)`."""
SAME = 1e-6
"""Standard deviation in training below which a feature is not scaled."""


class Embedding(ABC):
    """Makes features of samples; what it learns comes from `real.train` alone.

    `blind` are the controls of `ganlab.evaluation.controls` that no number in these features distinguishes from real
    samples, `kinds` the samples that it takes.
    """

    blind: tuple[str, ...] = ()
    kinds: ClassVar[tuple[type[Kind], ...]] = (Window, Row, Image)

    def check(self, kind: Kind) -> None:
        """Raise UserError for samples that cannot be embedded. Called before any data are read."""
        if not isinstance(kind, self.kinds):
            taken = " and ".join(f"{each.noun}s" for each in self.kinds)
            raise UserError(f"{type(self).__name__} embeds {taken}, and this data set gives {kind.noun}s.")

    @abstractmethod
    def fit(self, real: Real) -> Embed:
        """Learn from training samples, and return the function that embeds samples of that kind."""


class Standardized:
    """Standardizes features `(N, features)` with the mean and standard deviation of those it is made with."""

    def __init__(self, features: NDArray[Any]) -> None:
        self.centre = features.mean(axis=0, dtype=np.float64)
        scale = features.std(axis=0, dtype=np.float64)
        self.scale = np.where(scale > SAME, scale, 1.0)

    def __call__(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Return other samples' features standardized, `(N, features)`."""
        return ((features - self.centre) / self.scale).astype(np.float32)


def standardized(features: Callable[[Array], NDArray[Any]], train: SampleSet) -> Embed:
    """Return what embeds samples by their `features`, standardized on those of the training samples.

    The training samples' own features are computed once.
    """
    of_train = features(train.values)
    scaled = Standardized(of_train)
    embedded_train = scaled(of_train)
    return lambda values: embedded_train if values is train.values else scaled(features(values))
