"""A CSV file that says of each record or image whose it is, and which class it has: columns name, person, label."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from ganlab.core.errors import UserError
from ganlab.dataset.table import read_text
from ganlab.split.base import Member


def read_people(file: Path, classes: Sequence[str]) -> dict[str, Member]:
    """Member by name. The label column is needed where there are `classes`.

    Raises UserError for a file or column that is not there, a label that is no class, or a name that stands twice.
    """
    if not file.is_file():
        raise UserError(f"dataset.people={file}: no such file. It is a CSV file with columns name, person and label.")
    reader = csv.DictReader(io.StringIO(read_text(file), newline=""), strict=True)
    try:
        needed = ("name", "person", "label") if classes else ("name", "person")
        lacking = [column for column in needed if column not in (reader.fieldnames or ())]
        if lacking:
            there = ", ".join(reader.fieldnames or ()) or "none"
            raise UserError(f"{file}: no column {', '.join(lacking)}; it has {there}. Needed are {', '.join(needed)}.")
        members: dict[str, Member] = {}
        for row in reader:
            member = _member(file, reader.line_num, row, classes)
            if member.name in members:
                raise UserError(f"{file}:{reader.line_num}: {member.name} stands there twice.")
            members[member.name] = member
    except csv.Error as error:
        raise UserError(f"{file}:{reader.line_num} is not CSV: {error}. See dataset.people=.") from error
    return members


def _member(file: Path, line: int, row: dict[str, str], classes: Sequence[str]) -> Member:
    name, person = (row["name"] or "").strip(), (row["person"] or "").strip()
    if not name or not person:
        raise UserError(f"{file}:{line}: name {name!r} and person {person!r}: neither may be empty.")
    if not classes:
        return Member(name, person, 0)
    label = (row["label"] or "").strip()
    if label not in classes:
        raise UserError(f"{file}:{line}: label {label!r} is none of dataset.classes: {', '.join(classes)}.")
    return Member(name, person, list(classes).index(label))
