"""Class labels of samples: read from and written to `labels.csv`, and as indices of classes."""

import csv
import io
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.dataset.csv_lines import read_text
from ganlab.exchange.synthetic import LISTED

log = logging.getLogger(__name__)

LABELS = "labels.csv"


def write_labels(folder: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Write names and class names of samples to `labels.csv` in a folder."""
    with (folder / LABELS).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("name", "label"), *rows])


def read_labels(folder: Path, names: Sequence[str] | int) -> list[str]:
    """Return the class names of samples in `labels.csv`; an empty list where there is no such file.

    Samples are identified by `names`, with or without a suffix, or by their order where only their count is given.
    Raises UserError for a file without these columns, or without a label for each sample.
    """
    file = folder / LABELS
    if not file.is_file():
        return []
    rows = _rows(file)
    if isinstance(names, int):
        if len(rows) != names:
            raise UserError(f"{file} has {len(rows)} labels for {names} samples; accepted is one for each, in order.")
        return [label for _, label in rows]
    by_name = dict(rows)
    labels = [by_name.get(name, by_name.get(str(PurePosixPath(name).with_suffix("")))) for name in names]
    if lacking := [name for name, label in zip(names, labels, strict=True) if label is None]:
        raise UserError(f"{file}: no label for {len(lacking)} of {len(names)} names, such as {lacking[0]}.")
    return [label for label in labels if label is not None]


def _rows(file: Path) -> list[tuple[str, str]]:
    reader = csv.DictReader(io.StringIO(read_text(file), newline=""))
    try:
        if missing := {"name", "label"} - set(reader.fieldnames or ()):
            raise UserError(f"{file}: no column {', '.join(sorted(missing))}; accepted are name and label.")
        return [(row["name"], row["label"]) for row in reader]
    except csv.Error as error:
        raise UserError(f"{file}:{reader.line_num} is not CSV: {error}.") from error


def indices(path: Path, labels: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64] | None:
    """Return labels `(N,)` as indices of classes; None where the samples have no labels, or the data no classes.

    Raises UserError for a label that is no class of the data set.
    """
    if not labels:
        return None
    if not classes:
        log.warning("%s: its labels are not used: the data set has no classes", path)
        return None
    if unknown := sorted(set(labels) - set(classes)):
        raise UserError(
            f"{path}: label {', '.join(map(repr, unknown[:LISTED]))} is no class of the data set; accepted are "
            f"{', '.join(classes)}."
        )
    return np.array([list(classes).index(label) for label in labels], dtype=np.int64)
