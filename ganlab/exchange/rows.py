"""Rows of a table read from CSV files and arrays, in the columns' own units."""

import logging
from pathlib import Path

import numpy as np

from ganlab.core.errors import UserError
from ganlab.exchange.arrays import read_array, read_axes, read_table, refuse_text
from ganlab.exchange.labels import indices, read_labels
from ganlab.exchange.synthetic import LISTED, Request, Synthetic

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
