"""The convolutional networks for irises of the thesis' own notebook, which are deeper than its Table 8.1.

As in `cnn`: convolution, batch norm, activation; no bias; no norm on D's first layer and on either output.
At width 1 and one channel D has 2,763,520 parameters and G 5,378,112.
"""

from torch import nn

from ganlab.architecture.base import LayeredDiscriminator, LayeredGenerator, channels_of, down, image, scaled, up
from ganlab.architecture.cnn_iris import HEIGHT, WIDTH
from ganlab.arrangement.base import Arrangement


class Discriminator(LayeredDiscriminator):
    """Images `(B, C, 240, 320)` to logits `(B,)`; `width` scales 64-128-256-512.

    Sizes 240-120-60-30-15-12 high and 320-160-80-40-20-17 wide, then averaged; with classes the 15x20 map goes to two
    linear layers.
    """

    def __init__(self, arrangement: Arrangement, width: float = 1.0, classes: int = 0) -> None:
        a, b, c, d = scaled(width, (64, 128, 256, 512))
        channels = channels_of(arrangement, "cnn_iris_notebook", HEIGHT, WIDTH)
        first = down(channels, a, 4, 2, 1, norm=False)
        hidden = [*first, *down(a, b, 4, 2, 1), *down(b, c, 4, 2, 1), *down(c, d, 4, 2, 1)]
        last = [nn.Conv2d(d, 1, 4, 1, 0, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(0)]
        super().__init__(hidden, last, d * 15 * 20, classes)


class Generator(LayeredGenerator):
    """Noise `(B, noise)` to images `(B, C, 240, 320)` in [-1, 1]; `width` scales 512-256-128-64.

    Sizes 1-4-9-26-80-240 high and 1-5-11-34-106-320 wide.
    """

    def __init__(self, arrangement: Arrangement, noise: int = 100, width: float = 1.0) -> None:
        a, b, c, d = scaled(width, (512, 256, 128, 64))
        channels = channels_of(arrangement, "cnn_iris_notebook", HEIGHT, WIDTH)
        hidden = [*up(noise, a, (4, 5)), *up(a, b, (5, 5), 2, 1), *up(b, c, (4, 6), 3, 1), *up(c, d, (5, 7), 3)]
        super().__init__([nn.Unflatten(1, (noise, 1, 1)), *hidden, *image(d, channels, (5, 7), 3, 1)])
