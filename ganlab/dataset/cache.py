"""Recordings as they were digitized, in one memory-mapped file with an index.

A cache folder is named after what it depends on, is written beside its place and moved there in one step, and is
built once however many runs ask for it at the same time.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from tqdm import tqdm

from ganlab.dataset.record import Record
from ganlab.errors import BadRecord, UserError

log = logging.getLogger(__name__)

FORMAT = 1
"""Raised whenever the files of a cache folder change their meaning."""

SKIPPED_SHOWN = 5


@dataclass(frozen=True)
class Skipped:
    """A record that could not be used, and why."""

    record: str
    reason: str


@dataclass(frozen=True)
class Recordings:
    """All recordings of a data set, in ADC units, on disk.

    `signal` is flat; the recording of `record` stands at `record.offset` with shape `(leads, samples)`.
    """

    signal: NDArray[np.int16]
    records: tuple[Record, ...]
    skipped: tuple[Skipped, ...]
    folder: Path | None = None

    def __reduce__(self) -> Any:
        """Another process opens the cache again instead of receiving a copy of it."""
        if self.folder is None:
            return Recordings, (self.signal, self.records, self.skipped)
        return _open, (self.folder,)

    def digital(self, record: Record) -> NDArray[np.int16]:
        """The recording in ADC units, shape `(leads, samples)`, not copied."""
        shape = (len(record.leads), record.samples)
        return self.signal[record.offset : record.offset + shape[0] * shape[1]].reshape(shape)


class RecordingSource(ABC):
    """A data set of recordings: says what it depends on, reads them one by one, and caches them."""

    simulated = False
    """Whether nobody's heart made these recordings; the report then says what "real" means."""

    def __init__(self, cache: str | Path, on_bad_record: str = "error") -> None:
        if on_bad_record not in ("error", "skip"):
            raise UserError(f"dataset.on_bad_record={on_bad_record!r}: accepted are error and skip.")
        self.cache = Path(cache)
        self.on_bad_record = on_bad_record
        self._recordings: Recordings | None = None

    @property
    @abstractmethod
    def name(self) -> str:
        """How the data set is called in the name of its cache folder."""

    def fetch(self) -> None:  # noqa: B027  (most sources have nothing to fetch)
        """Bring the data to this machine, if asked to."""

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Everything that the cached recordings depend on, as plain values."""

    @abstractmethod
    def names(self) -> Sequence[str]:
        """Names of the records, in order."""

    @abstractmethod
    def read(self, name: str) -> tuple[Record, NDArray[np.int16]]:
        """One record and its ADC values `(leads, samples)`. Raises BadRecord where it cannot be trusted."""

    def prepare(self) -> Recordings:
        """Build the cache, or find it. Raises UserError for records that `on_bad_record=error` does not accept."""
        if self._recordings is None:
            self._recordings = self._prepare()
        return self._recordings

    def _prepare(self) -> Recordings:
        self.fetch()
        identity = json.dumps({"format": FORMAT, **self.identity()}, sort_keys=True)
        folder = self.cache / f"{self.name}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
        if not folder.is_dir():
            self.cache.mkdir(parents=True, exist_ok=True)
            with FileLock(folder.with_suffix(".lock")):
                if not folder.is_dir():
                    _build(self, folder)
        recordings = _open(folder)
        self.refuse_or_log(recordings.skipped)
        if not recordings.records:
            raise UserError(f"{self.name}: none of its {len(recordings.skipped)} records can be used.")
        return recordings

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


def _build(source: RecordingSource, folder: Path) -> None:
    for stale in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(stale, ignore_errors=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    records: list[Record] = []
    skipped: list[Skipped] = []
    with (building / "signal.i16").open("wb") as file:
        for record, digital in _readable(source, skipped):
            records.append(replace(record, offset=file.tell() // 2))
            file.write(np.ascontiguousarray(digital, dtype="<i2").tobytes())
        file.flush()
        os.fsync(file.fileno())
    index = {"records": [asdict(r) for r in records], "skipped": [asdict(s) for s in skipped]}
    (building / "index.json").write_text(json.dumps(index))
    building.chmod(0o755)
    building.rename(folder)
    log.info("%s: cached %d records in %s", source.name, len(records), folder)


def _readable(source: RecordingSource, skipped: list[Skipped]) -> Iterator[tuple[Record, NDArray[np.int16]]]:
    for name in tqdm(source.names(), desc=f"reading {source.name}", unit="record", disable=None):
        try:
            yield source.read(name)
        except BadRecord as bad:
            skipped.append(Skipped(bad.record, bad.reason))


def _open(folder: Path) -> Recordings:
    index = json.loads((folder / "index.json").read_text())
    file = folder / "signal.i16"
    empty = file.stat().st_size == 0
    signal: NDArray[np.int16] = np.empty(0, "<i2") if empty else np.memmap(file, dtype="<i2", mode="r")
    records = tuple(_record(row) for row in index["records"])
    return Recordings(signal, records, tuple(Skipped(**row) for row in index["skipped"]), folder)


def _record(row: dict[str, Any]) -> Record:
    values: dict[str, Any] = {
        field.name: tuple(row[field.name]) if isinstance(row[field.name], list) else row[field.name]
        for field in fields(Record)
    }
    return Record(**values)
