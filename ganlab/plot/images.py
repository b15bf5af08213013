"""Images in rows, as large as they need to be seen.

Images are `(N, C, H, W)` in [-1, 1], as networks have them; `pixels` makes them of levels. One channel is grey, three
are red, green and blue, and others stand beside each other, as `grid_image` has it.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ganlab.plot.ecg_paper import grid_image

Array = NDArray[np.floating[Any]]

SIDE = 240
"""The longer side of an image is enlarged to about as many pixels, and never made smaller."""

_INCHES, _LABEL, _GAP = 1.8, 0.16, 0.05


def pixels(levels: Array) -> Array:
    """Levels 0..255 as pixels in [-1, 1]."""
    return 2 * np.asarray(levels, np.float64) / 255 - 1


def outside(images: Array) -> int:
    """How many pixels of images in [-1, 1] a drawing cannot show as they are: beyond the range, or no number."""
    return int((~(np.abs(images) <= 1)).sum())


def draw_grid(images: Array, columns: int = 3) -> NDArray[np.uint8]:
    """Images `(N, C, H, W)` in [-1, 1], `columns` beside each other, as one uint8 picture `(height, width, 3)`.

    Each pixel becomes a square of the same whole number of pixels, after which the longer side is near `SIDE`. The
    picture is as wide for few images as for many; what they leave is white.

    Raises:
        ValueError: images of another shape, or none.
    """
    _check(images)
    tiles = [_tile(image) for image in images]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    return np.concatenate([np.concatenate(tiles[k : k + columns], axis=1) for k in range(0, len(tiles), columns)])


def draw_named(images: Mapping[str, Array], columns: int = 3) -> Figure:
    """One image `(C, H, W)` in [-1, 1] below each name, all of one height, in rows as wide as `columns` squares.

    Raises:
        ValueError: an image of another shape, or none.
    """
    tiles = {name: _tile(np.asarray(image)) for name, image in images.items()}
    if not tiles:
        raise ValueError("No images to draw.")
    widths = [tile.shape[1] / tile.shape[0] for tile in tiles.values()]
    places, (across, down) = _places(widths, columns)
    figure = Figure(figsize=(_INCHES * across, _INCHES * down), facecolor="white")
    FigureCanvasAgg(figure)
    for (name, tile), (left, top), width in zip(tiles.items(), places, widths, strict=True):
        bottom = 1 - (top + _LABEL + 1) / down
        panel = figure.add_axes((left / across, bottom, width / across, 1 / down))
        panel.imshow(tile, interpolation="nearest", aspect="auto", gid=name)
        panel.set_title(name, loc="left", fontsize=9.5, fontweight="bold", color="#1d1f23", pad=4)
        panel.set_axis_off()
    return figure


def _places(widths: Sequence[float], columns: int) -> tuple[list[tuple[float, float]], tuple[float, float]]:
    """Left and top of each image, and width and height of all, where an image is 1 high and a row has room for some."""
    across = max(columns * (1 + _GAP) - _GAP, *widths)
    places, left, top = [], 0.0, 0.0
    for width in widths:
        if left and left + width > across + 1e-6:
            left, top = 0.0, top + 1 + _LABEL
        places.append((left, top))
        left += width + _GAP
    return places, (across, top + 1 + _LABEL)


def draw_grids(images: Mapping[str, Array], columns: int = 3) -> Figure:
    """Grids of images `(N, C, H, W)` in [-1, 1], each under its name, beside each other.

    Raises:
        ValueError: images of another shape, or none.
    """
    grids = {name: draw_grid(some, columns) for name, some in images.items()}
    widths = [grid.shape[1] / grid.shape[0] for grid in grids.values()]
    figure = Figure(figsize=(5.0 * sum(widths), 5.3), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(grids), squeeze=False, width_ratios=widths).ravel()
    for panel, (name, grid) in zip(axes, grids.items(), strict=True):
        panel.imshow(grid, interpolation="nearest")
        panel.set_title(name, loc="left", fontsize=11, fontweight="bold", color="#1d1f23")
        panel.set_axis_off()
    return figure


def _tile(image: Array) -> NDArray[np.uint8]:
    """An image `(C, H, W)` with a white line around it."""
    _check(image[None])
    return grid_image(image[None], scale=max(1, math.floor(SIDE / max(image.shape[1:]) + 0.5)))


def _check(images: Array) -> None:
    if np.ndim(images) != 4 or 0 in np.shape(images):
        raise ValueError(f"Images have shape {np.shape(images)}; (N, C, H, W) with nothing empty is drawn.")
