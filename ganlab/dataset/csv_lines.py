"""Lines of text files, read and checked: of numbers, and of the patient and the class of each record or image."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganlab.core.csv_columns import csv_lines, delimiter_of
from ganlab.core.errors import UserError
from ganlab.core.kind import Column, places_of
from ganlab.core.labels import NO_LABEL, SEPARATOR, Label, multi_hot
from ganlab.core.names import spelled
from ganlab.dataset.source import Skipped
from ganlab.dataset.table_values import PLAIN, Notation, read_column
from ganlab.split.base import Member

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Entries:
    """Rows of a table's files: values `(N, columns)`, and of each row a name, a patient and a label.

    `bad` are the unusable lines, `others` the whole ones that were not asked for.
    """

    values: NDArray[np.float64]
    names: NDArray[np.str_]
    patients: NDArray[np.str_]
    labels: NDArray[np.int64]
    bad: Sequence[Skipped] = ()
    others: Sequence[Skipped] = ()


class Line(NamedTuple):
    """A data line: its name `file:line`, its patient where no column names one, and its values as written."""

    name: str
    patient: str
    fields: Sequence[str]


def numbered(lines: Iterable[tuple[str, Sequence[str]]]) -> list[Line]:
    """Return lines of name and fields, each a patient of its own, named by its number among them, from 1."""
    lines = list(lines)
    width = len(str(len(lines)))
    return [Line(name, f"{number:0{width}d}", fields) for number, (name, fields) in enumerate(lines, 1)]


def checked(
    lines: Sequence[Line],
    header: Sequence[str],
    columns: Sequence[Column],
    label: str | None = None,
    labels: Mapping[str, int] | None = None,
    patient: str | None = None,
    notation: Notation = PLAIN,
) -> Entries:
    """Return the values of `columns` as numbers, and of each line without all of them the first reason why.

    `label` is the column of the classes, whose indices `labels` holds; `patient` the one with the ids of patients.
    """
    import pandas as pd

    indices = dict(labels or {})
    counts = {number: len(line.fields) for number, line in enumerate(lines)}
    width = len(header)
    reasons = {number: f"{count} values, expected {width}" for number, count in counts.items() if count != width}
    at = [number for number in range(len(lines)) if number not in reasons]
    frame = pd.DataFrame([lines[number].fields for number in at], index=at, columns=list(header), dtype=str)
    numbers = np.empty((len(frame), len(columns)))
    gaps: dict[str, NDArray[np.bool_]] = {}
    for name, places in places_of(columns).items():
        read = read_column(frame[name], [columns[place] for place in places], notation)
        numbers[:, places] = read.numbers
        _complain(reasons, frame[name], ~read.wrong, f"is not {read.accepted}")
        if name in notation.dropping:
            gaps[name] = read.missing
    if label is not None:
        _complain(
            reasons, frame[label], frame[label].isin(list(indices)).to_numpy(), f"is not one of {', '.join(indices)}"
        )
    if patient is not None:
        _complain(reasons, frame[patient], (frame[patient] != "").to_numpy(), "names no patient")
    dropped = np.any(list(gaps.values()), axis=0) if gaps else np.zeros(len(at), bool)
    kept = [place for place, number in enumerate(at) if number not in reasons and not dropped[place]]
    good = [at[place] for place in kept]
    return Entries(
        values=numbers[kept],
        names=np.array([lines[number].name for number in good], dtype=str),
        patients=np.array(
            [lines[number].patient for number in good] if patient is None else frame[patient][good], dtype=str
        ),
        labels=np.array([indices[name] for name in frame[label][good]] if label else [0] * len(good), dtype=np.int64),
        bad=[Skipped(lines[number].name, reasons[number]) for number in sorted(reasons)],
        others=_dropped(gaps, dropped & ~np.isin(at, list(reasons))),
    )


def _dropped(gaps: Mapping[str, NDArray[np.bool_]], rows: NDArray[np.bool_]) -> list[Skipped]:
    """Return how many rows are left out for what they lack, in all and by column."""
    lacking = ", ".join(f"{name} of {int((gap & rows).sum())}" for name, gap in gaps.items() if (gap & rows).any())
    reason = f"{lacking} (dataset.columns: missing=drop; a row may lack several values)"
    return [Skipped("missing values", reason, int(rows.sum()))] if rows.any() else []


def _complain(reasons: dict[int, str], written: "pd.Series[str]", right: NDArray[np.bool_], reason: str) -> None:
    """Add the reason of each line whose `written` value is not `right`, unless the line has one already."""
    for number, value in zip(written.index[~right].tolist(), written[~right].tolist(), strict=True):
        reasons.setdefault(number, f"{written.name}: {value!r} {reason}")


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
