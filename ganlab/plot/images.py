"""Grids of images, enlarged so that single pixels can be seen.

Images are `(N, C, H, W)` in [-1, 1], as networks have them; `pixels` makes them of levels. One channel is grey, three
are red, green and blue, other numbers become several grids, as in `grid_image`.
"""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ganlab.core.kind import Array
from ganlab.plot.figure import INK, blank

SIDE = 240
"""The longer side of an image is enlarged to about as many pixels, and never made smaller."""

_INCHES, _LABEL, _GAP = 1.8, 0.16, 0.05
_HIGH, _TITLE, _WIDEST = 5.0, 0.3, 4.0
"""Height of a grid and of the name above it, inches; width of all grids in heights."""


def grid_image(images: Array, scale: int = 4) -> NDArray[np.uint8]:
    """Return images `(N, C, H, W)` in [-1, 1] as one uint8 picture `(height, width, 3)`, 3x3 for nine.

    One channel is grey, three are red, green and blue. Other multiples of three make one grid for each three
    channels, side by side; any other number makes one grey grid a channel. A pixel becomes `scale` wide.
    Values outside [-1, 1] saturate and values that are not numbers are black.
    """
    pixels = np.nan_to_num(np.asarray(images, dtype=np.float64), nan=-1.0, posinf=1.0, neginf=-1.0)
    levels = np.rint((np.clip(pixels, -1, 1) + 1) * 127.5).astype(np.uint8)
    size = 3 if levels.shape[1] % 3 == 0 else 1
    groups = [levels[:, first : first + size] for first in range(0, levels.shape[1], size)]
    grids = [_tiles(np.broadcast_to(group, (len(group), 3, *group.shape[2:])), scale) for group in groups]
    gap = np.full((grids[0].shape[0], 2 * scale, 3), 255, dtype=np.uint8)
    return np.concatenate([part for grid in grids for part in (gap, grid)][1:], axis=1)


def pixels(levels: Array) -> Array:
    """Return levels 0..255 as pixels in [-1, 1]."""
    return 2 * np.asarray(levels, np.float64) / 255 - 1


def outside(images: Array) -> int:
    """Return how many pixels of images in [-1, 1] cannot be drawn as they are: beyond the range, or no number."""
    return int((~(np.abs(images) <= 1)).sum())


def draw_grid(images: Array, columns: int = 3) -> NDArray[np.uint8]:
    """Return images `(N, C, H, W)` in [-1, 1], `columns` in a row, as one uint8 picture `(height, width, 3)`.

    Each pixel becomes a square of the same whole number of pixels, after which the longer side is near `SIDE`. The
    picture is as wide for few images as for many; the rest is white.
    """
    tiles = [_tile(image) for image in images]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    return np.concatenate([np.concatenate(tiles[k : k + columns], axis=1) for k in range(0, len(tiles), columns)])


def draw_named(images: Mapping[str, Array], columns: int = 3) -> Figure:
    """Draw images `(C, H, W)` in [-1, 1], each below its name, of one height, in rows as wide as `columns` squares."""
    tiles = {name: _tile(np.asarray(image)) for name, image in images.items()}
    widths = [tile.shape[1] / tile.shape[0] for tile in tiles.values()]
    across = max(columns * (1 + _GAP) - _GAP, *widths)
    # Left and top of each image, in heights of an image.
    places, left, top = [], 0.0, 0.0
    for width in widths:
        if left and left + width > across + 1e-6:
            left, top = 0.0, top + 1 + _LABEL
        places.append((left, top))
        left += width + _GAP
    down = top + 1 + _LABEL
    figure = blank(_INCHES * across, _INCHES * down, layout=None)
    for (name, tile), (left, top), width in zip(tiles.items(), places, widths, strict=True):
        bottom = 1 - (top + _LABEL + 1) / down
        panel = figure.add_axes((left / across, bottom, width / across, 1 / down))
        panel.imshow(tile, interpolation="nearest", aspect="auto", gid=name)
        panel.set_title(name, loc="left", fontsize=9.5, fontweight="bold", color=INK, pad=4)
        panel.set_axis_off()
    return figure


def draw_grids(images: Mapping[str, Array], columns: int = 3) -> Figure:
    """Draw grids of images `(N, C, H, W)` in [-1, 1], each under its name, side by side, in rows where they are wide.

    Of images that are wider than tall, such as those of many leads, there are fewer.
    """
    grids = {name: _few(some, columns) for name, some in images.items()}
    widths = [grid.shape[1] / grid.shape[0] for grid in grids.values()]
    if sum(widths) <= _WIDEST:
        figure = blank(_HIGH * sum(widths), _HIGH + _TITLE)
        axes = figure.subplots(1, len(grids), squeeze=False, width_ratios=widths).ravel()
    else:
        across = _HIGH * min(_WIDEST, max(widths))
        heights = [across / max(widths) + _TITLE] * len(grids)
        figure = blank(across, sum(heights))
        axes = figure.subplots(len(grids), 1, squeeze=False).ravel()
    for panel, (name, grid) in zip(axes, grids.items(), strict=True):
        panel.imshow(grid, interpolation="nearest")
        panel.set_title(name, loc="left", fontsize=11, fontweight="bold", color=INK)
        panel.set_axis_off()
    return figure


def _few(images: Array, columns: int) -> NDArray[np.uint8]:
    """Return a grid of about a square's shape, of fewer images in a row and in all where one is wider than tall."""
    high, wide, _ = _tile(images[0]).shape
    across = max(1, min(columns, round(columns * math.sqrt(high / wide))))
    return draw_grid(images[: columns * across], across)


def _tile(image: Array) -> NDArray[np.uint8]:
    """Return an image `(C, H, W)` with a white line around it."""
    return grid_image(image[None], scale=max(1, math.floor(SIDE / max(image.shape[1:]) + 0.5)))


def _tiles(images: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Return RGB images `(N, 3, H, W)` in rows of `ceil(sqrt(N))`, with separators, as `(height, width, 3)`."""
    count, _, height, width = images.shape
    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    line = max(1, scale // 2)
    big = images.transpose(0, 2, 3, 1).repeat(scale, axis=1).repeat(scale, axis=2)
    step = (height * scale + line, width * scale + line)
    picture = np.full((down * step[0] + line, across * step[1] + line, 3), 255, dtype=np.uint8)
    for index, image in enumerate(big):
        top, left = index // across * step[0] + line, index % across * step[1] + line
        picture[top : top + height * scale, left : left + width * scale] = image
    return picture
