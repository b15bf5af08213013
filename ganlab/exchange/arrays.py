"""Arrays (.npy with a .json beside it) and tables (.csv) of other tools, and rows of both, read without trust."""

import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganlab.core.errors import UserError
from ganlab.core.kind import Array
from ganlab.exchange.labels import indices, read_labels
from ganlab.exchange.synthetic import LISTED, Request, Synthetic

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


log = logging.getLogger(__name__)


def read_table_of_rows(path: Path, request: Request) -> Synthetic:
    """Read a CSV table by the names of its columns; others are left out. Raises UserError for a missing one."""
    table, names = read_table(path), list(request.kind.parts)
    columns = [str(column) for column in table.columns]
    if lacking := [name for name in names if name not in columns]:
        raise UserError(
            f"{path}: no column {', '.join(lacking[:LISTED])}; it has {', '.join(columns[: 4 * LISTED])}. The first "
            "line must name every column of the data set."
        )
    extra = [name for name in columns if name not in (*names, "label")]
    if extra:
        log.warning("%s: %d column(s) are not of the data set and are left out: %s", path, len(extra), extra[:LISTED])
    refuse_text(path, table, names)
    labels = [str(name) for name in table["label"]] if "label" in columns and "label" not in names else []
    facts = {"format": "CSV", "read": len(table), "columns_left_out": extra}
    values = table[names].to_numpy(np.float32)
    return Synthetic(request.kind, values, indices(path, labels, request.classes), facts)


def read_array_of_rows(path: Path, request: Request) -> Synthetic:
    """Read an array `(rows, columns)`, its columns in the order of the data set or of the JSON file beside it."""
    values, names = read_array(path, (2,)), request.kind.parts
    named = list(read_axes(path).get("columns", names))
    if lacking := [name for name in names if name not in named]:
        raise UserError(f"{path.with_suffix('.json')}: no column {', '.join(lacking[:LISTED])}; it names {named}.")
    if values.shape[1] != len(named):
        raise UserError(
            f"{path} has shape {values.shape}; accepted is (rows, {len(named)}), the columns in the order of the data "
            f"set: {', '.join(named)}."
        )
    values = np.asarray(values[:, [named.index(name) for name in names]], np.float32)
    labels = indices(path, read_labels(path.parent, len(values)), request.classes)
    return Synthetic(request.kind, values, labels, {"format": "npy array", "read": len(values)})
