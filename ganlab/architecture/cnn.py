"""The convolutional networks for 45x45 images (thesis Table 8.2).

Convolution, batch norm, activation; no convolution has a bias; no norm on D's first layer and on either output.
At width 1 and one channel D has 1,486,848 parameters and G 3,649,472. `norm="none"` leaves batch norm out, as penalties
of an image's own gradient demand (ours).
"""

from torch import nn

from ganlab.architecture.base import (
    LayeredDiscriminator,
    LayeredGenerator,
    batch_norm,
    channels_of,
    down,
    image,
    keep_variance,
    scaled,
    up,
)
from ganlab.arrangement.base import Arrangement

SIDE = 45


class Discriminator(LayeredDiscriminator):
    """Images `(B, C, 45, 45)` to logits `(B,)`: sizes 45-42-20-9-2, then averaged. `width` scales 64-128-256.

    With classes the 9x9 map, 20,736 numbers at width 1, goes to two linear layers instead.
    """

    def __init__(self, arrangement: Arrangement, width: float = 1.0, classes: int = 0, norm: str = "batch") -> None:
        a, b, c = scaled(width, (64, 128, 256))
        channels, normed = channels_of(arrangement, "cnn", SIDE, SIDE), batch_norm(norm)
        first = down(channels, a, 6, 1, 1, norm=False)
        hidden = [*first, *down(a, b, 6, 2, 1, normed), *down(b, c, 6, 2, 1, normed)]
        keep_variance(hidden, norm)
        last = [nn.Conv2d(c, 1, 6, 3, 0, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(0)]
        super().__init__(hidden, last, c * 9 * 9, classes)


class Generator(LayeredGenerator):
    """Noise `(B, noise)` to images `(B, C, 45, 45)` in [-1, 1]: sizes 1-8-19-41-45. `width` scales 256-128-64."""

    def __init__(self, arrangement: Arrangement, noise: int = 100, width: float = 1.0, norm: str = "batch") -> None:
        a, b, c = scaled(width, (256, 128, 64))
        channels, normed = channels_of(arrangement, "cnn", SIDE, SIDE), batch_norm(norm)
        second, third = up(a, b, 7, 2, 1, norm=normed), up(b, c, 7, 2, 1, norm=normed)
        hidden = [*up(noise, a, 8, norm=normed), *second, *third]
        keep_variance(hidden, norm)
        super().__init__([nn.Unflatten(1, (noise, 1, 1)), *hidden, *image(c, channels, 7, 1, 1)])
