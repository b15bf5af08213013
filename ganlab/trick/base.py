"""What a trick may do: the points at which the GAN and its data ask it."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ganlab.errors import UserError

Indices = NDArray[np.int64]


class Trick(nn.Module):
    """Does nothing. A trick overrides the hooks that it needs; its buffers and submodules go into the checkpoint.

    `traits` are what it brings, `refuses` the traits of networks, losses and other tricks that it cannot stand,
    each with the reason. One with `needs_classes` is refused on data without labels.
    """

    traits: ClassVar[frozenset[str]] = frozenset()
    refuses: ClassVar[Mapping[str, str]] = {}
    needs_classes: ClassVar[bool] = False

    def order(self, order: Indices, labels: Indices, rng: np.random.Generator) -> Indices:
        """Which samples an epoch shows, in which order; `labels` are those of all samples, not of the order."""
        return order

    def starts(self, starts: Indices, room: Indices, rng: np.random.Generator) -> Indices:
        """At which of the possible starts in their recordings windows begin; `room` is the number of the last one."""
        return starts

    def adopt(self, generator: nn.Module, discriminator: nn.Module) -> None:
        """Called once with the networks, before training."""

    def real_target(self, target: float) -> float:
        """What D is told that a real image is."""
        return target

    def penalty(self, discriminator: nn.Module, real: Tensor, fake: Tensor, step: int) -> Tensor | None:
        """Added to D's loss; images are `(B, C, H, W)`."""
        return None

    def generator_term(self, fake: Tensor, real: Tensor, step: int) -> Tensor | None:
        """Added to G's loss; images are `(B, C, H, W)`."""
        return None

    def discriminator_steps(self, loss: Tensor) -> bool:
        """Whether D is updated, given its adversarial loss."""
        return True

    def after_step(self, generator: nn.Module, step: int) -> None:
        """Called after both networks have been updated; `step` counts from 0."""

    def sampling_generator(self, generator: nn.Module) -> nn.Module:
        """The generator that samples are drawn from."""
        return generator

    def counts(self) -> dict[str, float]:
        """What to log with the losses."""
        return {}


def refuse_combinations(traits: Mapping[str, str], tricks: Mapping[str, Trick]) -> None:
    """Raise UserError where a trick cannot go with a network, a loss or another trick, with the reason.

    `traits` maps each trait of the networks and the loss to the override that brings it.
    """
    brought = dict(traits) | {trait: f"trick={name}" for name, trick in tricks.items() for trait in trick.traits}
    for name, trick in tricks.items():
        for trait, reason in trick.refuses.items():
            if trait in brought:
                raise UserError(f"trick={name} cannot go with {brought[trait]}: {reason}. Take one of them out.")


def traits_of(network: nn.Module) -> Sequence[str]:
    """Traits of a network that tricks may refuse."""
    norms = (nn.modules.batchnorm._BatchNorm,)
    return ["batch_norm"] if any(isinstance(module, norms) for module in network.modules()) else []
