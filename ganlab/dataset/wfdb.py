"""Folders of WFDB recordings, PhysioNet's or your own.

A record is a header `<name>.hea` and its signals in format 16. A RECORDS file lists the names; without one every header
below the root is a record.
"""

import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import BadRecord, UserError
from ganlab.core.record import Record
from ganlab.dataset.people import read_people
from ganlab.dataset.recordings import RecordingSource
from ganlab.dataset.segments import NOT_A_SAMPLE, Limits, at_rate, bridged, find_segments
from ganlab.split.base import Member

log = logging.getLogger(__name__)

MILLIVOLTS_IN = {"mV": 1.0, "uV": 1e-3, "µV": 1e-3, "μV": 1e-3, "V": 1e3}
CALIBRATION = re.compile(r"(?P<gain>[^(/]*)(\([^)]*\))?(/(?P<unit>.+))?")
"""Third field of a header's signal line: gain, baseline in brackets, unit after a slash (WFDB, header(5))."""
LARGEST_RATIO = 100
"""Between a record's rate and the wanted one; beyond it a header is wrong, and resampling fills memory."""
LARGEST_HEADER = 1 << 20
"""Bytes."""
LONGEST_NAME = 200
"""Characters of a record's name, folders not counted: a file system has 255 bytes for a file's."""
LARGEST_BASELINE = 1 << 31
LARGEST_MV = 1e6
"""What a full-scale value may be at most; a header that says more is wrong."""


class WFDB(RecordingSource):
    """Records below `root`, checked as they are read, at `rate` Hz.

    `people` is a CSV file with columns name, person and, where there are `classes`, label; without it the first folder
    of a record's name is its person. A record with samples that have no value is refused, unless `on_bad_segment` is
    drop: then the windows over them are left out. Raises UserError where there is no such folder or no record in it.
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
        flat_ms: float | None = 500.0,
        clipped_ms: float | None = 20.0,
    ) -> None:
        super().__init__(cache, on_bad_record, on_bad_segment)
        _refuse_rate(rate)
        self.limits = Limits(flat_ms, clipped_ms)
        self.root = Path(root).expanduser()
        self.rate = rate
        self.people_file = Path(people).expanduser() if people else None
        self.classes = tuple(classes)
        self.name = name
        self._people: dict[str, Member] | None = None
        if self.classes and not people:
            raise UserError(f"dataset.classes={list(classes)} but no dataset.people, the CSV file that gives labels.")

    def names(self) -> Sequence[str]:
        """Names in RECORDS, or of all headers. Raises UserError for names that would leave the root."""
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
        """Names of all headers below the root. Raises UserError where there is none."""
        found = sorted(path.relative_to(self.root).with_suffix("").as_posix() for path in self.root.rglob("*.hea"))
        if not found:
            raise UserError(f"No RECORDS file and no header (*.hea) in {self.root}.\n{self.ways_on()}")
        for name in found:
            _refuse_name(self.root, name)
        return found

    def ways_on(self) -> str:
        """What a user may do who has no records there."""
        return "dataset.root=<folder with WFDB records>."

    def identity(self) -> dict[str, Any]:
        """Root, rate, and name, size and time of every file of every record; whose they are; what a bad segment is."""
        names = self.names()
        people = [(member.name, member.patient, member.label) for member in self.people().values()]
        return {
            "root": str(self.root.resolve()),
            "rate": self.rate,
            "names": list(names),
            "files": list(self._files(names)),
            "segments": {**vars(self.limits), "missing": self.on_bad_segment == "drop"},
        } | ({"people": people, "classes": list(self.classes)} if people else {})

    def _files(self, names: Sequence[str]) -> Iterator[tuple[str, int, int]]:
        """Name, size and time of all files of these records; each folder is listed once, however many lie in it."""
        folders: dict[str, dict[str, list[os.DirEntry[str]]]] = {}
        for name in names:
            above, _, own = name.rpartition("/")
            if above not in folders:
                folders[above] = _by_beginning(self.root / above)
            for file in folders[above].get(own.partition(".")[0], ()):
                if file.name.startswith(f"{own}.") and Path(file).exists():
                    said = file.stat()
                    yield f"{above}/{file.name}" if above else file.name, said.st_size, said.st_mtime_ns

    def read(self, name: str) -> tuple[Record, NDArray[np.int16]]:
        """One record at `rate`, checked against its header. Raises BadRecord with the reason."""
        import wfdb

        path = str(self.root / name)
        try:
            self._check_file(name, Path(f"{path}.hea"))
            header = wfdb.rdheader(path)
            _take_as_written(header, Path(f"{path}.hea"))
            _check_header(name, header)
            for file in dict.fromkeys(header.file_name):
                self._check_file(name, Path(path).parent / file)
            _check_sizes(name, header, Path(path).parent)
            digital = _signals(header, Path(path))
        except BadRecord:
            raise
        except FileNotFoundError as error:
            raise BadRecord(name, f"file missing: {Path(error.filename).name}") from error
        except Exception as error:
            raise BadRecord(name, f"not readable as WFDB ({type(error).__name__}: {error})") from error
        missing = int((digital == NOT_A_SAMPLE).sum()) if digital.min() == NOT_A_SAMPLE else 0
        if missing and self.on_bad_segment != "drop":
            raise BadRecord(name, f"{missing} samples have no value (dataset.on_bad_segment=drop uses the others)")
        _check_samples(name, header, digital)
        leads = tuple(lead.lower() for lead in header.sig_name)
        segments = find_segments(digital, leads, float(header.fs), self.limits)
        units = np.array([MILLIVOLTS_IN[unit] for unit in header.units])
        digital = _at_rate(name, bridged(digital) if missing else digital, float(header.fs), self.rate)
        person, diagnosis, label = self.about(name, header.comments)
        record = Record(
            name=name,
            patient=person,
            diagnosis=diagnosis,
            label=label,
            leads=leads,
            samples=digital.shape[1],
            rate=self.rate,
            gain=tuple(float(g) for g in np.array(header.adc_gain) / units),
            baseline=tuple(int(b) for b in header.baseline),
            segments=at_rate(segments, self.rate / float(header.fs), digital.shape[1]),
        )
        return record, digital

    def _check_file(self, name: str, file: Path) -> None:
        """Raises BadRecord for what is no regular file below the root, such as a pipe or a link out of it."""
        if not file.resolve(strict=True).is_relative_to(self.root.resolve()):
            raise BadRecord(name, f"{file.name} leads out of {self.root}")
        if not file.is_file():
            raise BadRecord(name, f"{file.name} is no regular file")
        if file.suffix == ".hea" and file.stat().st_size > LARGEST_HEADER:
            raise BadRecord(name, f"{file.name} has {file.stat().st_size:,} bytes; accepted are {LARGEST_HEADER:,}")

    def people(self) -> dict[str, Member]:
        """What the file of people says, by record; nothing where there is none."""
        if self._people is None:
            self._people = {} if self.people_file is None else read_people(self.people_file, self.classes)
        return self._people

    def about(self, name: str, comments: Sequence[str]) -> tuple[str, str, int]:
        """Person, diagnosis and label of a record. Raises BadRecord where `people` does not name it."""
        if self.people_file is None:
            return PurePosixPath(name).parts[0], "", 0
        if name not in self.people():
            raise BadRecord(name, f"not in {self.people_file}, so nobody knows whose it is")
        member = self.people()[name]
        return member.patient, self.classes[member.label] if self.classes else "", member.label


def _by_beginning(folder: Path) -> dict[str, list[os.DirEntry[str]]]:
    """Files of a folder in order, by what stands before the first dot of their names; none where there is no folder."""
    found: dict[str, list[os.DirEntry[str]]] = {}
    if folder.is_dir():
        with os.scandir(folder) as files:
            for file in sorted(files, key=lambda each: each.name):
                found.setdefault(file.name.partition(".")[0], []).append(file)
    return found


def _refuse_name(where: Path, name: str) -> None:
    """Raises UserError for a record's name that would leave the root, or that is no plain path."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise UserError(f"{where}: the record name {name!a} leads out of its folder. Nothing was read.")
    # With a colon, wfdb's file layer takes a name for the address of another file system.
    if not name.isprintable() or ":" in name or not path.name or max(map(len, path.parts)) > LONGEST_NAME:
        raise UserError(
            f"{where}: the record name {name[:LONGEST_NAME]!a} is no plain path: accepted are printable characters "
            f"without a colon, at most {LONGEST_NAME} in a row without a slash. Nothing was read."
        )


def _refuse_rate(rate: float) -> None:
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < np.inf:
        raise UserError(f"dataset.rate={rate}: accepted is a number of Hz above 0, such as 500.")


def _take_as_written(header: Any, file: Path) -> None:
    """Rate, gains, units of the text: wfdb reads a rate below 0 as 250, a gain of 0 as 200, µV as V."""
    raw = file.read_bytes()
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    lines = [fields for line in text.splitlines() if (fields := line.partition("#")[0].split())]
    if len(lines[0]) > 2:
        header.fs = float(lines[0][2].partition("/")[0])
    written = [CALIBRATION.match(fields[2] if len(fields) > 2 else "") for fields in lines[1:]]
    header.adc_gain = [float(match["gain"] or 0) for match in written if match]
    header.units = [match["unit"] or "mV" for match in written if match]


def _check_header(name: str, header: Any) -> None:
    if getattr(header, "n_seg", None):
        raise BadRecord(name, "a record of several segments; accepted are single ones")
    if not header.sig_name or not header.sig_len:
        raise BadRecord(name, "its header names no signal or no samples")
    if header.n_sig != len(header.sig_name):
        raise BadRecord(name, f"its header says {header.n_sig} signals and names {len(header.sig_name)}")
    if not header.fs or header.fs <= 0:
        raise BadRecord(name, f"its header gives a sampling rate of {header.fs} Hz")
    unknown = sorted({str(unit) for unit in header.units} - set(MILLIVOLTS_IN))
    if unknown:
        raise BadRecord(name, f"unit {', '.join(unknown)}: accepted are {', '.join(MILLIVOLTS_IN)}")
    if any(not gain or not np.isfinite(gain) for gain in header.adc_gain):
        raise BadRecord(name, "no gain, or a gain of 0, in its header")
    largest = [(32768 + abs(b)) / abs(gain) for b, gain in zip(header.baseline, header.adc_gain, strict=True)]
    in_mv = max(value * MILLIVOLTS_IN[unit] for value, unit in zip(largest, header.units, strict=True))
    if in_mv > LARGEST_MV:
        raise BadRecord(name, f"its gain and baseline make values of {in_mv:.3g} mV; accepted are {LARGEST_MV:g}")
    if any(abs(baseline) > LARGEST_BASELINE for baseline in header.baseline):
        raise BadRecord(name, f"a baseline of {max(header.baseline, key=abs)} in its header")
    if any(fmt != "16" for fmt in header.fmt):
        raise BadRecord(name, f"signal format {', '.join(sorted(set(header.fmt)))}: accepted is 16")
    if len({lead.lower() for lead in header.sig_name}) != len(header.sig_name):
        raise BadRecord(name, "two leads of the same name")


def _check_sizes(name: str, header: Any, folder: Path) -> None:
    for file in dict.fromkeys(header.file_name):
        first, signals = header.file_name.index(file), header.file_name.count(file)
        stated = 2 * signals * header.sig_len + (header.byte_offset[first] or 0)
        size = (folder / file).stat().st_size
        if size != stated:
            raise BadRecord(name, f"{file} has {size:,} bytes, its header says {stated:,}")


def _signals(header: Any, path: Path) -> NDArray[np.int16]:
    """ADC values `(leads, samples)` in format 16: two bytes each, the lower one first, leads in turn (WFDB, signal(5)).

    What is rare, such as leads with several samples a frame or shifted in time, wfdb reads.
    """
    if any(header.skew) or any(number != 1 for number in header.samps_per_frame):
        import wfdb

        return np.ascontiguousarray(wfdb.rdrecord(str(path), physical=False, return_res=16).d_signal.T)
    digital = np.empty((header.n_sig, header.sig_len), np.int16)
    for file in dict.fromkeys(header.file_name):
        leads = [number for number, name in enumerate(header.file_name) if name == file]
        values = np.fromfile(path.parent / file, "<i2", offset=header.byte_offset[leads[0]] or 0)
        digital[leads] = values.reshape(header.sig_len, len(leads)).T
    return digital


def _check_samples(name: str, header: Any, digital: NDArray[np.int16]) -> None:
    if digital.shape[1] != header.sig_len:
        raise BadRecord(name, f"{digital.shape[1]} samples on disk, {header.sig_len} in its header")
    sums = digital.sum(axis=1, dtype=np.int16)
    wrong = [
        lead
        for lead, seen, stated in zip(header.sig_name, sums, header.checksum, strict=True)
        if stated is not None and (int(seen) - stated) % 65536
    ]
    if wrong:
        raise BadRecord(name, f"the samples of {', '.join(wrong)} do not match the checksum in its header")


def _at_rate(name: str, digital: NDArray[np.int16], rate: float, wanted: float) -> NDArray[np.int16]:
    if rate == wanted:
        return digital
    if not 1 / LARGEST_RATIO <= rate / wanted <= LARGEST_RATIO:
        raise BadRecord(name, f"its sampling rate of {rate:g} Hz is too far from {wanted:g} Hz to resample")
    from scipy.signal import resample_poly

    ratio = Fraction(wanted / rate).limit_denominator(10_000)
    values = digital.astype(np.float64)
    resampled = np.rint(resample_poly(values, ratio.numerator, ratio.denominator, axis=1, padtype="edge"))
    limits = np.iinfo(np.int16)
    saturated = int(((resampled < limits.min) | (resampled > limits.max)).sum())
    log.info("%s: resampled from %g to %g Hz (%d samples saturated)", name, rate, wanted, saturated)
    return np.clip(resampled, limits.min, limits.max).astype(np.int16)
