"""Cache folders, named after what they depend on, and recordings as they were digitized, memory-mapped in one.

A folder is written elsewhere and moved to its place in one step. Its index has an array a field with a row for each
record, so that many are read quickly. What records share (leads, gains, baselines, units, rate) stands once, as a
layout; what few records have (bad segments, unusable leads, peaks) stands beside the number of the record.
"""

import hashlib
import json
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from ganlab.core.errors import BadRecord, UserError
from ganlab.core.files import on_disk, whole_folder
from ganlab.core.progress import tracked
from ganlab.core.record import Record, Segment
from ganlab.dataset.source import Skipped

log = logging.getLogger(__name__)

T = TypeVar("T")
Read = Callable[[str], tuple[Record, NDArray[np.integer[Any]]]]
"""Returns the record of a name and its ADC values `(leads, samples)`, or raises BadRecord."""
FORMAT = 7
"""Raised whenever the files of a cache folder change their meaning."""
COLUMNS = ("name", "patient", "diagnosis", "label", "samples", "offset", "attributes")
"""Fields with an array of their own."""
LAYOUT = ("leads", "rate", "gain", "baseline", "units", "wide")
"""Fields that many records share."""
RARE = ("segments", "unusable", "peaks")
"""Fields that are empty in most records."""
Describe = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Returns what is true of a record today, such as its label, given the COLUMNS that the index holds of it."""


@dataclass(frozen=True)
class Recordings:
    """All recordings of a data set, in ADC units, on disk.

    `signal` is flat; the recording of `record` stands at `record.offset` with shape `(leads, samples)`, a wide one with
    two words a value.
    """

    signal: NDArray[np.int16]
    records: tuple[Record, ...]
    skipped: tuple[Skipped, ...]
    folder: Path | None = None

    def __reduce__(self) -> Any:
        """Another process opens the cache again instead of receiving a copy of it."""
        if self.folder is None:
            return Recordings, (self.signal, self.records, self.skipped)
        return open_cache, (self.folder,)

    def digital(self, record: Record) -> NDArray[np.integer[Any]]:
        """Return a recording in ADC units, `(leads, samples)`, not copied."""
        shape, words = (len(record.leads), record.samples), 2 if record.wide else 1
        # A memmap takes longer to slice than a window to copy.
        signal = np.asarray(self.signal)
        own = signal[record.offset : record.offset + words * shape[0] * shape[1]]
        return (own.view("<i4") if record.wide else own).reshape(shape)


def cached_recordings(
    cache: Path,
    name: str,
    identity: Mapping[str, Any],
    names: Callable[[], Sequence[str]],
    read: Read,
    describe: Describe | None = None,
) -> Recordings:
    """Return the recordings of a data set from its folder below `cache`, which is filled at the first call.

    `identity` is all that they depend on; `names` are those of the records, which `read` reads one by one. Records that
    cannot be read are listed as skipped. What `describe` returns of a record is no part of the cache.
    """

    def build(folder: Path) -> None:
        records: list[Record] = []
        skipped: list[Skipped] = []
        listed = names()
        with (folder / "signal.i16").open("wb") as file:
            for one in tracked(_ahead(partial(_read, read), listed), f"reading {name}", "record", len(listed)):
                if isinstance(one, BadRecord):
                    skipped.append(Skipped(one.record, one.reason))
                    continue
                record, digital = one
                records.append(replace(record, offset=file.tell() // 2))
                file.write(np.ascontiguousarray(digital, dtype="<i4" if record.wide else "<i2").data)
        write_index(folder, records, skipped)
        log.info("%s: cached %d records in %s", name, len(records), cache)

    return open_cache(cached(cache, name, {"format": FORMAT, **identity}, build), describe)


def _read(read: Read, name: str) -> tuple[Record, NDArray[np.integer[Any]]] | BadRecord:
    try:
        return read(name)
    except BadRecord as bad:
        return bad


def _ahead(read: Callable[[str], T], names: Sequence[str]) -> Iterator[T]:
    """Yield what is read under each name; the next one is read in a thread while one is used."""
    with ThreadPoolExecutor(1) as reader:
        coming = [reader.submit(read, name) for name in names[:1]]
        for name in names[1:]:
            ready = coming.pop().result()
            coming.append(reader.submit(read, name))
            yield ready
        for last in coming:
            yield last.result()


def open_cache(folder: Path, describe: Describe | None = None) -> Recordings:
    """Return the recordings of a cache folder, their signal memory-mapped, each as `describe` has it."""
    records, skipped = read_index(folder, describe)
    file = folder / "signal.i16"
    expected = sum((4 if record.wide else 2) * len(record.leads) * record.samples for record in records)
    size = check_size(file, expected)
    signal: NDArray[np.int16] = np.memmap(file, dtype="<i2", mode="r") if size else np.empty(0, "<i2")
    return Recordings(signal, records, skipped, folder)


def check_size(file: Path, expected: int) -> int:
    """Return the bytes of a cached file. Raises UserError for another size: a memory map could end in SIGBUS."""
    if (size := file.stat().st_size) != expected:
        raise UserError(
            f"{file} is damaged: {size:,} bytes, expected {expected:,}. Remove {file.parent}; it is built again."
        )
    return size


def cached(cache: Path, name: str, identity: Mapping[str, Any], build: Callable[[Path], None]) -> Path:
    """Return the folder of this identity below `cache`; `build` fills it once, however many processes need it.

    Raises UserError for a name that would lead out of `cache`, and errors of its disk, which then holds nothing new.
    """
    if not re.fullmatch(r"\w[\w .-]{0,99}", name):
        raise UserError(f"dataset.name={name[:100]!a}: accepted are letters, digits, blanks, and . _ -, at most 100.")
    written = json.dumps(identity, sort_keys=True)
    folder = cache / f"{name}-{hashlib.sha256(written.encode()).hexdigest()[:16]}"
    if not folder.is_dir():
        with on_disk(folder, "cache"):
            cache.mkdir(parents=True, exist_ok=True)
            with FileLock(folder.with_suffix(".lock")):
                if not folder.is_dir():
                    with whole_folder(folder, "cache") as building:
                        build(building)
    return folder


def write_index(folder: Path, records: Sequence[Record], skipped: Sequence[Skipped]) -> None:
    """Write `index.npz` and `index.json` into the folder: the records, and those that were skipped with the reasons."""
    layouts: dict[tuple[Any, ...], int] = {}
    layout = [layouts.setdefault(tuple(getattr(each, key) for key in LAYOUT), len(layouts)) for each in records]
    columns: dict[str, Any] = {key: np.array([getattr(each, key) for each in records]) for key in COLUMNS}
    np.savez(folder / "index.npz", layout=np.array(layout, np.int64), **columns)
    rare = {key: [(n, own) for n, each in enumerate(records) if (own := getattr(each, key))] for key in RARE}
    index = {"layouts": list(layouts), "rare": rare, "skipped": [vars(each) for each in skipped]}
    (folder / "index.json").write_text(json.dumps(index))


def read_index(folder: Path, describe: Describe | None = None) -> tuple[tuple[Record, ...], tuple[Skipped, ...]]:
    """Return the records of a cache folder, each as `describe` has it, and those that were skipped."""
    index = json.loads((folder / "index.json").read_text())
    with np.load(folder / "index.npz") as arrays:
        columns = [_rows(arrays[key]) for key in COLUMNS]
        numbers = arrays["layout"].tolist()
    layouts = [dict(zip(LAYOUT, map(_tuple, each), strict=True)) for each in index["layouts"]]
    rare: dict[int, dict[str, Any]] = defaultdict(dict)
    for key, pairs in index["rare"].items():
        for number, own in pairs:
            rare[number][key] = tuple(Segment(*each) for each in own) if key == "segments" else _tuple(own)
    nothing: dict[str, Any] = {}
    rows = (dict(zip(COLUMNS, row, strict=True)) for row in zip(*columns, strict=True))
    own = rows if describe is None else ({**row, **describe(row)} for row in rows)
    records = tuple(
        Record(**row, **layouts[layout], **rare.get(number, nothing))
        for number, (layout, row) in enumerate(zip(numbers, own, strict=True))
    )
    return records, tuple(Skipped(**each) for each in index["skipped"])


def _rows(column: np.ndarray) -> list[Any]:
    """Return the values of a column; those of several numbers a record, such as multi-hot labels, as tuples."""
    return list(map(tuple, column.tolist())) if column.ndim == 2 else column.tolist()


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
