r"""Values in their own unit to levels in 0..255 by a range, and back.

    level = clip((x - low) / width * 255, 0, 255),  cut to an 8-bit grid where `levels` is 256

(paper, Eq. 2 and 3). The choices of this group differ in the range's `low` and `width`. Above or below the
range a value saturates; it never wraps. Docstrings speak of leads in mV; columns of tables have their own units.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ganlab.core.errors import UserError
from ganlab.core.kind import TOP, Kind, Window

WIDEST = 1e9
"""Largest width of a range, in whatever unit."""


def check_width(name: str, value: float) -> float:
    """Return a width of a range. Raises UserError for one that is not above 0, or larger than any signal's."""
    if not 0 < value <= WIDEST:
        raise UserError(f"standardization.{name}={value}: accepted is a number above 0, at most {WIDEST:g}.")
    return value


class Encoded(NamedTuple):
    """Levels in 0..255 in the sample's shape, the range's lower end `(B, leads, 1)` in mV, and how many saturated."""

    level: Tensor
    low: Tensor
    saturated: Tensor


class Standardization(nn.Module, ABC):
    """A pair, encode and decode. `levels=256` cuts to the paper's 8-bit grid, `levels=null` to none."""

    kinds: ClassVar[tuple[type[Kind], ...]] = (Window,)
    """Kinds of samples that it takes."""
    in_millivolts: ClassVar[bool] = False
    """Whether its range is stated in mV, and so for windows in mV alone."""

    def __init__(self, levels: int | None = 256) -> None:
        super().__init__()
        if levels not in (256, None):
            raise UserError(f"standardization.levels={levels}: accepted are 256 (the paper's 8-bit grid) and null.")
        self.levels = levels
        self._complete = False

    def takes_unit(self, kind: Kind) -> bool:
        """Return whether the range is stated in the samples' unit, or in none."""
        return not (self.in_millivolts and kind.other_unit)

    @abstractmethod
    def low(self, x: Tensor) -> Tensor:
        """Return the range's lower end in mV, broadcastable to `(B, leads, 1)`, for `x` `(B, leads, samples)`."""

    @abstractmethod
    def width(self) -> Tensor | float:
        """Return the width of the range in mV, broadcastable to `(B, leads, 1)`."""

    def step(self) -> Tensor | float:
        """Return the width in mV of one level of the 8-bit grid."""
        return self.width() / TOP

    def fit(self, windows: Tensor) -> None:
        """Fit the range to training windows `(N, leads, samples)` in mV. Most ranges need no fit."""

    @property
    def fitted(self) -> bool:
        """Whether it is fitted to training samples."""
        return type(self).fit is not Standardization.fit

    def require(self, values: Tensor, name: str) -> None:
        """Raise RuntimeError before `fit`.

        Values are checked until they are complete: each check waits for the device, which a training step must not.
        """
        if not self._complete and values.isnan().any():
            raise RuntimeError(f"{type(self).__name__} has no {name} yet: call fit(training samples) or load them.")
        self._complete = True

    def encode(self, x: Tensor) -> Encoded:
        """Return the levels of windows `(B, leads, samples)` in mV."""
        low = self.low(x)
        level = (x - low) / self.width() * TOP
        if self.levels:
            level = torch.floor(level)
        saturated = ((level < 0) | (level > TOP)).sum()
        return Encoded(level.clamp(0, TOP), low.expand(*x.shape[:-1], 1), saturated)

    def decode(self, level: Tensor, low: Tensor | None = None) -> Tensor:
        """Return windows in mV of levels; without the `low` of real windows, `generated_low` replaces it."""
        x = (level + 0.5 if self.levels else level) * self.step()
        return x.add_(self.generated_low(x)) if low is None else x + low

    groups: Sequence[Sequence[int]] = ()
    """Places of the values of a sample that stand for one another, of which exactly one is 1; most have none."""

    def valid(self, pixels: Tensor) -> Tensor:
        """Return generated pixels `(B, *)` in the form that `groups` demand, with the gradient to them."""
        return pixels

    def counts(self) -> dict[str, float]:
        """Return its own counts for the log, by name, besides saturation; most have none."""
        return {}

    zero = "each lead's median was set to 0 mV: this standardization does not keep a window's absolute voltage"
    """Where a generated window's 0 mV comes from, as a sentence for its recipients."""

    def generated_low(self, x: Tensor) -> Tensor:
        """Return where a generated window's range begins: here so that each lead has its median at 0 mV."""
        return -x.median(dim=-1, keepdim=True).values


class AbsoluteRange(Standardization):
    """A range that is the same for all windows, so that a generated window's level is its voltage."""

    zero = "0 mV is what the generator made it: this standardization keeps absolute voltage"
    """Where a generated window's 0 mV comes from, as a sentence for its recipients."""

    def generated_low(self, x: Tensor) -> Tensor:
        """Return the range's lower end, the same for all windows."""
        return self.low(x)
