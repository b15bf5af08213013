r"""Images beside real ones: "blurry", "more detailed", "less unique" (thesis, chapter 6) as numbers.

Sharpness is the mean of $|\Delta x|$ over that of the reference, $\Delta$ being the discrete Laplacian of four
neighbours; noise is sharp as well. Detail is the mean of $|\nabla (g * x)|^2$ over that of the reference, $g$ being a
Gaussian of one pixel, which takes most of white noise away. Coherence, of the structure tensor
$J = b * \nabla \nabla^T$ with a box $b$, is $\sum (\lambda_1 - \lambda_2) / \sum (\lambda_1 + \lambda_2)$: 1 where all
lines in a neighbourhood run the same way, as the ridges of a finger do (Bazen and Gerez, IEEE TPAMI 24, 2002).

Distances are between images reduced to `SIDE` pixels.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, conv2d

from ganlab.core.errors import UserError
from ganlab.core.kind import Image, Kind
from ganlab.core.spread import evenly
from ganlab.metrics.base import Array, Metric, Number, Real, SampleSet, Scorer, Statistic, Weights, need
from ganlab.metrics.embedding import Embed, Embedding, Standardized
from ganlab.metrics.weighted import mean

Floats = NDArray[np.float32]

SIDE = 128
"""Longer side of the images whose distances are taken, pixels: the ridges of a finger are still there."""
NEAR = 0.01
"""Share of the pairs of training images that counts as alike."""
SHARE = 0.05
"""Share of the reference's images that are nearer to a training image than the threshold of copies."""
NEIGHBOURHOOD = 9
"""Side of the structure tensor's box, pixels."""
ROUNDING = 1 / 12
"""Variance of the rounding to whole levels, levels^2: less power than that is as good as none."""
EQUAL = 1e-5
"""A squared distance below this share of the squared lengths is what rounding leaves of 0."""
OUTERMOST = 5.0
"""Standard deviations of the training images at which a feature of the embedding ends."""
BLOCK = 64
"""Images, or 16 times as many rows of distances, at a time, which bounds the memory."""

NUMBERS: Mapping[str, Number] = {
    "image/sharpness": Number(
        "",
        "mean |Laplacian| over that of real images: below 1 is blur; noise is sharp, and blur with noise can give 1",
        best=1.0,
        sees=("noisy_copy",),
        limits=(0.0, np.inf),
    ),
    "image/detail": Number(
        "",
        "energy of the gradient after a blur of one pixel, over that of real images: below 1 is blur, whatever fine "
        "noise lies on it; blind to what the lines show",
        best=1.0,
        limits=(0.0, np.inf),
    ),
    "image/spectrum_db": Number(
        "dB",
        "RMS difference of the mean power in each octave of spatial frequency from that of real images; blind to what "
        "has the right spectrum, be it lines or not",
        best=0.0,
        sees=("noise",),
        limits=(0.0, np.inf),
    ),
    "image/finest_octave_db": Number(
        "dB",
        "mean power at periods below 4 pixels, over that of real images: below 0 is blur, above 0 noise or a grid of "
        "the network's; the two can cancel",
        best=0.0,
    ),
    "image/coherence": Number(
        "",
        "how much the lines within 9 pixels run the same way, 0..1; blind to where the lines are",
        sees=("noise",),
        limits=(0.0, 1.0),
    ),
    "image/diversity": Number(
        "",
        "mean distance of two images over that of real ones: 0 is one image repeated; noise is diverse, a few modes "
        "may nearly be so",
        best=1.0,
        limits=(0.0, np.inf),
    ),
    "image/near_duplicates": Number(
        "share",
        "pairs of images as alike as the most alike 1 % of training pairs: more is less unique; one over it is about "
        "how many different images there are; blind to what they show",
        best=NEAR,
        sees=("collapsed",),
        limits=(0.0, 1.0),
    ),
    "image/copies": Number(
        "share",
        "images nearer to a training image, over their median distance to all, than 95 % of the reference are: more is "
        "copying; blind to copies that were shifted or turned",
        best=SHARE,
        sees=("copy", "noisy_copy", "collapsed"),
        limits=(0.0, 1.0),
    ),
    "image/grey_level": Number("level", "mean of all pixels, 0..255; the same for a picture of anything as bright"),
    "image/contrast": Number(
        "level", "standard deviation of an image's pixels, mean of images; the same with pixels in any order"
    ),
}


@dataclass(frozen=True)
class _Described:
    """N images, each by itself `(N,)`; `power` in the octaves `(N, octaves)`; the distances of two `(N, N)`."""

    alone: Mapping[str, NDArray[np.float64]]
    power: NDArray[np.float64]
    reduced: Floats
    apart: Floats


class ImageMetric(Metric):
    """Numbers of images of levels 0..255, `(N, C, H, W)`.

    The thresholds of near duplicates and of copies are learned from training images. A judged image of a training
    person is not compared with that person's.
    """

    numbers = NUMBERS
    kinds = (Image,)

    def fit(self, real: Real) -> Scorer:
        """Describe the real images. Raises UserError for images of another shape, or values that are no numbers."""
        need(len(real.train), 3, "training images")
        need(len(real.reference), 3, "reference images")
        for name, samples in (("training images", real.train), ("reference images", real.reference)):
            check(name, samples.values, real.kind)
        train = reduced(real.train.values)
        apart = distances(train, train)
        alike = float(np.quantile(apart[np.triu_indices(len(apart), 1)], NEAR))
        known, normed = _described(real.reference.values), unit(train)
        copied = float(np.quantile(_nearness(unit(known.reduced), normed), SHARE))

        def judge(judged: SampleSet) -> Mapping[str, Statistic]:
            need(len(judged), 3, "images to judge")
            check("images", judged.values, real.kind)
            found = _described(judged.values)
            same = _same(judged.persons, real.train.persons)
            copies = (_nearness(unit(found.reduced), normed, same) < copied).astype(np.float64)
            near = (found.apart <= alike).astype(np.float32)
            return _statistics(found, known) | {
                "image/near_duplicates": lambda w, _: pair_mean(near, w),
                "image/copies": lambda w, _: mean(copies, w),
            }

        return judge


def _statistics(found: _Described, known: _Described) -> dict[str, Statistic]:
    def ratio(name: str, w: Weights, v: Weights) -> float:
        return _ratio(mean(found.alone[name], w), mean(known.alone[name], v))

    def own(name: str, w: Weights, _: Weights) -> float:
        return mean(found.alone[name], w)

    def octaves(w: Weights, v: Weights) -> NDArray[np.float64]:
        ours, theirs = w @ found.power / w.sum(), v @ known.power / v.sum()
        return 10 * np.log10((ours + ROUNDING) / (theirs + ROUNDING))

    return {f"image/{name}": partial(ratio, name) for name in ("sharpness", "detail")} | {
        "image/spectrum_db": lambda w, v: float(np.sqrt(np.mean(octaves(w, v) ** 2))),
        "image/finest_octave_db": lambda w, v: float(octaves(w, v)[0]),
        "image/diversity": lambda w, v: _ratio(pair_mean(found.apart, w), pair_mean(known.apart, v)),
        **{f"image/{name}": partial(own, name) for name in ("coherence", "grey_level", "contrast")},
    }


def _described(images: Array) -> _Described:
    small = reduced(images)
    detail, aligned = structure(images)
    alone = {
        "sharpness": laplacian(images),
        "detail": detail,
        "coherence": aligned,
        "grey_level": images.mean(axis=(1, 2, 3), dtype=np.float64),
        "contrast": images.std(axis=(1, 2, 3), dtype=np.float64),
    }
    return _Described(alone, octave_power(images), small, distances(small, small))


def check(name: str, images: Array, kind: Kind) -> None:
    """Raise UserError for images of another shape than `kind` says, or with values that are no numbers."""
    if not isinstance(kind, Image) or images.shape[1:] != kind.shape:
        wanted = kind.shape if isinstance(kind, Image) else kind.noun
        raise UserError(f"{name} of shape {images.shape} where an image is {wanted}: want (N, C, H, W).")
    broken = sum(int((~np.isfinite(part).all(axis=(1, 2, 3))).sum()) for part in _blocks(images))
    if broken:
        raise UserError(f"{broken} of {len(images)} {name} hold NaN or infinity: leave them out first.")


def laplacian(images: Array) -> NDArray[np.float64]:
    """Mean |Laplacian| of the inner pixels of each of the images `(N, C, H, W)`; NaN of those that have none."""
    if min(images.shape[2:]) < 3:
        return np.full(len(images), np.nan)
    found = []
    for image in images:
        around = image[:, :-2, 1:-1] + image[:, 2:, 1:-1] + image[:, 1:-1, :-2] + image[:, 1:-1, 2:]
        found.append(np.abs(around - 4 * image[:, 1:-1, 1:-1]).mean(dtype=np.float64))
    return np.array(found)


def structure(images: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Detail and coherence of each of the images `(N, C, H, W)`, their channels averaged; `(N,)` each.

    Detail is the mean squared gradient after a Gaussian of one pixel, levels^2/pixel^2; the coherence of an image
    without any is NaN.
    """
    found = [_structure(image.mean(axis=0, dtype=np.float32)) for image in images]
    energy, coherence = np.array(found, dtype=np.float64).reshape(-1, 2).T
    return energy, coherence


def _structure(image: NDArray[np.floating]) -> tuple[float, float]:
    down, across = (ndimage.gaussian_filter(image, 1.0, order=order) for order in ((1, 0), (0, 1)))
    xx, yy, xy = (ndimage.uniform_filter(part, NEIGHBOURHOOD) for part in (across * across, down * down, across * down))
    total = float((xx + yy).sum(dtype=np.float64))
    energy = float((across * across + down * down).mean(dtype=np.float64))
    return energy, float(np.hypot(xx - yy, 2 * xy).sum(dtype=np.float64)) / total if total > 1e-9 else math.nan


def octave_power(images: Array) -> NDArray[np.float64]:
    """Variance of images `(N, C, H, W)` in octaves of spatial frequency, the finest first: `(N, octaves)`, levels^2.

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
    found = np.empty((len(images), count))
    for number, image in enumerate(images):
        faded = (image - image.mean(axis=(1, 2), keepdims=True)) * window
        power = (np.abs(np.fft.rfft2(faded)) ** 2).mean(axis=0) * twice / (height * width) ** 2
        found[number] = np.bincount(octave.ravel(), power.ravel(), minlength=count)
    return found


def reduced(images: Array, side: int = SIDE) -> Floats:
    """Images `(N, C, H, W)` as rows of pixels `(N, features)`, averaged down to a longer side of at most `side`."""
    height, width = images.shape[2:]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    parts = [
        adaptive_avg_pool2d(torch.from_numpy(part.astype(np.float32)), size).flatten(1).numpy()
        for part in _blocks(images)
    ]
    return np.concatenate(parts)


def unit(rows: Floats) -> Floats:
    """Rows `(N, features)` about their own mean and of length 1: brightness and contrast do not matter."""
    about = rows - rows.mean(axis=1, keepdims=True)
    return about / np.maximum(np.linalg.norm(about, axis=1, keepdims=True), 1e-6)


def distances(a: Floats, b: Floats) -> Floats:
    """Euclidean distances of rows, `(N, features)` and `(M, features)`: `(N, M)`; equal rows are exactly 0 apart."""
    # From a row instead of from 0: what all images share would cost the product its digits.
    a, b = a - b[:1], b - b[:1]
    length, other = np.einsum("ij,ij->i", a, a), np.einsum("ij,ij->i", b, b)
    found = np.empty((len(a), len(b)), np.float32)
    for k in range(0, len(a), 16 * BLOCK):
        part = slice(k, k + 16 * BLOCK)
        both = length[part, None] + other
        squared = both - 2 * (a[part] @ b.T)
        found[part] = np.sqrt(np.where(squared <= EQUAL * both, 0, squared))
    return found


def pair_mean(values: Floats, weights: Weights) -> float:
    """Mean of `(N, N)` values over the pairs of different samples; NaN where there is none.

    What stands on the diagonal does not matter.
    """
    w = weights.astype(np.float32)
    pairs = weights.sum() ** 2 - weights @ weights
    total = float((values @ w).astype(np.float64) @ weights) - float(np.diagonal(values) @ weights**2)
    return total / pairs if pairs > 0 else math.nan


def _nearness(a: Floats, b: Floats, leave_out: NDArray[np.bool_] | None = None) -> Floats:
    """Distance to the nearest row over the median distance to all: a blurred average is near to everything."""
    apart = distances(a, b)
    middle = np.median(apart, axis=1)
    if leave_out is not None:
        apart[leave_out] = np.inf
    return apart.min(axis=1) / np.maximum(middle, 1e-6)


def _same(persons: NDArray[np.int64] | None, others: NDArray[np.int64] | None) -> NDArray[np.bool_] | None:
    return None if persons is None or others is None else persons[:, None] == others


def _ratio(value: float, right: float) -> float:
    return value / right if right > 0 else math.nan


def _blocks(images: Array) -> Iterator[Array]:
    return (images[k : k + BLOCK] for k in range(0, len(images), BLOCK))


class ImageConvolutions(Embedding):
    """Random convolutions on a pyramid of images, each halved from the one before: nothing is learned but scales.

    Kernels of 5 x 5 pixels and all channels whose weights sum to 0, as in Rocket (Dempster et al., Data Mining and
    Knowledge Discovery 34, 2020) in two dimensions. Of each response the mean of its absolute value, its standard
    deviation, and the share above the `quantile` of the training responses; all standardized on the training images,
    and cut at `OUTERMOST`: photographs of one camera are so alike that others lie hundreds of deviations away, and a
    single one of these would rule a cubic kernel.

    Arguments:
        kernels: Kernels on each level of the pyramid.
        levels: Levels at most; the smallest has 12 pixels on its shorter side.
        quantile: Of the training responses, above which the share is taken.
        seed: Of the kernels.
    """

    # The noise that is added is less than what sets one print of high contrast apart from another.
    blind = ("noisy_copy",)

    def __init__(self, kernels: int = 32, levels: int = 5, quantile: float = 0.8, seed: int = 0) -> None:
        self.kernels = kernels
        self.levels = levels
        self.quantile = quantile
        self.seed = seed

    def check(self, kind: Kind) -> None:
        """Raise UserError for anything but images."""
        if not isinstance(kind, Image):
            raise UserError(f"{type(self).__name__} embeds images, and this data set gives {kind.noun}s.")

    def fit(self, real: Real) -> Embed:
        """Thresholds and scales of the training images' features."""
        check("training images", real.train.values, real.kind)
        weights = self._weights(real.train.values.shape[1])
        bias = self._bias(real.train.values, weights)
        standardized = Standardized(self._features(real.train.values, weights, bias))

        def embed(images: Array) -> Floats:
            check("images", images, real.kind)
            return np.clip(standardized(self._features(images, weights, bias)), -OUTERMOST, OUTERMOST)

        return embed

    def _weights(self, channels: int) -> torch.Tensor:
        drawn = torch.randn(self.kernels, channels, 5, 5, generator=torch.Generator().manual_seed(self.seed))
        about = drawn - drawn.mean(dim=(1, 2, 3), keepdim=True)
        return about / about.flatten(1).norm(dim=1)[:, None, None, None]

    def _bias(self, images: Array, weights: torch.Tensor) -> list[torch.Tensor]:
        """A threshold for each kernel on each level, from at most `BLOCK` training images."""
        chosen = images[evenly(BLOCK, len(images))]
        by_image = [
            [torch.quantile(r[0].flatten(1), self.quantile, dim=1) for r in self._responses(one, weights)]
            for one in (chosen[k : k + 1] for k in range(len(chosen)))
        ]
        return [torch.stack(level).median(dim=0).values for level in zip(*by_image, strict=True)]

    def _features(self, images: Array, weights: torch.Tensor, bias: list[torch.Tensor]) -> Floats:
        parts = []
        for k in range(0, len(images), 8):
            described: list[torch.Tensor] = []
            for response, least in zip(self._responses(images[k : k + 8], weights), bias, strict=True):
                flat = response.flatten(2)
                above = (flat > least[:, None]).float().mean(dim=2)
                described += [flat.abs().mean(dim=2), flat.std(dim=2), above]
            parts.append(torch.cat(described, dim=1).numpy())
        return np.concatenate(parts)

    def _responses(self, images: Array, weights: torch.Tensor) -> Iterator[torch.Tensor]:
        level = torch.from_numpy(images.astype(np.float32))
        for number in range(self.levels):
            if number:
                level = avg_pool2d(level, 2)
            if min(level.shape[2:]) < 12 and number:
                return
            # Means and shares of many pixels need not every pixel.
            yield conv2d(level, weights, stride=max(1, min(level.shape[2:]) // 64))
