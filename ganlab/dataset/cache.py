"""Recordings as they were digitized, in one memory-mapped file with an index.

A cache folder is named after what it depends on, is written beside its place and moved there in one step, and is
built once however many runs ask for it at the same time.
"""

import json
import logging
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ganlab.core.record import Record, Segment
from ganlab.dataset.source import Skipped

log = logging.getLogger(__name__)

Read = TypeVar("Read")
FORMAT = 2
"""Raised whenever the files of a cache folder change their meaning."""


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
        return open_cache, (self.folder,)

    def digital(self, record: Record) -> NDArray[np.int16]:
        """The recording in ADC units, shape `(leads, samples)`, not copied."""
        shape = (len(record.leads), record.samples)
        # As a plain array: a memmap takes longer to cut than a window to copy.
        signal = np.asarray(self.signal)
        return signal[record.offset : record.offset + shape[0] * shape[1]].reshape(shape)


def open_cache(folder: Path) -> Recordings:
    """The recordings of a cache folder, their signal memory-mapped."""
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
    return Record(**values | {"segments": tuple(Segment(*segment) for segment in row["segments"])})
