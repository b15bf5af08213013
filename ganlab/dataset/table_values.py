"""The columns of a table's file as the numbers of a row, and back as the text that the file would have."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.core.kind import Column, places_of
from ganlab.core.names import names_of, spelled

if TYPE_CHECKING:
    import pandas as pd

GAPS = ("", "?", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null")
"""What stands in a file where a value is missing."""


Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Notation:
    """How a table's file is written.

    `delimiter` None is the one of comma, semicolon, tab and | that parts the header into the declared columns;
    `missing_values` are the texts that stand for no value. One in the columns `dropping` leaves its row out.
    """

    delimiter: str | None = None
    decimal: str = "."
    missing_values: Sequence[str] = GAPS
    dropping: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.decimal not in (".", ","):
            raise UserError(f"dataset.decimal={self.decimal!r}: accepted are '.' and ','.")
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '"\n\r'):
            raise UserError(f"dataset.delimiter={self.delimiter!r}: accepted is one character, or null.")

    @property
    def gaps(self) -> list[str]:
        """What stands where a value is missing, as text."""
        return list(names_of(self.missing_values))


PLAIN = Notation()


@dataclass(frozen=True)
class ReadColumn:
    """A file's column as numbers `(N, k)`; which values are missing and which are not `accepted`, `(N,)` each."""

    numbers: Floats
    missing: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    accepted: str


def read_column(written: "pd.Series[str]", columns: Sequence[Column], notation: Notation = PLAIN) -> ReadColumn:
    """Return the numbers of one of the file's columns.

    A missing value becomes the lowest one, and 1 in its gap, where `columns` has a place for it.
    """
    first, last = columns[0], columns[-1]
    values = [column.value for column in columns if column.value]
    places = spelled(values)
    texts = [*places, *(spelled([first.no, first.yes]) if first.binary else ())]
    missing = (written.isin(notation.gaps) & ~written.isin(texts)).to_numpy()
    if first.value is not None:
        codes = written.map(places).to_numpy(float)
        codes[missing & (last.value == "")] = len(values)
        wrong, numbers, accepted = np.isnan(codes), np.eye(len(columns))[np.nan_to_num(codes).astype(int)], values
        expected = f"one of {', '.join(accepted)}"
    else:
        single, expected, right = _numbers(written, first, notation)
        wrong, numbers = ~right | missing, single[:, None]
        if last.gap:
            low = first.low if first.low is not None else 0.0 if first.binary else _lowest(single[~wrong])
            numbers = np.column_stack([np.where(missing, low, single), missing])
            wrong = wrong & ~missing
    if first.written_as in notation.dropping:
        wrong = wrong & ~missing
    elif (wrong & missing).any():
        expected += f" (missing: dataset.columns.{first.written_as}.missing=column, or drop to leave such rows out)"
    return ReadColumn(numbers, missing, wrong, expected)


def _lowest(values: NDArray[np.float64]) -> float:
    return float(values.min()) if len(values) else 0.0


def _numbers(written: "pd.Series[str]", column: Column, notation: Notation) -> tuple[Floats, str, NDArray[np.bool_]]:
    """Return a column's values, in words what they have to be, and which of them are."""
    import pandas as pd

    if column.date:
        dates = pd.to_datetime(written, format=column.date, errors="coerce")
        values = np.asarray((dates - pd.Timestamp(0)) / pd.Timedelta(days=1), np.float64)
        return values, f"a date in the format {column.date}", np.isfinite(values)
    if column.binary and (column.no, column.yes) != ("0", "1"):
        values = np.asarray(written.map(spelled([column.no, column.yes])), np.float64)
        return values, f"{column.no} or {column.yes}", np.isfinite(values)
    text = written
    if notation.decimal == ",":
        text = written.mask(written.str.contains(".", regex=False), "").str.replace(",", ".", regex=False)
    values = np.asarray(pd.to_numeric(text, errors="coerce"), np.float64)
    if column.binary:
        right = np.isin(values, (0, 1))
        return values, "0 or 1" if right.any() else "0 or 1 (two texts: binary: ['no', 'yes'])", right
    right = np.abs(values) <= np.finfo(np.float32).max
    if column.whole:
        return values, "a whole number", right & (np.round(values) == values)
    commas = notation.decimal == "." and written.str.fullmatch(r"[-+]?\d+,\d+").any()
    return values, "a number (decimal commas: dataset.decimal=',')" if commas else "a number", right


def write_columns(columns: Sequence[Column], rows: NDArray[np.floating]) -> dict[str, list[str]]:
    """Return the file's columns by name, as text, of rows `(N, columns)`: categories, dates, gaps as the file has."""
    rows = np.asarray(rows)
    return {
        name: _texts([columns[place] for place in places], rows[:, places])
        for name, places in places_of(columns).items()
    }


def _texts(columns: Sequence[Column], numbers: NDArray[np.floating]) -> list[str]:
    first = columns[0]
    if first.value is not None:
        values = [str(column.value) for column in columns]
        return [values[place] for place in numbers.argmax(axis=1)]
    texts = [_text(first, float(number)) for number in numbers[:, 0]]
    if columns[-1].gap:
        texts = ["" if gap > 0.5 else text for text, gap in zip(texts, numbers[:, 1], strict=True)]
    return texts


def _text(column: Column, number: float) -> str:
    if not np.isfinite(number):
        return str(number)
    if column.binary:
        return {0.0: column.no, 1.0: column.yes}.get(number, f"{number:g}")
    if column.date:
        import pandas as pd

        with suppress(ValueError, OverflowError):
            return (pd.Timestamp(0) + pd.Timedelta(days=number)).round("s").strftime(column.date)
    return f"{number:.0f}" if column.whole else f"{number:.6g}"
