"""Convolutional networks in the manner of Table 8.2 for images of any size, such as 24x24 or 25x40 (ours).

Each of D's three hidden layers halves the image, and G's last three double it. As in `cnn` no convolution has a bias,
D's first layer and both outputs have no norm, and D's last map is averaged. Kernels, strides and paddings are symmetric
where 8 divides the sides, so that z, transposed and reversed stay one experiment. At width 1 and one channel of 24x24 D
has 1,479,936 parameters and G 1,708,160, from noise of 100.
"""

from torch import nn

from ganlab.architecture.base import (
    LayeredDiscriminator,
    LayeredGenerator,
    batch_norm,
    down,
    image,
    keep_variance,
    scaled,
    up,
)
from ganlab.arrangement.base import Arrangement
from ganlab.core.errors import UserError

LEAST = 8
"""Pixels of a side at least, which three halvings leave one of."""


def _halved(arrangement: Arrangement) -> list[tuple[int, int]]:
    """Return heights and widths of the image, halved once, twice and three times. Raises UserError for a small one."""
    _, height, width = arrangement.shape
    if min(height, width) < LEAST:
        raise UserError(
            f"architecture=cnn_small accepts images of {LEAST}x{LEAST} pixels or more; this arrangement has "
            f"{height}x{width}. architecture=fcn accepts any size."
        )
    return [(height >> times, width >> times) for times in range(4)]


class Discriminator(LayeredDiscriminator):
    """Images `(B, C, H, W)` to logits `(B,)`: sizes 24-12-6-3 at 24x24, then averaged. `width` scales 64-128-256.

    With classes the last map goes to two linear layers instead.
    """

    def __init__(self, arrangement: Arrangement, width: float = 1.0, classes: int = 0, norm: str = "batch") -> None:
        a, b, c = scaled(width, (64, 128, 256))
        normed, (height, length) = batch_norm(norm), _halved(arrangement)[3]
        first = down(arrangement.shape[0], a, 6, 2, 2, norm=False)
        hidden = [*first, *down(a, b, 6, 2, 2, normed), *down(b, c, 6, 2, 2, normed)]
        keep_variance(hidden, norm)
        last = [nn.Conv2d(c, 1, 3, 1, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(0)]
        super().__init__(hidden, last, c * height * length, classes)


class Generator(LayeredGenerator):
    """Noise `(B, noise)` to images `(B, C, H, W)` in [-1, 1]: sizes 1-3-6-12-24 at 24x24. `width` scales 256-128-64."""

    def __init__(self, arrangement: Arrangement, noise: int = 100, width: float = 1.0, norm: str = "batch") -> None:
        a, b, c = scaled(width, (256, 128, 64))
        normed, sizes = batch_norm(norm), _halved(arrangement)
        odd = [(height % 2, width % 2) for height, width in sizes]
        second, third = up(a, b, 6, 2, 2, odd[2], normed), up(b, c, 6, 2, 2, odd[1], normed)
        hidden = [*up(noise, a, sizes[3], norm=normed), *second, *third]
        keep_variance(hidden, norm)
        layers = [nn.Unflatten(1, (noise, 1, 1)), *hidden, *image(c, arrangement.shape[0], 6, 2, 2, odd[0])]
        super().__init__(layers)
