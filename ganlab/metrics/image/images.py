"""Images compared with real ones: "blurry", "more detailed", "less unique" (thesis, chapter 6) as numbers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ganlab.core.kind import Array, Image
from ganlab.metrics.base import Metric, Real, SampleSet, Scorer, Statistic, Weights, need
from ganlab.metrics.image.copies import Floats, distances, nearness, reduced, unit
from ganlab.metrics.image.sharpness import check_images, laplacian, octave_power, structure
from ganlab.metrics.numbers import numbers_of
from ganlab.metrics.points import pair_mean, same_person
from ganlab.metrics.weighted import mean, mean_of

NEAR = 0.01
"""Share of the pairs of training images that count as alike."""
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

    def fit(self, real: Real) -> Scorer:
        """Describe the real images. Raises UserError for images of another shape, or values that are not finite."""
        need(len(real.train), 3, "training images")
        need(len(real.reference), 3, "reference images")
        for name, samples in (("training images", real.train), ("reference images", real.reference)):
            check_images(name, samples.values, real.kind)
        train = reduced(real.train.values)
        apart = distances(train, train)
        alike = float(np.quantile(apart[np.triu_indices(len(apart), 1)], NEAR))
        reference, normed = _described(real.reference.values), unit(train)
        copied = float(np.quantile(nearness(unit(reference.reduced), normed), SHARE))

        def score(samples: SampleSet) -> Mapping[str, Statistic]:
            need(len(samples), 3, "images to judge")
            check_images("images", samples.values, real.kind)
            images = _described(samples.values)
            same = same_person(samples.persons, real.train.persons, len(real.train))
            near = (images.apart <= alike).astype(np.float32)
            return _statistics(images, reference) | {
                "image/near_duplicates": lambda w, _: pair_mean(near, w),
                "image/copies": mean_of(nearness(unit(images.reduced), normed, same) < copied),
            }

        return score


def _statistics(images: _Described, reference: _Described) -> dict[str, Statistic]:
    def ratio(name: str, w: Weights, v: Weights) -> float:
        return _ratio(mean(images.alone[name], w), mean(reference.alone[name], v))

    def octaves(w: Weights, v: Weights) -> NDArray[np.float64]:
        ours, theirs = w @ images.power / w.sum(), v @ reference.power / v.sum()
        return 10 * np.log10((ours + ROUNDING) / (theirs + ROUNDING))

    return {f"image/{name}": partial(ratio, name) for name in ("sharpness", "detail")} | {
        "image/spectrum_db": lambda w, v: float(np.sqrt(np.mean(octaves(w, v) ** 2))),
        "image/finest_octave_db": lambda w, v: float(octaves(w, v)[0]),
        "image/diversity": lambda w, v: _ratio(pair_mean(images.apart, w), pair_mean(reference.apart, v)),
        **{f"image/{name}": mean_of(images.alone[name]) for name in ("coherence", "grey_level", "contrast")},
    }


def _described(images: Array) -> _Described:
    small, axes = reduced(images), (1, 2, 3)
    alone = dict(zip(("detail", "coherence"), structure(images), strict=True)) | {"sharpness": laplacian(images)}
    alone |= {"grey_level": images.mean(axes, dtype=np.float64), "contrast": images.std(axes, dtype=np.float64)}
    return _Described(alone, octave_power(images), small, distances(small, small))


def _ratio(value: float, right: float) -> float:
    return value / right if right > 0 else math.nan
