"""A CSV file with the person and the class of each record or image: columns name, person, label."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ganlab.core.errors import UserError
from ganlab.dataset.csv_lines import read_csv
from ganlab.split.base import Member


def read_people(file: Path, classes: Sequence[str]) -> dict[str, Member]:
    """Return the members by name. The label column is needed where there are `classes`.

    Raises UserError for a missing file or column, a label that is no class, or a name that stands twice.
    """
    if not file.is_file():
        raise UserError(f"dataset.people={file}: no such file. It is a CSV file with columns name, person and label.")
    (_, header), *lines = read_csv(file, "dataset.people") or [(0, [])]
    needed = ("name", "person", "label") if classes else ("name", "person")
    if lacking := [column for column in needed if column not in header]:
        columns = ", ".join(header) or "none"
        raise UserError(f"{file}: no column {', '.join(lacking)}; it has {columns}. Needed are {', '.join(needed)}.")
    members: dict[str, Member] = {}
    for number, fields in lines:
        member = _member(f"{file}:{number}", dict(zip(header, fields, strict=False)), classes)
        if member.name in members:
            raise UserError(f"{file}:{number}: {member.name} stands there twice.")
        members[member.name] = member
    return members


def _member(line: str, row: Mapping[str, str], classes: Sequence[str]) -> Member:
    name, person, label = (row.get(column, "") for column in ("name", "person", "label"))
    if not name or not person:
        raise UserError(f"{line}: name {name!r} and patient {person!r}: neither may be empty.")
    if classes and label not in classes:
        raise UserError(f"{line}: label {label!r} is none of dataset.classes: {', '.join(classes)}.")
    return Member(name, person, list(classes).index(label) if classes else 0)
