"""Generated samples on their way to files."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.core.kind import Kind
from ganlab.exchange.labels import write_labels

PEOPLE = "people.csv"


@dataclass(frozen=True)
class Generated:
    """Samples to be written: `batches` of them with the names of their classes, `count` samples in all.

    `about` are the lines by which every file says what it is, where its format has a place for them; `classes` are the
    names of all classes, none where the samples have none.
    """

    kind: Kind
    batches: Iterator[tuple[NDArray[np.float32], Sequence[str]]]
    count: int
    about: Sequence[str]
    classes: Sequence[str]
    records_per_patient: int = 0
    """Consecutive samples of each patient; 0 where there are no patients."""

    def patient(self, number: int) -> str:
        """Return the id of the patient of a sample, counted from 1; empty where there are none."""
        return f"patient{(number - 1) // self.records_per_patient + 1:05d}" if self.records_per_patient else ""

    def write_people(self, folder: Path) -> None:
        """Write `people.csv`, which `dataset.people` reads, where there are patients."""
        if self.records_per_patient:
            rows = ((self.name(number), self.patient(number)) for number in range(1, self.count + 1))
            with (folder / PEOPLE).open("w", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerows([("name", "person"), *rows])

    def checked(self) -> Iterator[tuple[NDArray[np.float32], Sequence[str]]]:
        """Yield the batches. Raises UserError where one holds NaN or infinity."""
        for samples, labels in self.batches:
            if bad := int((~np.isfinite(samples)).reshape(len(samples), -1).any(axis=1).sum()):
                raise UserError(
                    f"{bad} of {len(samples)} {self.kind.noun}s hold NaN or infinity, so nothing was written: the "
                    "generator has diverged. Another checkpoint: checkpoint=<name>."
                )
            yield samples, labels

    def one_by_one(self) -> Iterator[tuple[int, NDArray[np.float32], str]]:
        """Yield each sample with its number, counted from 1, and the name of its class.

        Raises UserError where one holds NaN or infinity.
        """
        pairs = ((sample, label) for batch in self.checked() for sample, label in zip(*batch, strict=True))
        yield from ((number, *pair) for number, pair in enumerate(pairs, start=1))

    def name(self, number: int) -> str:
        """Return the name of a sample's file, without suffix."""
        return f"synthetic{number:0{max(5, len(str(self.count)))}d}"

    def write_labels(self, folder: Path, labels: Sequence[str]) -> None:
        """Write `labels.csv` where the samples have classes."""
        if self.classes:
            write_labels(folder, ((self.name(number), label) for number, label in enumerate(labels, start=1)))
