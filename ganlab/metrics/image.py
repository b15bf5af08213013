r"""Images compared with images: are they as different from one another, as sharp, as bright?

The documents judge images by eye: "blurry", "more detailed", "less unique" (thesis, chapter 6). Diversity is the mean
distance of two images of a set, $\|x - y\|_2$, over that of the reference. Sharpness is the mean of $|\Delta x|$ over
that of the reference, $\Delta$ being the discrete Laplacian of four neighbours.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from ganlab.dataset.kind import Image
from ganlab.errors import UserError
from ganlab.metrics.base import Measure
from ganlab.metrics.diversity import pairwise_distance_ratio

Floats = NDArray[np.floating]

MEANING: dict[str, tuple[str, str]] = {
    "image/finite": ("share", "images without NaN or infinity; the other numbers leave the rest out"),
    "image/diversity": (
        "",
        "mean distance of two images over that of real ones, 1 is right, 0 is one image repeated; pixel by pixel, so "
        "noise is diverse, and a few modes may be too",
    ),
    "image/sharpness": (
        "",
        "mean |Laplacian| over that of real images, 1 is right, below it is blur; noise counts as sharp, and blur and "
        "noise together can give 1",
    ),
    "image/grey_level": ("level", "mean of all pixels, 0..255; the same for a picture of anything as bright"),
    "image/contrast": (
        "level",
        "standard deviation of the pixels of an image, mean of images; the same with pixels in any order",
    ),
}
"""Unit and meaning of what `measure` returns."""


def measure(samples: Floats, kind: Image, reference: Floats) -> dict[str, float]:
    """Summary of images beside reference images under the names of `MEANING`; NaN where there is nothing to compare.

    Arguments:
        samples: Images to judge, levels 0..255, with shape (N, C, H, W).
        kind: The shape of an image.
        reference: Real images to compare with, levels 0..255, with shape (M, C, H, W).

    Raises:
        UserError: no images, or images of another shape.
    """
    images, known = _finite("images", samples, kind), _finite("reference images", reference, kind)
    nothing = dict.fromkeys(MEANING, float("nan"))
    share = {"image/finite": len(images) / len(samples)}
    return nothing | share | (_compare(images, known) if len(images) and len(known) else {})


def laplacian(images: Floats) -> float:
    """Mean |Laplacian| of the inner pixels of images `(N, C, H, W)`; NaN of those that have none."""
    total, count = 0.0, 0
    for image in images:
        inner = image[:, 1:-1, 1:-1]
        around = image[:, :-2, 1:-1] + image[:, 2:, 1:-1] + image[:, 1:-1, :-2] + image[:, 1:-1, 2:]
        total += float(np.abs(around - 4 * inner).sum(dtype=np.float64))
        count += inner.size
    return total / count if count else float("nan")


def _compare(images: Floats, known: Floats) -> dict[str, float]:
    found = {
        "diversity": pairwise_distance_ratio(torch.from_numpy(images), torch.from_numpy(known)),
        "sharpness": _ratio(laplacian(images), laplacian(known)),
        "grey_level": images.mean(dtype=np.float64),
        "contrast": images.std(axis=(1, 2, 3), dtype=np.float64).mean(),
    }
    return {f"image/{name}": float(value) for name, value in found.items()}


def _ratio(value: float, right: float) -> float:
    return value / right if right > 0 else float("nan")


def _finite(name: str, images: Floats, kind: Image) -> NDArray[np.float32]:
    if not len(images) or images.shape[1:] != kind.shape:
        raise UserError(f"{name} of shape {images.shape} where an image is {kind.shape}: want (N > 0, C, H, W).")
    return images[np.isfinite(images).all(axis=(1, 2, 3))].astype(np.float32)


class ImageMeasure(Measure):
    """`measure` as `metrics=image` takes it; `meaning` has the unit and a sentence for each number."""

    meaning = MEANING
    kinds = (Image,)

    def __call__(self, samples: Floats, kind: Image, reference: Floats) -> dict[str, float]:
        """Measure images (N, C, H, W) of levels 0..255 beside reference images (M, C, H, W)."""
        return measure(samples, kind, reference)
