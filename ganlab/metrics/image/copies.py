"""Distances of images reduced to `SIDE` pixels, by which copies and near duplicates are found."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import adaptive_avg_pool2d

from ganlab.core.kind import Array
from ganlab.metrics.points import blocks

Floats = NDArray[np.float32]

SIDE = 128
"""Longer side of the images whose distances are taken, pixels: the ridges of a finger are still visible."""
EQUAL = 1e-5
"""A squared distance below this share of the squared lengths is what rounding leaves of 0."""
BLOCK = 64
"""Images that are reduced together, which bounds the memory."""


def reduced(images: Array, side: int = SIDE) -> Floats:
    """Return images `(N, C, H, W)` as rows of pixels `(N, features)`, with a longer side of at most `side`."""
    height, width = images.shape[2:]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    parts = [
        adaptive_avg_pool2d(torch.from_numpy(part.astype(np.float32)), size).flatten(1).numpy()
        for part in (images[k] for k in blocks(len(images), BLOCK))
    ]
    return np.concatenate(parts)


def unit(rows: Floats) -> Floats:
    """Return rows `(N, features)` about their mean and of length 1, so that brightness and contrast do not count."""
    about = rows - rows.mean(axis=1, keepdims=True)
    return about / np.maximum(np.linalg.norm(about, axis=1, keepdims=True), 1e-6)


def distances(a: Floats, b: Floats) -> Floats:
    """Return Euclidean distances of rows `(N, features)` and `(M, features)`, `(N, M)`; exactly 0 of equal rows."""
    # From a row instead of from 0: what all images share would cost the product its digits.
    a, b = a - b[:1], b - b[:1]
    length, other = np.einsum("ij,ij->i", a, a), np.einsum("ij,ij->i", b, b)
    apart = np.empty((len(a), len(b)), np.float32)
    for part in blocks(len(a), 16 * BLOCK):
        both = length[part, None] + other
        squared = both - 2 * (a[part] @ b.T)
        apart[part] = np.sqrt(np.where(squared <= EQUAL * both, 0, squared))
    return apart


def nearness(a: Floats, b: Floats, same: NDArray[np.bool_] | None = None) -> Floats:
    """Return the distance of N rows to the nearest of M over the median distance to all, `(N,)`.

    A blurred average is near to everything. Pairs that are `same`, `(N, M)` or `(1, M)`, are left out.
    """
    apart = distances(a, b)
    middle = np.median(apart, axis=1)
    if same is not None:
        np.copyto(apart, np.inf, where=same)
    return apart.min(axis=1) / np.maximum(middle, 1e-6)
