"""Windows of recordings in mV, and the order in which an epoch shows them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from ganlab.dataset.cache import Recordings, Skipped
from ganlab.dataset.record import Record, millivolts
from ganlab.errors import UserError


class Batch(NamedTuple):
    """What a network is shown, and whose it is.

    `sample` is `(B, leads, samples)` in mV, later an image `(B, C, H, W)` in [-1, 1]; `label` is the class of Table 2
    and `person` an index into the `people` of the windows, `(B,)` each.
    """

    sample: Tensor
    label: Tensor
    person: Tensor


class WindowAt(NamedTuple):
    """A window of the data set and the sample of its recording at which it is read."""

    window: int
    start: int


class Windows(Dataset[Batch]):
    """Windows of `length` samples of the given leads, one after another, the tail of a recording dropped.

    Read in mV from the memory-mapped recordings, a whole batch at a time. The records must have the leads.
    """

    def __init__(self, recordings: Recordings, records: Sequence[Record], leads: Sequence[str], length: int) -> None:
        self.recordings = recordings
        self.records = tuple(records)
        self.leads = tuple(leads)
        self.length = length
        counts = np.array([record.samples // length for record in self.records], dtype=np.int64)
        self.record_of = np.repeat(np.arange(len(self.records)), counts)
        self.starts = np.concatenate([np.arange(n) * length for n in counts]) if len(counts) else counts
        self.room = np.array([r.samples - length for r in self.records], dtype=np.int64)[self.record_of]
        self.labels = np.array([r.label for r in self.records], dtype=np.int64)[self.record_of]
        self.patients = np.array([r.patient for r in self.records], dtype=object)[self.record_of]
        self.people, self.person = np.unique(self.patients.astype(str), return_inverse=True)
        self._leads_of = [np.array([r.leads.index(lead) for lead in self.leads]) for r in self.records]

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, places: Sequence[WindowAt | int]) -> Batch:
        """A batch, read at the given places; a bare index means the window's place on the grid."""
        found = [p if isinstance(p, WindowAt) else WindowAt(p, int(self.starts[p])) for p in places]
        sample = np.stack([self._millivolts(*place) for place in found])
        numbers = [place.window for place in found]
        return Batch(
            torch.from_numpy(sample), torch.from_numpy(self.labels[numbers]), torch.from_numpy(self.person[numbers])
        )

    def _millivolts(self, window: int, start: int) -> NDArray[np.float32]:
        number = int(self.record_of[window])
        record, leads = self.records[number], self._leads_of[number]
        digital = self.recordings.digital(record)[leads, start : start + self.length]
        return millivolts(digital, np.array(record.gain)[leads], np.array(record.baseline)[leads])

    def spread(self, count: int) -> Tensor:
        """At most `count` windows spread evenly over all, `(N, leads, samples)` in mV."""
        chosen = np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).round().astype(int))
        return self.__getitems__(chosen.tolist()).sample


def with_leads(records: Sequence[Record], leads: Sequence[str], length: int) -> tuple[list[Record], list[Skipped]]:
    """Records that have all leads and at least one window, and the others with the reason.

    Raises UserError where no record has them.
    """
    usable, skipped = [], []
    for record in records:
        lacking = [lead for lead in leads if lead not in record.leads]
        if lacking:
            reason = f"has no lead {', '.join(lacking)} (it has {', '.join(record.leads)}); see arrangement.leads"
            skipped.append(Skipped(record.name, reason))
        elif record.samples < length:
            skipped.append(Skipped(record.name, f"{record.samples} samples, shorter than a window of {length}"))
        else:
            usable.append(record)
    if not usable:
        shown = f" The first: {skipped[0].record} {skipped[0].reason}." if skipped else ""
        raise UserError(f"No record has a window of {length} samples of leads {', '.join(leads)}.{shown}")
    return usable, skipped


class Draws(Protocol):
    """What may change an epoch's draw: see `ganlab.trick.base.Trick`."""

    def order(self, order: NDArray[np.int64], labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Which windows, in which order."""

    def starts(self, starts: NDArray[np.int64], room: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Where in their recordings the windows start."""


class EpochSampler(Sampler[WindowAt]):
    """Every window once an epoch in random order, unless a trick draws differently. Seeded by seed and epoch."""

    def __init__(self, windows: Windows, seed: int, tricks: Sequence[Draws] = ()) -> None:
        self.windows = windows
        self.seed = seed
        self.tricks = tricks
        self.epoch = 0
        self._length = len(self._order(np.random.default_rng([seed, 0])))

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self._length

    def _order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        order = rng.permutation(len(self.windows))
        for trick in self.tricks:
            order = trick.order(order, self.windows.labels, rng)
        return order

    def __iter__(self) -> Iterator[WindowAt]:
        rng = np.random.default_rng([self.seed, self.epoch])
        order = self._order(rng)
        starts = self.windows.starts[order]
        for trick in self.tricks:
            starts = trick.starts(starts, self.windows.room[order], rng)
        return (WindowAt(int(i), int(s)) for i, s in zip(order, starts, strict=True))
