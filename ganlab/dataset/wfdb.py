"""Folders of WFDB recordings, PhysioNet's or your own.

A record is a header `<name>.hea` and its signals in any of WFDB's formats. A RECORDS file lists the names; without one
every header below the root is a record, but those of segments.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import BadRecord, UserError
from ganlab.core.labels import NO_LABEL, Label, class_names
from ganlab.core.names import names_of
from ganlab.core.record import Record
from ganlab.dataset.annotations import annotated, check_annotations
from ganlab.dataset.bad_segments import Limits
from ganlab.dataset.cache import Describe
from ganlab.dataset.owners import RULES, Owners, owners
from ganlab.dataset.people_file import read_people
from ganlab.dataset.recordings import RecordingSource
from ganlab.dataset.source import Skipped
from ganlab.dataset.wfdb_names import files_hash, listed_names, unlisted_names
from ganlab.dataset.wfdb_record import at_one_rate, read_record
from ganlab.split.base import Member

log = logging.getLogger(__name__)


class WFDB(RecordingSource):
    """Records below `root`, checked as they are read, at `rate` Hz.

    `people` is a CSV file with columns name, person and, where there are `classes`, label, and selects the records. Or
    it is one of `ganlab.dataset.owners.RULES`. Without it patients are recognised by the names of their folders. With
    `many_labels` a record may be of several classes: `NORM;SR` as its label, or a column of 0 and 1 for each class.
    `options` are the `unit` of the windows' values, one of voltage or another that the leads have; `annotations`, the
    ending of annotation files, by which a window is of the rhythm that it lies in; `attributes`, units by the columns
    of continuous values; and the limits of `ganlab.dataset.bad_segments.Limits`: `flat_ms` and `clipped_ms`. Raises
    UserError where there is no such folder or no record in it.
    """

    def __init__(
        self,
        root: str | Path,
        rate: float,
        people: str | Path | None = None,
        classes: Sequence[str] = (),
        on_bad_record: str = "error",
        cache: str | Path = "outputs/cache",
        name: str = "wfdb",
        on_bad_segment: str = "keep",
        many_labels: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(cache, on_bad_record, on_bad_segment)
        self.unit = str(options.pop("unit", "mV"))
        self.attributes = dict(options.pop("attributes", None) or {})
        self.annotations = options.pop("annotations", None)
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < np.inf:
            raise UserError(f"dataset.rate={rate}: accepted is a number of Hz above 0, such as 500.")
        self.limits = Limits(**options)
        self.root = Path(root).expanduser()
        self.rate = rate
        self.rule = str(people) if people in RULES else None
        self.people_file = Path(people).expanduser() if people and not self.rule else None
        self.classes = names_of(classes)
        self.many_labels = many_labels
        self.name = str(name)
        if self.annotations:
            check_annotations(self.annotations, self.classes, many_labels)
        elif (self.classes or self.attributes) and not self.people_file:
            key, value = ("classes", list(self.classes)) if self.classes else ("attributes", self.attributes)
            raise UserError(f"dataset.{key}={value} but no dataset.people, the CSV file that gives them.")

    def names(self) -> Sequence[str]:
        """Return the records that the file of people selects; without one, all. Raises UserError for no record."""
        if self.people_file is None:
            return self.all_names
        names, people = self.all_names, self.people
        selected = [name for name in names if name in people and people[name].label != NO_LABEL]
        if not selected:
            raise UserError(
                f"{self.people_file}: its {len(people)} row(s) select none of the {len(names)} records in {self.root}, "
                f"such as {names[0]}. Its column name is the path below dataset.root without a suffix, its label one "
                "of dataset.classes."
            )
        return selected

    @cached_property
    def others(self) -> list[Skipped]:
        """Records without a row in the file of people, and those whose row has no label where classes are declared."""
        if self.people_file is None:
            return []
        names, people = self.all_names, self.people
        unnamed = sum(name not in people for name in names)
        unlabelled = sum(name in people and people[name].label == NO_LABEL for name in names)
        absent = len(people.keys() - set(names))
        if absent:
            log.warning("%s: %d row(s) name no record below %s", self.people_file, absent, self.root)
        both = {"no row": unnamed, "no label (dataset.classes=[] takes them without)": unlabelled}
        where = self.people_file.name
        return [Skipped(f"not in {where}", f"{n} record(s) have {what} in it", n) for what, n in both.items() if n]

    @cached_property
    def all_names(self) -> Sequence[str]:
        """The names in RECORDS, or of all headers. Raises UserError where there is none."""
        if not self.root.is_dir():
            raise UserError(f"No such folder: {self.root}\n{self.ways_on()}")
        listing = self.root / "RECORDS"
        if not listing.exists():
            return self.unlisted()
        if not (names := listed_names(listing)):
            raise UserError(f"{listing} names no record.\n{self.ways_on()}")
        return names

    def unlisted(self) -> list[str]:
        """Return the names of all headers below the root. Raises UserError where there is none."""
        if not (names := unlisted_names(self.root)):
            raise UserError(f"No RECORDS file and no header (*.hea) in {self.root}.\n{self.ways_on()}")
        return names

    def ways_on(self) -> str:
        """Return the overrides that help a user who has no records in `root`."""
        return "dataset.root=<folder with WFDB records>."

    def identity(self) -> dict[str, Any]:
        """Return root, rate, names, a hash of the files' names, sizes and times, segments' limits.

        Patients, labels and attributes are among it where annotations or headers have a part in them.
        """
        names = self.names()
        values = {
            "root": str(self.root.resolve()),
            "rate": self.rate,
            "names": list(names),
            "files": files_hash(self.root, names),
            "segments": vars(self.limits),
            "annotations": self.annotations,
        }
        if self.describe() is not None:
            return values
        people = [(each.name, each.patient, each.label, *each.attributes) for each in self.people.values()]
        return values | {"people": people or self.rule, "classes": list(self.classes) if self.annotations else None}

    def describe(self) -> Describe | None:
        """Return what gives patients, labels and attributes; None where annotations have a part in the labels."""
        return None if self.annotations else self._described

    def _described(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        patient, diagnosis, label = self.about(row["name"], ())
        attributes = self.attributes_of(row["name"], ())
        return {"patient": patient, "diagnosis": diagnosis, "label": label, "attributes": attributes}

    def read(self, name: str) -> tuple[Record, NDArray[np.integer[Any]]]:
        """Return one record at `rate`, checked against its header. Raises BadRecord with the reason."""
        recording = read_record(self.root, name)
        signals, segments, unusable = at_one_rate(name, recording, self.rate, self.limits)
        if not signals:
            leads = {why: ", ".join(own for own, one in unusable.items() if one == why) for why in unusable.values()}
            raise BadRecord(name, f"cannot use its signals {'; '.join(f'{own}: {why}' for why, own in leads.items())}")
        digital = np.stack([signal.values for signal in signals])
        patient, diagnosis, label = self.about(name, recording.comments)
        record = Record(
            name=name,
            patient=patient,
            diagnosis=diagnosis,
            label=label,
            leads=tuple(signal.name for signal in signals),
            samples=digital.shape[1],
            rate=self.rate,
            gain=tuple(signal.gain for signal in signals),
            baseline=tuple(signal.baseline for signal in signals),
            attributes=self.attributes_of(name, recording.comments),
            segments=segments,
            units=tuple(signal.unit for signal in signals),
            unusable=unusable,
            wide=digital.dtype.itemsize > 2,
        )
        if self.annotations:
            record = annotated(self.root, record, recording.rate, self.annotations, self.classes)
        return record, digital

    @cached_property
    def people(self) -> dict[str, Member]:
        """The members of the file `people` by record; none where no such file."""
        if self.people_file is None:
            return {}
        classes = () if self.annotations else self.classes
        read = read_people(self.people_file, classes, self.many_labels, tuple(self.attributes))
        return {name.removesuffix(".hea"): member for name, member in read.items()}

    @cached_property
    def owners(self) -> Owners:
        """Whose the records are, where no file says it."""
        return owners(self.names(), self.rule)

    def whose(self) -> tuple[str, str]:
        """Return by which rule the patients of records are known, or why it is not certain whose some are."""
        if self.people_file is not None:
            return f"by {self.people_file}", ""
        return self.owners.rule, self.owners.doubt

    def about(self, name: str, comments: Sequence[str]) -> tuple[str, str, Label]:
        """Return patient, diagnosis and label of a record. Raises BadRecord where `people` does not name it."""
        if self.people_file is None:
            return self.owners.patients.get(name, ""), "", 0
        if name not in self.people:
            raise BadRecord(name, f"not in {self.people_file}, so its patient is unknown")
        member = self.people[name]
        labelled = self.classes and not self.annotations
        return member.patient, class_names(member.label, self.classes) if labelled else "", member.label

    def attributes_of(self, name: str, comments: Sequence[str]) -> tuple[float, ...]:
        """Return the attributes of a record, NaN where unknown: those that `people` gives."""
        return self.people[name].attributes if self.attributes else ()
