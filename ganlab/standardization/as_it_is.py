"""Images are levels in 0..255 already."""

import torch
from torch import Tensor

from ganlab.core.kind import TOP, Image
from ganlab.standardization.base import Encoded, Standardization


class AsItIs(Standardization):
    """Levels `(B, C, H, W)` stay what they are; decoded ones are rounded to whole levels, unless `levels=null`."""

    kinds = (Image,)

    def low(self, x: Tensor) -> Tensor:
        """Black."""
        return x.new_zeros(())

    def width(self) -> float:
        """From black to white."""
        return TOP

    def encode(self, x: Tensor) -> Encoded:
        """The same levels; those outside 0..255 saturate."""
        saturated = ((x < 0) | (x > TOP)).sum()
        return Encoded(x.clamp(0, TOP), self.low(x).expand(*x.shape[:-1], 1), saturated)

    def decode(self, level: Tensor, low: Tensor | None = None) -> Tensor:
        """The same levels, or the nearest whole ones; `low` is not needed."""
        return torch.round(level) if self.levels else level

    @property
    def zero(self) -> str:
        """A level is a level."""
        return "levels are those of the images themselves, 0 black and 255 white"
