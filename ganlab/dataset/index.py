"""The index of cached recordings on disk: an array a field with a row for each record, so that many are read quickly.

What records share (leads, gains, baselines, units, rate) stands once, as a layout; what few records have (bad segments,
unusable leads, peaks) stands beside the number of the record.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganlab.core.record import Record, Segment
from ganlab.dataset.source import Skipped

COLUMNS = ("name", "patient", "diagnosis", "label", "samples", "offset", "attributes")
"""Fields with an array of their own."""
LAYOUT = ("leads", "rate", "gain", "baseline", "units", "wide")
"""Fields that many records share."""
RARE = ("segments", "unusable", "peaks")
"""Fields that are empty in most records."""


def write_index(folder: Path, records: Sequence[Record], skipped: Sequence[Skipped]) -> None:
    """Write `index.npz` and `index.json` into the folder: the records, and those that were skipped with the reasons."""
    layouts: dict[tuple[Any, ...], int] = {}
    layout = [layouts.setdefault(tuple(getattr(each, key) for key in LAYOUT), len(layouts)) for each in records]
    columns: dict[str, Any] = {key: np.array([getattr(each, key) for each in records]) for key in COLUMNS}
    np.savez(folder / "index.npz", layout=np.array(layout, np.int64), **columns)
    rare = {key: [(n, own) for n, each in enumerate(records) if (own := getattr(each, key))] for key in RARE}
    index = {"layouts": list(layouts), "rare": rare, "skipped": [vars(each) for each in skipped]}
    (folder / "index.json").write_text(json.dumps(index))


Describe = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Returns what is true of a record today, such as its label, given the COLUMNS that the index holds of it."""


def read_index(folder: Path, describe: Describe | None = None) -> tuple[tuple[Record, ...], tuple[Skipped, ...]]:
    """Return the records of a cache folder, each as `describe` has it, and those that were skipped."""
    index = json.loads((folder / "index.json").read_text())
    with np.load(folder / "index.npz") as arrays:
        columns = [_rows(arrays[key]) for key in COLUMNS]
        numbers = arrays["layout"].tolist()
    layouts = [dict(zip(LAYOUT, map(_tuple, each), strict=True)) for each in index["layouts"]]
    rare: dict[int, dict[str, Any]] = defaultdict(dict)
    for key, pairs in index["rare"].items():
        for number, own in pairs:
            rare[number][key] = tuple(Segment(*each) for each in own) if key == "segments" else _tuple(own)
    nothing: dict[str, Any] = {}
    rows = (dict(zip(COLUMNS, row, strict=True)) for row in zip(*columns, strict=True))
    own = rows if describe is None else ({**row, **describe(row)} for row in rows)
    records = tuple(
        Record(**row, **layouts[layout], **rare.get(number, nothing))
        for number, (layout, row) in enumerate(zip(numbers, own, strict=True))
    )
    return records, tuple(Skipped(**each) for each in index["skipped"])


def _rows(column: np.ndarray) -> list[Any]:
    """Return the values of a column; those of several numbers a record, such as multi-hot labels, as tuples."""
    return list(map(tuple, column.tolist())) if column.ndim == 2 else column.tolist()


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
