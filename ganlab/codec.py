"""The codec: samples through standardization and arrangement to images, and back."""

from copy import deepcopy

from torch import Tensor, nn

from ganlab.arrangement.base import Arrangement
from ganlab.core.kind import TOP
from ganlab.core.ratio import Ratio, ratios
from ganlab.standardization.base import Standardization


class Codec(nn.Module):
    """Encodes samples `(B, *)` in their own unit to images `(B, C, H, W)` in [-1, 1], and decodes these.

    Counts the values that were encoded and decoded, and those that saturated.
    """

    def __init__(self, standardization: Standardization, arrangement: Arrangement) -> None:
        super().__init__()
        self.standardization = standardization
        self.arrangement = arrangement
        self.saturated_real = Ratio()
        self.saturated_generated = Ratio()

    @property
    def fitted(self) -> bool:
        """Whether it is fitted to training samples."""
        return self.standardization.fitted or self.arrangement.fitted

    def fit(self, samples: Tensor) -> None:
        """Fit the standardization, then the arrangement, to training samples `(N, *)`. Counts nothing."""
        self.standardization.fit(samples)
        self.arrangement.fit(_pixels(self.standardization.encode(samples).level))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images, and the lower ends of the standardization's ranges, with which decoding is exact."""
        encoded = self.standardization.encode(x)
        self.saturated_real.count(encoded.saturated, x.numel())
        image = self.arrangement.encode(_pixels(encoded.level))
        self.arrangement.count_encoded(image)
        return image.clamp(-1, 1), encoded.low

    def picture(self, x: Tensor) -> Tensor:
        """Return the images of samples to look at or to compare with, which are not counted."""
        return self.arrangement.encode(_pixels(self.standardization.encode(x).level)).clamp(-1, 1)

    def valid(self, image: Tensor) -> Tensor:
        """Return generated images `(B, C, H, W)`, the one-hot numbers of a table's categories through a softmax each.

        Images of samples without such groups stay as they are.
        """
        if not self.standardization.groups:
            return image
        return self.arrangement.encode(self.standardization.valid(self.arrangement.decode(image)))

    def decode(self, image: Tensor, low: Tensor | None = None) -> Tensor:
        """Return samples in their own unit, windows with the `decoded_leads`; pixels beyond [-1, 1] saturate.

        Without `low`, as for generated images, the standardization chooses where a sample's range begins.
        """
        pixels = self.arrangement.decode(image)
        self.arrangement.count_decoded(image, pixels)
        return self.decode_pixels(pixels, low)

    def decode_pixels(self, pixels: Tensor, low: Tensor | None = None) -> Tensor:
        """Return samples of pixels that no image holds, such as those of a longer window `(B, leads, samples)`."""
        self.saturated_generated.add(pixels.abs() > 1 + self.arrangement.tolerance * (2 / TOP))
        return self.arrangement.complete(self.standardization.decode(_levels(pixels.clamp(-1, 1)), low))

    def cut(self, images: Tensor) -> dict[str, float]:
        """Return the counts of decoding these images alone."""
        apart = deepcopy(self)
        apart.forget_counts()
        apart.decode(images)
        return apart.counts()

    def forget_counts(self) -> None:
        """Set all counts to 0."""
        for module in self.modules():
            if isinstance(module, Ratio):
                module.forget()

    def counts(self) -> dict[str, float]:
        """Return the shares of saturated real and generated values, and the counts of the pair's two parts."""
        saturated = {"saturated/real": self.saturated_real, "saturated/generated": self.saturated_generated}
        return ratios(**saturated) | self.standardization.counts() | self.arrangement.counts()


def _pixels(level: Tensor) -> Tensor:
    """Return levels 0..255 as pixels in [-1, 1]."""
    return level * (2 / TOP) - 1


def _levels(pixels: Tensor) -> Tensor:
    """Return pixels as levels; writes over the pixels, because new memory costs more than the arithmetic."""
    return pixels.add_(1).mul_(TOP / 2)
