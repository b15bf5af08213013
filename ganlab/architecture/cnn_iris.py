"""The convolutional networks for irises, 240 pixels high and 320 wide (thesis Table 8.1).

As in `cnn`: convolution, batch norm, activation; no bias; no norm on D's first layer and on either output.
At width 1 and one channel D has 661,248 parameters and G 4,264,832.
"""

from torch import nn

from ganlab.architecture.base import LayeredDiscriminator, LayeredGenerator, channels_of, down, image, scaled, up
from ganlab.arrangement.base import Arrangement

HEIGHT, WIDTH = 240, 320


class Discriminator(LayeredDiscriminator):
    """Images `(B, C, 240, 320)` to logits `(B,)`; `width` scales 64-128-256.

    Sizes 240-120-60-30-14 high and 320-160-80-40-19 wide, then averaged; with classes the 30x40 map goes to two
    linear layers.
    """

    def __init__(self, arrangement: Arrangement, width: float = 1.0, classes: int = 0) -> None:
        a, b, c = scaled(width, (64, 128, 256))
        channels = channels_of(arrangement, "cnn_iris", HEIGHT, WIDTH)
        hidden = [*down(channels, a, 4, 2, 1, norm=False), *down(a, b, 4, 2, 1), *down(b, c, 4, 2, 1)]
        last = [nn.Conv2d(c, 1, 4, 2, 0, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(0)]
        super().__init__(hidden, last, c * 30 * 40, classes)


class Generator(LayeredGenerator):
    """Noise `(B, noise)` to images `(B, C, 240, 320)` in [-1, 1]; `width` scales 256-128-64.

    Sizes 1-6-26-81-240 high and 1-8-34-105-320 wide.
    """

    def __init__(self, arrangement: Arrangement, noise: int = 100, width: float = 1.0) -> None:
        a, b, c = scaled(width, (256, 128, 64))
        channels = channels_of(arrangement, "cnn_iris", HEIGHT, WIDTH)
        hidden = [*up(noise, a, 8, 1, (1, 0)), *up(a, b, 8, 4, (1, 1)), *up(b, c, 8, 3, (1, 1))]
        super().__init__([nn.Unflatten(1, (noise, 1, 1)), *hidden, *image(c, channels, 8, 3, (4, 0))])
