"""Pairs of columns of a table: correlations and contingencies.

Correlations are Pearson's, contingencies the shares of all pairs of values. `pair_trends` is defined as in SDMetrics
(DataCebo). For a binary and a continuous column its report divides each set at that set's own range, which hides that
one is wider; here, as in its ContingencySimilarity, both are divided at the reference's.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ganlab.core.kind import Column
from ganlab.metrics.base import Floats, Statistic, Weights
from ganlab.metrics.table.columns import codes, plain_mean

BINS = 10
"""Bins of a continuous column in a contingency with a binary one."""


def scores(rows: Floats, reference: Floats, columns: Sequence[Column]) -> dict[str, Statistic]:
    """Return the numbers of pairs of columns, of rows `(N, columns)` and reference rows; none for a single column."""
    if len(columns) < 2:
        return {}
    scaled, scaled_reference = _standardized(rows, reference), _standardized(reference, reference)
    wide = np.array([not column.binary for column in columns])
    straight = np.triu(np.outer(wide, wide), 1)
    tables = _Contingencies(rows, reference, columns)

    def differences(w: Weights, v: Weights) -> NDArray[np.float64]:
        right = correlations(scaled_reference, v)
        return np.abs(np.nan_to_num(correlations(scaled, w)) - right) + 0 * right

    def trends(w: Weights, v: Weights) -> float:
        lines = differences(w, v)[straight] / 2
        return 1 - plain_mean(np.concatenate([lines[np.isfinite(lines)], tables(w, v)]))

    def all_pairs(w: Weights, v: Weights) -> float:
        every = differences(w, v)[np.triu_indices(len(columns), 1)]
        return plain_mean(every[np.isfinite(every)])

    return {"table/correlation_difference": all_pairs, "table/pair_trends": trends}


def correlations(rows: Floats, weights: Weights | None = None) -> NDArray[np.float64]:
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
        coded = [_discrete(rows[:, n], reference[:, n], column) for n, column in enumerate(columns)]
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


def _discrete(values: Floats, reference: Floats, column: Column) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if column.binary:
        return codes(values), codes(reference)
    edges = np.histogram_bin_edges(reference, BINS)[1:-1]
    return np.digitize(values, edges), np.digitize(reference, edges)


def _standardized(rows: Floats, reference: Floats) -> Floats:
    """Return rows standardized: units that are far apart would cost the products their digits."""
    return (rows - reference.mean(axis=0)) / np.where(np.ptp(reference, axis=0) > 0, reference.std(axis=0), 1)
