r"""Sharpness, detail, coherence and spectrum of images.

Sharpness is the mean of $|\Delta x|$ over that of the reference, $\Delta$ being the discrete Laplacian of four
neighbours; noise is sharp as well. Detail is the mean of $|\nabla (g * x)|^2$ over that of the reference, $g$ being a
Gaussian of one pixel, which takes most of white noise away. Coherence, of the structure tensor
$J = b * \nabla \nabla^T$ with a box $b$, is $\sum (\lambda_1 - \lambda_2) / \sum (\lambda_1 + \lambda_2)$: 1 where all
lines in a neighbourhood run the same way, as the ridges of a finger do (Bazen and Gerez, IEEE TPAMI 24, 2002).

Distances are between images reduced to `SIDE` pixels.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ganlab.core.errors import UserError
from ganlab.core.kind import Array, Kind
from ganlab.metrics.needs import check_finite

NEIGHBOURHOOD = 9
"""Side of the structure tensor's box, pixels."""


def check_images(name: str, images: Array, kind: Kind) -> None:
    """Raise UserError for images of another shape than `kind` says, or with values that are not finite."""
    if images.shape[1:] != kind.shape:
        raise UserError(f"{name} of shape {images.shape} where an image is {kind.shape}: expected (N, C, H, W).")
    check_finite(images, name)


def laplacian(images: Array) -> NDArray[np.float64]:
    """Return the mean |Laplacian| of the inner pixels of each image `(N, C, H, W)`, `(N,)`; NaN without any."""
    if min(images.shape[2:]) < 3:
        return np.full(len(images), np.nan)
    means = np.empty(len(images))
    for number, image in enumerate(images):
        around = image[:, :-2, 1:-1] + image[:, 2:, 1:-1] + image[:, 1:-1, :-2] + image[:, 1:-1, 2:]
        means[number] = np.abs(around - 4 * image[:, 1:-1, 1:-1]).mean(dtype=np.float64)
    return means


def structure(images: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return detail and coherence of each image `(N, C, H, W)`, its channels averaged; `(N,)` each.

    Detail is the mean squared gradient after a Gaussian of one pixel, levels^2/pixel^2; coherence is NaN
    for an image without any.
    """
    pairs = [_structure(image.mean(axis=0, dtype=np.float32)) for image in images]
    energy, coherence = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    return energy, coherence


def _structure(image: NDArray[np.floating]) -> tuple[float, float]:
    down, across = (ndimage.gaussian_filter(image, 1.0, order=order) for order in ((1, 0), (0, 1)))
    xx, yy, xy = (ndimage.uniform_filter(part, NEIGHBOURHOOD) for part in (across * across, down * down, across * down))
    total = float((xx + yy).sum(dtype=np.float64))
    energy = float((across * across + down * down).mean(dtype=np.float64))
    return energy, float(np.hypot(xx - yy, 2 * xy).sum(dtype=np.float64)) / total if total > 1e-9 else math.nan


def octave_power(images: Array) -> NDArray[np.float64]:
    """Return the variance of images `(N, C, H, W)` in octaves of spatial frequency, finest first, `(N, octaves)`.

    The first has all periods below 4 pixels, the last those of half the shorter side and more. Edges are faded out.
    """
    height, width = images.shape[2:]
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    window /= np.sqrt((window**2).mean())
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    count = max(1, math.floor(math.log2(min(height, width))) - 1)
    octave = np.clip(np.floor(-np.log2(np.maximum(radius, 1e-9) / 0.5)), 0, count - 1).astype(int)
    # Frequencies between 0 and the highest stand for their negative as well.
    twice = np.where((np.arange(radius.shape[1]) > 0) & (np.arange(radius.shape[1]) * 2 != width), 2.0, 1.0)
    powers = np.empty((len(images), count))
    for number, image in enumerate(images):
        faded = (image - image.mean(axis=(1, 2), keepdims=True)) * window
        power = (np.abs(np.fft.rfft2(faded)) ** 2).mean(axis=0) * twice / (height * width) ** 2
        powers[number] = np.bincount(octave.ravel(), power.ravel(), minlength=count)
    return powers
