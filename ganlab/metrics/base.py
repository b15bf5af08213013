"""What a measure is to a run."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Measure(Protocol):
    """Numbers of a set of windows; `meaning` has a unit and a sentence for each."""

    meaning: Mapping[str, tuple[str, str]]

    def __call__(self, windows: NDArray[np.floating[Any]], leads: Sequence[str], rate: float) -> dict[str, float]:
        """Measure windows `(N, leads, samples)` in mV, sampled at `rate` Hz."""
