r"""Histogram equalization: every level is as frequent as every other, lead by lead (left to the future in paper 5.1).

    level = 255 F(x),  x = F^-1(level / 255)

F is the training samples' distribution function, piecewise linear between stored quantiles. On the 8-bit grid rare
values, such as the peaks of an ECG, have few levels; `levels=null` keeps them apart.
"""

import torch
from torch import Tensor

from ganlab.core.errors import UserError
from ganlab.core.kind import TOP
from ganlab.standardization.base import AbsoluteRange, Encoded

NARROWEST = 1e-5
"""Smallest distance of two quantiles, as a share of the range and in mV."""


class Equalized(AbsoluteRange):
    """Levels by `points` evenly spaced quantiles of each lead, extremes included, which go into the checkpoint."""

    quantiles: Tensor

    def __init__(self, leads: int, points: int = 256, levels: int | None = 256) -> None:
        super().__init__(levels)
        if points < 2:
            raise UserError(f"standardization.points={points}: accepted is 2 or more.")
        self.register_buffer("quantiles", torch.full((leads, points), torch.nan))

    def fit(self, windows: Tensor) -> None:
        """Take quantiles in mV from `windows` `(N, leads, samples)`; equal ones are moved apart: F increases."""
        for lead, values in enumerate(windows.transpose(0, 1).flatten(1)):
            ordered = values.sort().values
            place = torch.linspace(0, len(ordered) - 1, self.quantiles.shape[1], dtype=torch.double)
            self.quantiles[lead] = _apart(ordered[place.round().long().to(ordered.device)])

    def low(self, x: Tensor) -> Tensor:
        """Return the smallest training value of each lead, `(leads, 1)`. Raises RuntimeError before `fit`."""
        self.require(self.quantiles, "quantiles")
        return self.quantiles[:, :1]

    def width(self) -> Tensor:
        """Return the range of the training values, `(leads, 1)`."""
        return self.quantiles[:, -1:] - self.quantiles[:, :1]

    def step(self) -> Tensor:
        """Return the widest step from one level to the next, `(leads, 1)`, where values are rarest."""
        return self.quantiles.diff(dim=1).amax(dim=1, keepdim=True) * (self.quantiles.shape[1] - 1) / TOP

    def encode(self, x: Tensor) -> Encoded:
        """Return the levels of windows `(B, leads, samples)` in mV, the nearest ones on the 8-bit grid."""
        low = self.low(x)
        saturated = ((x < low) | (x > self.quantiles[:, -1:])).sum()
        level = self._distribution(x) * TOP
        if self.levels:
            level = torch.round(level)
        return Encoded(level.clamp(0, TOP), low.expand(*x.shape[:-1], 1), saturated)

    def decode(self, level: Tensor, low: Tensor | None = None) -> Tensor:
        """Return windows in mV of levels; `low` is ignored, since the quantiles are the same for all windows."""
        segments = self.quantiles.shape[1] - 1
        place = level.transpose(0, 1).flatten(1) * (segments / TOP)
        left = place.detach().floor().long().clamp(0, segments - 1)
        start, end = self.quantiles.gather(1, left), self.quantiles.gather(1, left + 1)
        x = start + (place - left) * (end - start)
        return _as_windows(x, level)

    def _distribution(self, x: Tensor) -> Tensor:
        """Return F of windows `(B, leads, samples)`, in 0..1 within the training values."""
        values = x.transpose(0, 1).flatten(1).contiguous()
        segments = self.quantiles.shape[1] - 1
        left = (torch.searchsorted(self.quantiles, values, right=True) - 1).clamp(0, segments - 1)
        start, end = self.quantiles.gather(1, left), self.quantiles.gather(1, left + 1)
        return _as_windows((left + (values - start) / (end - start)) / segments, x)


def _as_windows(flat: Tensor, like: Tensor) -> Tensor:
    """Return `(leads, B * samples)` as `(B, leads, samples)`."""
    return flat.unflatten(1, (like.shape[0], like.shape[2])).transpose(0, 1)


def _apart(ordered: Tensor) -> Tensor:
    """Return ascending values `(points,)`, each at least a smallest distance above the one before."""
    ordered = ordered.double()
    finest = torch.finfo(torch.float32).eps * 4 * float(ordered.abs().max())
    gap = max(float(ordered[-1] - ordered[0]) * NARROWEST, finest, NARROWEST)
    ramp = gap * torch.arange(len(ordered), device=ordered.device)
    return (ordered - ramp).cummax(dim=0).values + ramp
