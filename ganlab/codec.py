"""The way of a sample through standardization and arrangement, and back."""

from copy import deepcopy

from torch import Tensor, nn

from ganlab.arrangement.base import Arrangement
from ganlab.core.kind import TOP
from ganlab.core.ratio import Ratio, ratios
from ganlab.standardization.base import Standardization


class Codec(nn.Module):
    """Samples `(B, *)` in their own unit to images `(B, C, H, W)` in [-1, 1], and back.

    Counts the values that it has encoded and decoded, and those that saturated on the way.
    """

    def __init__(self, standardization: Standardization, arrangement: Arrangement) -> None:
        super().__init__()
        self.standardization = standardization
        self.arrangement = arrangement
        self.saturated_real = Ratio()
        self.saturated_generated = Ratio()

    @property
    def fitted(self) -> bool:
        """Whether what it needs comes from training samples."""
        return self.standardization.fitted or self.arrangement.fitted

    def fit(self, samples: Tensor) -> None:
        """Fit the standardization, then the arrangement, to training samples `(N, *)`. Counts nothing."""
        self.standardization.fit(samples)
        self.arrangement.fit(_pixels(self.standardization.encode(samples).level))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images, and the lower ends of the standardization's ranges, with which decoding is exact."""
        encoded = self.standardization.encode(x)
        self.saturated_real.count(encoded.saturated, x.numel())
        image = self.arrangement.encode(_pixels(encoded.level))
        self.arrangement.count_encoded(image)
        return image.clamp(-1, 1), encoded.low

    def picture(self, x: Tensor) -> Tensor:
        """Images of samples to look at or to compare with: encoded, but not counted."""
        return self.arrangement.encode(_pixels(self.standardization.encode(x).level)).clamp(-1, 1)

    def decode(self, image: Tensor, low: Tensor | None = None) -> Tensor:
        """Samples in their own unit, windows with the arrangement's `decoded_leads`; pixels beyond [-1, 1] saturate.

        Without `low`, as for generated images, the standardization says where a sample's range begins.
        """
        pixels = self.arrangement.decode(image)
        self.arrangement.count_decoded(image, pixels)
        self.saturated_generated.add(pixels.abs() > 1 + self.arrangement.tolerance * (2 / TOP))
        return self.arrangement.complete(self.standardization.decode(_levels(pixels.clamp(-1, 1)), low))

    def cut(self, images: Tensor) -> dict[str, float]:
        """The counts of decoding these images alone."""
        apart = deepcopy(self)
        apart.forget_counts()
        apart.decode(images)
        return apart.counts()

    def forget_counts(self) -> None:
        """Begin to count anew."""
        for module in self.modules():
            if isinstance(module, Ratio):
                module.forget()

    def counts(self) -> dict[str, float]:
        """Shares of the real and of the generated values so far that saturated, and what the two rooms have counted."""
        saturated = {"saturated/real": self.saturated_real, "saturated/generated": self.saturated_generated}
        return ratios(**saturated) | self.standardization.counts() | self.arrangement.counts()


def _pixels(level: Tensor) -> Tensor:
    """Levels 0..255 to [-1, 1]."""
    return level * (2 / TOP) - 1


def _levels(pixels: Tensor) -> Tensor:
    """And back; writes over the pixels, because memory that is new costs more than the arithmetic."""
    return pixels.add_(1).mul_(TOP / 2)
