"""Samples with a label and a patient each, and batches of them."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from typing import ClassVar, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from ganlab.core.errors import UserError
from ganlab.core.labels import Labels
from ganlab.core.progress import tracked
from ganlab.core.spread import evenly


class BatchSlice(NamedTuple):
    """Samples `first` to `last`, excluded, of a batch of `whole`.

    `weight` is the weight of their mean in the mean over the processes, which makes the latter the mean over the batch.
    """

    first: int
    last: int
    whole: int
    weight: float


def batch_slice(whole: int, rank: int, world: int, group: int = 1) -> BatchSlice:
    """Return the slice of process `rank` of `world`: whole groups, as many as the others have or one group more.

    `group` is the number of neighbouring samples that a network judges together. A batch of fewer groups than
    processes, or not of whole ones, is not cut: each process computes all of it, and the mean of equals is the same.
    """
    groups, rest = divmod(whole, group)
    if rest or groups < world:
        return BatchSlice(0, whole, whole, 1.0)
    first, last = (group * (groups * edge // world) for edge in (rank, rank + 1))
    return BatchSlice(first, last, whole, world * (last - first) / whole)


FITTED_VALUES = 12_500_000
"""Single values to which a standardization is fitted at most: 2,000 windows of three leads."""

LOADED = 256
"""Samples that are read at a time to be brought into a device's memory."""


class Batch(NamedTuple):
    """Samples with their labels and patients.

    `sample` is `(B, leads, samples)` in mV, `(B, columns)` in the columns' units or `(B, C, H, W)` of levels, later an
    image `(B, C, H, W)` in [-1, 1]; `label` is an index into the source's classes `(B,)`, or multi-hot of bool
    `(B, classes)` where a sample may have several; `patient` is an index into the samples' `unique_patients`, `(B,)`.
    `slice` is their place in the step's batch where several processes train. `attributes` `(B, A)` are continuous
    values in the order of the source's `attribute_names`, NaN where unknown; None where it has none. Where a batch
    holds those of several steps, one after another, `each` is how many samples all but the last of them take.
    """

    sample: Tensor
    label: Tensor
    patient: Tensor
    slice: BatchSlice | None = None
    attributes: Tensor | None = None
    each: int | None = None

    def steps(self) -> "list[Batch]":
        """Return the batch of each step."""
        if self.each is None:
            return [self]
        own = (part.split(self.each) for part in (self.sample, self.label, self.patient))
        parts = [Batch(*each) for each in zip(*own, strict=True)]
        if self.attributes is None:
            return parts
        more = self.attributes.split(self.each)
        return [part._replace(attributes=values) for part, values in zip(parts, more, strict=True)]

    @property
    def size(self) -> int:
        """Size of the step's whole batch."""
        return len(self.sample) if self.slice is None else self.slice.whole


class Place(NamedTuple):
    """The number of a sample, and its start in the recording; 0 where samples have no start to choose."""

    number: int
    start: int


class Samples(Dataset[Batch], ABC):
    """Samples of a data set, which are read a whole batch at a time.

    `labels`, `patients`, `starts` and `room` have one value a sample, `labels` a multi-hot row `(N, C)` where a sample
    may have several; `attributes` have a row `(N, A)`. A sample may be read at `room + 1` starts, which
    are drawn by their number; its own is the number `drawn`. `stored` is the type that holds their values without loss.
    """

    stored: ClassVar[torch.dtype] = torch.float32

    def __init__(
        self,
        labels: Labels,
        patients: NDArray[np.str_],
        starts: NDArray[np.int64] | None = None,
        room: NDArray[np.int64] | None = None,
        attributes: NDArray[np.float32] | None = None,
    ) -> None:
        self.labels = labels
        self.patients = patients
        self.attributes = np.empty((len(labels), 0), np.float32) if attributes is None else attributes
        self.starts = np.zeros(len(labels), np.int64) if starts is None else starts
        self.room = np.zeros(len(labels), np.int64) if room is None else room
        self.drawn = self.starts
        self.unique_patients, self.patient = np.unique(patients.astype(str), return_inverse=True)

    @abstractmethod
    def read(self, places: Sequence[Place]) -> NDArray[np.float32]:
        """Return the samples at these places, `(B, *)` in their own unit."""

    @abstractmethod
    def of(self, patients: Collection[str]) -> Self:
        """Return the samples of these patients."""

    def placed(self, numbers: NDArray[np.int64], drawn: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where in their recordings the samples start, given the number of each one's start among its own."""
        return drawn

    @property
    def recordings(self) -> NDArray[np.str_] | None:
        """Name of each sample's recording, `(N,)`; None where samples are no recordings'."""
        return None

    def without(self, recordings: Collection[str]) -> Self:
        """Return all but the samples of these recordings. Raises UserError where there are no recordings."""
        raise UserError("split.spare=true spares recordings, and this data set has none: leave split.spare out.")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, places: Sequence[Place | int]) -> Batch:
        """Return a batch, read at the given places; a bare index means the sample's own start."""
        full = self.places(places)
        return self.batch(torch.from_numpy(self.read(full)), full)

    def places(self, places: Sequence[Place | int]) -> list[Place]:
        """Return the places, each bare index as the place at the sample's own start."""
        return [p if isinstance(p, Place) else Place(p, int(self.starts[p])) for p in places]

    def batch(self, sample: Tensor, places: Sequence[Place]) -> Batch:
        """Return the samples that were read at these places with their labels, patients and attributes."""
        numbers = np.array([place.number for place in places], dtype=np.int64)
        batch = Batch(sample, torch.from_numpy(self.labels[numbers]), torch.from_numpy(self.patient[numbers]))
        some = self.attributes.shape[1] > 0
        return batch._replace(attributes=torch.from_numpy(self.attributes[numbers])) if some else batch

    @property
    def stored_bytes(self) -> int | None:
        """Bytes that `resident` takes; None where samples cannot be stored as they are read."""
        return len(self) * self[0].sample.numel() * self.stored.itemsize

    def resident(self, device: torch.device) -> nn.Module:
        """Return all samples in a device's memory, as a module that maps places `(B, 2)` to what `read` returns."""
        values = torch.empty((len(self), *self[0].sample.shape[1:]), dtype=self.stored, device=device)
        for first in tracked(range(0, len(self), LOADED), "loading", "batch"):
            numbers = range(first, min(first + LOADED, len(self)))
            values[numbers.start : numbers.stop] = torch.from_numpy(self.read(self.places(numbers))).to(self.stored)
        return Resident(values)

    def spread(self, count: int) -> Batch:
        """Return at most `count` samples, spread evenly over all."""
        return self.__getitems__(evenly(count, len(self)).tolist())

    def to_fit(self) -> Tensor:
        """Return the samples to which a standardization is fitted: all where they are few, else spread evenly."""
        return self.few_to_fit().sample

    def few_to_fit(self) -> Batch:
        """Return these samples with their labels and attributes, to which a network is fitted."""
        return self.spread(max(1, FITTED_VALUES // self[0].sample.numel()))


class Resident(nn.Module):
    """Samples on a device, `values` `(N, *)`, without starts to choose."""

    values: Tensor

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.register_buffer("values", values)

    def forward(self, places: Tensor) -> Tensor:
        """Return the samples `(B, *)` at these places, numbers and starts `(B, 2)`, as float32."""
        return self.values[places[:, 0]].float()
