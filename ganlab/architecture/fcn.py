"""Fully connected networks (thesis listing 8.1).

Linear-LeakyReLU(0.2)-Dropout(0.3) in D, Linear-LeakyReLU(0.2) in G, which ends in tanh.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import nn

from ganlab.architecture.base import LayeredDiscriminator, LayeredGenerator, scaled
from ganlab.arrangement.base import Arrangement


class Discriminator(LayeredDiscriminator):
    """Images `(B, C, H, W)` to logits `(B,)`; `hidden` are the sizes from the image to the output.

    With classes two linear layers read the last hidden layer.
    """

    def __init__(
        self,
        arrangement: Arrangement,
        hidden: Sequence[int] = (1024, 512, 256),
        dropout: float = 0.3,
        width: float = 1.0,
        classes: int = 0,
    ) -> None:
        sizes = [prod(arrangement.shape), *scaled(width, hidden, least=1)]
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.LeakyReLU(0.2), nn.Dropout(dropout)]
        super().__init__(layers, [nn.Linear(sizes[-1], 1), nn.Flatten(0)], sizes[-1], classes)


class Generator(LayeredGenerator):
    """Noise `(B, noise)` to images `(B, C, H, W)` in [-1, 1]; `hidden` are the sizes from the noise to the image."""

    def __init__(
        self,
        arrangement: Arrangement,
        noise: int = 100,
        hidden: Sequence[int] = (256, 512, 1024),
        width: float = 1.0,
    ) -> None:
        sizes = [noise, *scaled(width, hidden, least=1)]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.LeakyReLU(0.2)]
        last = [nn.Linear(sizes[-1], prod(arrangement.shape)), nn.Tanh(), nn.Unflatten(1, arrangement.shape)]
        super().__init__([*layers, *last])
