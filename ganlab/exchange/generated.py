"""Generated samples on their way to files, and what stands beside each: its classes, its patient, its attributes."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.core.kind import Array, Image, Kind
from ganlab.core.schema import refuse_formulas
from ganlab.exchange.labels import LABEL, PATIENT, PEOPLE, PERSON


@dataclass(frozen=True)
class Generated:
    """Samples to be written: `batches` of them, `count` in all.

    `about` are the lines by which every file says what it is, where its format has a place for them; `classes` are the
    names of all classes, none where the samples have none; `labels` are each sample's, such as `NORM;SR`. `attributes`
    are the values of each sample `(count,)` by name and unit, such as `age (years)`.
    """

    kind: Kind
    batches: Iterator[NDArray[np.float32]]
    count: int
    about: Sequence[str]
    classes: Sequence[str] = ()
    labels: Sequence[str] = ()
    attributes: Mapping[str, Array] = field(default_factory=dict)
    records_per_patient: int = 0
    """Consecutive samples of each patient; 0 where there are no patients."""

    @cached_property
    def beside(self) -> dict[str, Sequence[str]]:
        """What stands beside the samples: columns of texts, one for each sample, by their names."""
        columns: dict[str, Sequence[str]] = {LABEL: self.labels} if self.classes else {}
        if each := self.records_per_patient:
            columns[PATIENT] = [f"patient{number // each + 1:05d}" for number in range(self.count)]
        return columns | {name: [f"{value:.6g}" for value in values] for name, values in self.attributes.items()}

    def cells(self, number: int) -> list[str]:
        """Return the texts beside a sample, which is counted from 1."""
        return [column[number - 1] for column in self.beside.values()]

    def refuse_formulas(self, names: Sequence[str], place: str) -> None:
        """Raise UserError where one of these names, or of those beside the samples, is one a spreadsheet executes."""
        refuse_formulas([*names, *self.beside, *self.classes], place)

    def write_people(self, folder: Path) -> None:
        """Write `people.csv`, which `dataset.people` reads, where something stands beside the samples.

        A sample without a patient is its own. Raises UserError for what a spreadsheet would execute.
        """
        if not self.beside:
            return
        self.refuse_formulas((), PEOPLE)
        suffix = ".png" if isinstance(self.kind, Image) else ""
        names = [f"{self.name(number)}{suffix}" for number in range(1, self.count + 1)]
        columns = {"name": names, PERSON: self.beside.get(PATIENT, names), **self.beside}
        columns.pop(PATIENT, None)
        with (folder / PEOPLE).open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow([name.rpartition(" (")[0] or name for name in columns])
            table.writerows(zip(*columns.values(), strict=True))

    def checked(self) -> Iterator[NDArray[np.float32]]:
        """Yield the batches. Raises UserError where one holds NaN or infinity."""
        for samples in self.batches:
            if bad := int((~np.isfinite(samples)).reshape(len(samples), -1).any(axis=1).sum()):
                raise UserError(
                    f"{bad} of {len(samples)} {self.kind.noun}s hold NaN or infinity, so nothing was written: the "
                    "generator has diverged. Another checkpoint: checkpoint=<name>."
                )
            yield samples

    def one_by_one(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield each sample with its number, counted from 1. Raises UserError where one holds NaN or infinity."""
        yield from enumerate((sample for batch in self.checked() for sample in batch), start=1)

    def name(self, number: int) -> str:
        """Return the name of a sample's file, without suffix."""
        return f"synthetic{number:0{max(5, len(str(self.count)))}d}"
