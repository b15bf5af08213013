r"""Rows compared with rows: each column by itself, the columns together, and whether rows were copied.

Of a continuous column with the distribution functions $F$ and $G$ of the two sets, the Kolmogorov-Smirnov distance is
$\sup_x |F(x) - G(x)|$: 0 where they agree, 1 where they have nothing in common. Correlations are Pearson's, over all
pairs of columns; to compare them is what the thesis leaves to further research (chapter 7). Rows are copies of one
another when they agree on the grid of an 8-bit image, on which a row comes back from a network.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ganlab.dataset.kind import Column, Row
from ganlab.errors import UserError
from ganlab.metrics.base import Measure

Floats = NDArray[np.floating]

MEANING: dict[str, tuple[str, str]] = {
    "table/finite": ("share", "rows without NaN or infinity; the other numbers leave the rest out"),
    "table/ks_mean": (
        "",
        "Kolmogorov-Smirnov distance to real rows, mean of continuous columns; column by column, so blind to what "
        "belongs together in a row, and 0 for copied rows",
    ),
    "table/ks_worst": ("", "the same for the column that is worst off; blind as the mean is"),
    "table/binary_rate_difference": (
        "",
        "|rate of ones - rate in real rows|, mean of binary columns; rare ones hardly count, and it is 0 for copied "
        "rows",
    ),
    "table/correlation_difference": (
        "",
        "|Pearson r - r of real rows|, mean of all pairs of columns, a constant column having r = 0; blind to "
        "relations that are no straight line, and 0 for copied rows",
    ),
    "table/spread_ratio": (
        "",
        "standard deviation over that of real rows, mean of continuous columns, 1 is right; one column too narrow and "
        "one too wide cancel out, and outliers weigh much",
    ),
    "table/copies": (
        "share",
        "rows that equal a real row they are compared with on the 8-bit grid; some do by chance, as the real column "
        "shows; a copy that is a step away in one column is not seen, nor, under split=paper, one of "
        "the half of them that stands in the real column",
    ),
}
"""Unit and meaning of what `measure` returns."""


def measure(samples: Floats, kind: Row, reference: Floats, *, steps: int | None = 254) -> dict[str, float]:
    """Summary of rows beside reference rows under the names of `MEANING`; NaN where no column shows the thing.

    Arguments:
        samples: Rows to judge in the columns' units, with shape (N, columns).
        kind: What the columns are.
        reference: Real rows to compare with, with shape (M, columns).
        steps: Steps between a column's limits on which rows count as equal; None for equal numbers.

    Raises:
        UserError: no rows, or rows of another number of columns.
    """
    rows, known = _finite("rows", samples, kind), _finite("reference rows", reference, kind)
    nothing = dict.fromkeys(MEANING, float("nan"))
    share = {"table/finite": len(rows) / len(samples)}
    return nothing | share | (_compare(rows, known, kind, steps) if len(rows) and len(known) else {})


def ks_distance(a: Floats, b: Floats) -> float:
    """Largest distance of the distribution functions of two sets of values, `(N,)` and `(M,)`."""
    at = np.concatenate([a, b])
    below = [np.searchsorted(np.sort(values), at, side="right") / len(values) for values in (a, b)]
    return float(np.abs(below[0] - below[1]).max())


def correlations(rows: Floats) -> NDArray[np.float64]:
    """Pearson correlations `(columns, columns)` of rows `(N, columns)`; NaN beside a constant column."""
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    length = np.where(np.ptp(rows, axis=0) > 0, np.sqrt((centred**2).sum(axis=0)), np.nan)
    unit = centred / length
    return np.clip(unit.T @ unit, -1, 1)


def correlation_difference(rows: Floats, reference: Floats) -> float:
    """Mean |r - r of the reference| over the pairs of columns that have one in the reference; a missing r is 0."""
    pairs = np.triu_indices(rows.shape[1], 1)
    right = correlations(reference)[pairs]
    difference = np.abs(np.nan_to_num(correlations(rows)[pairs]) - right)
    return _mean(difference[np.isfinite(right)])


def spread_ratio(rows: Floats, reference: Floats) -> float:
    """Standard deviation over that of the reference, mean of the columns that vary in the reference."""
    varied = np.ptp(reference, axis=0) > 0
    return _mean(rows[:, varied].std(axis=0) / reference[:, varied].std(axis=0))


def copies(rows: Floats, reference: Floats, columns: Sequence[Column], steps: int | None = 254) -> float:
    """Share of rows that equal a reference row in every column.

    Arguments:
        rows: Rows in the columns' units, with shape (N, columns).
        reference: Rows that may have been copied, with shape (M, columns).
        columns: What the columns are; where one has no limits, those of the reference are taken.
        steps: Steps between the limits of a column that is neither binary nor whole; None for equal numbers.
    """
    known = set(_cells(reference, reference, columns, steps))
    return _mean([cell in known for cell in _cells(rows, reference, columns, steps)])


def _compare(rows: Floats, known: Floats, kind: Row, steps: int | None) -> dict[str, float]:
    continuous = [index for index, column in enumerate(kind.columns) if not column.binary]
    binary = [index for index, column in enumerate(kind.columns) if column.binary]
    distances = [ks_distance(rows[:, index], known[:, index]) for index in continuous]
    found = {
        "ks_mean": _mean(distances),
        "ks_worst": max(distances, default=float("nan")),
        "binary_rate_difference": _mean(np.abs(rows[:, binary].mean(axis=0) - known[:, binary].mean(axis=0))),
        "correlation_difference": correlation_difference(rows, known),
        "spread_ratio": spread_ratio(rows[:, continuous], known[:, continuous]),
        "copies": copies(rows, known, kind.columns, steps),
    }
    return {f"table/{name}": float(value) for name, value in found.items()}


def _cells(rows: Floats, reference: Floats, columns: Sequence[Column], steps: int | None) -> list[bytes]:
    """Each row as one key, its values rounded to the grid."""
    scaled = np.array(rows, dtype=np.float32)
    for index, column in enumerate(columns):
        if steps is not None and not (column.binary or column.whole):
            low, high = _limits(column, reference[:, index])
            scaled[:, index] = np.rint((rows[:, index] - low) / ((high - low) or 1.0) * steps)
    return [row.tobytes() for row in scaled + np.float32(0)]


def _limits(column: Column, values: Floats) -> tuple[float, float]:
    low = float(values.min()) if column.low is None else column.low
    return low, float(values.max()) if column.high is None else column.high


def _finite(name: str, rows: Floats, kind: Row) -> NDArray[np.float64]:
    if rows.ndim != 2 or not len(rows) or rows.shape[1] != len(kind.columns):
        raise UserError(f"{name} of shape {rows.shape} and {len(kind.columns)} columns: want (N > 0, columns).")
    return rows[np.isfinite(rows).all(axis=1)].astype(np.float64)


def _mean(values: Sequence[float] | Floats) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


class TableMeasure(Measure):
    """`measure` with its settings, as `metrics=table` takes it; `meaning` has a unit and a sentence for each number."""

    meaning = MEANING
    kinds = (Row,)

    def __init__(self, steps: int | None = 254) -> None:
        if steps is not None and steps < 1:
            raise UserError(
                f"metrics.measures.table.steps={steps}: accepted are 1 or more, and null for equal numbers."
            )
        self.steps = steps

    def __call__(self, samples: Floats, kind: Row, reference: Floats) -> dict[str, float]:
        """Measure rows (N, columns) in the columns' units beside reference rows (M, columns)."""
        return measure(samples, kind, reference, steps=self.steps)
