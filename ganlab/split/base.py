"""Splits: disjoint groups of patients."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ganlab.core.errors import UserError
from ganlab.core.labels import Label
from ganlab.core.names import first_few


@dataclass(frozen=True)
class Member:
    """A record, row or image as a split needs it: its name, its patient, its class or classes, and its attributes.

    `fold` is the fold that its data set publishes for it, "" for none.
    """

    name: str
    patient: str
    label: Label
    attributes: tuple[float, ...] = ()
    fold: str = ""


@dataclass(frozen=True)
class Split:
    """Patients of each part. Raises UserError where a patient is in two parts or the training part is empty.

    `spared` are the names of recordings of training patients that are not trained on.
    """

    name: str
    seed: int
    parts: dict[str, tuple[str, ...]]
    spared: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        patients = Counter(patient for part in self.parts.values() for patient in part)
        twice = sorted(patient for patient, parts in patients.items() if parts > 1)
        if twice:
            raise UserError(f"split {self.name}: {first_few(twice)} in more than one part.")
        if not self.parts.get("train"):
            raise UserError(f"split {self.name}: no patient is left for training.")

    def of(self, part: str) -> tuple[str, ...]:
        """Return the patients of a part, none where the split has no such part."""
        return self.parts.get(part, ())


Splitter = Callable[[Sequence[Member]], Split]
"""Assigns the patients of records, rows or images to parts."""
