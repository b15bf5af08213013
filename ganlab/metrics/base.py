"""What a measure is to a run."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ganlab.dataset.kind import Kind
from ganlab.errors import UserError

Samples = NDArray[np.floating[Any]]


class Measure(ABC):
    """Numbers of a set of samples; `meaning` has a unit and a sentence for each, `kinds` the kinds that it measures."""

    meaning: ClassVar[Mapping[str, tuple[str, str]]]
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
    def __call__(self, samples: Samples, kind: Any, reference: Samples) -> dict[str, float]:
        """Measure decoded samples; `reference` are real training samples, for measures that compare."""
