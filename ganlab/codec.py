"""The way of a sample through standardization and arrangement, and back."""

import torch
from torch import Tensor, nn

from ganlab.arrangement.base import Arrangement
from ganlab.standardization.base import TOP, Standardization


class Codec(nn.Module):
    """mV `(B, leads, samples)` to images `(B, C, H, W)` in [-1, 1], and back.

    Counts the samples that it has encoded and decoded, and those that saturated on the way.
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

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images, and the lower ends of the ranges `(B, leads, 1)` in mV with which decoding is exact."""
        encoded = self.standardization.encode(x)
        self.encoded += x.numel()
        self.encoded_saturated += encoded.saturated
        return self.arrangement.encode(encoded.level) * (2 / TOP) - 1, encoded.low

    def decode(self, image: Tensor, low: Tensor | None = None) -> Tensor:
        """Windows of the arrangement's `decoded_leads` in mV; pixels beyond [-1, 1] saturate.

        Without `low`, as for generated images, the standardization says where a window's range begins.
        """
        pixels = self.arrangement.decode(image)
        self.decoded += pixels.numel()
        self.decoded_saturated += (pixels.abs() > 1).sum()
        level = (pixels.clamp(-1, 1) + 1) * (TOP / 2)
        return self.arrangement.complete(self.standardization.decode(level, low))

    def counts(self) -> dict[str, float]:
        """Shares of the real and of the generated samples so far that saturated."""
        return {
            "saturated/real": int(self.encoded_saturated) / max(1, int(self.encoded)),
            "saturated/generated": int(self.decoded_saturated) / max(1, int(self.decoded)),
        }
