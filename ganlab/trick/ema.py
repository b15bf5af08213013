"""Samples are drawn from an exponential moving average of the generator's weights (Yazici et al. 2019)."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from ganlab.trick.base import Trick


class EMA(Trick):
    """The average is `decay` times itself plus the rest of the new weights; it forgets its start quickly at first."""

    average: nn.Module
    updates: Tensor

    def __init__(self, decay: float = 0.998) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    def adopt(self, generator: nn.Module, discriminator: nn.Module) -> None:
        """Begin with the generator as it is."""
        self.average = deepcopy(generator).requires_grad_(False).eval()

    def after_step(self, generator: nn.Module) -> None:
        """Move the average towards the generator."""
        self.updates += 1
        updates = int(self.updates)
        weight = 1 - min(self.decay, updates / (10 + updates))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(generator.parameters()), weight)
            for ours, theirs in zip(self.average.buffers(), generator.buffers(), strict=True):
                ours.copy_(theirs)

    def sampling_generator(self, generator: nn.Module) -> nn.Module:
        """The average."""
        return self.average
