"""What stands beside samples: their classes and patients, read from `labels.csv` or `people.csv`, and as numbers."""

import logging
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from ganlab.core.errors import UserError
from ganlab.core.labels import SEPARATOR, Labels, label_array, multi_hot, names_in
from ganlab.core.names import repeated
from ganlab.exchange.synthetic import LISTED, Request
from ganlab.exchange.tables import even_lines_of

log = logging.getLogger(__name__)

LABELS, PEOPLE = "labels.csv", "people.csv"
LABEL, PATIENT, PERSON = "label", "patient", "person"
"""Columns of classes and patients; the latter's name in `people.csv`, which `dataset.people` reads."""
CLASS_COMMENT = "class"
"""Of a WFDB header: `class: NORM`, as `patient: patient00001`."""


class Beside(NamedTuple):
    """The names of samples' classes and patients, each of all samples or none."""

    labels: Sequence[str] = ()
    patients: Sequence[str] = ()


def read_beside(folder: Path, names: Sequence[str] | int) -> Beside:
    """Return classes and patients in `labels.csv`, else in `people.csv`; nothing where no such file.

    Samples are identified by `names`, with or without a suffix, or by their order where only their count is given.
    Raises UserError for a file without these columns, or without a line for each sample.
    """
    file = next((folder / name for name in (LABELS, PEOPLE) if (folder / name).is_file()), None)
    if file is None:
        return Beside()
    (_, columns), *lines = even_lines_of(file)
    needed = ("name", LABEL) if file.name == LABELS else ("name",)
    if missing := set(needed) - set(columns):
        raise UserError(f"{file}: no column {', '.join(sorted(missing))}; accepted are name and label.")
    rows = [dict(zip(columns, fields, strict=True)) for _, fields in lines]
    of = rows if isinstance(names, int) else _by_name(file, rows, names)
    if isinstance(names, int) and len(rows) != names:
        raise UserError(f"{file} has {len(rows)} labels for {names} samples; accepted is one for each, in order.")
    patient = PATIENT if PATIENT in columns else PERSON
    return Beside(*([row[column] for row in of] if column in columns else () for column in (LABEL, patient)))


def _by_name(file: Path, rows: Sequence[dict[str, str]], names: Sequence[str]) -> list[dict[str, str]]:
    by_name = {row["name"]: row for row in rows}
    if len(by_name) < len(rows):
        twice = repeated(row["name"] for row in rows)[0]
        raise UserError(f"{file}: {twice!r} occurs twice; accepted is a label for each sample.")
    of = [by_name.get(name, by_name.get(str(PurePosixPath(name).with_suffix("")))) for name in names]
    if lacking := [name for name, row in zip(names, of, strict=True) if row is None]:
        raise UserError(f"{file}: no label for {len(lacking)} of {len(names)} names, such as {lacking[0]}.")
    return [row for row in of if row is not None]


def as_numbers(path: Path, beside: Beside, request: Request) -> dict[str, Any]:
    """Return `labels` and `patients` of `ganlab.exchange.synthetic.Synthetic`. Raises UserError as `indices` does."""
    names, numbers = np.unique(np.array(beside.patients, str), return_inverse=True)
    several = len(names) < len(numbers)
    return {"labels": indices(path, beside.labels, request), "patients": numbers if several else None}


def indices(path: Path, labels: Sequence[str], request: Request) -> Labels | None:
    """Return labels `(N,)` as indices of classes; None where the samples have no labels, or the data no classes.

    Where a sample may have several, each holds any of the names, as in `NORM;SR`, and the labels are multi-hot `(N, C)`
    of bool. Raises UserError for a label that is not a class of the data set.
    """
    classes, several = request.classes, request.many_labels
    if not labels:
        return None
    if not classes:
        log.warning("%s: its labels are not used: the data set has no classes", path)
        return None
    if unknown := sorted(set(names_in(SEPARATOR.join(labels)) if several else labels) - set(classes)):
        raise UserError(
            f"{path}: label {', '.join(map(repr, unknown[:LISTED]))} is not a class of the data set; accepted are "
            f"{', '.join(classes)}."
        )
    return label_array([multi_hot(label, classes) if several else list(classes).index(label) for label in labels])
