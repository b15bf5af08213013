"""Arrays (.npy with a .json beside it) and tables (.csv) as other tools write them, read without trust."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganlab.core.errors import UserError
from ganlab.core.kind import Array

if TYPE_CHECKING:
    import pandas as pd


def read_array(path: Path, dimensions: tuple[int, ...]) -> Array:
    """Return a memory-mapped array of real numbers with one of these numbers of axes. Raises UserError otherwise."""
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        # numpy parses a header as Python, whose own errors come out too.
        raise UserError(f"{path} is no npy array of numbers ({type(error).__name__}: {error}).") from error
    if values.ndim not in dimensions or not np.issubdtype(values.dtype, np.number) or values.dtype.kind == "c":
        wanted = " or ".join(map(str, dimensions))
        raise UserError(f"{path}: {values.dtype} of shape {values.shape}; accepted are real numbers in {wanted} axes.")
    if not values.size:
        raise UserError(f"{path} has shape {values.shape}: there is nothing in it.")
    return values


def read_axes(path: Path) -> dict[str, Any]:
    """Return leads, rate, unit or columns from the JSON file beside an array; an empty dict where there is none."""
    file = path.with_suffix(".json")
    if not file.is_file():
        return {}
    try:
        axes = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{file} is no JSON ({error}).") from error
    if not isinstance(axes, dict):
        raise UserError(f'{file}: accepted is an object such as {{"leads": ["i"], "rate_hz": 1000, "unit": "mV"}}.')
    return axes


def read_table(path: Path) -> "pd.DataFrame":
    """Return a CSV file whose first lines may be comments that begin with #. Raises UserError where it is none."""
    import pandas as pd

    try:
        with path.open(encoding="utf-8-sig") as lines:
            comments = next((number for number, line in enumerate(lines) if not line.startswith("#")), 0)
        return pd.read_csv(path, skiprows=comments, encoding="utf-8-sig", skipinitialspace=True, dtype={"label": str})
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no CSV file with a line of names ({error}).") from error


def refuse_text(path: Path, table: "pd.DataFrame", columns: Iterable[str]) -> None:
    """Raise UserError where one of these columns holds anything but numbers."""
    for column in columns:
        if not np.issubdtype(table[column].to_numpy().dtype, np.number):
            raise UserError(f"{path}: column {column} holds what is no number, such as {table[column].iloc[0]!r}.")
