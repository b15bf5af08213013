"""Folders of WFDB recordings, PhysioNet's or your own.

A record is a header `<name>.hea` and its signals in format 16. A RECORDS file lists the names; without one every header
below the root is a record.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import BadRecord, UserError
from ganlab.core.labels import Label, class_names
from ganlab.core.record import Record
from ganlab.dataset.annotations import annotated, check_annotations
from ganlab.dataset.csv_lines import read_people
from ganlab.dataset.recordings import RecordingSource
from ganlab.dataset.segments import NOT_A_SAMPLE, Limits, at_rate, bridged, find_segments
from ganlab.dataset.wfdb_record import MILLIVOLTS_IN, check_samples, read_record, resampled
from ganlab.split.base import Member

log = logging.getLogger(__name__)

LONGEST_NAME = 200
"""Characters of each part of a record's name: a file system has 255 bytes for a file's name."""


class WFDB(RecordingSource):
    """Records below `root`, checked as they are read, at `rate` Hz.

    `people` is a CSV file with columns name, person and, where there are `classes`, label; without it the first folder
    of a record's name is its patient. With `many_labels` a record may be of several classes: `NORM;SR` as its label, or
    a column of 0 and 1 for each class. With `annotations`, the ending of annotation files, a window is of the rhythm
    that it lies in. A record with samples that have no value is refused, unless `on_bad_segment` is
    drop: then the windows over them are left out. `limits` are those of `ganlab.dataset.segments.Limits`: `flat_ms` and
    `clipped_ms`, and `attributes`, units by the columns of continuous values. Raises UserError where
    there is no such folder or no record in it.
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
        **limits: Any,
    ) -> None:
        super().__init__(cache, on_bad_record, on_bad_segment)
        self.attributes = dict(limits.pop("attributes", None) or {})
        self.annotations = limits.pop("annotations", None)
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < np.inf:
            raise UserError(f"dataset.rate={rate}: accepted is a number of Hz above 0, such as 500.")
        self.limits = Limits(**limits)
        self.root = Path(root).expanduser()
        self.rate = rate
        self.people_file = Path(people).expanduser() if people else None
        self.classes = tuple(str(each) for each in classes)
        self.many_labels = many_labels
        self.attribute_names = tuple(f"{column} ({unit})" for column, unit in self.attributes.items())
        self.name = name
        self._people: dict[str, Member] | None = None
        if self.annotations:
            check_annotations(self.annotations, self.classes, many_labels)
        elif (self.classes or self.attributes) and not people:
            key, value = ("classes", list(self.classes)) if self.classes else ("attributes", self.attributes)
            raise UserError(f"dataset.{key}={value} but no dataset.people, the CSV file that gives them.")

    def names(self) -> Sequence[str]:
        """Return the names in RECORDS, or of all headers. Raises UserError for names that would leave the root."""
        if not self.root.is_dir():
            raise UserError(f"No such folder: {self.root}\n{self.ways_on()}")
        listing = self.root / "RECORDS"
        if not listing.is_file():
            return self.unlisted()
        try:
            names = listing.read_text(encoding="utf-8").split()
        except (OSError, ValueError) as error:
            raise UserError(f"{listing} is not readable as text ({error}).\n{self.ways_on()}") from error
        if not names:
            raise UserError(f"{listing} names no record.\n{self.ways_on()}")
        if twice := [name for name, times in Counter(names).items() if times > 1]:
            raise UserError(f"{listing} names {', '.join(twice[:5])} more than once; each would count double.")
        for name in names:
            _refuse_name(listing, name)
        return names

    def unlisted(self) -> list[str]:
        """Return the names of all headers below the root. Raises UserError where there is none."""
        names = sorted(path.relative_to(self.root).with_suffix("").as_posix() for path in self.root.rglob("*.hea"))
        if not names:
            raise UserError(f"No RECORDS file and no header (*.hea) in {self.root}.\n{self.ways_on()}")
        for name in names:
            _refuse_name(self.root, name)
        return names

    def ways_on(self) -> str:
        """Return the overrides that help a user who has no records in `root`."""
        return "dataset.root=<folder with WFDB records>."

    def identity(self) -> dict[str, Any]:
        """Return root, rate, name, size and time of each record's files, whose they are, and the limits of segments."""
        names = self.names()
        people = [(each.name, each.patient, each.label, *each.attributes) for each in self.people().values()]
        return {
            "root": str(self.root.resolve()),
            "rate": self.rate,
            "names": list(names),
            "files": list(self._files(names)),
            "segments": {**vars(self.limits), "missing": self.on_bad_segment == "drop"},
            "annotations": self.annotations,
        } | ({"people": people, "classes": list(self.classes)} if people or self.annotations else {})

    def _files(self, names: Sequence[str]) -> Iterator[tuple[str, int, int]]:
        """Yield name, size and time of all files of these records; each folder is listed once."""
        folders: dict[str, dict[str, list[os.DirEntry[str]]]] = {}
        for name in names:
            above, _, own = name.rpartition("/")
            if above not in folders:
                folders[above] = _by_beginning(self.root / above)
            for file in folders[above].get(own.partition(".")[0], ()):
                if file.name.startswith(f"{own}.") and Path(file).exists():
                    status = file.stat()
                    yield f"{above}/{file.name}" if above else file.name, status.st_size, status.st_mtime_ns

    def read(self, name: str) -> tuple[Record, NDArray[np.int16]]:
        """Return one record at `rate`, checked against its header. Raises BadRecord with the reason."""
        header, digital = read_record(self.root, name)
        missing = int((digital == NOT_A_SAMPLE).sum()) if digital.min() == NOT_A_SAMPLE else 0
        if missing and self.on_bad_segment != "drop":
            raise BadRecord(name, f"{missing} samples have no value (dataset.on_bad_segment=drop uses the others)")
        check_samples(name, header, digital)
        leads = tuple(lead.lower() for lead in header.sig_name)
        segments = find_segments(digital, leads, float(header.fs), self.limits)
        units = np.array([MILLIVOLTS_IN[unit] for unit in header.units])
        digital = resampled(name, bridged(digital) if missing else digital, float(header.fs), self.rate)
        patient, diagnosis, label = self.about(name, header.comments)
        record = Record(
            name=name,
            patient=patient,
            diagnosis=diagnosis,
            label=label,
            leads=leads,
            samples=digital.shape[1],
            rate=self.rate,
            gain=tuple(float(g) for g in np.array(header.adc_gain) / units),
            baseline=tuple(int(b) for b in header.baseline),
            attributes=self.attributes_of(name, header.comments),
            segments=at_rate(segments, self.rate / float(header.fs), digital.shape[1]),
        )
        if self.annotations:
            record = annotated(self.root, record, float(header.fs), self.annotations, self.classes)
        return record, digital

    def people(self) -> dict[str, Member]:
        """Return the members of the file `people` by record; none where there is no such file."""
        if self._people is None:
            file = self.people_file
            classes = () if self.annotations else self.classes
            given = (classes, self.many_labels, tuple(self.attributes))
            self._people = {} if file is None else read_people(file, *given)
        return self._people

    def about(self, name: str, comments: Sequence[str]) -> tuple[str, str, Label]:
        """Return patient, diagnosis and label of a record. Raises BadRecord where `people` does not name it."""
        if self.people_file is None:
            return PurePosixPath(name).parts[0], "", 0
        if name not in self.people():
            raise BadRecord(name, f"not in {self.people_file}, so nobody knows whose it is")
        member = self.people()[name]
        labelled = self.classes and not self.annotations
        return member.patient, class_names(member.label, self.classes) if labelled else "", member.label

    def attributes_of(self, name: str, comments: Sequence[str]) -> tuple[float, ...]:
        """Return the attributes of a record, NaN where unknown: those that `people` gives."""
        return self.people()[name].attributes if self.attributes else ()


def _by_beginning(folder: Path) -> dict[str, list[os.DirEntry[str]]]:
    """Return the files of a folder in order, by their names up to the first dot; none where there is no folder."""
    files_of: dict[str, list[os.DirEntry[str]]] = {}
    if folder.is_dir():
        with os.scandir(folder) as files:
            for file in sorted(files, key=lambda each: each.name):
                files_of.setdefault(file.name.partition(".")[0], []).append(file)
    return files_of


def _refuse_name(where: Path, name: str) -> None:
    """Raise UserError for a record's name that would leave the root, or that is no plain path."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise UserError(f"{where}: the record name {name!a} leads out of its folder. Nothing was read.")
    # With a colon, wfdb's file layer takes a name for the address of another file system.
    if not name.isprintable() or ":" in name or not path.name or max(map(len, path.parts)) > LONGEST_NAME:
        raise UserError(
            f"{where}: the record name {name[:LONGEST_NAME]!a} is no plain path: accepted are printable characters "
            f"without a colon, at most {LONGEST_NAME} in a row without a slash. Nothing was read."
        )
