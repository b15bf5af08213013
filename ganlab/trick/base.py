"""The hooks at which a trick acts: the GAN and its data module call them at fixed points of the training."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ganlab.codec import Codec
from ganlab.core.errors import UserError

Indices = NDArray[np.int64]


class Trick(nn.Module):
    """Base class whose hooks change nothing. Buffers and submodules of a trick go into the checkpoint.

    `traits` name what the trick brings; `refuses` maps traits of networks, losses, standardizations and other tricks
    that it cannot be combined with to the reason. Each hook that a trick overrides is a trait too, by the hook's name.
    With `needs_classes` a trick is refused on data without labels.
    """

    traits: ClassVar[frozenset[str]] = frozenset()
    refuses: ClassVar[Mapping[str, str]] = {}
    needs_classes: ClassVar[bool] = False

    def order(self, order: Indices, labels: Indices, rng: np.random.Generator) -> Indices:
        """Return the samples of an epoch in their order; `labels` are those of all samples, not of the order.

        Of several classes a sample has its rarest, and one of no class the number behind the last.
        """
        return order

    def seeds(self) -> tuple[int, ...]:
        """Return numbers that are mixed into every seed of the training."""
        return ()

    def batches(self, patients: Indices, size: int, rng: np.random.Generator) -> Sequence[Indices] | None:
        """Return an epoch's batches of samples; None for `size` samples at a time in their order.

        `patients` are those of all samples. Other tricks change such batches through `starts` only.
        """
        return None

    def starts(self, starts: Indices, room: Indices, rng: np.random.Generator) -> Indices:
        """Return the number of each window's start, one of the `room + 1` that its recording has for it."""
        return starts

    def adopt(self, generator: nn.Module, discriminator: nn.Module) -> None:
        """Receive the networks, once, before training."""

    def real_target(self, target: float) -> float:
        """Return the discriminator's target for real images."""
        return target

    def augment(self, images: Tensor, codec: Codec) -> Tensor:
        """Return real or generated images `(B, C, H, W)` as the discriminator is shown them, differentiable."""
        return images

    def penalty(
        self, discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, step: int
    ) -> Tensor | None:
        """Return a term of the discriminator's loss; images are `(B, C, H, W)`.

        D has these images' logits already: it takes no second pass.
        """
        return None

    def learns_from_gradient(self, step: int) -> bool:
        """Return whether this step's penalty is of a gradient by images, so that the images need one."""
        return False

    def generator_term(self, fake: Tensor, real: Tensor, step: int) -> Tensor | None:
        """Return a term of the generator's loss; images are `(B, C, H, W)`."""
        return None

    def discriminator_steps(self, loss: Tensor) -> bool:
        """Return whether the discriminator is updated, given its adversarial loss."""
        return True

    def discriminator_gradient(
        self, discriminator: nn.Module, loss: Callable[[slice], Tensor], patients: Tensor | None
    ) -> bool:
        """Set the discriminator's gradients in place of the backward pass; return whether they were set.

        `loss` returns the discriminator's loss on a part of the batch, whose patients are `patients` `(B,)`.
        """
        return False

    def generator_images(self, count: int) -> int:
        """Return how many images a generator step makes for a batch of `count` real ones."""
        return count

    def generator_steps(self, step: int) -> bool:
        """Return whether the generator is updated at this step, counted from 0."""
        return True

    def after_step(self, generator: nn.Module, step: int) -> None:
        """Act after an update of the generator; `step` counts from 0."""

    def sampling_generator(self, generator: nn.Module) -> nn.Module:
        """Return the generator that samples are drawn from."""
        return generator

    def spent(self) -> bool:
        """Return whether training has to end."""
        return False

    def counts(self) -> dict[str, float]:
        """Return numbers to log with the losses."""
        return {}

    def facts(self) -> dict[str, Any]:
        """Return what `run.json` holds because of this trick: plain values by name."""
        return {}


def refuse_combinations(traits: Mapping[str, str], tricks: Mapping[str, Trick]) -> None:
    """Raise UserError, with the reason, where a trick cannot be combined with a network, a loss or another trick.

    `traits` maps each trait of the networks, the loss and the standardization to the override that brings it.
    """
    brought = dict(traits)
    brought |= {trait: f"trick={name}" for name, trick in tricks.items() for trait in {*trick.traits, *hooks_of(trick)}}
    for name, trick in tricks.items():
        for trait, reason in trick.refuses.items():
            if trait in brought:
                raise UserError(f"trick={name} cannot go with {brought[trait]}: {reason}. Leave one of them out.")


def hooks_of(trick: Trick) -> set[str]:
    """Return the names of the hooks that a trick overrides."""
    hooks = {name for name, value in vars(Trick).items() if callable(value) and not name.startswith("_")}
    return {name for name in hooks if getattr(type(trick), name) is not getattr(Trick, name)}


def traits_of(network: nn.Module) -> Sequence[str]:
    """Return the traits of a network that tricks may refuse: those it declares, and `batch_norm` where it has one."""
    normed = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())
    return [*getattr(network, "traits", ()), *["batch_norm"] * normed]
