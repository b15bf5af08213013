"""Samples as points in which distances mean something: fixed before any generator is looked at."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ganlab.metrics.base import Real, Samples

Embed = Callable[[Samples], NDArray[np.float32]]
"""Samples of N to `(N, features)`."""


class Embedding(ABC):
    """Features of samples; what it must learn it learns from `real.train` alone."""

    @abstractmethod
    def fit(self, real: Real) -> Embed:
        """Learn from training samples; what is returned embeds any samples of that kind."""
