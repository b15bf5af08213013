"""Images compared with real ones: "blurry", "more detailed", "less unique" (thesis, chapter 6), copied, as numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import adaptive_avg_pool2d

from ganlab.core.kind import Array, Image
from ganlab.metrics.base import Metric, Real, SampleSet, Scorer, Statistic, Weights
from ganlab.metrics.image.sharpness import check_images, laplacian, octave_power, structure
from ganlab.metrics.needs import MORE_REFERENCE, MORE_TRAINING, need, need_generated
from ganlab.metrics.numbers import numbers_of
from ganlab.metrics.points import blocks, pair_mean, same_patient
from ganlab.metrics.weighted import mean, mean_of, ratio

Floats = NDArray[np.float32]

SIDE = 128
"""Longer side of the images whose distances are taken, pixels: the ridges of a finger are still visible."""
EQUAL = 1e-5
"""A squared distance below this share of the squared lengths is what rounding leaves of 0."""
BLOCK = 64
"""Images that are reduced together, which bounds the memory."""
NEAR = 0.01
"""Share of the pairs of training images that count as alike."""
EXACT = 0.5
"""Greatest difference of a pixel in images that are equal once rounded, levels."""
SHARE = 0.05
"""Share of the reference that is nearer to a training image than the threshold of copies."""
ROUNDING = 1 / 12
"""Variance of the rounding to whole levels, levels^2: less power counts as none."""


@dataclass(frozen=True)
class _Described:
    """N images: numbers of each `(N,)`, `power` in octaves `(N, octaves)`, reduced pixels, distances `(N, N)`."""

    alone: Mapping[str, NDArray[np.float64]]
    power: NDArray[np.float64]
    reduced: Floats
    apart: Floats


class ImageMetric(Metric):
    """Numbers of images of levels 0..255, `(N, C, H, W)`.

    The thresholds of near duplicates and of copies are learned from training images. A compared image of a training
    patient is not compared with that patient's.
    """

    numbers = numbers_of("image")
    kinds = (Image,)

    def always(self, real: Real, samples: SampleSet) -> Mapping[str, Statistic]:
        """Return the share of images that equal a training image."""
        if not len(real.train):
            return {}
        same = same_patient(samples.patients, real.train.patients, len(real.train))
        return _exact(real, samples, same, reduced(samples.values), reduced(real.train.values))

    def fit(self, real: Real) -> Scorer:
        """Describe the real images. Raises UserError for images of another shape, or values that are not finite."""
        need(len(real.train), 3, "training images", MORE_TRAINING)
        need(len(real.reference), 3, "reference images", MORE_REFERENCE)
        for name, samples in (("training images", real.train), ("reference images", real.reference)):
            check_images(name, samples.values, real.kind)
        train = reduced(real.train.values)
        apart = pixel_distances(train, train)
        alike = float(np.quantile(apart[np.triu_indices(len(apart), 1)], NEAR))
        reference, normed = _described(real.reference.values), of_unit_length(train)
        copied = float(np.quantile(nearness(of_unit_length(reference.reduced), normed), SHARE))

        def score(samples: SampleSet) -> Mapping[str, Statistic]:
            need_generated(len(samples), 3, "images to judge", len(real.train))
            check_images("images", samples.values, real.kind)
            images = _described(samples.values)
            same = same_patient(samples.patients, real.train.patients, len(real.train))
            near = (images.apart <= alike).astype(np.float32)
            return (
                _statistics(images, reference)
                | _exact(real, samples, same, images.reduced, train)
                | {
                    "image/near_duplicates": lambda w, _: pair_mean(near, w),
                    "image/copies": mean_of(nearness(of_unit_length(images.reduced), normed, same) < copied),
                }
            )

        return score


def _exact(
    real: Real, samples: SampleSet, same: NDArray[np.bool_], small: Floats, train: Floats
) -> dict[str, Statistic]:
    """Return the share of samples that equal a training image; `small` and `train` are both sets, reduced."""
    apart = pixel_distances(small, train)
    np.copyto(apart, np.inf, where=same)
    nearest = real.train.values[apart.argmin(axis=1)]
    equal = np.abs(samples.values - nearest).reshape(len(samples), -1).max(axis=1) <= EXACT
    return {"image/exact": mean_of((equal & np.isfinite(apart.min(axis=1))).astype(np.float64))}


def _statistics(images: _Described, reference: _Described) -> dict[str, Statistic]:
    def relative(name: str, w: Weights, v: Weights) -> float:
        return ratio(mean(images.alone[name], w), mean(reference.alone[name], v))

    def octaves(w: Weights, v: Weights) -> NDArray[np.float64]:
        ours, theirs = w @ images.power / w.sum(), v @ reference.power / v.sum()
        return 10 * np.log10((ours + ROUNDING) / (theirs + ROUNDING))

    return {f"image/{name}": partial(relative, name) for name in ("sharpness", "detail")} | {
        "image/spectrum_db": lambda w, v: float(np.sqrt(np.mean(octaves(w, v) ** 2))),
        "image/finest_octave_db": lambda w, v: float(octaves(w, v)[0]),
        "image/diversity": lambda w, v: ratio(pair_mean(images.apart, w), pair_mean(reference.apart, v)),
        **{f"image/{name}": mean_of(images.alone[name]) for name in ("coherence", "grey_level", "contrast")},
    }


def _described(images: Array) -> _Described:
    small, axes = reduced(images), (1, 2, 3)
    alone = dict(zip(("detail", "coherence"), structure(images), strict=True)) | {"sharpness": laplacian(images)}
    alone |= {"grey_level": images.mean(axes, dtype=np.float64), "contrast": images.std(axes, dtype=np.float64)}
    return _Described(alone, octave_power(images), small, pixel_distances(small, small))


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


def of_unit_length(rows: Floats) -> Floats:
    """Return rows `(N, features)` about their mean and of length 1, so that brightness and contrast do not count."""
    about = rows - rows.mean(axis=1, keepdims=True)
    return about / np.maximum(np.linalg.norm(about, axis=1, keepdims=True), 1e-6)


def pixel_distances(a: Floats, b: Floats) -> Floats:
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
    apart = pixel_distances(a, b)
    middle = np.median(apart, axis=1)
    if same is not None:
        np.copyto(apart, np.inf, where=same)
    return apart.min(axis=1) / np.maximum(middle, 1e-6)
