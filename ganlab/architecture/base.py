"""Layers and base classes of the networks: scaled widths, convolutions, discriminators that may classify.

Without classes D ends in one logit. With classes two parallel linear layers read its last hidden map, one the source
(real or generated) and one the class (paper 4.6).
"""

from collections.abc import Callable, Sequence
from math import prod, sqrt

import torch
from torch import Tensor, nn

from ganlab.arrangement.base import Arrangement
from ganlab.core.errors import UserError

Size = int | tuple[int, int]

LEAST_CHANNELS = 4
"""Channels that a hidden map keeps at least, however narrow the network."""


def scaled(width: float, sizes: Sequence[int], least: int = LEAST_CHANNELS) -> list[int]:
    """Return the sizes of hidden layers times `width`, at least `least` each."""
    return [max(least, round(width * size)) for size in sizes]


def channels_of(arrangement: Arrangement, name: str, height: int, width: int) -> int:
    """Return the channels of an arrangement's images. Raises UserError where these are not `height` x `width`."""
    channels, *size = arrangement.shape
    if size != [height, width]:
        raise UserError(
            f"architecture={name} makes {height}x{width} images; this arrangement has {size[0]}x{size[1]}. "
            "architecture=fcn accepts any size."
        )
    return channels


def refuse_larger(size: int, *networks: Callable[[], nn.Module]) -> None:
    """Raise UserError where these networks have more than `size` bytes of weights; they are built without memory."""
    with torch.device("meta"):
        sketched = sum(tensor.nbytes for make in networks for tensor in make().state_dict().values())
    if sketched > size:
        raise UserError(f"it describes networks of {sketched:,} bytes, and its weights have {size:,}.")


class Heads(nn.Module):
    """Two parallel linear layers on the last hidden map: logits of the source and of the classes, both unsquashed."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.source = nn.Linear(features, 1)
        self.label = nn.Linear(features, classes)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits `(B,)` and `(B, classes)` of hidden maps `(B, *)`."""
        flat = hidden.flatten(1)
        return self.source(flat).squeeze(1), self.label(flat)


def down(before: int, after: int, kernel: int, stride: int, padding: int, norm: bool = True) -> list[nn.Module]:
    """Return a convolution without bias, batch norm unless `norm` is false, and a leaky ReLU."""
    convolution = nn.Conv2d(before, after, kernel, stride, padding, bias=False)
    return [convolution, *([nn.BatchNorm2d(after)] if norm else []), nn.LeakyReLU(0.2)]


def up(
    before: int, after: int, kernel: Size, stride: int = 1, padding: Size = 0, more: Size = 0, norm: bool = True
) -> list[nn.Module]:
    """Return a transposed convolution without bias, batch norm unless `norm` is false, and a ReLU.

    `more` is the output's padding.
    """
    convolution = nn.ConvTranspose2d(before, after, kernel, stride, padding, output_padding=more, bias=False)
    return [convolution, *([nn.BatchNorm2d(after)] if norm else []), nn.ReLU()]


def image(before: int, channels: int, kernel: Size, stride: int, padding: Size, more: Size = 0) -> list[nn.Module]:
    """Return the last layers of a generator: a transposed convolution without bias, and a tanh."""
    return [nn.ConvTranspose2d(before, channels, kernel, stride, padding, more, bias=False), nn.Tanh()]


def batch_norm(norm: str) -> bool:
    """Return whether hidden layers have batch norm. Raises UserError for a name that is not accepted."""
    if norm not in ("batch", "none"):
        raise UserError(f"architecture.norm={norm}: accepted are batch, as in the documents, and none.")
    return norm == "batch"


@torch.no_grad()
def keep_variance(layers: Sequence[nn.Module], norm: str) -> None:
    """Draw the weights of hidden layers without batch norm so that their outputs vary as their inputs (He et al. 2015).

    The first of a generator's layers sees one pixel; another transposed one sees `kernel / stride` of them a side.
    """
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    for place, layer in enumerate(() if batch_norm(norm) else convolutions):
        pixels = float(prod(layer.kernel_size))
        if isinstance(layer, nn.ConvTranspose2d):
            pixels = pixels / prod(layer.stride) if place else 1.0
        layer.weight.normal_(0, sqrt(2 / (layer.in_channels * pixels)))


class LayeredGenerator(nn.Module):
    """A generator whose layers follow one another: noise `(B, noise)` to images `(B, C, H, W)` in [-1, 1]."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, noise: Tensor) -> Tensor:
        """Return an image of each noise vector."""
        return self.layers(noise)


class LayeredDiscriminator(nn.Module):
    """A discriminator: `hidden` layers, then `last` ones to a logit, or `Heads` on `features` numbers an image."""

    def __init__(self, hidden: Sequence[nn.Module], last: Sequence[nn.Module], features: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.layers = nn.Sequential(*hidden, *(() if classes else last))
        if classes:
            self.heads = Heads(features, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logit of each image being real, `(B,)`."""
        return self.discriminate(image)[0] if self.classes else self.layers(image)

    def discriminate(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return that logit and those of the classes `(B, classes)`, from the same features."""
        return self.heads(self.layers(image))
