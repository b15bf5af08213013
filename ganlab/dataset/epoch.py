"""The order in which an epoch shows the samples, and its batches."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

from ganlab.core.labels import strata
from ganlab.dataset.samples import BatchSlice, Place, Samples
from ganlab.trick.base import Indices, Trick


class EpochSampler(Sampler[Place]):
    """Draws every sample once an epoch in random order, unless a trick draws differently, seeded by seed and epoch."""

    def __init__(self, samples: Samples, seed: int, tricks: Sequence[Trick] = ()) -> None:
        self.samples = samples
        self.seed = seed
        self.tricks = tricks
        self.epoch = 0
        self.strata = strata(samples.labels)
        self._length = len(self.order(0))

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, as Lightning does before each."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self._length

    def order(self, epoch: int) -> Indices:
        """Return the indices of an epoch's samples."""
        return self._order(self._rng(epoch))

    def _rng(self, epoch: int) -> np.random.Generator:
        own = [number for trick in self.tricks for number in trick.seeds()]
        return np.random.default_rng([self.seed, epoch, *own])

    def _order(self, rng: np.random.Generator) -> Indices:
        order = rng.permutation(len(self.samples))
        for trick in self.tricks:
            order = trick.order(order, self.strata, rng)
        return order

    def __iter__(self) -> Iterator[Place]:
        rng = self._rng(self.epoch)
        return iter(self._places(self._order(rng), rng))

    def batches(self, size: int) -> list[list[Place]] | None:
        """Return an epoch's batches where a trick draws whole ones; None where none does."""
        rng = self._rng(self.epoch)
        for trick in self.tricks:
            drawn = trick.batches(self.samples.patient, size, rng)
            if drawn is not None:
                return [self._places(batch, rng) for batch in drawn]
        return None

    def _places(self, order: Indices, rng: np.random.Generator) -> list[Place]:
        drawn = self.samples.drawn[order]
        for trick in self.tricks:
            drawn = trick.starts(drawn, self.samples.room[order], rng)
        starts = self.samples.placed(order, drawn)
        return [Place(*place) for place in zip(order.tolist(), starts.tolist(), strict=True)]


class EpochBatches(Sampler[list[Place]]):
    """Batches of the sampler's places, `size` at a time unless a trick draws whole batches: as many in each epoch.

    Where several processes train `cut` returns this one's slice of a batch by its size; `slices` are those of an epoch.
    Otherwise `together` may say of how many steps the next batches are drawn at once. `first` batches are left out of
    the next epoch.
    """

    def __init__(
        self,
        sampler: EpochSampler,
        size: int,
        cut: Callable[[int], BatchSlice] | None = None,
        together: Callable[[], int] | None = None,
    ) -> None:
        self.sampler = sampler
        self.size = size
        self.cut = cut
        self.slices: list[BatchSlice] = []
        drawn = sampler.batches(size)
        self.together = together if drawn is None and cut is None else None
        self.first = 0
        self._length = -(-len(sampler) // size) if drawn is None else len(drawn)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[list[Place]]:
        drawn = self._drawn()
        at, self.first = self.first, 0
        if self.cut is not None:
            self.slices = [self.cut(len(batch)) for batch in drawn]
            drawn = [batch[part.first : part.last] for batch, part in zip(drawn, self.slices, strict=True)]
        while at < len(drawn):
            count = 1 if self.together is None else self.together()
            yield [place for batch in drawn[at : at + count] for place in batch]
            at += count

    def _drawn(self) -> list[list[Place]]:
        drawn = self.sampler.batches(self.size)
        if drawn is not None:
            return drawn
        places = list(self.sampler)
        return [places[at : at + self.size] for at in range(0, len(places), self.size)]
