"""Rows of a table read from CSV files and arrays of other tools, without trust."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ganlab.core.errors import UserError
from ganlab.core.kind import Array, Row, of_kind, places_of
from ganlab.core.names import first_few, repeated
from ganlab.dataset.table_lines import Line, checked
from ganlab.exchange.arrays import read_array, read_axes
from ganlab.exchange.labels import LABEL, PATIENT, Beside, as_numbers, read_beside
from ganlab.exchange.synthetic import LISTED, Request, Synthetic, refuse_or_count
from ganlab.exchange.tables import lines_of

log = logging.getLogger(__name__)


def read_table_of_rows(path: Path, request: Request) -> Synthetic:
    """Read a CSV table by the names of its columns; others are left out. Raises UserError for a missing one.

    Its values are those that a real table may have: numbers, whole where the column is, 0 and 1 where it is binary,
    texts, dates and gaps as the data set's own file has them.
    """
    (_, columns), *lines = lines_of(path)
    return rows_of(path, columns, lines, request, "CSV")


def rows_of(
    path: Path, columns: Sequence[str], lines: Sequence[tuple[int, list[str]]], request: Request, form: str
) -> Synthetic:
    """Return the rows of a table's lines, numbers with their fields. Raises UserError as `read_table_of_rows` does."""
    kind = of_kind(request.kind, Row)
    names = list(places_of(kind.columns))
    if lacking := [name for name in names if name not in columns]:
        raise UserError(
            f"{path}: no column {', '.join(lacking[:LISTED])}; it has {', '.join(columns[: 4 * LISTED])}. The first "
            "line must name every column of the data set."
        )
    extra = [name for name in columns if name not in (*names, LABEL, PATIENT)]
    if extra:
        log.warning("%s: %d column(s) are not of the data set and are left out: %s", path, len(extra), extra[:LISTED])
    entries = checked(
        [Line(f"{path}:{number}", str(number), fields) for number, fields in lines], columns, kind.columns
    )
    refuse_or_count(path, [f"{bad.record}: {bad.reason}" for bad in entries.bad], request.on_bad)
    usable = {int(number) for number in entries.patients}
    beside = Beside(*(_texts(name, columns, names, lines, usable) for name in (LABEL, PATIENT)))
    facts = {"format": form, "read": len(entries.values), "unreadable": len(entries.bad), "columns_left_out": extra}
    values = entries.values.astype(np.float32)
    return Synthetic(kind, values, facts=facts, **as_numbers(path, beside, request))


def _texts(
    name: str, columns: Sequence[str], parts: Sequence[str], lines: Sequence[tuple[int, list[str]]], usable: set[int]
) -> list[str]:
    """Return a column's texts in the usable lines; none where no column, or one of the data set, has this name."""
    if name not in columns or name in parts:
        return []
    return [fields[columns.index(name)] for number, fields in lines if number in usable]


def read_array_of_rows(path: Path, request: Request) -> Synthetic:
    """Read an array `(rows, columns)`, its columns in the order of the data set or of the JSON file beside it."""
    values, names = read_array(path, (2,)), request.kind.parts
    named = list(read_axes(path).columns or names)
    if lacking := [name for name in names if name not in named]:
        raise UserError(f"{path.with_suffix('.json')}: no column {', '.join(lacking[:LISTED])}; it names {named}.")
    if twice := repeated(named):
        raise UserError(f"{path.with_suffix('.json')}: column {first_few(twice)} occurs twice.")
    if values.shape[1] != len(named):
        raise UserError(
            f"{path} has shape {values.shape}; accepted is (rows, {len(named)}), the columns in the order of the data "
            f"set: {', '.join(named)}."
        )
    beside = as_numbers(path, read_beside(path.parent, len(values)), request)
    values = np.asarray(values[:, [named.index(name) for name in names]], np.float32)
    synthetic = Synthetic(request.kind, values, facts={"format": "npy array", "read": len(values)}, **beside)
    bad = _unlike(of_kind(request.kind, Row), values)
    refuse_or_count(path, [f"row {row}: {reason}" for row, reason in sorted(bad.items())], request.on_bad)
    return synthetic.take(np.setdiff1d(np.arange(len(values)), list(bad))) if bad else synthetic


def _unlike(kind: Row, values: Array) -> dict[int, str]:
    """Return what is wrong with each row, by its place, that holds another value than 0 and 1 or no whole number."""
    reasons: dict[int, str] = {}
    for place, column in enumerate(kind.columns):
        if column.binary or column.whole:
            own = values[:, place]
            fits = np.isin(own, (0, 1)) if column.binary else np.rint(own) == own
            expected = "0 or 1" if column.binary else "a whole number"
            for row in np.flatnonzero(~fits & np.isfinite(own)).tolist():
                reasons.setdefault(row, f"{column.name}: {own[row]:g} is not {expected}")
    return reasons
