"""The file `dataset.people`: the patient, the class and the attributes of each record or image."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from ganlab.core.csv_columns import csv_lines, delimiter_of
from ganlab.core.errors import UserError
from ganlab.core.labels import NO_LABEL, SEPARATOR, Label, multi_hot
from ganlab.core.names import spelled
from ganlab.split.base import Member


def read_people(
    file: Path, classes: Sequence[str], many_labels: bool = False, attributes: Sequence[str] = ()
) -> dict[str, Member]:
    """Return the members by name. The label column is needed where there are `classes`.

    With `many_labels` its cells hold any of the classes, as in `NORM;SR`; without the column each class has one of its
    own, of 0 and 1. An empty cell of one label is NO_LABEL. `attributes` are columns of numbers, where an empty cell is
    unknown.

    Raises UserError for a missing file or column, a label that is no class, or a name that occurs twice.
    """
    if not file.is_file():
        raise UserError(f"dataset.people={file}: no such file. It is a CSV file with columns name, person and label.")
    delimiter = delimiter_of(file, ("name", "person", "label", *attributes))
    (_, header), *lines = [*csv_lines(file, delimiter, " See dataset.people=.")] or [(0, [])]
    labels = ("label",) if "label" in header or not many_labels else tuple(classes)
    needed = ("name", "person", *(labels if classes else ()), *attributes)
    if lacking := [column for column in needed if column not in header]:
        columns = ", ".join(header) or "none"
        raise UserError(f"{file}: no column {', '.join(lacking)}; it has {columns}. Needed are {', '.join(needed)}.")
    members: dict[str, Member] = {}
    for number, fields in lines:
        line, row = f"{file}:{number}", dict(zip(header, fields, strict=False))
        member = _member(line, row, _label(line, row, classes, many_labels), attributes)
        if member.name in members:
            raise UserError(f"{file}:{number}: {member.name} occurs twice.")
        members[member.name] = member
    return members


def _member(line: str, row: Mapping[str, str], label: Label, attributes: Sequence[str]) -> Member:
    name, patient = (row.get(column, "") for column in ("name", "person"))
    if not name or not patient:
        raise UserError(f"{line}: name {name!r} and person {patient!r}: neither may be empty.")
    return Member(name, patient, label, tuple(_number(line, column, row.get(column, "")) for column in attributes))


def _label(line: str, row: Mapping[str, str], classes: Sequence[str], many_labels: bool) -> Label:
    label = row.get("label", "")
    if many_labels and "label" not in row:
        if wrong := [f"{name} {row[name]!r}" for name in classes if row.get(name) not in ("0", "1")]:
            raise UserError(f"{line}: {', '.join(wrong)}: accepted in the column of a class are 0 and 1.")
        return tuple(row[name] == "1" for name in classes)
    accepted = f"none of dataset.classes: {', '.join(classes)}."
    if many_labels:
        try:
            return multi_hot(label, classes)
        except ValueError as error:
            raise UserError(f"{line}: label {error} is {accepted}") from error
    places = spelled(classes)
    if classes and not label:
        return NO_LABEL
    if classes and label not in places:
        more = " For several labels a record: dataset.many_labels=true." if SEPARATOR in label else ""
        raise UserError(f"{line}: label {label!r} is {accepted}{more}")
    return places[label] if classes else 0


def _number(line: str, column: str, text: str) -> float:
    """Return a cell as a number, NaN where it is empty. Raises UserError for what is none."""
    try:
        number = float(text or "nan")
    except ValueError:
        number = math.inf
    if math.isinf(number):
        raise UserError(
            f"{line}: {column} {text!r}: accepted in a column of dataset.attributes is a number, or nothing."
        )
    return number
