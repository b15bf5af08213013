"""Orders in which samples fill a square image: the index of each pixel's sample, row by row.

Where leads share a channel the samples of one lead follow those of another, and the index counts through them all.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ganlab.core.errors import UserError


def z(side: int) -> Tensor:
    """Return row by row, left to right (paper Fig. 10). Leads that share a channel stand one after another."""
    return torch.arange(side * side)


def transposed(side: int) -> Tensor:
    """Return column by column, top to bottom (paper Fig. 11)."""
    return z(side).view(side, side).T.flatten()


def reversed_z(side: int) -> Tensor:
    """Return z from the bottom right pixel backwards (paper Fig. 11)."""
    return z(side).flip(0)


def serpentine(side: int) -> Tensor:
    """Return rows in turn from left to right and from right to left, so that each step goes to a neighbour."""
    rows = z(side).view(side, side).clone()
    rows[1::2] = rows[1::2].flip(1)
    return rows.flatten()


def hilbert(side: int) -> Tensor:
    """Return a space-filling curve from the top left to the top right pixel: near in time is near in the image.

    For any side, odd ones too, each step goes to one of the four neighbours; none is diagonal.
    """
    cells = list(_curve(0, 1, 1j, side, side))
    return torch.tensor([int(cell.imag) * side + int(cell.real) for cell in cells]).argsort()


def random(side: int, seed: int = 0) -> Tensor:
    """Return a random order, the negative control. NumPy's old generator is frozen, so all versions give the same."""
    return torch.from_numpy(np.random.RandomState(seed).permutation(side * side))


def stripes(side: int, leads: int = 3) -> Tensor:
    """Return rows that belong to the leads in turn. Raises UserError where leads have no equal shares of the rows."""
    _refuse_unequal_shares(side, leads, 1)
    return z(side).view(leads, -1, side).transpose(0, 1).flatten()


def squares(side: int, leads: int = 3, block: int = 15) -> Tensor:
    """Return blocks of `block` x `block` pixels that belong to the leads in turn, along rows and columns of blocks.

    A lead fills its blocks from the top row of blocks to the last, each block in the order z. Raises UserError where
    the leads have no equal shares of a row of blocks.
    """
    _refuse_unequal_shares(side, leads, block)
    blocks = side // block
    row, column = torch.arange(blocks)[:, None], torch.arange(blocks)
    turn = row * (blocks // leads) + column // leads
    first = ((row + column) % leads * (blocks * blocks // leads) + turn) * block * block
    return (first[:, None, :, None] + z(block).view(block, 1, block)).flatten()


def _refuse_unequal_shares(side: int, leads: int, block: int) -> None:
    if side % (leads * block):
        raise UserError(
            f"arrangement.side={side} with {leads} leads in turn, {block} pixel(s) each: accepted is a multiple of "
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
