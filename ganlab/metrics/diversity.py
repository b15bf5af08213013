"""Are generated images as far from one another as real ones are? Near 0 the generator makes one image only.

The ratio compares spreads, so the phase of a window, which makes any two ECGs differ, is in both of its sides. It is
blind to what the images show: noise is as diverse as it gets.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ganlab.core.labels import of_class, present

BLOCK = 4096
"""Pixels of each image that are multiplied at a time, which bounds the memory."""
ROUNDING = 1e-12
"""A squared distance below this share of the squared lengths is what rounding leaves of 0."""


def mean_distance(images: Tensor) -> float:
    """Mean Euclidean distance of two different images of `(N, C, H, W)`, from matrix products in double precision.

    Equal images are exactly 0 apart. NaN for fewer than two images, or where a pixel is not finite.
    """
    count = len(images)
    if count < 2:
        return math.nan
    product = torch.zeros(count, count, dtype=torch.float64)
    for block in images.detach().cpu().flatten(1).split(BLOCK, dim=1):
        # From the first image instead of from black: what all images share would cost the product its digits.
        part = block.double() - block[:1].double()
        product += part @ part.T
    lengths = product.diagonal()[:, None] + product.diagonal()
    squared = lengths - 2 * product
    squared = torch.where(squared <= ROUNDING * lengths, 0.0, squared)
    return float(squared.sqrt().sum() / (count * (count - 1)))


def pairwise_distance_ratio(fake: Tensor, real: Tensor) -> float:
    """Mean distance within generated images `(N, C, H, W)` over that within real ones `(M, C, H, W)`.

    1 is as diverse as the real images, 0 one image only. NaN where a generated pixel is not finite, and where the real
    images do not differ.
    """
    of_real = mean_distance(real)
    return mean_distance(fake) / of_real if of_real > 0 else math.nan


def ratios_by_class(fake: Tensor, real: Tensor, fake_labels: Tensor, real_labels: Tensor) -> dict[int, float]:
    """The ratio inside each class that has images on either side; labels are `(N,)` and `(M,)`, or multi-hot.

    An AC-GAN collapses inside the class: images of different classes still differ. NaN for a class with fewer than
    two images on one side.
    """
    fake_labels, real_labels = fake_labels.cpu(), real_labels.cpu()
    fake, real = fake.cpu(), real.cpu()
    return {
        k: pairwise_distance_ratio(fake[of_class(fake_labels, k)], real[of_class(real_labels, k)])
        for k in present(torch.cat([fake_labels, real_labels]).numpy())
    }


def smallest(ratios: Mapping[int, float]) -> float:
    """The ratio of the least diverse class, which is the one that counts; NaN where one is NaN or there is none."""
    values = list(ratios.values())
    return math.nan if not values or any(map(math.isnan, values)) else min(values)
