"""Orders in which samples fill an image, square or not: the index of each pixel's sample, row by row.

Where leads share a channel the samples of one lead follow those of another, and the index counts through them all.
"""

from collections.abc import Iterator
from math import isqrt, prod

import numpy as np
import torch
from torch import Tensor

from ganlab.core.errors import UserError

Side = int | tuple[int, int]
"""Pixels of a square image's side, or its height and width."""


def size(side: Side) -> tuple[int, int]:
    """Return height and width."""
    return (side, side) if isinstance(side, int) else side


def sizes(pixels: int) -> Iterator[tuple[int, int]]:
    """Yield heights and widths of images for so many pixels, the best first.

    Those of exactly these pixels come first, the nearest to a square before the others, up to four times as wide as
    high; then squares that hold more, up to twice as wide as needed.
    """
    root = isqrt(pixels)
    exact = [height for height in range(root, 0, -1) if pixels % height == 0 and pixels <= 4 * height**2]
    yield from ((height, pixels // height) for height in exact)
    yield from ((side, side) for side in range(isqrt(pixels - 1) + 1, 2 * root + 2))


def z(side: Side) -> Tensor:
    """Return row by row, left to right (paper Fig. 10). Leads that share a channel stand one after another."""
    return torch.arange(prod(size(side)))


def transposed(side: Side) -> Tensor:
    """Return column by column, top to bottom (paper Fig. 11)."""
    height, width = size(side)
    return z(side).view(width, height).T.flatten()


def reversed_z(side: Side) -> Tensor:
    """Return z from the bottom right pixel backwards (paper Fig. 11)."""
    return z(side).flip(0)


def serpentine(side: Side) -> Tensor:
    """Return rows in turn from left to right and from right to left, so that each step goes to a neighbour."""
    rows = z(side).view(size(side)).clone()
    rows[1::2] = rows[1::2].flip(1)
    return rows.flatten()


def hilbert(side: Side) -> Tensor:
    """Return a space-filling curve from the top left to the top right pixel: near in time is near in the image.

    For any side, odd ones too, each step goes to one of the four neighbours; none is diagonal. Raises UserError for an
    image of odd width and even height, which no such curve fills.
    """
    height, width = size(side)
    if width % 2 and not height % 2:
        raise UserError(
            f"arrangement.side=[{height},{width}]: no path through neighbours goes from the top left to the top right "
            f"of an even height and an odd width; accepted is [{width},{height}], or another arrangement such as z."
        )
    cells = list(_curve(0, 1, 1j, width, height))
    return torch.tensor([int(cell.imag) * width + int(cell.real) for cell in cells]).argsort()


def random(side: Side, seed: int = 0) -> Tensor:
    """Return a random order, the negative control. NumPy's old generator is frozen, so all versions give the same."""
    return torch.from_numpy(np.random.RandomState(seed).permutation(prod(size(side))))


def stripes(side: Side, leads: int = 3) -> Tensor:
    """Return rows that belong to the leads in turn. Raises UserError where leads have no equal shares of the rows."""
    height, width = size(side)
    _refuse_unequal_shares(side, height, leads, 1)
    return z(side).view(leads, -1, width).transpose(0, 1).flatten()


def squares(side: Side, leads: int = 3, block: int = 15) -> Tensor:
    """Return blocks of `block` x `block` pixels that belong to the leads in turn, along rows and columns of blocks.

    A lead fills its blocks from the top row of blocks to the last, each block in the order z. Raises UserError where
    the leads have no equal shares of a row of blocks.
    """
    height, width = size(side)
    _refuse_unequal_shares(side, width, leads, block)
    _refuse_unequal_shares(side, height, 1, block)
    row, column = torch.arange(height // block)[:, None], torch.arange(width // block)
    across = width // block // leads
    turn = row * across + column // leads
    first = ((row + column) % leads * (height // block * across) + turn) * block * block
    return (first[:, None, :, None] + z(block).view(block, 1, block)).flatten()


def _refuse_unequal_shares(side: Side, pixels: int, leads: int, block: int) -> None:
    if pixels % (leads * block):
        shown = side if isinstance(side, int) else [*side]
        raise UserError(
            f"arrangement.side={shown} with {leads} leads in turn, {block} pixel(s) each: accepted is a multiple of "
            f"{leads} x {block}. Change arrangement.side, arrangement.leads_per_channel or arrangement.order.block."
        )


def _curve(corner: complex, along: complex, across: complex, length: int, depth: int) -> Iterator[complex]:
    """Yield the cells of a `length` x `depth` rectangle from `corner` to its length's other end, by neighbours.

    Four smaller rectangles follow one another: down from the corner, twice along, and up to the end. A rectangle can
    be walked so if its length is even or both sides are odd. The first and the last are walked across, so their
    length, `near`, is even; the two between them have an odd depth, or even lengths.
    """
    if length == 2 or depth <= 2:
        for i in range(length):
            for j in range(depth) if i % 2 == 0 else reversed(range(depth)):
                yield corner + i * along + j * across
        return
    near = depth - 1 if length == 3 else 2 * round(depth / 4)
    half = length // 2 if depth % 2 else 2 * round(length / 4)
    below, end = corner + near * across, corner + (length - 1) * along + (near - 1) * across
    yield from _curve(corner, across, along, near, half)
    yield from _curve(below, along, across, half, depth - near)
    yield from _curve(below + half * along, along, across, length - half, depth - near)
    yield from _curve(end, -across, -along, near, length - half)
