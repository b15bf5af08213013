r"""Columns of a table one by one (shapes, spreads, forbidden values) and in pairs (correlations, contingencies).

The Kolmogorov-Smirnov distance of a continuous column is $\sup_x |F(x) - G(x)|$ with the distribution functions $F$ and
$G$ of the two sets; of a binary column the total variation distance is the difference of the rates. Correlations are
Pearson's, contingencies the shares of all pairs of values. `column_shapes` and `pair_trends` are defined as in
SDMetrics (DataCebo). For a binary and a continuous column its report divides each set at that set's own range, which
hides that one is wider; here, as in its ContingencySimilarity, both are divided at the reference's.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ganlab.core.kind import Array, Column, groups_of
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
    moving = np.flatnonzero(np.ptp(reference, axis=0) > 0)
    if len(moving):
        numbers["table/constant_columns"] = lambda w, v: float((np.ptp(rows[w > 0][:, moving], axis=0) == 0).mean())
    if binary:
        numbers["table/binary_rate_difference"] = lambda w, v: plain_mean(rates(w, v))
    return numbers


def violations(rows: Array, columns: Sequence[Column]) -> NDArray[np.bool_]:
    """Return which rows `(N, columns)` have a value that its column cannot have, or not one of a category, `(N,)`."""
    forbidden = [_forbidden(rows[:, n].astype(np.float64), column) for n, column in enumerate(columns)]
    return np.any([*forbidden, *(rows[:, group].sum(axis=1) != 1 for group in groups_of(columns))], axis=0)


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


BINS = 10
"""Bins of a continuous column in a contingency with a binary one."""


def pair_scores(rows: Floats, reference: Floats, columns: Sequence[Column]) -> dict[str, Statistic]:
    """Return the numbers of pairs of columns, of rows `(N, columns)` and reference rows; none for a single column."""
    if len(columns) < 2:
        return {}
    scaled, scaled_reference = _standardized(rows, reference), _standardized(reference, reference)
    wide = np.array([not column.binary for column in columns])
    straight = np.triu(np.outer(wide, wide), 1)
    tables = _Contingencies(rows, reference, columns)

    def differences(w: Weights, v: Weights) -> NDArray[np.float64]:
        right = column_correlations(scaled_reference, v)
        return np.abs(np.nan_to_num(column_correlations(scaled, w)) - right) + 0 * right

    def trends(w: Weights, v: Weights) -> float:
        lines = differences(w, v)[straight] / 2
        return 1 - plain_mean(np.concatenate([lines[np.isfinite(lines)], tables(w, v)]))

    def all_pairs(w: Weights, v: Weights) -> float:
        every = differences(w, v)[np.triu_indices(len(columns), 1)]
        return plain_mean(every[np.isfinite(every)])

    return {"table/correlation_difference": all_pairs, "table/pair_trends": trends}


def column_correlations(rows: Floats, weights: Weights | None = None) -> NDArray[np.float64]:
    """Return Pearson correlations `(columns, columns)` of rows `(N, columns)`; NaN with a constant column."""
    share = np.ones(len(rows)) if weights is None else weights
    rows, share = rows[share > 0], share[share > 0] / share.sum()
    centred = rows.astype(np.float64) - share @ rows.astype(np.float64)
    product = (centred * share[:, None]).T @ centred
    length = np.where(np.ptp(rows, axis=0) > 0, np.sqrt(product.diagonal()), np.nan)
    return np.clip(product / np.outer(length, length), -1, 1)


class _Contingencies:
    """Total variation distances of the pairs of a binary column with a binary or a continuous one.

    A continuous column has the bins of the reference; the outer ones are open.
    """

    def __init__(self, rows: Floats, reference: Floats, columns: Sequence[Column]) -> None:
        coded = []
        for n, column in enumerate(columns):
            edges = [0.5] if column.binary else np.histogram_bin_edges(reference[:, n], BINS)[1:-1]
            coded.append([np.digitize(each[:, n], edges, right=column.binary) for each in (rows, reference)])
        sizes = [2 if column.binary else BINS for column in columns]
        self.start = np.cumsum([0, *sizes[:-1]])
        self.cells, self.reference = (
            np.concatenate([np.eye(size)[code[side]] for code, size in zip(coded, sizes, strict=True)], axis=1)
            for side in (0, 1)
        )
        binary = np.array([column.binary for column in columns])
        self.binary = np.repeat(binary, sizes)
        self.rows = np.arange(0, 2 * binary.sum(), 2)
        # Two binary columns meet twice, once from each side.
        self.counted = ~binary[None] | (np.arange(len(columns))[None] > np.flatnonzero(binary)[:, None])

    def __call__(self, w: Weights, v: Weights) -> NDArray[np.float64]:
        if not len(self.rows):
            return np.empty(0)
        apart = np.abs(self._shares(self.cells, w) - self._shares(self.reference, v))
        of_pairs = np.add.reduceat(np.add.reduceat(apart, self.rows, axis=0), self.start, axis=1) / 2
        return np.asarray(of_pairs[self.counted])

    def _shares(self, cells: NDArray[np.float64], weights: Weights) -> NDArray[np.float64]:
        return cells[:, self.binary].T @ (cells * (weights / weights.sum())[:, None])


def _standardized(rows: Floats, reference: Floats) -> Floats:
    """Return rows standardized: units that are far apart would cost the products their digits."""
    return (rows - reference.mean(axis=0)) / np.where(np.ptp(reference, axis=0) > 0, reference.std(axis=0), 1)
