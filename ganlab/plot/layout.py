"""Which value stands at which pixel: the order of a lead's samples, or the features in the cells of a table."""

from collections.abc import Mapping, Sequence
from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganlab.plot.figure import GREY, INK, panels

Layout = Sequence[Sequence[int | str | None]]
"""Row by row: numbers of samples from 0, or names of columns; None where nothing stands."""
ACROSS, HEIGHT, LETTERS, LINES = 3, 3.4, 13, 4


def draw_layouts(layouts: Mapping[str, Layout]) -> Figure:
    """Draw each layout below its name: samples by colour, from dark to light, with the numbers of the corners.

    Numbers count from 1, as in the thesis' Table 6.3; named cells hold their names (paper Fig. 4, thesis Fig. 6.11).
    """
    figure, axes = panels(len(layouts), ACROSS, HEIGHT)
    for panel, (name, layout) in zip(axes, layouts.items(), strict=True):
        named = any(isinstance(cell, str) for row in layout for cell in row)
        (_names if named else _numbers)(panel, layout)
        panel.set_title(name, loc="left", fontsize=9.5, fontweight="bold", color=INK, pad=14)
        panel.set_xticks([])
        panel.set_yticks([])
        panel.spines[:].set_color(GREY)
    return figure


def _numbers(axes: Axes, layout: Layout) -> None:
    cells = np.array([[np.nan if cell is None else cell for cell in row] for row in layout], dtype=float)
    axes.imshow(cells, cmap="viridis", interpolation="nearest")
    height, width = cells.shape
    for row, down in ((0, "bottom"), (height - 1, "top")):
        for column, side in ((0, "left"), (width - 1, "right")):
            if np.isfinite(value := cells[row, column]):
                place = row - 0.6 if row == 0 else row + 0.6
                axes.text(column, place, f"{value + 1:.0f}", ha=side, va=down, fontsize=7.5, color=INK, gid="corner")


def _names(axes: Axes, layout: Layout) -> None:
    taken = np.array([[cell is not None for cell in row] for row in layout], dtype=float)
    axes.imshow(taken, cmap="Greys", vmin=0, vmax=6, interpolation="nearest")
    for place in np.ndindex(taken.shape):
        cell = layout[place[0]][place[1]]
        text = "NULL" if cell is None else str(cell).replace("_", " ")
        axes.text(
            place[1],
            place[0],
            "\n".join(wrap(text, LETTERS)[:LINES]),
            ha="center",
            va="center",
            fontsize=4.3,
            color=INK,
            gid="cell",
        )
    axes.set_xticks(np.arange(taken.shape[1]) - 0.5, minor=True)
    axes.set_yticks(np.arange(taken.shape[0]) - 0.5, minor=True)
    axes.grid(which="minor", color=GREY, linewidth=0.4)
    axes.tick_params(which="minor", length=0)
