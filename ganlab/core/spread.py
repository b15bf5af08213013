"""Places spread evenly over a range."""

import numpy as np
from numpy.typing import NDArray


def evenly(count: int, total: int) -> NDArray[np.int64]:
    """Return `count` places in 0..total - 1, evenly apart with both ends among them, in order; all where fewer exist.

    One place alone is the first.
    """
    return np.linspace(0, total - 1, min(count, total)).round().astype(np.int64)
