"""The way of a sample through standardization and arrangement, and back."""

import torch
from torch import Tensor, nn

from ganlab.arrangement.base import Arrangement
from ganlab.standardization.base import TOP, Standardization


class Codec(nn.Module):
    """Samples `(B, *)` in their own unit to images `(B, C, H, W)` in [-1, 1], and back.

    Counts the values that it has encoded and decoded, and those that saturated on the way.
    """

    encoded: Tensor
    encoded_saturated: Tensor
    decoded: Tensor
    decoded_saturated: Tensor

    def __init__(self, standardization: Standardization, arrangement: Arrangement) -> None:
        super().__init__()
        self.standardization = standardization
        self.arrangement = arrangement
        for count in ("encoded", "encoded_saturated", "decoded", "decoded_saturated"):
            self.register_buffer(count, torch.zeros((), dtype=torch.long))

    def fit(self, samples: Tensor) -> None:
        """Fit the standardization, then the arrangement, to training samples `(N, *)`. Counts nothing."""
        self.standardization.fit(samples)
        self.arrangement.fit(_pixels(self.standardization.encode(samples).level))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images, and the lower ends of the standardization's ranges, with which decoding is exact."""
        encoded = self.standardization.encode(x)
        self.encoded += x.numel()
        self.encoded_saturated += encoded.saturated
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
        self.decoded += pixels.numel()
        self.decoded_saturated += (pixels.abs() > 1 + self.arrangement.tolerance * (2 / TOP)).sum()
        return self.arrangement.complete(self.standardization.decode(_levels(pixels.clamp(-1, 1)), low))

    def forget_counts(self) -> None:
        """Begin to count anew. Every count is a whole number in a buffer of its own."""
        for buffer in self.buffers():
            if buffer.ndim == 0 and buffer.dtype == torch.long:
                buffer.zero_()

    def counts(self) -> dict[str, float]:
        """Shares of the real and of the generated values so far that saturated, and what the two rooms have counted."""
        return {
            "saturated/real": int(self.encoded_saturated) / max(1, int(self.encoded)),
            "saturated/generated": int(self.decoded_saturated) / max(1, int(self.decoded)),
            **self.standardization.counts(),
            **self.arrangement.counts(),
        }


def _pixels(level: Tensor) -> Tensor:
    """Levels 0..255 to [-1, 1]."""
    return level * (2 / TOP) - 1


def _levels(pixels: Tensor) -> Tensor:
    """And back."""
    return (pixels + 1) * (TOP / 2)
