r"""A term of the generator's loss: how far its images' spread is from that of real ones (thesis 6.2.1, chapter 7).

    weight * mean over pixels of (std(G(z)) - std(x))^2

with the standard deviations of a batch, pixel by pixel: in a table each pixel is one feature.
"""

import torch
from torch import Tensor

from ganlab.trick.base import Trick

TINY = 1e-8
"""Added to variances, so that a constant pixel has a gradient."""


class SpreadLoss(Trick):
    """The term of the last step is kept for the log. Pixels are in [-1, 1]."""

    refuses = {"several_devices": "the spread is that of a whole batch; trainer.devices=1 has it"}  # noqa: RUF012
    last: Tensor

    def __init__(self, weight: float = 10.0) -> None:
        super().__init__()
        self.weight = weight
        self.register_buffer("last", torch.zeros(()))

    def generator_term(self, fake: Tensor, real: Tensor, step: int) -> Tensor:
        """Return the weighted mean squared difference of the pixels' standard deviations."""
        term = self.weight * (_deviation(fake) - _deviation(real)).square().mean()
        self.last.copy_(term.detach())
        return term

    def counts(self) -> dict[str, float]:
        """Return the term of the last step."""
        return {"spread_loss/last": float(self.last)}


def _deviation(images: Tensor) -> Tensor:
    return (images.float().var(dim=0, correction=0) + TINY).sqrt()
