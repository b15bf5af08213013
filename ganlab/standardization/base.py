r"""Values in their own unit to levels in 0..255 by a range, and back.

    level = clip((x - low) / width * 255, 0, 255),  cut to an 8-bit grid where `levels` is 256

(paper, Eq. 2 and 3). A range's `low` and `width` are what the choices of this group differ in. Above or below the
range a value saturates; it never wraps. What is said of leads in mV holds for columns in their units too.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ganlab.core.errors import UserError
from ganlab.core.kind import TOP, Kind, Window


class Encoded(NamedTuple):
    """Levels in 0..255 in the sample's shape, the range's lower end `(B, leads, 1)` in mV, and how many saturated."""

    level: Tensor
    low: Tensor
    saturated: Tensor


class Standardization(nn.Module, ABC):
    """A pair, encode and decode. `levels=256` cuts to the paper's 8-bit grid, `levels=null` to none."""

    kinds: ClassVar[tuple[type[Kind], ...]] = (Window,)
    """What kinds of samples it takes."""

    def __init__(self, levels: int | None = 256) -> None:
        super().__init__()
        if levels not in (256, None):
            raise UserError(f"standardization.levels={levels}: accepted are 256 (the paper's 8-bit grid) and null.")
        self.levels = levels
        self._known = False

    @abstractmethod
    def low(self, x: Tensor) -> Tensor:
        """Lower end of the range in mV, broadcastable to `(B, leads, 1)`, for windows `x` of `(B, leads, samples)`."""

    @abstractmethod
    def width(self) -> Tensor | float:
        """Width of the range in mV, broadcastable to `(B, leads, 1)`."""

    def step(self) -> Tensor | float:
        """Width in mV of one level of the 8-bit grid."""
        return self.width() / TOP

    def fit(self, windows: Tensor) -> None:
        """Take what the range needs from training windows `(N, leads, samples)` in mV. Most ranges need nothing."""

    @property
    def fitted(self) -> bool:
        """Whether what it needs comes from training samples."""
        return type(self).fit is not Standardization.fit

    def require(self, values: Tensor, name: str) -> None:
        """Raise RuntimeError where what comes from `fit` is not there yet.

        Looked at until it is: each look waits for the device, which a training step must not.
        """
        if not self._known and values.isnan().any():
            raise RuntimeError(f"{type(self).__name__} has no {name} yet: call fit(training samples) or load them.")
        self._known = True

    def encode(self, x: Tensor) -> Encoded:
        """Windows `(B, leads, samples)` in mV to levels."""
        low = self.low(x)
        level = (x - low) / self.width() * TOP
        if self.levels:
            level = torch.floor(level)
        saturated = ((level < 0) | (level > TOP)).sum()
        return Encoded(level.clamp(0, TOP), low.expand(*x.shape[:-1], 1), saturated)

    def decode(self, level: Tensor, low: Tensor | None = None) -> Tensor:
        """Levels to mV. Without the `low` that a real window has, see `generated_low`."""
        x = (level + 0.5 if self.levels else level) * self.step()
        return x.add_(self.generated_low(x)) if low is None else x + low

    def counts(self) -> dict[str, float]:
        """What it counted beside saturation, by name, for the log; most count nothing else."""
        return {}

    @property
    def zero(self) -> str:
        """Where a generated window's 0 mV comes from: for whoever receives it."""
        return "each lead's median was set to 0 mV: this standardization does not keep a window's absolute voltage"

    def generated_low(self, x: Tensor) -> Tensor:
        """Where a generated window's range begins: here so that each lead has its median at 0 mV."""
        return -x.median(dim=-1, keepdim=True).values
