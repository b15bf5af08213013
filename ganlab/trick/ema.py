"""Samples are drawn from an exponential moving average of the generator's weights (Yazici et al. 2019)."""

from copy import deepcopy

import torch
from torch import nn

from ganlab.trick.base import Trick


class EMA(Trick):
    """The average is `decay` times itself plus the rest of the new weights; it forgets its start quickly at first."""

    average: nn.Module

    def __init__(self, decay: float = 0.998) -> None:
        super().__init__()
        self.decay = decay

    def adopt(self, generator: nn.Module, discriminator: nn.Module) -> None:
        """Begin with the generator as it is."""
        self.average = deepcopy(generator).requires_grad_(False).eval()

    @torch.no_grad()
    def after_step(self, generator: nn.Module, step: int) -> None:
        """Move the average towards the generator."""
        weight = 1 - min(self.decay, (step + 1) / (step + 11))
        for ours, theirs in zip(self.average.parameters(), generator.parameters(), strict=True):
            ours.lerp_(theirs, weight)
        for kept, new in zip(self.average.buffers(), generator.buffers(), strict=True):
            kept.copy_(new)

    def sampling_generator(self, generator: nn.Module) -> nn.Module:
        """The average."""
        return self.average
