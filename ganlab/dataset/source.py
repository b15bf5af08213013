"""What a data set is to an experiment: samples with labels and persons, in the form that an arrangement takes."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ganlab.arrangement.base import Arrangement
from ganlab.core.errors import UserError
from ganlab.core.kind import Kind
from ganlab.dataset.samples import Samples
from ganlab.split.base import Member

log = logging.getLogger(__name__)

SKIPPED_SHOWN = 5


@dataclass(frozen=True)
class Skipped:
    """A record, row or image that is left out, or so many of them under one name, and why."""

    record: str
    reason: str
    count: int = 1
    """How many samples or records it stands for."""
    noun: str = ""
    """What it stands for, where that is not what the data set is listed by: windows of a record that is used."""


@dataclass(frozen=True)
class Collected:
    """What a source has under an arrangement.

    `members` is everybody, usable under this arrangement or not, so that a person stands on the same side of a split
    under every arrangement. `train` are all usable samples as the arrangement takes them, `judged` the same ones in
    the form that its decoding gives.
    """

    members: Sequence[Member]
    train: Samples
    judged: Samples
    skipped: Sequence[Skipped]
    doubtful: Sequence[Skipped] = ()
    """Samples that are used although something is wrong with them, and what."""

    @property
    def left_out(self) -> int:
        """How many samples or records are left out: no two entries of `skipped` stand for the same one."""
        return sum(skipped.count for skipped in self.skipped)


class Source(ABC):
    """A data set. `classes` are the names of its labels, none where it has no labels."""

    name: str
    """How the data set is called, in messages and in the names of cache folders."""
    classes: Sequence[str] = ()
    note: str = ""
    """What whoever receives data made from these should know of them."""
    simulated: ClassVar[bool] = False
    """Whether no person stands behind the data; the report then says what "real" means."""

    def __init__(self, on_bad_record: str = "error") -> None:
        if on_bad_record not in ("error", "skip"):
            raise UserError(f"dataset.on_bad_record={on_bad_record!r}: accepted are error and skip.")
        self.on_bad_record = on_bad_record

    @abstractmethod
    def kind(self, arrangement: Arrangement) -> Kind:
        """What a decoded sample is. Reads no data. Raises UserError for an arrangement of another kind of data."""

    @abstractmethod
    def collect(self, arrangement: Arrangement) -> Collected:
        """Fetch if asked to, check, cache, and open the data."""

    @abstractmethod
    def plain(self) -> Arrangement:
        """The plainest arrangement of all that a sample has: to look at the data before any choice is made."""

    def tables(self, collected: Collected) -> dict[str, dict[str, dict[str, int]]]:
        """By title a table that has, by class, how many records, persons and samples there are (paper Table 2)."""
        if not self.classes:
            return {}
        samples = collected.judged
        rows = {
            name: {
                "records": sum(member.label == label for member in collected.members),
                "persons": len(set(samples.persons[samples.labels == label])),
                "samples": int((samples.labels == label).sum()),
            }
            for label, name in enumerate(self.classes)
        }
        return {"Classes": rows}

    def refuse_or_log(self, skipped: Sequence[Skipped]) -> None:
        """Apply `on_bad_record`: raise UserError, or log how many records are left out and why."""
        if not skipped:
            return
        shown = "\n".join(f"  {bad.record}: {bad.reason}" for bad in skipped[:SKIPPED_SHOWN])
        more = f"\n  and {len(skipped) - SKIPPED_SHOWN} more" if len(skipped) > SKIPPED_SHOWN else ""
        if self.on_bad_record == "error":
            raise UserError(
                f"{self.name}: {len(skipped)} record(s) cannot be used:\n{shown}{more}\n"
                "Mend or replace them, or leave them out with dataset.on_bad_record=skip."
            )
        log.warning("%s: %d record(s) skipped:\n%s%s", self.name, len(skipped), shown, more)
