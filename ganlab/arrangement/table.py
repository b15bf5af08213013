"""Rows of a table to the cells of a small image, and back (thesis 6.2, Fig. 6.11)."""

from collections.abc import Sequence
from math import isqrt

import torch
from torch import Tensor

from ganlab.arrangement.base import Arrangement
from ganlab.core.errors import UserError
from ganlab.core.kind import TOP
from ganlab.core.names import repeated
from ganlab.core.ratio import Ratio, ratios

NULL = -1.0
"""Pixel of a cell without a column: level 0, which no column's value takes (thesis 6.2)."""


class Table(Arrangement):
    """Rows whose `columns` stand in one cell of `layout` each; its other cells, None, are NULL.

    Without a layout the columns fill the smallest square row by row. Raises UserError for a layout whose rows are of
    different lengths or that lacks a column, has one twice, or names an unknown one.
    """

    cell: Tensor
    null: Tensor

    def __init__(
        self,
        columns: Sequence[str],
        layout: Sequence[Sequence[str | None]] | None = None,
        batch_size: int = 20,
    ) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.batch_size = batch_size
        if layout is None:
            side = isqrt(max(1, len(columns)) - 1) + 1
            filled = [*columns, *[None] * (side * side - len(columns))]
            layout = [filled[start : start + side] for start in range(0, side * side, side)]
        self.layout = [list(row) for row in layout]
        _refuse_what_does_not_fit(self.columns, self.layout)
        cells = [name for row in self.layout for name in row]
        null = [number for number, name in enumerate(cells) if name is None]
        self.register_buffer("cell", torch.tensor([cells.index(name) for name in self.columns]), persistent=False)
        self.register_buffer("null", torch.tensor(null, dtype=torch.long), persistent=False)
        self.null_not_zero = Ratio()

    @property
    def shape(self) -> tuple[int, int, int]:
        """One channel, and the layout's height and width."""
        return 1, len(self.layout), len(self.layout[0])

    def encode(self, pixels: Tensor) -> Tensor:
        """Return the image `(B, 1, H, W)` of pixels `(B, columns)`."""
        _, height, width = self.shape
        cells = pixels.new_full((len(pixels), height * width), NULL)
        return cells.index_copy(1, self.cell, pixels).view(-1, 1, height, width)

    def decode(self, image: Tensor) -> Tensor:
        """Return the pixels `(B, columns)` of an image; NULL cells are left out."""
        return image.flatten(1)[:, self.cell]

    def count_decoded(self, image: Tensor, pixels: Tensor) -> None:
        """Count the NULL cells whose level, rounded, is not 0."""
        level = (image.flatten(1)[:, self.null] - NULL) * (TOP / 2)
        self.null_not_zero.add(level.round() > 0)

    def counts(self) -> dict[str, float]:
        """Return the share of NULL cells that are not 0."""
        return ratios(null_not_zero=self.null_not_zero)


def _refuse_what_does_not_fit(columns: Sequence[str], layout: Sequence[Sequence[str | None]]) -> None:
    if not columns or len(set(columns)) != len(columns):
        raise UserError(f"arrangement.columns={list(columns)}: accepted is a list of different columns.")
    named = [name for row in layout for name in row if name is not None]
    lengths = [str(len(row)) for row in layout]
    wrong = {
        "missing": [name for name in columns if name not in named],
        "unknown": [name for name in named if name not in columns],
        "double": repeated(named),
        "rows of different lengths": [] if len(set(lengths)) == 1 else lengths,
    }
    if any(wrong.values()):
        errors = ", ".join(f"{error}: {' '.join(names)}" for error, names in wrong.items() if names)
        raise UserError(
            f"arrangement.layout has {errors}. Accepted are rows of one length, with one cell for each of the "
            f"{len(columns)} columns and null in all others; arrangement.layout=null puts the columns row by row into "
            "the smallest square."
        )
