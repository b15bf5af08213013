"""What the gradient penalties share: D's gradient by its images, and what it cannot be taken of."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

REFUSED: Mapping[str, str] = {
    "batch_norm": "the penalty is each image's own, and batch norm mixes the images of a batch",
    "compiled": "torch.compile has no second derivative, and the penalty is a gradient that is learned from",
}
"""What cannot go with a penalty on gradients, with the reasons."""


def gradient_of(discriminator: nn.Module, images: Tensor) -> Tensor:
    """Return the gradient of D's logits by its images `(N, C, H, W)`, from which D can learn."""
    images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    return gradient
