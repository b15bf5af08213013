"""The discriminator is not updated while loss_real + loss_fake < threshold (thesis listing 6.1)."""

import torch
from torch import Tensor

from ganlab.trick.base import Trick


class DThreshold(Trick):
    """Counts the steps, and those without an update of the discriminator."""

    refuses = dict.fromkeys(
        ("relativistic", "no_cross_entropy"),
        "the threshold is a value of the cross entropy of real and generated images",
    )
    steps: Tensor
    rested: Tensor

    def __init__(self, threshold: float = 0.01) -> None:
        super().__init__()
        self.threshold = threshold
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.register_buffer("rested", torch.zeros((), dtype=torch.long))

    def discriminator_steps(self, loss: Tensor) -> bool:
        """Return whether the loss is at or above the threshold, or not a number."""
        steps = not bool(loss < self.threshold)
        self.steps += 1
        self.rested += not steps
        return steps

    def counts(self) -> dict[str, float]:
        """Return the share of the steps so far without an update of the discriminator."""
        return {"d_threshold/rested": float(self.rested) / max(1, int(self.steps))}
