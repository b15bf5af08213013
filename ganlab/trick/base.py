"""What a trick may do: the points at which the GAN and its data ask it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ganlab.core.errors import UserError

Indices = NDArray[np.int64]


class Trick(nn.Module):
    """Does nothing. A trick overrides the hooks that it needs; its buffers and submodules go into the checkpoint.

    `traits` are what it brings, `refuses` the traits of networks, losses, standardizations and other tricks that it
    cannot stand, each with the reason; each hook that a trick overrides is a trait of it too, by the hook's name. One
    with `needs_classes` is refused on data without labels.
    """

    traits: ClassVar[frozenset[str]] = frozenset()
    refuses: ClassVar[Mapping[str, str]] = {}
    needs_classes: ClassVar[bool] = False

    def order(self, order: Indices, labels: Indices, rng: np.random.Generator) -> Indices:
        """Which samples an epoch shows, in which order; `labels` are those of all samples, not of the order."""
        return order

    def seeds(self) -> tuple[int, ...]:
        """What every seed of the training is made with beside its own numbers."""
        return ()

    def batches(self, persons: Indices, size: int, rng: np.random.Generator) -> Sequence[Indices] | None:
        """An epoch's batches of samples, where the trick draws whole ones; None for `size` at a time in their order.

        `persons` are those of all samples. Nothing has a say in what is drawn so but `starts`.
        """
        return None

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

    def discriminator_gradient(
        self, discriminator: nn.Module, loss: Callable[[slice], Tensor], persons: Tensor | None
    ) -> bool:
        """Set D's gradients instead of the backward pass of its loss; whether that is done.

        `loss` is D's on a part of the batch, `persons` `(B,)` are those of the batch.
        """
        return False

    def generator_images(self, count: int) -> int:
        """How many images a step of G makes, where the batch has `count` real ones."""
        return count

    def generator_steps(self, step: int) -> bool:
        """Whether G is updated at this step, which counts from 0."""
        return True

    def after_step(self, generator: nn.Module, step: int) -> None:
        """Called after G has been updated; `step` counts from 0."""

    def sampling_generator(self, generator: nn.Module) -> nn.Module:
        """The generator that samples are drawn from."""
        return generator

    def spent(self) -> bool:
        """Whether training has to end."""
        return False

    def counts(self) -> dict[str, float]:
        """What to log with the losses."""
        return {}

    def facts(self) -> dict[str, Any]:
        """What the run says of itself because of the trick, plain values by name."""
        return {}


def refuse_combinations(traits: Mapping[str, str], tricks: Mapping[str, Trick]) -> None:
    """Raise UserError where a trick cannot go with a network, a loss or another trick, with the reason.

    `traits` maps each trait of the networks, the loss and the standardization to the override that brings it.
    """
    brought = dict(traits)
    brought |= {trait: f"trick={name}" for name, trick in tricks.items() for trait in {*trick.traits, *hooks_of(trick)}}
    for name, trick in tricks.items():
        for trait, reason in trick.refuses.items():
            if trait in brought:
                raise UserError(f"trick={name} cannot go with {brought[trait]}: {reason}. Take one of them out.")


def hooks_of(trick: Trick) -> set[str]:
    """The hooks that a trick overrides."""
    hooks = {name for name, value in vars(Trick).items() if callable(value) and not name.startswith("_")}
    return {name for name in hooks if getattr(type(trick), name) is not getattr(Trick, name)}


def traits_of(network: nn.Module) -> Sequence[str]:
    """Traits of a network that tricks may refuse: those that it declares, and batch norm where it has one."""
    norms = (nn.modules.batchnorm._BatchNorm,)
    normed = any(isinstance(module, norms) for module in network.modules())
    return [*getattr(network, "traits", ()), *["batch_norm"] * normed]
