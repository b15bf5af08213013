"""Random numbers of a training step, the same in a resumed run and with any number of processes."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from ganlab.dataset.samples import BatchSlice


class StepDraws:
    """Seeds torch at each step from the run's seed and the number of the step.

    Where several processes train, all of them draw the noise of the whole batch from `generator` and take their own
    `slice` of it, while dropout is each process's own.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.slice: BatchSlice | None = None
        self.generator: torch.Generator | None = None

    def begin(self, step: int, more: Iterable[int], part: BatchSlice | None, device: torch.device, rank: int) -> None:
        """Seed the step; `more` are the tricks' own parts of the seed, `part` this process's part of the batch."""
        # torch.manual_seed looks for every kind of device, which takes longer than a small network's step.
        seed = torch.manual_seed if device.type != "cpu" else torch.default_generator.manual_seed
        number = hash((self.seed, step, *more)) % 2**63
        seed(number)
        self.slice, self.generator = part, None
        if part is not None:
            self.generator = torch.Generator(device).manual_seed(number)
            seed(hash((number, rank)) % 2**63)

    def noise(self, draw: Callable[..., Tensor], count: int) -> Tensor:
        """Return what `draw` draws for `count` images, or for this process's part of the step's batch."""
        if self.slice is None:
            return draw(count)
        return draw(self.slice.whole, self.generator)[self.slice.first : self.slice.last]
