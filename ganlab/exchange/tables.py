"""CSV files of other tools, read strictly: a line of names, and in every line below it as many values."""

from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganlab.core.csv_columns import csv_lines, encoding_of
from ganlab.core.errors import UserError
from ganlab.core.names import first_few, repeated

if TYPE_CHECKING:
    import pandas as pd

MISSING = ("", "nan", "NaN", "NA", "null", "None")
"""What programs write for a missing number; files that people keep have others, `table_values.GAPS`."""

Lines = Iterator[tuple[int, list[str]]]
"""Numbers of lines, from 1, and their fields."""


def lines_of(path: Path) -> Lines:
    """Yield the lines that are not empty, the names first, below lines that begin with # and a blank.

    Raises UserError, by line, for what is no CSV, and for names that are empty or occur twice.
    """
    names: list[str] = []
    for number, fields in csv_lines(path, lenient=True):
        names = names or _names(f"{path}:{number}", fields)
        yield number, fields
    if not names:
        raise UserError(f"{path} is empty: the first line must name the columns.")


def even_lines_of(path: Path) -> Lines:
    """Yield the same lines. Raises UserError for one with more or fewer values than there are names."""
    width = 0
    for number, fields in lines_of(path):
        width = width or len(fields)
        if len(fields) != width:
            raise UserError(f"{path}:{number}: {len(fields)} values, expected {width}.")
        yield number, fields


def _names(line: str, names: list[str]) -> list[str]:
    if "" in names:
        raise UserError(f"{line}: column {names.index('') + 1} has no name; is there a comma too many?")
    if twice := repeated(names):
        raise UserError(f"{line}: column {first_few(twice)} occurs twice.")
    return names


def read_table(path: Path, numbers: Collection[str]) -> "pd.DataFrame":
    """Return a CSV file with these columns as numbers, NaN where one is missing, and all others as text.

    Raises UserError as `even_lines_of` does, and for a value of these columns that is not a number.
    """
    import pandas as pd

    at, names = next(lines_of(path))
    count = sum(1 for _ in even_lines_of(path)) - 1
    others = {name: str for name in names if name not in numbers}
    table = pd.read_csv(
        path,
        header=None,
        names=names,
        skiprows=at,
        encoding=encoding_of(path),
        skipinitialspace=True,
        index_col=False,
        dtype=others,
        keep_default_na=False,
        na_values={name: list(MISSING) for name in numbers},
        low_memory=False,
    )
    if len(table) != count:
        raise UserError(f"{path}: {count} lines below the names, of which {len(table)} can be read.")
    for name in set(names) & set(numbers):
        if table[name].to_numpy().dtype.kind not in "iuf":
            table[name] = _numbers(path, table[name])
    return table


def _numbers(path: Path, written: "pd.Series[str]") -> "pd.Series[float]":
    import pandas as pd

    values = pd.to_numeric(written.astype(str), errors="coerce")
    wrong = np.flatnonzero(values.isna() & ~written.isna())
    if len(wrong):
        row = int(wrong[0])
        raise UserError(f"{path}:{line_at(path, row)}: {written.name}: {str(written.iloc[row])!r} is not a number.")
    return values


def line_at(path: Path, row: int) -> int:
    """Return the number of the line of a row, which counts from 0 below the names."""
    return next(islice(lines_of(path), row + 1, None))[0]
