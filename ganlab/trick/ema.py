"""Samples from an exponential moving average of the generator's weights (Yazici et al. 2019, arXiv 1806.04498)."""

from copy import deepcopy

import torch
from torch import nn

from ganlab.trick.base import Trick


class EMA(Trick):
    """After step n the average keeps the share `min(decay, n / (n + 10))` of itself, and forgets its start."""

    average: nn.Module

    def __init__(self, decay: float = 0.998) -> None:
        super().__init__()
        self.decay = decay

    def adopt(self, generator: nn.Module, discriminator: nn.Module) -> None:
        """Start the average from the generator's weights."""
        self.average = deepcopy(generator).requires_grad_(False).eval()

    @torch.no_grad()
    def after_step(self, generator: nn.Module, step: int) -> None:
        """Move the average towards the generator; buffers are copied."""
        weight = 1 - min(self.decay, (step + 1) / (step + 11))
        for ours, theirs in zip(self.average.parameters(), generator.parameters(), strict=True):
            ours.lerp_(theirs, weight)
        for kept, new in zip(self.average.buffers(), generator.buffers(), strict=True):
            kept.copy_(new)

    def sampling_generator(self, generator: nn.Module) -> nn.Module:
        """Return the averaged generator."""
        return self.average
