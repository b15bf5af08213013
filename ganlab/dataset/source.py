"""The base of all data sets: samples with labels and patients, in the form that an arrangement takes."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ganlab.arrangement.base import Arrangement
from ganlab.core.errors import UserError
from ganlab.core.kind import Kind
from ganlab.core.labels import NO_CLASS, label_array, of_class
from ganlab.dataset.samples import Samples
from ganlab.split.base import Member

log = logging.getLogger(__name__)

Mask = NDArray[np.bool_]

SKIPPED_SHOWN = 5
"""Skipped records in a message."""


@dataclass(frozen=True)
class Skipped:
    """A record, row or image that is left out, or several under one name, and the reason."""

    record: str
    reason: str
    count: int = 1
    """Samples or records that it stands for."""
    noun: str = ""
    """Noun of what it stands for, where that is no record, row or image: windows of a record in use."""
    names: str = ""
    """What of the reason names records or patients. It stays where the data are."""


@dataclass(frozen=True)
class Collected:
    """The samples of a source under an arrangement.

    `members` are all, usable under this arrangement or not, so that a patient is in the same part of a split under
    every arrangement. `train` are all usable samples as the arrangement takes them, `judged` the same ones in the form
    that its decoding gives.
    """

    members: Sequence[Member]
    train: Samples
    judged: Samples
    skipped: Sequence[Skipped]
    doubtful: Sequence[Skipped] = ()
    """Samples that are used although something is wrong with them, and the reason."""

    @property
    def left_out(self) -> int:
        """Number of samples or records left out: no two entries of `skipped` stand for the same one."""
        return sum(skipped.count for skipped in self.skipped)


class Source(ABC):
    """A data set. `classes` are the names of its labels, none where it has no labels.

    With `many_labels` a sample may be of several classes, or of none: its label is a multi-hot row. `attributes`
    are the units of continuous values that come with each sample, by name, such as years of the age.
    """

    name: str
    """Name of the data set, in messages and in the names of cache folders."""
    classes: Sequence[str] = ()
    many_labels: bool = False
    attributes: Mapping[str, str] = {}
    note: str = ""
    """Note for the recipients of data made from these."""
    simulated: ClassVar[bool] = False
    """Whether the data are simulated, of no patient; the report then explains its word "real"."""

    def __init__(self, on_bad_record: str = "error") -> None:
        if on_bad_record not in ("error", "skip"):
            raise UserError(f"dataset.on_bad_record={on_bad_record!r}: accepted are error and skip.")
        self.on_bad_record = on_bad_record

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the attributes with their units, such as `age (years)`."""
        return tuple(f"{name} ({unit})" for name, unit in self.attributes.items())

    @abstractmethod
    def kind(self, arrangement: Arrangement) -> Kind:
        """Return the kind of decoded samples; reads no data. Raises UserError for an arrangement of another kind."""

    @abstractmethod
    def collect(self, arrangement: Arrangement) -> Collected:
        """Return all samples, which are fetched if that is configured, checked and cached."""

    @abstractmethod
    def plain(self) -> Arrangement:
        """Return the plainest arrangement of all parts of a sample, to look at the data before any choice."""

    def tables(self, collected: Collected) -> dict[str, dict[str, dict[str, int]]]:
        """Return tables by title: by class, the numbers of records, patients and samples (paper Table 2).

        Where a sample may have several labels a second table counts by their number.
        """
        if not self.classes:
            return {}
        samples, people = collected.judged, self.kind(self.plain()).people
        labels = label_array([member.label for member in collected.members])

        def row(records: Mask, own: Mask) -> dict[str, int]:
            return {"records": int(records.sum()), people: len(set(samples.patients[own])), "samples": int(own.sum())}

        numbers = range(len(self.classes))
        rows = {self.classes[n]: row(of_class(labels, n), of_class(samples.labels, n)) for n in numbers}
        if labels.ndim == 1:
            return {"Classes": rows}
        counts, own = labels.sum(axis=1), samples.labels.sum(axis=1)
        several = {n: f"{n} classes" if n > 1 else "1 class" if n else NO_CLASS for n in np.unique(counts).tolist()}
        by_count = {name: row(counts == n, own == n) for n, name in several.items()}
        return {"Classes": rows, "Classes of one record": by_count}

    def refuse_or_log(self, skipped: Sequence[Skipped]) -> None:
        """Apply `on_bad_record`: raise UserError, or log the number of records left out and the reasons."""
        if not skipped:
            return
        shown = "\n".join(f"  {bad.record}: {bad.reason}" for bad in skipped[:SKIPPED_SHOWN])
        more = f"\n  and {len(skipped) - SKIPPED_SHOWN} more" if len(skipped) > SKIPPED_SHOWN else ""
        if self.on_bad_record == "error":
            raise UserError(
                f"{self.name}: {len(skipped)} record(s) cannot be used:\n{shown}{more}\n"
                "Repair or replace them, or leave them out with dataset.on_bad_record=skip."
            )
        log.warning("%s: %d record(s) skipped:\n%s%s", self.name, len(skipped), shown, more)
