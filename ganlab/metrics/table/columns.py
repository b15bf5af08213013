r"""Rows beside real rows: each column by itself, the columns together, what can be learned from them, copied rows.

Of a continuous column with the distribution functions $F$ and $G$ of the two sets, the Kolmogorov-Smirnov distance is
$\sup_x |F(x) - G(x)|$; of a binary column the total variation distance is the difference of the rates. Of two columns,
correlations are Pearson's and contingencies the shares of all pairs of values. `column_shapes` and `pair_trends` are
defined as in SDMetrics (DataCebo). Of a binary and a continuous column its report divides each set at that set's own
range, which hides that one is wider; here, as in its ContingencySimilarity, both are divided at the reference's.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.core.kind import Column, Kind, Row
from ganlab.metrics.base import Array, Metric, Number, Real, SampleSet, Scorer, Statistic, Weights, need
from ganlab.metrics.table import neighbours as table_neighbours
from ganlab.metrics.utility import table as table_utility
from ganlab.metrics.weighted import mean

Floats = NDArray[np.floating]

BINS = 10
"""Bins of a continuous column beside a binary one."""
LEAST = 10
"""Rows of a set that can be judged."""
ROUNDING = 1e-6
"""A value beyond its limit by this share of their distance is rounded single precision, no violation."""

COLUMNS: Mapping[str, Number] = {
    "table/ks_mean": Number(
        "",
        "Kolmogorov-Smirnov distance to real rows, mean of continuous columns; column by column, so blind to what "
        "belongs together in a row",
        best=0.0,
        sees=("collapsed",),
        limits=(0.0, 1.0),
    ),
    "table/ks_worst": Number(
        "",
        "the same for the column that is worst off; blind as the mean is",
        best=0.0,
        sees=("collapsed",),
        limits=(0.0, 1.0),
    ),
    "table/binary_rate_difference": Number(
        "",
        "|rate of ones - rate in real rows|, mean of binary columns; rare ones hardly count, and a few rows repeated "
        "may have the right rates",
        best=0.0,
        limits=(0.0, 1.0),
    ),
    "table/column_shapes": Number(
        "",
        "1 less the Kolmogorov-Smirnov distance or, of a binary column, the difference of rates; mean of all columns "
        "(SDMetrics); many rare binary columns make it high, and it is blind to what belongs together",
        best=1.0,
        sees=("collapsed",),
        limits=(0.0, 1.0),
    ),
    "table/spread_ratio": Number(
        "",
        "standard deviation over that of real rows, mean of continuous columns; one column too narrow and one too wide "
        "cancel out, and outliers weigh much",
        best=1.0,
        limits=(0.0, np.inf),
    ),
    "table/correlation_difference": Number(
        "",
        "|Pearson r - r of real rows|, mean of all pairs of columns, a constant column having r = 0; blind to "
        "relations that are no straight line, and rare ones are lost in the mean",
        best=0.0,
        sees=("collapsed", "noise"),
        limits=(0.0, 2.0),
    ),
    "table/pair_trends": Number(
        "",
        "1 less half the difference of r of two continuous columns or the total variation distance of two others, mean "
        "of all pairs (SDMetrics); mostly 1 where binary columns are rare",
        best=1.0,
        sees=("collapsed",),
        limits=(0.0, 1.0),
    ),
    "table/violations": Number(
        "share",
        "rows with a value beyond its column's limits, neither 0 nor 1, or not whole; blind to impossible combinations",
        best=0.0,
        limits=(0.0, 1.0),
    ),
}


class TableMetric(Metric):
    """Numbers of rows `(N, columns)` in the columns' units."""

    kinds = (Row,)
    numbers: Mapping[str, Number] = {**COLUMNS, **table_neighbours.NUMBERS, **table_utility.NUMBERS}

    def __init__(self, steps: int | None = 254) -> None:
        """`steps` between a column's limits on which rows count as copies; None for equal numbers."""
        if steps is not None and steps < 1:
            raise UserError(
                f"metrics.measures.table.steps={steps}: accepted are 1 or more, and null for equal numbers."
            )
        self.steps = steps

    def fit(self, real: Real) -> Scorer:
        """Scale the columns and find out what is near. Raises UserError for rows of another table, or no numbers."""
        columns = _columns(real.kind)
        for name, rows in (("training rows", real.train), ("reference rows", real.reference)):
            _check(name, rows.values, columns)
        reference = real.reference.values.astype(np.float64)
        among, learned = table_neighbours.fit(real, columns, self.steps), table_utility.fit(real, columns)

        def judge(samples: SampleSet) -> Mapping[str, Statistic]:
            _check("rows to judge", samples.values, columns)
            rows = samples.values.astype(np.float64)
            return {**_by_column(rows, reference, columns), **_by_pair(rows, reference, columns)} | {
                "table/violations": _mean_of(violations(samples.values, columns)),
                **among(samples),
                **learned(samples),
            }

        return judge


def correlations(rows: Floats, weights: Weights | None = None) -> NDArray[np.float64]:
    """Pearson correlations `(columns, columns)` of rows `(N, columns)`; NaN beside a constant column."""
    share = np.ones(len(rows)) if weights is None else weights
    rows, share = rows[share > 0], share[share > 0] / share.sum()
    centred = rows.astype(np.float64) - share @ rows.astype(np.float64)
    product = (centred * share[:, None]).T @ centred
    length = np.where(np.ptp(rows, axis=0) > 0, np.sqrt(product.diagonal()), np.nan)
    return np.clip(product / np.outer(length, length), -1, 1)


def violations(rows: Array, columns: Sequence[Column]) -> NDArray[np.bool_]:
    """Which rows `(N, columns)` have a value that the column cannot have, with shape (N,)."""
    return np.any([_forbidden(rows[:, n].astype(np.float64), column) for n, column in enumerate(columns)], axis=0)


def _forbidden(values: Floats, column: Column) -> NDArray[np.bool_]:
    if column.binary:
        return ~np.isin(values, (0, 1))
    low = -np.inf if column.low is None else column.low
    high = np.inf if column.high is None else column.high
    slack = ROUNDING * (high - low if math.isfinite(high - low) else np.abs(values))
    beyond = (values < low - slack) | (values > high + slack)
    return np.asarray(beyond | (column.whole & (values != np.rint(values))))


def _by_column(rows: Floats, known: Floats, columns: Sequence[Column]) -> dict[str, Statistic]:
    wide = [n for n, column in enumerate(columns) if not column.binary]
    binary = [n for n, column in enumerate(columns) if column.binary]
    distances = _KolmogorovSmirnov(rows[:, wide], known[:, wide])
    ones, known_ones = _codes(rows[:, binary]), _codes(known[:, binary])
    varied = np.flatnonzero(np.ptp(known[:, wide], axis=0) > 0)

    def rates(w: Weights, v: Weights) -> NDArray[np.float64]:
        return np.abs(w @ ones / w.sum() - v @ known_ones / v.sum())

    def spread(w: Weights, v: Weights) -> float:
        of, of_known = _deviations(rows[:, wide], w)[varied], _deviations(known[:, wide], v)[varied]
        return _mean(of[of_known > 0] / of_known[of_known > 0])

    found: dict[str, Statistic] = {
        "table/column_shapes": lambda w, v: 1 - _mean(np.concatenate([distances(w, v), rates(w, v)]))
    }
    if wide:
        found["table/ks_mean"] = lambda w, v: _mean(distances(w, v))
        found["table/ks_worst"] = lambda w, v: float(distances(w, v).max())
    if len(varied):
        found["table/spread_ratio"] = spread
    if binary:
        found["table/binary_rate_difference"] = lambda w, v: _mean(rates(w, v))
    return found


def _by_pair(rows: Floats, known: Floats, columns: Sequence[Column]) -> dict[str, Statistic]:
    """Of all pairs of columns; without a second column there is nothing."""
    if len(columns) < 2:
        return {}
    scaled, scaled_known = _standardized(rows, known), _standardized(known, known)
    wide = np.array([not column.binary for column in columns])
    straight = np.triu(np.outer(wide, wide), 1)
    tables = _Contingencies(rows, known, columns)

    def differences(w: Weights, v: Weights) -> NDArray[np.float64]:
        right = correlations(scaled_known, v)
        return np.abs(np.nan_to_num(correlations(scaled, w)) - right) + 0 * right

    def trends(w: Weights, v: Weights) -> float:
        lines = differences(w, v)[straight] / 2
        return 1 - _mean(np.concatenate([lines[np.isfinite(lines)], tables(w, v)]))

    def all_pairs(w: Weights, v: Weights) -> float:
        every = differences(w, v)[np.triu_indices(len(columns), 1)]
        return _mean(every[np.isfinite(every)])

    return {"table/correlation_difference": all_pairs, "table/pair_trends": trends}


class _KolmogorovSmirnov:
    """Distances `(columns,)` of two weighted sets of rows, sorted once."""

    def __init__(self, rows: Floats, known: Floats) -> None:
        both = np.concatenate([rows, known])
        self.order = np.argsort(both, axis=0, kind="stable")
        inorder = np.take_along_axis(both, self.order, axis=0)
        self.ends = np.concatenate([inorder[1:] != inorder[:-1], np.ones((1, both.shape[1]), bool)])

    def __call__(self, w: Weights, v: Weights) -> NDArray[np.float64]:
        steps = np.concatenate([w / w.sum(), -v / v.sum()])[self.order]
        return np.abs(np.where(self.ends, np.cumsum(steps, axis=0), 0)).max(axis=0)


class _Contingencies:
    """Total variation distances of the pairs of a binary column with a binary or a continuous one.

    A continuous column has the bins of the reference; the outer ones are open.
    """

    def __init__(self, rows: Floats, known: Floats, columns: Sequence[Column]) -> None:
        codes = [_discrete(rows[:, n], known[:, n], column) for n, column in enumerate(columns)]
        sizes = [2 if column.binary else BINS for column in columns]
        self.start = np.cumsum([0, *sizes[:-1]])
        self.cells, self.known = (
            np.concatenate([np.eye(size)[code[side]] for code, size in zip(codes, sizes, strict=True)], axis=1)
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
        apart = np.abs(self._shares(self.cells, w) - self._shares(self.known, v))
        of_pairs = np.add.reduceat(np.add.reduceat(apart, self.rows, axis=0), self.start, axis=1) / 2
        return np.asarray(of_pairs[self.counted])

    def _shares(self, cells: NDArray[np.float64], weights: Weights) -> NDArray[np.float64]:
        return cells[:, self.binary].T @ (cells * (weights / weights.sum())[:, None])


def _discrete(values: Floats, known: Floats, column: Column) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if column.binary:
        return _codes(values), _codes(known)
    edges = np.histogram_bin_edges(known, BINS)[1:-1]
    return np.digitize(values, edges), np.digitize(known, edges)


def _codes(values: Floats) -> NDArray[np.int64]:
    """0 or 1, whichever is nearer: what is neither counts as a violation."""
    return (values > 0.5).astype(np.int64)


def _standardized(rows: Floats, known: Floats) -> Floats:
    """Units that are far apart would cost the products their digits."""
    return (rows - known.mean(axis=0)) / np.where(np.ptp(known, axis=0) > 0, known.std(axis=0), 1)


def _deviations(rows: Floats, weights: Weights) -> NDArray[np.float64]:
    share = weights / weights.sum()
    return np.sqrt(share @ (rows - share @ rows) ** 2)


def _mean_of(values: NDArray[np.bool_]) -> Statistic:
    return lambda w, _: mean(values.astype(np.float64), w)


def _mean(values: Floats) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _columns(kind: Kind) -> tuple[Column, ...]:
    if not isinstance(kind, Row):
        raise UserError(f"TableMetric measures rows, and these are {kind.noun}s.")
    return kind.columns


def _check(name: str, rows: Array, columns: Sequence[Column]) -> None:
    if rows.ndim != 2 or rows.shape[1] != len(columns):
        raise UserError(f"{name} of shape {rows.shape} and {len(columns)} columns: want (N, columns).")
    broken = int((~np.isfinite(rows).all(axis=1)).sum())
    if broken:
        raise UserError(f"{broken} of {len(rows)} {name} have NaN or infinity: leave them out, and say how many.")
    need(len(rows), LEAST, name)
