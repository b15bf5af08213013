"""Splits of `ganlab.evaluate`: the one that a run stored, and the parts of a split that samples are compared with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganlab.core.errors import UserError
from ganlab.split.base import Member, Split, Splitter
from ganlab.tracking.provenance import members_hash
from ganlab.tracking.record import SPLIT, read_facts, read_split

PARTS = ("test", "validation")
"""Parts that samples may be compared with; what is held out for attacks is not among them."""
GIVE = "Give the data that the run was trained on: dataset.root=<folder>, or root=<folder> of ganlab.reading_sheet"
COMPARED = "judged"
"""The part that holds the patients of the requested parts."""


@dataclass(frozen=True)
class StoredSplit:
    """The split in the `split.json` of a run's folder."""

    folder: Path

    def __call__(self, members: Sequence[Member]) -> Split:
        """Return the stored parts. Raises UserError where they were changed since, and for other patients or labels."""
        split = read_split(self.folder)
        of_run, of_data = (
            {patient for patients in split.parts.values() for patient in patients},
            {m.patient for m in members},
        )
        if of_run != of_data:
            raise UserError(
                f"{self.folder / SPLIT}: {len(of_run - of_data)} of its {len(of_run)} patients are missing in the "
                f"data, and {len(of_data - of_run)} patients of the data are not in it, so it is not known who trained "
                f"the generator. {GIVE}."
            )
        began = read_facts(self.folder).get("provenance", {}).get("data", {}).get("members")
        if began is not None and began != members_hash(members, split):
            raise UserError(
                f"{self.folder / SPLIT}: these patients, records, labels and parts are not those that the run began "
                f"with (run.json has another hash), so it is not known who trained. Restore split.json. {GIVE}."
            )
        return split


@dataclass(frozen=True)
class ComparedParts:
    """The training patients of a split, and its requested parts as one; nobody else's samples are within reach."""

    splitter: Splitter
    parts: Sequence[str]

    def __call__(self, members: Sequence[Member]) -> Split:
        """Return the split with the parts `train` and COMPARED. Raises UserError where nobody is in COMPARED."""
        split = self.splitter(members)
        patients = tuple(patient for part in self.parts for patient in split.of(part))
        if not patients and set(split.parts) != {"train"}:
            sizes = ", ".join(f"{name} ({len(split.of(name))} patients)" for name in PARTS)
            raise UserError(f"part={','.join(self.parts)}: it has no patients; there are {sizes}.")
        return Split(split.name, split.seed, {"train": split.of("train"), COMPARED: patients}, split.spared)
