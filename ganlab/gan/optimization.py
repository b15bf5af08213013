"""How the weights of both networks are updated."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Adam, Optimizer

from ganlab.core.errors import UserError


def adam(parameters: Any) -> Optimizer:
    """Return the documents' optimizer: Adam with a learning rate of 0.0002."""
    return Adam(parameters, lr=2e-4)


@dataclass(frozen=True)
class Optimization:
    """Optimizers of both networks, and how a step uses them.

    `lr_end` is the learning rate of the last step as a share of the first; it falls linearly. With `reuse_fakes` G is
    updated on the images that D has just learned from, which saves a pass; the documents draw new ones. With
    `channels_last` convolutions of images keep the channels of a pixel next to one another in memory, which is faster.
    """

    optimizer_g: Callable[..., Optimizer] = adam
    optimizer_d: Callable[..., Optimizer] = adam
    lr_end: float = 1.0
    reuse_fakes: bool = False
    channels_last: bool = True

    def lay_out(self, *networks: nn.Module) -> None:
        """Set the memory layout of the networks' weights."""
        if self.channels_last:
            for network in networks:
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def optimizers(self, generator: nn.Module, discriminator: nn.Module) -> list[Optimizer]:
        """Return the optimizers of G and of D. Raises UserError for values that they do not take."""
        made = []
        for name, make, network in (("g", self.optimizer_g, generator), ("d", self.optimizer_d, discriminator)):
            try:
                made.append(make(network.parameters()))
            except ValueError as error:
                raise UserError(f"gan.optimizer_{name}: {error}.") from error
        return made

    def set_rates(self, step: int, planned_steps: int, *optimizers: Any) -> None:
        """Set the learning rates of this step; `planned_steps` is 0 where the length of the training is not known."""
        if self.lr_end == 1.0 or not planned_steps:
            return
        share = 1 - (1 - self.lr_end) * min(1.0, step / planned_steps)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group.setdefault("lr_start", group["lr"])
                group["lr"] = share * group["lr_start"]
