r"""WGAN-GP's penalty: D's slope is 1 between real and generated images (Gulrajani et al. 2017, arXiv 1704.00028).

weight * E (||grad D(u x + (1 - u) G(z))|| - 1)^2,    u uniform in [0, 1], one for each pair of images
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ganlab.trick.base import Trick
from ganlab.trick.gradients import REFUSED, gradient_of


class GradientPenalty(Trick):
    """Penalizes D at each of its steps; G is updated at every `every`-th one."""

    refuses = REFUSED

    def __init__(self, weight: float = 10.0, every: int = 5) -> None:
        super().__init__()
        self.weight = weight
        self.every = every

    def learns_from_gradient(self, step: int) -> bool:
        """Return True: each step of D has the penalty."""
        return True

    def penalty(self, discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, step: int) -> Tensor:
        """Return the weighted mean over pairs of images."""
        share = torch.rand(len(real), 1, 1, 1, device=real.device, dtype=real.dtype)
        gradient = gradient_of(discriminator, share * real + (1 - share) * fake)
        return self.weight * (gradient.flatten(1).norm(dim=1) - 1).square().mean()

    def generator_steps(self, step: int) -> bool:
        """Return whether this is an `every`-th step."""
        return (step + 1) % self.every == 0
