r"""Dynamic time warping: $d^2 = \min_\pi \sum_{(i, j) \in \pi} (x_i - y_j)^2$ over monotonous paths."""

import numpy as np
from numpy.typing import NDArray

from ganlab.metrics.base import Floats

BAND = 0.1
"""Share of a window that warping may shift its samples by."""


def dtw(a: Floats, b: Floats, band: float = BAND) -> NDArray[np.float64]:
    """Return the warped distance of pairs of windows, both `(N, samples)`, with shape (N,), in their unit.

    Arguments:
        a: Windows.
        b: Windows of the same length.
        band: Share of the window that a sample may be shifted by (Sakoe and Chiba, 1978).
    """
    count, length = a.shape
    reach = round(band * length)
    above = np.full((length + 1, count), np.inf)
    above[0] = 0
    for i in range(length):
        low, high = max(0, i - reach), min(length, i + reach + 1)
        row = np.full((length + 1, count), np.inf)
        cost = (a[:, i, None] - b[:, low:high]).T.astype(np.float64) ** 2
        before = np.minimum(above[low:high], above[low + 1 : high + 1])
        for j in range(low, high):
            row[j + 1] = cost[j - low] + np.minimum(before[j - low], row[j])
        above = row
    return np.sqrt(above[length])
