"""Windows of recordings in mV."""

from collections.abc import Collection, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ganlab.dataset.cache import Recordings
from ganlab.dataset.record import Record, millivolts
from ganlab.dataset.samples import Place, Samples
from ganlab.dataset.source import Skipped
from ganlab.errors import UserError


class Windows(Samples):
    """Windows of `span` samples of the given leads, one after another, the tail of a recording dropped.

    Read in mV `(B, leads, span // decimation)` from the memory-mapped recordings; with a `decimation` they are
    low-passed and brought to that fraction of their rate. The records must have the leads.
    """

    def __init__(
        self, recordings: Recordings, records: Sequence[Record], leads: Sequence[str], span: int, decimation: int = 1
    ) -> None:
        self.cached = recordings
        self.records = tuple(records)
        self.leads = tuple(leads)
        self.span = span
        self.decimation = decimation
        counts = np.array([record.samples // span for record in self.records], dtype=np.int64)
        self.record_of = np.repeat(np.arange(len(self.records)), counts)
        self._leads_of = [np.array([r.leads.index(lead) for lead in self.leads]) for r in self.records]
        super().__init__(
            labels=np.array([r.label for r in self.records], dtype=np.int64)[self.record_of],
            persons=np.array([r.patient for r in self.records], dtype=np.str_)[self.record_of],
            starts=np.concatenate([np.arange(n) * span for n in counts]) if len(counts) else counts,
            room=np.array([r.samples - span for r in self.records], dtype=np.int64)[self.record_of],
        )

    def read(self, places: Sequence[Place]) -> NDArray[np.float32]:
        """Windows `(B, leads, samples)` in mV."""
        sample = np.empty((len(places), len(self.leads), self.span), np.float32)
        for number, place in enumerate(places):
            sample[number] = self._millivolts(*place)
        return sample if self.decimation == 1 else _decimated(sample, self.decimation)

    def of(self, people: Collection[str]) -> Self:
        """Windows of these patients' records."""
        wanted = set(people)
        return self._of([record for record in self.records if record.patient in wanted])

    @property
    def recordings(self) -> NDArray[np.str_]:
        """The record of each window."""
        return np.array([record.name for record in self.records], dtype=np.str_)[self.record_of]

    def without(self, recordings: Collection[str]) -> Self:
        """Windows of all but these records."""
        left_out = set(recordings)
        return self._of([record for record in self.records if record.name not in left_out])

    def _of(self, records: Sequence[Record]) -> Self:
        return type(self)(self.cached, records, self.leads, self.span, self.decimation)

    def _millivolts(self, window: int, start: int) -> NDArray[np.float32]:
        number = int(self.record_of[window])
        record, leads = self.records[number], self._leads_of[number]
        digital = self.cached.digital(record)[leads, start : start + self.span]
        return millivolts(digital, np.array(record.gain)[leads], np.array(record.baseline)[leads])


def _decimated(x: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    from scipy.signal import resample_poly

    return resample_poly(x, 1, factor, axis=-1, padtype="edge").astype(np.float32)


def with_leads(records: Sequence[Record], leads: Sequence[str], span: int) -> tuple[list[Record], list[Skipped]]:
    """Records that have all leads and at least one window, and the others with the reason.

    Raises UserError where no record has them.
    """
    usable, skipped = [], []
    for record in records:
        lacking = [lead for lead in leads if lead not in record.leads]
        if lacking:
            reason = f"has no lead {', '.join(lacking)} (it has {', '.join(record.leads)}); see arrangement.leads"
            skipped.append(Skipped(record.name, reason))
        elif record.samples < span:
            skipped.append(Skipped(record.name, f"{record.samples} samples, shorter than a window of {span}"))
        else:
            usable.append(record)
    if not usable:
        shown = f" The first: {skipped[0].record} {skipped[0].reason}." if skipped else ""
        raise UserError(f"No record has a window of {span} samples of leads {', '.join(leads)}.{shown}")
    return usable, skipped
