"""What a measure is to a run."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ganlab.dataset.kind import Kind

Samples = NDArray[np.floating[Any]]


class Measure(Protocol):
    """Numbers of a set of samples; `meaning` has a unit and a sentence for each, `kinds` the kinds that it measures."""

    meaning: Mapping[str, tuple[str, str]]
    kinds: tuple[type[Kind], ...]

    def __call__(self, samples: Samples, kind: Kind, reference: Samples) -> dict[str, float]:
        """Measure decoded samples; `reference` are real training samples, for measures that compare."""
