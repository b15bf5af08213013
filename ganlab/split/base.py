"""What a split is: disjoint groups of persons."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ganlab.dataset.record import Record
from ganlab.errors import UserError


@dataclass(frozen=True)
class Split:
    """Persons of each part. Raises UserError where a person stands in two parts or nobody trains."""

    name: str
    seed: int
    parts: dict[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        people = [person for part in self.parts.values() for person in part]
        twice = sorted({person for person in people if people.count(person) > 1})
        if twice:
            raise UserError(f"split {self.name}: {', '.join(twice[:5])} in more than one part.")
        if not self.parts.get("train"):
            raise UserError(f"split {self.name}: nobody is left to train on.")

    def of(self, part: str, records: Sequence[Record]) -> list[Record]:
        """The records of the persons of a part."""
        members = set(self.parts.get(part, ()))
        return [record for record in records if record.patient in members]


class Splitter(Protocol):
    """Assigns persons to parts."""

    def __call__(self, records: Sequence[Record]) -> Split:
        """Split the persons of these records."""
