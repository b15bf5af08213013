"""Items spread evenly over a longer series."""

import numpy as np
from numpy.typing import NDArray


def evenly(available: int, count: int) -> NDArray[np.int64]:
    """Return the positions of at most `count` of `available` items, rising, from the first to the last."""
    return np.unique(np.linspace(0, available - 1, min(count, available)).round().astype(np.int64))
