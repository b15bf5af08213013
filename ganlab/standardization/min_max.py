r"""Rows of a table by each column's own limits, so that all columns weigh the same (thesis 6.2.1, Eq. 6.1).

    level = round((x - low) / (high - low) * 254 + 1)

Level 0 stays free for the cells of an image that hold no column. A binary column's 0 and 1 become 1 and 255. Eq. 6.1
prints a floor; the numbers of the thesis' Table 6.2 were made by rounding to the nearest, and so are these.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganlab.core.columns import columns_of
from ganlab.core.kind import TOP, Column, Row
from ganlab.core.ratio import Ratio, ratios
from ganlab.standardization.base import Encoded, Standardization

BOTTOM = 1.0
"""The lowest level of a value; below it is the level of no value."""


class MinMax(Standardization):
    """Limits that a column does not give are the smallest and the largest value of the training rows.

    The limits go into the checkpoint. `columns` are as in a configuration, name to properties, or ready made.
    """

    kinds = (Row,)
    limits: Tensor
    binary: Tensor
    whole: Tensor

    def __init__(
        self, columns: Mapping[str, Mapping[str, Any] | None] | Sequence[Column], levels: int | None = 256
    ) -> None:
        super().__init__(levels)
        self.columns = columns_of(columns) if isinstance(columns, Mapping) else tuple(columns)
        self.register_buffer("limits", torch.tensor([_limits(column) for column in self.columns]).T.contiguous())
        for flag in ("binary", "whole"):
            flags = torch.tensor([getattr(column, flag) for column in self.columns])
            self.register_buffer(flag, flags, persistent=False)
        self.in_between = Ratio()
        self.null = Ratio()

    @property
    def fitted(self) -> bool:
        """Whether a column does not give its limits."""
        return any(limit is None for column in self.columns if not column.binary for limit in (column.low, column.high))

    def fit(self, rows: Tensor) -> None:
        """Take the limits that the columns do not give from training rows `(N, columns)`."""
        given = torch.tensor([_limits(column) for column in self.columns]).T.to(self.limits)
        seen = torch.stack([rows.amin(dim=0), rows.amax(dim=0)]).to(self.limits)
        self.limits.copy_(torch.where(given.isnan(), seen, given))

    def low(self, x: Tensor) -> Tensor:
        """Each column's lower limit, `(columns,)`. Raises RuntimeError before `fit` where it is needed."""
        self.require(self.limits, "limits")
        return self.limits[0]

    def width(self) -> Tensor:
        """Between the limits, `(columns,)`; 1 where they are the same, so that a constant column stays constant."""
        width = self.limits[1] - self.limits[0]
        return width.masked_fill(width <= 0, 1)

    def step(self) -> Tensor:
        """Of each column, `(columns,)`, in its unit."""
        return self.width() / (TOP - BOTTOM)

    def encode(self, x: Tensor) -> Encoded:
        """Rows `(B, columns)` in their units to levels 1..255."""
        low = self.low(x)
        level = (x - low) / self.width() * (TOP - BOTTOM) + BOTTOM
        saturated = ((level < BOTTOM) | (level > TOP)).sum()
        if self.levels:
            level = torch.round(level)
        return Encoded(level.clamp(BOTTOM, TOP), low.expand_as(x), saturated)

    def decode(self, level: Tensor, low: Tensor | None = None) -> Tensor:
        """Levels to rows `(B, columns)`; a binary cell takes the nearer of 0 and 1, one below level 1 its low limit.

        `low` is not needed: the limits are the same for all rows.
        """
        self._count(torch.round(level))
        x = self.low(level) + (level.clamp(min=BOTTOM) - BOTTOM) * self.step()
        return torch.where(self.binary | self.whole, torch.round(x), x)

    def _count(self, grid: Tensor) -> None:
        binary, continuous = grid[:, self.binary], grid[:, ~self.binary]
        self.in_between.add((binary != BOTTOM) & (binary != TOP))
        self.null.add(continuous < BOTTOM)

    def counts(self) -> dict[str, float]:
        """Shares of decoded cells, in whole levels: binary ones neither at 1 nor at 255, and other ones at 0."""
        return ratios(binary_in_between=self.in_between, value_null=self.null)

    @property
    def zero(self) -> str:
        """The limits are in the columns' own units."""
        return "every value is in its column's own unit: this standardization keeps absolute values"


def _limits(column: Column) -> tuple[float, float]:
    if column.binary:
        return 0.0, 1.0
    low, high = (torch.nan if limit is None else limit for limit in (column.low, column.high))
    return low, high
