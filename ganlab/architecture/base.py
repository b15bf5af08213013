"""What the networks have in common: scaled widths, and discriminators that may tell classes apart.

Without classes D ends in one logit. With classes two parallel linear layers read its last hidden map, one the source
(real or generated) and one the class (paper 4.6).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from ganlab.arrangement.base import Arrangement
from ganlab.core.errors import UserError

LEAST_CHANNELS = 4
"""However narrow a convolutional network is made, its hidden maps keep as many channels."""


def scaled(width: float, sizes: Sequence[int], least: int = LEAST_CHANNELS) -> list[int]:
    """The sizes of hidden layers times `width`, at least `least` each."""
    return [max(least, round(width * size)) for size in sizes]


def channels_of(arrangement: Arrangement, name: str, height: int, width: int) -> int:
    """Channels of an arrangement's images. Raises UserError where these are not `height` x `width`."""
    channels, *size = arrangement.shape
    if size != [height, width]:
        raise UserError(
            f"architecture={name} makes {height}x{width} images; this arrangement has {size[0]}x{size[1]}. "
            "architecture=fcn takes any size."
        )
    return channels


class Heads(nn.Module):
    """Two parallel linear layers on the last hidden map: logits of the source and of the classes, both unsquashed."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.source = nn.Linear(features, 1)
        self.label = nn.Linear(features, classes)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """A hidden map `(B, ...)` to logits `(B,)` and `(B, classes)`."""
        flat = hidden.flatten(1)
        return self.source(flat).squeeze(1), self.label(flat)


class Judge(nn.Module):
    """A discriminator: `hidden` layers, then `last` ones to a logit, or `Heads` on `features` numbers an image."""

    def __init__(self, hidden: Sequence[nn.Module], last: Sequence[nn.Module], features: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.layers = nn.Sequential(*hidden, *(() if classes else last))
        if classes:
            self.heads = Heads(features, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Logit of each image being real, `(B,)`."""
        return self.discriminate(image)[0] if self.classes else self.layers(image)

    def discriminate(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """That logit and those of the classes `(B, classes)`, from the same features."""
        return self.heads(self.layers(image))
