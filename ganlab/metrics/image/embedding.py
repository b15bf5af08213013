"""Random convolutions of images: a fixed embedding in which distances mean something."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, conv2d

from ganlab.core.kind import Array, Image
from ganlab.core.spread import evenly
from ganlab.metrics.base import Floats, Real
from ganlab.metrics.embedding import Embed, Embedding, Standardized
from ganlab.metrics.image.sharpness import check_images

OUTERMOST = 5.0
"""Standard deviations of the training images at which a feature is cut."""
BLOCK = 64
"""Training images at most from which thresholds are learned."""


class ImageConvolutions(Embedding):
    """Random convolutions on a pyramid of images, each halved from the one before: only scales are learned.

    `kernels` of 5 x 5 pixels and all channels whose weights sum to 0, as in Rocket (Dempster et al., Data Mining and
    Knowledge Discovery 34, 2020) in two dimensions, drawn with this `seed` for each of at most as many `levels`, of
    which the smallest has 12 pixels on its shorter side. The features are the mean absolute value of each response, its
    standard deviation, and its share above the `quantile` of the training responses, standardized on the training
    images and cut at `OUTERMOST`: photographs of one camera are so alike that others lie hundreds of deviations away,
    and a single one of these would rule a cubic kernel.
    """

    # The noise that is added is less than what sets one print of high contrast apart from another.
    blind = ("noisy_copy",)
    kinds = (Image,)

    def __init__(self, kernels: int = 32, levels: int = 5, quantile: float = 0.8, seed: int = 0) -> None:
        self.kernels, self.levels, self.quantile, self.seed = kernels, levels, quantile, seed

    def fit(self, real: Real) -> Embed:
        """Learn thresholds and scales from training images."""
        check_images("training images", real.train.values, real.kind)
        draws = torch.Generator().manual_seed(self.seed)
        drawn = torch.randn(self.kernels, real.train.values.shape[1], 5, 5, generator=draws)
        about = drawn - drawn.mean(dim=(1, 2, 3), keepdim=True)
        weights = about / about.flatten(1).norm(dim=1)[:, None, None, None]
        bias = self._bias(real.train.values, weights)
        standardized = Standardized(self._features(real.train.values, weights, bias))

        def embed(images: Array) -> Floats:
            check_images("images", images, real.kind)
            return np.clip(standardized(self._features(images, weights, bias)), -OUTERMOST, OUTERMOST)

        return embed

    def _bias(self, images: Array, weights: torch.Tensor) -> list[torch.Tensor]:
        """Return a threshold for each kernel on each level, from at most `BLOCK` training images."""
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
