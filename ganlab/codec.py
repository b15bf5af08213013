"""The way of a sample through standardization and arrangement, and back."""

import torch
from torch import Tensor, nn

from ganlab.arrangement.base import Arrangement
from ganlab.standardization.base import TOP, Standardization


class Codec(nn.Module):
    """mV `(B, leads, samples)` to images `(B, C, H, W)` in [-1, 1], and back.

    Counts the samples that it has seen and those that saturated.
    """

    seen: Tensor
    saturated: Tensor

    def __init__(self, standardization: Standardization, arrangement: Arrangement) -> None:
        super().__init__()
        self.standardization = standardization
        self.arrangement = arrangement
        self.register_buffer("seen", torch.zeros((), dtype=torch.long), persistent=False)
        self.register_buffer("saturated", torch.zeros((), dtype=torch.long), persistent=False)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images, and the lower ends of the ranges `(B, leads, 1)` in mV with which decoding is exact."""
        encoded = self.standardization.encode(x)
        self.seen += x.numel()
        self.saturated += encoded.saturated
        return self.arrangement.encode(encoded.level) * (2 / TOP) - 1, encoded.low

    def decode(self, image: Tensor, low: Tensor | None = None) -> Tensor:
        """Windows of the arrangement's `decoded_leads` in mV; pixels beyond [-1, 1] saturate.

        Without `low`, as for generated images, the standardization says where a window's range begins.
        """
        level = (self.arrangement.decode(image).clamp(-1, 1) + 1) * (TOP / 2)
        return self.arrangement.complete(self.standardization.decode(level, low))
