"""Ratios that are counted while a run trains."""

import torch
from torch import Tensor, nn


class Ratio(nn.Module):
    """Counts k of n and returns the ratio; a checkpoint holds both counts."""

    part: Tensor
    whole: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("part", torch.zeros((), dtype=torch.long))
        self.register_buffer("whole", torch.zeros((), dtype=torch.long))

    def add(self, hits: Tensor) -> None:
        """Count a tensor of booleans, of any shape."""
        self.count(hits.sum(), hits.numel())

    def count(self, part: Tensor, whole: int) -> None:
        """Count `part` more of `whole` more."""
        self.part.add_(part)
        self.whole.add_(whole)

    def forget(self) -> None:
        """Set both counts to 0."""
        self.part.zero_()
        self.whole.zero_()

    def __float__(self) -> float:
        """Return the ratio; 0 before anything was counted."""
        return int(self.part) / max(1, int(self.whole))


def ratios(**counted: Ratio) -> dict[str, float]:
    """Return the ratios by name, without those of which nothing has been counted."""
    return {name: float(ratio) for name, ratio in counted.items() if int(ratio.whole)}
