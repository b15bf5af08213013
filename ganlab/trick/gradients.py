"""What the gradient penalties share: D's gradient by its images, and what it cannot be taken of."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

REFUSED: Mapping[str, str] = {
    "batch_norm": "the penalty is each image's own, and batch norm mixes the images of a batch",
}
"""What cannot go with a penalty on gradients, with the reasons."""


class KnownLogits:
    """D as a function: logits `(N,)` that the loss has computed already, of the same images, and new ones of others."""

    def __init__(self, discriminator: Callable[[Tensor], Tensor]) -> None:
        self.discriminator = discriminator
        self.computed: tuple[tuple[Tensor, Tensor], ...] = ()

    def __call__(self, images: Tensor) -> Tensor:
        """Return the logits `(N,)` of images `(N, C, H, W)`."""
        logits = next((logits for those, logits in self.computed if those is images), None)
        return self.discriminator(images) if logits is None else logits


def gradient_of(discriminator: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Return the gradient of D's logits by its images `(N, C, H, W)`, from which D can learn."""
    if not (images.is_leaf and images.requires_grad):
        images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    return gradient
