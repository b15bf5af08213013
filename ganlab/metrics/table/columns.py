r"""Each column of a table by itself: shapes, spreads, forbidden values.

The Kolmogorov-Smirnov distance of a continuous column is $\sup_x |F(x) - G(x)|$ with the distribution functions $F$ and
$G$ of the two sets; of a binary column the total variation distance is the difference of the rates. `column_shapes` is
defined as in SDMetrics (DataCebo).
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ganlab.core.kind import Array, Column
from ganlab.metrics.base import Floats, Statistic, Weights

ROUNDING = 1e-6
"""A value beyond its limit by this share of their distance is rounded single precision, no violation."""


def scores(rows: Floats, reference: Floats, columns: Sequence[Column]) -> dict[str, Statistic]:
    """Return the numbers of columns one by one, of rows `(N, columns)` compared with reference rows `(M, columns)`."""
    wide = [n for n, column in enumerate(columns) if not column.binary]
    binary = [n for n, column in enumerate(columns) if column.binary]
    distances = _KolmogorovSmirnov(rows[:, wide], reference[:, wide])
    ones, reference_ones = codes(rows[:, binary]), codes(reference[:, binary])
    varied = np.flatnonzero(np.ptp(reference[:, wide], axis=0) > 0)

    def rates(w: Weights, v: Weights) -> NDArray[np.float64]:
        return np.abs(w @ ones / w.sum() - v @ reference_ones / v.sum())

    def spread(w: Weights, v: Weights) -> float:
        own, other = _deviations(rows[:, wide], w)[varied], _deviations(reference[:, wide], v)[varied]
        return plain_mean(own[other > 0] / other[other > 0])

    numbers: dict[str, Statistic] = {
        "table/column_shapes": lambda w, v: 1 - plain_mean(np.concatenate([distances(w, v), rates(w, v)]))
    }
    if wide:
        numbers["table/ks_mean"] = lambda w, v: plain_mean(distances(w, v))
        numbers["table/ks_worst"] = lambda w, v: float(distances(w, v).max())
    if len(varied):
        numbers["table/spread_ratio"] = spread
    if binary:
        numbers["table/binary_rate_difference"] = lambda w, v: plain_mean(rates(w, v))
    return numbers


def violations(rows: Array, columns: Sequence[Column]) -> NDArray[np.bool_]:
    """Return which rows `(N, columns)` have a value that its column cannot have, `(N,)`."""
    return np.any([_forbidden(rows[:, n].astype(np.float64), column) for n, column in enumerate(columns)], axis=0)


def _forbidden(values: Floats, column: Column) -> NDArray[np.bool_]:
    if column.binary:
        return ~np.isin(values, (0, 1))
    low = -np.inf if column.low is None else column.low
    high = np.inf if column.high is None else column.high
    slack = ROUNDING * (high - low if math.isfinite(high - low) else np.abs(values))
    beyond = (values < low - slack) | (values > high + slack)
    return np.asarray(beyond | (column.whole & (values != np.rint(values))))


class _KolmogorovSmirnov:
    """Kolmogorov-Smirnov distances `(columns,)` of two weighted sets of rows, which are sorted once."""

    def __init__(self, rows: Floats, reference: Floats) -> None:
        both = np.concatenate([rows, reference])
        self.order = np.argsort(both, axis=0, kind="stable")
        inorder = np.take_along_axis(both, self.order, axis=0)
        self.ends = np.concatenate([inorder[1:] != inorder[:-1], np.ones((1, both.shape[1]), bool)])

    def __call__(self, w: Weights, v: Weights) -> NDArray[np.float64]:
        steps = np.concatenate([w / w.sum(), -v / v.sum()])[self.order]
        return np.abs(np.where(self.ends, np.cumsum(steps, axis=0), 0)).max(axis=0)


def codes(values: Floats) -> NDArray[np.int64]:
    """Return 0 or 1, whichever is nearer: other values count as violations."""
    return (values > 0.5).astype(np.int64)


def _deviations(rows: Floats, weights: Weights) -> NDArray[np.float64]:
    share = weights / weights.sum()
    return np.sqrt(share @ (rows - share @ rows) ** 2)


def plain_mean(values: Floats) -> float:
    """Return the mean; NaN of no values."""
    return float(np.mean(values)) if len(values) else float("nan")
