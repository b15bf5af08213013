"""Images are levels in 0..255 already."""

import torch
from torch import Tensor

from ganlab.core.kind import TOP, Image
from ganlab.standardization.base import Encoded, Standardization


class AsItIs(Standardization):
    """Levels `(B, C, H, W)` stay what they are; decoded ones are rounded to whole levels, unless `levels=null`."""

    kinds = (Image,)

    def low(self, x: Tensor) -> Tensor:
        """Return 0, black."""
        return x.new_zeros(())

    def width(self) -> float:
        """Return 255, from black to white."""
        return TOP

    def encode(self, x: Tensor) -> Encoded:
        """Return the same levels; those outside 0..255 saturate."""
        saturated = ((x < 0) | (x > TOP)).sum()
        return Encoded(x.clamp(0, TOP), self.low(x).expand(*x.shape[:-1], 1), saturated)

    def decode(self, level: Tensor, low: Tensor | None = None) -> Tensor:
        """Return the same levels, or the nearest whole ones; `low` is ignored."""
        return torch.round(level) if self.levels else level

    zero = "levels are those of the images themselves, 0 black and 255 white"
    """What the levels mean, as a sentence for their recipients."""
