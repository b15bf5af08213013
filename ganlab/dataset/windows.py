"""Windows of recordings in mV."""

from collections.abc import Collection, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ganlab.core.errors import UserError
from ganlab.core.labels import attribute_array, label_array
from ganlab.core.record import Record, millivolts
from ganlab.core.resampling import resample
from ganlab.dataset.annotations import labelled_starts
from ganlab.dataset.bad_segments import clear_starts
from ganlab.dataset.cache import Recordings
from ganlab.dataset.samples import Place, Samples
from ganlab.dataset.source import Skipped

AT_ONCE = 64
"""Windows converted to mV together, which bounds the memory."""


class ResidentWindows(nn.Module):
    """Windows of `span` samples of recordings in ADC units, which lie one after another in `signal`.

    `first` (where in `signal` a lead begins), `gain` and `baseline` have shape `(records, leads)`; `record` `(N,)` is
    the index of each window's record.
    """

    signal: Tensor
    first: Tensor
    gain: Tensor
    baseline: Tensor
    record: Tensor
    along: Tensor

    def __init__(
        self, signal: Tensor, first: Tensor, gain: Tensor, baseline: Tensor, record: Tensor, span: int
    ) -> None:
        super().__init__()
        own = {"signal": signal, "first": first, "gain": gain, "baseline": baseline, "record": record}
        for name, values in own.items():
            self.register_buffer(name, values.to(signal.device))
        self.register_buffer("along", torch.arange(span, device=signal.device))

    def forward(self, places: Tensor) -> Tensor:
        """Return windows `(B, leads, span)` in mV, as `ganlab.core.record.millivolts` does."""
        record, start = self.record[places[:, 0]], places[:, 1]
        digital = self.signal[(self.first[record] + start[:, None])[..., None] + self.along]
        return ((digital - self.baseline[record][..., None]) / self.gain[record][..., None]).float()


class Windows(Samples):
    """Windows of `span` samples of the given leads, one after another; the tail of a recording is dropped.

    They are read in mV `(B, leads, span // decimation)` from the memory-mapped recordings; with a `decimation` they are
    low-passed and resampled to that fraction of their rate. The records must have the leads. No window touches a bad
    segment of the leads that are `avoided`.
    """

    def __init__(
        self,
        recordings: Recordings,
        records: Sequence[Record],
        leads: Sequence[str],
        span: int,
        decimation: int = 1,
        avoided: Collection[str] = (),
    ) -> None:
        self.cached = recordings
        self.records = tuple(records)
        self.leads = tuple(leads)
        self.span = span
        self.decimation = decimation
        self.avoided = frozenset(avoided)
        owner, stretches, annotated = _stretches(self.records, span, self.avoided)
        labels = label_array([r.label for r in self.records])[owner]
        self._first, lengths = stretches[:, 0], stretches[:, 1] - stretches[:, 0] + 1
        self._counted = np.cumsum(lengths) - lengths
        starts, stretch = _laid(stretches, span)
        self.record_of = owner[stretch]
        super().__init__(
            labels=(labels if labels.ndim == 2 else np.where(annotated < 0, labels, annotated))[stretch],
            patients=np.array([r.patient for r in self.records], dtype=np.str_)[self.record_of],
            starts=starts,
            attributes=attribute_array([r.attributes for r in self.records])[self.record_of],
        )
        starts_of = np.zeros(len(self.records), np.int64)
        np.add.at(starts_of, owner, lengths)
        self._before = (np.cumsum(starts_of) - starts_of)[self.record_of]
        self.room = starts_of[self.record_of] - 1
        self.drawn = self._counted[stretch] + starts - self._first[stretch] - self._before

    @cached_property
    def _leads_of(self) -> list[NDArray[np.int64]]:
        """Indices of the leads in each record."""
        orders = {record.leads for record in self.records}
        places = {order: np.array([order.index(lead) for lead in self.leads]) for order in orders}
        return [places[record.leads] for record in self.records]

    @cached_property
    def _scales(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Gain and baseline of each record's leads, `(records, leads)` each."""
        pairs = list(zip(self.records, self._leads_of, strict=True))
        gain = [np.array(record.gain, np.float64)[leads] for record, leads in pairs]
        baseline = [np.array(record.baseline, np.float64)[leads] for record, leads in pairs]
        return np.array(gain), np.array(baseline)

    @cached_property
    def _integer(self) -> type[np.int16] | type[np.int32]:
        """Type that holds the values of all records."""
        return np.int32 if any(record.wide for record in self.records) else np.int16

    def placed(self, numbers: NDArray[np.int64], drawn: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the samples where windows start, given the number of each one's start among its record's."""
        counted = self._before[numbers] + drawn
        at = np.searchsorted(self._counted, counted, side="right") - 1
        return self._first[at] + counted - self._counted[at]

    def read(self, places: Sequence[Place]) -> NDArray[np.float32]:
        """Return windows `(B, leads, samples)` in mV."""
        sample = np.empty((len(places), len(self.leads), self.span), np.float32)
        for first in range(0, len(places), AT_ONCE):
            sample[first : first + AT_ONCE] = self._read(places[first : first + AT_ONCE])
        return resample(sample, Fraction(1, self.decimation))

    def _read(self, places: Sequence[Place]) -> NDArray[np.float32]:
        digital = np.empty((len(places), len(self.leads), self.span), self._integer)
        records = self.record_of[[place.number for place in places]]
        for window, number, place in zip(digital, records.tolist(), places, strict=True):
            whole = self.cached.digital(self.records[number])
            window[:] = whole[self._leads_of[number], place.start : place.start + self.span]
        gain, baseline = self._scales
        return millivolts(digital, gain[records], baseline[records])

    @property
    def stored_bytes(self) -> int | None:
        """Bytes of the recordings' leads as digitized; None for windows at a fraction of their rate."""
        if self.decimation != 1:
            return None
        return sum(record.samples for record in self.records) * len(self.leads) * np.dtype(self._integer).itemsize

    def resident(self, device: torch.device) -> ResidentWindows:
        """Return the recordings' leads in a device's memory, as a module that maps places `(B, 2)` to windows."""
        shape = (len(self.records), len(self.leads))
        lengths = np.repeat([record.samples for record in self.records], shape[1])
        first = (np.cumsum(lengths) - lengths).reshape(shape)
        integer = torch.int16 if self._integer is np.int16 else torch.int32
        signal = torch.empty(int(lengths.sum()), dtype=integer, device=device)
        for record, leads, begin in zip(self.records, self._leads_of, first[:, 0].tolist(), strict=True):
            digital = self.cached.digital(record)[leads].astype(self._integer)
            signal[begin : begin + digital.size] = torch.from_numpy(digital.ravel())
        gain, baseline = map(torch.from_numpy, self._scales)
        record_of = torch.from_numpy(self.record_of)
        return ResidentWindows(signal, torch.from_numpy(first), gain, baseline, record_of, self.span)

    def of(self, patients: Collection[str]) -> Self:
        """Return the windows of these patients."""
        wanted = set(patients)
        return self._of([record for record in self.records if record.patient in wanted])

    @property
    def recordings(self) -> NDArray[np.str_]:
        """Name of each window's record, `(N,)`."""
        return np.array([record.name for record in self.records], dtype=np.str_)[self.record_of]

    def without(self, recordings: Collection[str]) -> Self:
        """Return the windows of all but these records."""
        left_out = set(recordings)
        return self._of([record for record in self.records if record.name not in left_out])

    def _of(self, records: Sequence[Record]) -> Self:
        return type(self)(self.cached, records, self.leads, self.span, self.decimation, self.avoided)


def _stretches(
    records: Sequence[Record], span: int, avoided: Collection[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of the record, first and last start, and class of each stretch of starts of windows.

    The class is -1, the record's own, where no rhythm is annotated. Most records have no segment and one stretch.
    """
    samples = np.array([record.samples for record in records], np.int64)
    divided = np.array([bool(record.segments) for record in records], bool)
    whole = np.flatnonzero(~divided & (samples >= span))
    owners, stretches, classes = [whole], [np.stack([0 * whole, samples[whole] - span], axis=1)], [0 * whole - 1]
    for number in np.flatnonzero(divided).tolist():
        clear, own = labelled_starts(records[number], clear_starts(records[number], span, avoided), span)
        owners.append(np.full(len(own), number))
        stretches.append(clear)
        classes.append(own)
    order = np.argsort(np.concatenate(owners), kind="stable")
    owner, stretch, label = (np.concatenate(each)[order] for each in (owners, stretches, classes))
    return owner, stretch, label


def _laid(stretches: NDArray[np.int64], span: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the starts of windows laid end to end that lie inside the stretches, and the stretch of each."""
    first = -(-stretches[:, 0] // span)
    counts = np.maximum(0, stretches[:, 1] // span - first + 1)
    stretch = np.repeat(np.arange(len(stretches)), counts)
    before = np.cumsum(counts) - counts
    return (first[stretch] + np.arange(len(stretch)) - before[stretch]) * span, stretch


def with_leads(
    records: Sequence[Record], leads: Sequence[str], span: int, whole: bool = False
) -> tuple[list[Record], list[Skipped]]:
    """Return the records that have all leads and at least one window, and the others with the reason.

    A `whole` record has a value for each sample of these leads. Raises UserError where no record has them.
    """
    usable, skipped = [], []
    for record in records:
        if reason := unfit(record, leads, whole):
            skipped.append(Skipped(record.name, reason))
        elif record.samples < span:
            skipped.append(Skipped(record.name, f"{record.samples} samples, shorter than a window of {span}"))
        else:
            usable.append(record)
    if not usable:
        shown = f" The first: {skipped[0].record}: {skipped[0].reason}." if skipped else ""
        longest = max(records, key=lambda record: record.samples / record.rate, default=None)
        if longest is not None and longest.samples < span:
            shown += (
                f" The longest has {longest.samples / longest.rate:g} s of {span / longest.rate:g} s; "
                "window_seconds=... says how long a window is, or arrangement.side."
            )
        raise UserError(f"No record has a window of {span} samples of leads {', '.join(leads)}.{shown}")
    return usable, skipped


def unfit(record: Record, leads: Sequence[str], whole: bool = False) -> str:
    """Return why a record cannot give these leads, a `whole` one with a value for each sample; nothing where it can."""
    for lead in leads:
        if lead in record.unusable:
            return f"its signal {lead} cannot be used: {record.unusable[lead]}"
    if lacking := [lead for lead in leads if lead not in record.leads]:
        return f"has no lead {', '.join(lacking)} (it has {', '.join(record.leads)}); see arrangement.leads"
    missing = sum(s.stop - s.start for s in record.segments if s.kind == "missing" and s.lead in leads)
    if whole and missing:
        return f"{missing} samples have no value (dataset.on_bad_segment=drop uses the others)"
    return ""
