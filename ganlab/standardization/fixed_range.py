"""The thesis' range: -2..2 mV for every window (thesis Eq. 6.2, listing 8.2)."""

import torch
from torch import Tensor

from ganlab.standardization.base import AbsoluteRange


class FixedRange(AbsoluteRange):
    """From `low_mv` to `high_mv`, the same for all windows."""

    in_millivolts = True

    def __init__(self, low_mv: float = -2.0, high_mv: float = 2.0, levels: int | None = 256) -> None:
        super().__init__(levels)
        self.low_mv = low_mv
        self.high_mv = high_mv

    def low(self, x: Tensor) -> Tensor:
        """Return `low_mv`."""
        return torch.full_like(x[:1, :, :1], self.low_mv)

    def width(self) -> float:
        """Return the width, 4 mV in the thesis."""
        return self.high_mv - self.low_mv
