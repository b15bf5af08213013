"""Counting so many of so many."""

import torch
from torch import Tensor, nn


class Share(nn.Module):
    """So many of so many, counted up; goes into the checkpoint."""

    part: Tensor
    whole: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("part", torch.zeros((), dtype=torch.long))
        self.register_buffer("whole", torch.zeros((), dtype=torch.long))

    def add(self, those: Tensor) -> None:
        """Count a tensor of booleans."""
        self.count(those.sum(), those.numel())

    def count(self, part: Tensor, whole: int) -> None:
        """Count `part` of `whole`."""
        self.part.add_(part)
        self.whole.add_(whole)

    def forget(self) -> None:
        """Begin anew."""
        self.part.zero_()
        self.whole.zero_()

    def __float__(self) -> float:
        return int(self.part) / max(1, int(self.whole))


def shares(**counted: Share) -> dict[str, float]:
    """By name, those of which anything has been counted: nothing of nothing is no share."""
    return {name: float(share) for name, share in counted.items() if int(share.whole)}
