"""Class labels of samples: read from and written to `labels.csv`, and as indices of classes."""

import csv
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from ganlab.core.errors import UserError
from ganlab.core.labels import SEPARATOR, Labels, label_array, multi_hot, names_in
from ganlab.core.names import repeated
from ganlab.core.schema import refuse_formulas
from ganlab.exchange.synthetic import LISTED, Request
from ganlab.exchange.tables import even_lines_of

log = logging.getLogger(__name__)

LABELS = "labels.csv"


def write_labels(folder: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Write names and classes of samples to `labels.csv`. Raises UserError for a class that is a formula."""
    rows = list(rows)
    refuse_formulas({label for _, label in rows}, LABELS)
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
    if len(by_name) < len(rows):
        twice = repeated(name for name, _ in rows)[0]
        raise UserError(f"{file}: {twice!r} stands twice; accepted is a label for each sample.")
    labels = [by_name.get(name, by_name.get(str(PurePosixPath(name).with_suffix("")))) for name in names]
    if lacking := [name for name, label in zip(names, labels, strict=True) if label is None]:
        raise UserError(f"{file}: no label for {len(lacking)} of {len(names)} names, such as {lacking[0]}.")
    return [label for label in labels if label is not None]


def _rows(file: Path) -> list[tuple[str, str]]:
    (_, columns), *lines = even_lines_of(file)
    if missing := {"name", "label"} - set(columns):
        raise UserError(f"{file}: no column {', '.join(sorted(missing))}; accepted are name and label.")
    name, label = columns.index("name"), columns.index("label")
    return [(fields[name], fields[label]) for _, fields in lines]


def indices(path: Path, labels: Sequence[str], request: Request) -> Labels | None:
    """Return labels `(N,)` as indices of classes; None where the samples have no labels, or the data no classes.

    Where a sample may have several, each holds any of the names, as in `NORM;SR`, and the labels are multi-hot `(N, C)`
    of bool. Raises UserError for a label that is no class of the data set.
    """
    classes, several = request.classes, request.many_labels
    if not labels:
        return None
    if not classes:
        log.warning("%s: its labels are not used: the data set has no classes", path)
        return None
    if unknown := sorted(set(names_in(SEPARATOR.join(labels)) if several else labels) - set(classes)):
        raise UserError(
            f"{path}: label {', '.join(map(repr, unknown[:LISTED]))} is no class of the data set; accepted are "
            f"{', '.join(classes)}."
        )
    return label_array([multi_hot(label, classes) if several else list(classes).index(label) for label in labels])
