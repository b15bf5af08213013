"""Orders in which samples fill a square image: for each pixel, row by row, the sample that stands there."""

import torch
from torch import Tensor


def z(side: int) -> Tensor:
    """Row by row, left to right (paper Fig. 10)."""
    return torch.arange(side * side)


def transposed(side: int) -> Tensor:
    """Column by column, top to bottom (paper Fig. 11)."""
    return z(side).view(side, side).T.flatten()


def reversed_z(side: int) -> Tensor:
    """z from the bottom right pixel backwards (paper Fig. 11)."""
    return z(side).flip(0)
