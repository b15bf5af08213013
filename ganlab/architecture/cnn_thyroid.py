"""Small convolutional networks for tables of any few cells, such as 7x7 (ours; asked for in thesis chapter 7).

In the manner of Table 8.2, one layer less. A table has no neighbourhood that means the same everywhere, so D's last
and G's first kernel span the whole halved map and tell its places apart. At width 1 and 7x7 cells D has 19,872
parameters and G, from 5 numbers, 24,032.
"""

from torch import Tensor, nn

from ganlab.architecture.base import Judge, scaled
from ganlab.arrangement.base import Arrangement


def _halved(arrangement: Arrangement) -> tuple[int, int]:
    _, height, width = arrangement.shape
    return (height + 1) // 2, (width + 1) // 2


class Discriminator(Judge):
    """Images `(B, C, H, W)` to logits `(B,)`: sizes 7-7-4-1 at 7x7. `width` scales 32-64.

    With classes the 4x4 map goes to two linear layers.
    """

    def __init__(self, arrangement: Arrangement, width: float = 1.0, classes: int = 0) -> None:
        a, b = scaled(width, (32, 64))
        height, length = _halved(arrangement)
        hidden = [
            nn.Conv2d(arrangement.shape[0], a, 3, 1, 1, bias=False),
            nn.LeakyReLU(0.2),
            nn.Conv2d(a, b, 3, 2, 1, bias=False),
            nn.BatchNorm2d(b),
            nn.LeakyReLU(0.2),
        ]
        last = [nn.Conv2d(b, 1, (height, length), bias=False), nn.Flatten(0)]
        super().__init__(hidden, last, b * height * length, classes)


class Generator(nn.Module):
    """Noise `(B, noise)` to images `(B, C, H, W)` in [-1, 1]: sizes 1-4-7-7 at 7x7. `width` scales 64-32."""

    def __init__(self, arrangement: Arrangement, noise: int = 5, width: float = 1.0) -> None:
        super().__init__()
        a, b = scaled(width, (64, 32))
        channels, *size = arrangement.shape
        even = [(pixels + 1) % 2 for pixels in size]
        self.layers = nn.Sequential(
            nn.Unflatten(1, (noise, 1, 1)),
            nn.ConvTranspose2d(noise, a, _halved(arrangement), bias=False),
            nn.BatchNorm2d(a),
            nn.ReLU(),
            nn.ConvTranspose2d(a, b, 3, 2, 1, output_padding=(even[0], even[1]), bias=False),
            nn.BatchNorm2d(b),
            nn.ReLU(),
            nn.ConvTranspose2d(b, channels, 3, 1, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, noise: Tensor) -> Tensor:
        """One image for each noise vector."""
        return self.layers(noise)
