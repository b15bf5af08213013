r"""Zero-centred gradient penalties on real (R1) and generated images (R2).

    gamma / 2 (E ||grad D(x)||^2 + E ||grad D(G(z))||^2)

Mescheder et al. 2018 (arXiv 1801.04406); both together Huang et al. 2024 (arXiv 2501.05441); applied every few steps
and multiplied accordingly, as Karras et al. 2020 (arXiv 1912.04958).
"""

from collections.abc import Callable

from torch import Tensor

from ganlab.trick.base import Trick
from ganlab.trick.gradients import REFUSED, gradient_of


class R1R2(Trick):
    """The squared norm is summed over the pixels of an image, whose values are in [-1, 1]."""

    refuses = {  # noqa: RUF012
        **REFUSED,
        "smooth_targets": "both limit D on real images, and together they leave G too little to learn from",
    }

    def __init__(self, gamma: float = 0.05, every: int = 4) -> None:
        super().__init__()
        self.gamma = gamma
        self.every = every

    def learns_from_gradient(self, step: int) -> bool:
        """Return whether this is an `every`-th step."""
        return step % self.every == 0

    def penalty(
        self, discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, step: int
    ) -> Tensor | None:
        """Return the penalty times `every` at every `every`-th step, else None."""
        if not self.learns_from_gradient(step):
            return None
        of_real, of_fake = (gradient_of(discriminator, images).square().sum() for images in (real, fake))
        return self.every * self.gamma / 2 * (of_real + of_fake) / len(real)
