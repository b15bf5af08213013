"""Fully connected networks (thesis listings 5.1 and 6.1).

Linear-LeakyReLU(0.2)-Dropout(0.3) in D, Linear-LeakyReLU(0.2) in G, which ends in tanh.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import Tensor, nn

from ganlab.arrangement.base import Arrangement


class Discriminator(nn.Module):
    """Images `(B, C, H, W)` to logits `(B,)`; `hidden` are the sizes from the image to the output."""

    def __init__(
        self,
        arrangement: Arrangement,
        hidden: Sequence[int] = (1024, 512, 256),
        dropout: float = 0.3,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        sizes = [prod(arrangement.shape), *(round(width * h) for h in hidden)]
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.LeakyReLU(0.2), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], 1))

    def forward(self, image: Tensor) -> Tensor:
        """Logit of each image being real."""
        return self.layers(image).squeeze(1)


class Generator(nn.Module):
    """Noise `(B, noise)` to images `(B, C, H, W)` in [-1, 1]; `hidden` are the sizes from the noise to the image."""

    def __init__(
        self,
        arrangement: Arrangement,
        noise: int = 100,
        hidden: Sequence[int] = (256, 512, 1024),
        width: float = 1.0,
    ) -> None:
        super().__init__()
        sizes = [noise, *(round(width * h) for h in hidden)]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(
            *layers, nn.Linear(sizes[-1], prod(arrangement.shape)), nn.Tanh(), nn.Unflatten(1, arrangement.shape)
        )

    def forward(self, noise: Tensor) -> Tensor:
        """One image for each noise vector."""
        return self.layers(noise)
