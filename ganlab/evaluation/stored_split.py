"""Splits of `ganlab.evaluate`: the one that a run stored, and the parts of a split that samples are compared with."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganlab.core.errors import UserError
from ganlab.split.base import Member, Split, Splitter

PARTS = ("test", "validation")
"""Parts that samples may be compared with; what is held out for attacks is not among them."""
COMPARED = "judged"
"""The part that holds the patients of the requested parts."""


@dataclass(frozen=True)
class StoredSplit:
    """The split in a run's `split.json`."""

    file: Path

    def __call__(self, members: Sequence[Member]) -> Split:
        """Return the stored parts. Raises UserError where the data's patients are not those of the run."""
        stored = json.loads(self.file.read_text())
        parts = {part: tuple(people) for part, people in stored["parts"].items()}
        of_run, of_data = {person for people in parts.values() for person in people}, {m.patient for m in members}
        if of_run != of_data:
            raise UserError(
                f"{self.file}: {len(of_run - of_data)} of its {len(of_run)} patients are missing in the data, and "
                f"{len(of_data - of_run)} are there that it does not know: who trained the generator would be guessed. "
                "Give the data that the run was trained on: dataset=... dataset.root=..."
            )
        return Split(stored["name"], stored["seed"], parts, tuple(stored.get("spared", ())))


@dataclass(frozen=True)
class ComparedParts:
    """The training patients of a split, and its requested parts as one; nobody else's samples are within reach."""

    splitter: Splitter
    parts: Sequence[str]

    def __call__(self, members: Sequence[Member]) -> Split:
        """Return the split with the parts `train` and COMPARED. Raises UserError where nobody is in COMPARED."""
        split = self.splitter(members)
        people = tuple(person for part in self.parts for person in split.of(part))
        if not people and set(split.parts) != {"train"}:
            sizes = ", ".join(f"{name} ({len(split.of(name))} patients)" for name in PARTS)
            raise UserError(f"part={','.join(self.parts)}: nobody is in it; there are {sizes}.")
        return Split(split.name, split.seed, {"train": split.of("train"), COMPARED: people}, split.spared)
