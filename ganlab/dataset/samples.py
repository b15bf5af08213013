"""Samples with a label and a person each, and the order in which an epoch shows them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import ClassVar, NamedTuple, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset, Sampler
from tqdm import tqdm

from ganlab.core.errors import UserError
from ganlab.dataset.device_storage import Resident
from ganlab.dataset.rows import Rows

FITTED_VALUES = 12_500_000
"""Single values from which a standardization takes what it needs: 2,000 windows of three leads."""

LOADED = 256
"""Samples that are read at a time to be brought into a device's memory."""


class Batch(NamedTuple):
    """What a network is shown, and whose it is.

    `sample` is `(B, leads, samples)` in mV, `(B, columns)` in the columns' units or `(B, C, H, W)` of levels, later an
    image `(B, C, H, W)` in [-1, 1]; `label` is an index into the source's classes and `person` one into the `people` of
    the samples, `(B,)` each. `rows` says which of the step's these are, where several processes train.
    """

    sample: Tensor
    label: Tensor
    person: Tensor
    rows: Rows | None = None


class Place(NamedTuple):
    """A sample of the data set, and where in its recording it is read; 0 for what has no place to choose."""

    number: int
    start: int


class Samples(Dataset[Batch], ABC):
    """Samples read a whole batch at a time.

    `labels`, `persons`, `starts` and `room` have one value a sample. A sample may be read at `room + 1` starts, which
    are drawn by their number; its own is the number `drawn`. `stored` is the type that holds their values without loss.
    """

    stored: ClassVar[torch.dtype] = torch.float32

    def __init__(
        self,
        labels: NDArray[np.int64],
        persons: NDArray[np.str_],
        starts: NDArray[np.int64] | None = None,
        room: NDArray[np.int64] | None = None,
    ) -> None:
        self.labels = labels
        self.persons = persons
        self.starts = np.zeros_like(labels) if starts is None else starts
        self.room = np.zeros_like(labels) if room is None else room
        self.drawn = self.starts
        self.people, self.person = np.unique(persons.astype(str), return_inverse=True)

    @abstractmethod
    def read(self, places: Sequence[Place]) -> NDArray[np.float32]:
        """The samples at these places, one after another along the first axis."""

    @abstractmethod
    def of(self, people: Collection[str]) -> Self:
        """The samples of these persons."""

    def placed(self, numbers: NDArray[np.int64], drawn: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where in their recordings the samples of these numbers start, given the number of the start of each."""
        return drawn

    @property
    def recordings(self) -> NDArray[np.str_] | None:
        """The recording that each sample is of, by name, with shape (N,); None for what has no recordings."""
        return None

    def without(self, recordings: Collection[str]) -> Self:
        """All but the samples of these recordings. Raises UserError for what has no recordings."""
        raise UserError("split.spare=true spares recordings, and this data set has none: leave split.spare out.")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, places: Sequence[Place | int]) -> Batch:
        """A batch, read at the given places; a bare index means the sample's own start."""
        found = self.found(places)
        return self.told(torch.from_numpy(self.read(found)), found)

    def found(self, places: Sequence[Place | int]) -> list[Place]:
        """The places; a bare index means the sample's own start."""
        return [p if isinstance(p, Place) else Place(p, int(self.starts[p])) for p in places]

    def told(self, sample: Tensor, places: Sequence[Place]) -> Batch:
        """A batch of what is at these places, with its labels and persons."""
        numbers = np.array([place.number for place in places], dtype=np.int64)
        return Batch(sample, torch.from_numpy(self.labels[numbers]), torch.from_numpy(self.person[numbers]))

    @property
    def stored_bytes(self) -> int | None:
        """How much memory `resident` takes; None where samples are not stored as they are shown."""
        return len(self) * self[0].sample.numel() * self.stored.itemsize

    def resident(self, device: torch.device) -> nn.Module:
        """All samples in the memory of a device: called with places `(B, 2)`, gives what `read` gives there."""
        values = torch.empty((len(self), *self[0].sample.shape[1:]), dtype=self.stored, device=device)
        for first in tqdm(range(0, len(self), LOADED), desc="loading", unit="batch", disable=None):
            numbers = range(first, min(first + LOADED, len(self)))
            values[numbers.start : numbers.stop] = torch.from_numpy(self.read(self.found(numbers))).to(self.stored)
        return Resident(values)

    def spread(self, count: int) -> Batch:
        """At most `count` samples spread evenly over all."""
        chosen = np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).round().astype(int))
        return self.__getitems__(chosen.tolist())

    def to_fit(self) -> Tensor:
        """As many samples, spread evenly over all, as a standardization is fitted to: all where they are small."""
        return self.spread(max(1, FITTED_VALUES // self[0].sample.numel())).sample


class Draws(Protocol):
    """What may change an epoch's draw: see `ganlab.trick.base.Trick`."""

    def order(self, order: NDArray[np.int64], labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Which samples, in which order."""

    def seeds(self) -> tuple[int, ...]:
        """What the seeds of the draws are made with beside their own numbers."""

    def batches(
        self, persons: NDArray[np.int64], size: int, rng: np.random.Generator
    ) -> Sequence[NDArray[np.int64]] | None:
        """An epoch's batches of samples, which may differ in size; None for `size` at a time in their order."""

    def starts(self, starts: NDArray[np.int64], room: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Which of the `room + 1` starts that its recording has for it each sample takes."""


class EpochSampler(Sampler[Place]):
    """Every sample once an epoch in random order, unless a trick draws differently. Seeded by seed and epoch."""

    def __init__(self, samples: Samples, seed: int, tricks: Sequence[Draws] = ()) -> None:
        self.samples = samples
        self.seed = seed
        self.tricks = tricks
        self.epoch = 0
        self._length = len(self.order(0))

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self._length

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Indices of an epoch's samples."""
        return self._order(self._rng(epoch))

    def _rng(self, epoch: int) -> np.random.Generator:
        own = [number for trick in self.tricks for number in trick.seeds()]
        return np.random.default_rng([self.seed, epoch, *own])

    def _order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        order = rng.permutation(len(self.samples))
        for trick in self.tricks:
            order = trick.order(order, self.samples.labels, rng)
        return order

    def __iter__(self) -> Iterator[Place]:
        rng = self._rng(self.epoch)
        return iter(self._places(self._order(rng), rng))

    def batches(self, size: int) -> list[list[Place]] | None:
        """An epoch's batches where a trick draws whole ones; None where none does."""
        rng = self._rng(self.epoch)
        for trick in self.tricks:
            drawn = trick.batches(self.samples.person, size, rng)
            if drawn is not None:
                return [self._places(batch, rng) for batch in drawn]
        return None

    def _places(self, order: NDArray[np.int64], rng: np.random.Generator) -> list[Place]:
        drawn = self.samples.drawn[order]
        for trick in self.tricks:
            drawn = trick.starts(drawn, self.samples.room[order], rng)
        starts = self.samples.placed(order, drawn)
        return [Place(*place) for place in zip(order.tolist(), starts.tolist(), strict=True)]


class EpochBatches(Sampler[list[Place]]):
    """The sampler's places, `size` at a time, unless a trick draws whole batches: as many in each epoch.

    Where several processes train `cut` says which rows of a batch are this one's, and `rows` those of each batch.
    """

    def __init__(self, sampler: EpochSampler, size: int, cut: Callable[[int], Rows] | None = None) -> None:
        self.sampler = sampler
        self.size = size
        self.cut = cut
        self.rows: list[Rows] = []
        self._length = len(self._drawn())

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[list[Place]]:
        drawn = self._drawn()
        if self.cut is None:
            return iter(drawn)
        self.rows = [self.cut(len(batch)) for batch in drawn]
        return (batch[part.first : part.last] for batch, part in zip(drawn, self.rows, strict=True))

    def _drawn(self) -> list[list[Place]]:
        drawn = self.sampler.batches(self.size)
        if drawn is not None:
            return drawn
        places = list(self.sampler)
        return [places[at : at + self.size] for at in range(0, len(places), self.size)]
