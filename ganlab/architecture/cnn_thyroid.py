"""Small convolutional networks for tables of any few cells, such as 7x7 (ours; asked for in thesis chapter 7).

In the manner of Table 8.2, one layer less. A table has no neighbourhood that means the same everywhere, so D's last
and G's first kernel span the whole halved map and tell its places apart. At width 1 and 7x7 cells D has 19,872
parameters and G, from 5 numbers, 24,032.
"""

from torch import nn

from ganlab.architecture.base import LayeredDiscriminator, LayeredGenerator, down, image, scaled, up
from ganlab.arrangement.base import Arrangement


def _halved(arrangement: Arrangement) -> tuple[int, int]:
    _, height, width = arrangement.shape
    return (height + 1) // 2, (width + 1) // 2


class Discriminator(LayeredDiscriminator):
    """Images `(B, C, H, W)` to logits `(B,)`: sizes 7-7-4-1 at 7x7. `width` scales 32-64.

    With classes the 4x4 map goes to two linear layers.
    """

    def __init__(self, arrangement: Arrangement, width: float = 1.0, classes: int = 0) -> None:
        a, b = scaled(width, (32, 64))
        height, length = _halved(arrangement)
        hidden = [*down(arrangement.shape[0], a, 3, 1, 1, norm=False), *down(a, b, 3, 2, 1)]
        last = [nn.Conv2d(b, 1, (height, length), bias=False), nn.Flatten(0)]
        super().__init__(hidden, last, b * height * length, classes)


class Generator(LayeredGenerator):
    """Noise `(B, noise)` to images `(B, C, H, W)` in [-1, 1]: sizes 1-4-7-7 at 7x7. `width` scales 64-32."""

    def __init__(self, arrangement: Arrangement, noise: int = 5, width: float = 1.0) -> None:
        a, b = scaled(width, (64, 32))
        channels, height, length = arrangement.shape
        even = (height + 1) % 2, (length + 1) % 2
        hidden = [*up(noise, a, _halved(arrangement)), *up(a, b, 3, 2, 1, even)]
        super().__init__([nn.Unflatten(1, (noise, 1, 1)), *hidden, *image(b, channels, 3, 1, 1)])
