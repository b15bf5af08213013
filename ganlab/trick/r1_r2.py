r"""Zero-centred gradient penalties on real (R1) and generated images (R2).

    gamma / 2 (E ||grad D(x)||^2 + E ||grad D(G(z))||^2)

Mescheder et al. 2018 (arXiv 1801.04406); both together Huang et al. 2024 (arXiv 2501.05441); applied every few steps
and multiplied accordingly, as Karras et al. 2020 (arXiv 1912.04958).
"""

import torch
from torch import Tensor, nn

from ganlab.trick.base import Trick


class R1R2(Trick):
    """The squared norm is summed over the pixels of an image, whose values are in [-1, 1]."""

    refuses = {  # noqa: RUF012
        "batch_norm": "the penalty is each image's own, and batch norm mixes the images of a batch",
        "compiled": "torch.compile has no second derivative, and the penalty is a gradient that is learned from",
        "smooth_targets": "both hold D back on real images, and together they leave it too little to tell G",
    }

    def __init__(self, gamma: float = 0.05, every: int = 4) -> None:
        super().__init__()
        self.gamma = gamma
        self.every = every

    def penalty(self, discriminator: nn.Module, real: Tensor, fake: Tensor, step: int) -> Tensor | None:
        """Return the penalty times `every` at every `every`-th step, else None."""
        if step % self.every:
            return None
        total = _squared_gradient(discriminator, real) + _squared_gradient(discriminator, fake)
        return self.every * self.gamma / 2 * total / len(real)


def _squared_gradient(discriminator: nn.Module, images: Tensor) -> Tensor:
    images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    return gradient.square().sum()
