r"""Rows of a table by each column's own limits, so that all columns weigh the same (thesis 6.2.1, Eq. 6.1).

    level = round((x - low) / (high - low) * 254 + 1)

Level 0 stays free for the cells of an image that hold no column. A binary column's 0 and 1 become 1 and 255. Eq. 6.1
prints a floor; the numbers of the thesis' Table 6.2 were made by rounding to the nearest, and so are these.

The numbers of a category are generated through a softmax, so that they sum to one; decoding makes the largest 1. Where
a gap is decoded as 1, its number is the lower limit, as in the data.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ganlab.core.columns import columns_of
from ganlab.core.kind import TOP, Column, Row, gaps_of, groups_of
from ganlab.core.ratio import Ratio, ratios
from ganlab.standardization.base import Encoded, Standardization

BOTTOM = 1.0
"""Lowest level of a value; level 0 means that a cell has no value."""
SHARPNESS = 5.0
"""Factor from a pixel in [-1, 1] to the softmax's logit: the largest share of two values is then 0.99995."""


class MinMax(Standardization):
    """Missing limits of a column are the smallest and the largest value of the training rows.

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
        self.groups, self.gaps = groups_of(self.columns), gaps_of(self.columns)
        self.in_between = Ratio()
        self.null = Ratio()

    @property
    def fitted(self) -> bool:
        """Whether a column lacks limits, which are then fitted."""
        return any(limit is None for column in self.columns if not column.binary for limit in (column.low, column.high))

    def fit(self, rows: Tensor) -> None:
        """Take the missing limits from training rows `(N, columns)`."""
        given = torch.tensor([_limits(column) for column in self.columns]).T.to(self.limits)
        extremes = torch.stack([rows.amin(dim=0), rows.amax(dim=0)]).to(self.limits)
        self.limits.copy_(torch.where(given.isnan(), extremes, given))

    def low(self, x: Tensor) -> Tensor:
        """Return each column's lower limit, `(columns,)`. Raises RuntimeError before a `fit` that is needed."""
        self.require(self.limits, "limits")
        return self.limits[0]

    def width(self) -> Tensor:
        """Return the width of the limits, `(columns,)`; 1 where they are equal, so that a constant column stays so."""
        width = self.limits[1] - self.limits[0]
        return width.masked_fill(width <= 0, 1)

    def step(self) -> Tensor:
        """Return the width of one level of each column in its unit, `(columns,)`."""
        return self.width() / (TOP - BOTTOM)

    def encode(self, x: Tensor) -> Encoded:
        """Return levels 1..255 of rows `(B, columns)` in their units."""
        low = self.low(x)
        level = (x - low) / self.width() * (TOP - BOTTOM) + BOTTOM
        saturated = ((level < BOTTOM) | (level > TOP)).sum()
        if self.levels:
            level = torch.round(level)
        return Encoded(level.clamp(BOTTOM, TOP), low.expand_as(x), saturated)

    def decode(self, level: Tensor, low: Tensor | None = None) -> Tensor:
        """Return rows `(B, columns)` of levels; a binary value is the nearer of 0 and 1, a level below 1 the low limit.

        `low` is ignored, since the limits are the same for all rows.
        """
        grid = torch.round(level)
        binary = grid[:, self.binary]
        self.in_between.add((binary != BOTTOM) & (binary != TOP))
        self.null.add(grid[:, ~self.binary] < BOTTOM)
        x = self.low(level) + (level.clamp(min=BOTTOM) - BOTTOM) * self.step()
        x = torch.where(self.binary | self.whole, torch.round(x), x)
        for group in self.groups:
            x[:, group] = one_hot(level[:, group].argmax(dim=1), len(group)).to(x)
        for place, gap in self.gaps:
            x[:, place] = torch.where(x[:, gap] == 1, self.low(level)[place], x[:, place])
        return x

    def valid(self, pixels: Tensor) -> Tensor:
        """Return generated pixels `(B, columns)` with a softmax over the numbers of each category."""
        empty = BOTTOM * 2 / TOP - 1
        for group in self.groups:
            share = torch.softmax(SHARPNESS * pixels[:, group], dim=1).to(pixels)
            places = torch.tensor(group, device=pixels.device)
            pixels = pixels.index_copy(1, places, empty + share * (1 - empty))
        return pixels

    def counts(self) -> dict[str, float]:
        """Return shares of decoded values: binary ones neither at level 1 nor at 255, and other ones at level 0."""
        return ratios(binary_in_between=self.in_between, value_null=self.null)

    zero = "every value is in its column's own unit: this standardization keeps absolute values"
    """Unit of the values, as a sentence for their recipients."""


def _limits(column: Column) -> tuple[float, float]:
    if column.binary:
        return 0.0, 1.0
    low, high = (torch.nan if limit is None else limit for limit in (column.low, column.high))
    return low, high
