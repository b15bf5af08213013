"""The interface of a loss."""

from typing import Protocol

from torch import Tensor


class Loss(Protocol):
    """A pair of losses on D's logits. `pairs` is true where G's loss compares generated with real images."""

    traits: frozenset[str]
    pairs: bool

    def boundary(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the logit above which D calls an image real, given those of a batch `(B,)`, for its accuracy."""

    def discriminator(self, real: Tensor, fake: Tensor, real_target: float = 1.0) -> Tensor:
        """Return the loss of D for logits `(B,)` of real and generated images."""

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the loss of G for logits `(B,)` of its images, and of real ones where it pairs them."""
