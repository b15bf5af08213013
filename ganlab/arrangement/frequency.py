r"""Windows in the frequency domain: parts of the signal that look alike stand together (paper 4.2).

Each lead's pixels $x$ become the coefficients of the orthonormal discrete cosine transform of type II,

    X_k = s_k \sum_n x_n \cos(\pi k (n + 1/2) / N),    s_0 = \sqrt{1/N}, s_k = \sqrt{2/N} otherwise

computed by one Fourier transform of the even samples followed by the odd ones backwards (Makhoul 1980).
"""

from collections.abc import Callable, Sequence
from math import pi, sqrt
from typing import Any

import torch
from torch import Tensor

from ganlab.arrangement.leads import Leads
from ganlab.arrangement.order import z
from ganlab.core.kind import TOP
from ganlab.core.ratio import Ratio, ratios

FLOOR = 2 / TOP
"""Smallest scale of a coefficient: one level, below which the 8-bit grid leaves only its own noise."""
MARGIN = 1 + 1e-4
"""Ratio of a scale to the largest coefficient, so that rounding alone saturates none."""


class Frequency(Leads):
    """Low frequencies stand first in the order; a coefficient is divided by its largest size in the training samples.

    Before `fit` it is divided by a size that no pixels in [-1, 1] exceed. The scales go into the checkpoint.
    """

    scale: Tensor

    def __init__(
        self,
        leads: Sequence[str] = ("i",),
        order: Callable[[Any], Tensor] = z,
        side: int | Sequence[int] = 45,
        batch_size: int = 30,
        samples: int | None = None,
    ) -> None:
        super().__init__(leads, order, side, batch_size, samples=samples)
        self.register_buffer("scale", torch.full((len(self.leads), self.samples), sqrt(self.samples) * MARGIN))
        self.saturated = Ratio()

    tolerance = 0.001
    """32 bits round: the largest measured difference is 0.0004 levels."""

    def fit(self, pixels: Tensor) -> None:
        """Take the scales from training samples `(N, leads, samples)` in [-1, 1]."""
        self.scale.copy_(cosines(pixels).abs().amax(0).clamp(min=FLOOR) * MARGIN)

    def encode(self, pixels: Tensor) -> Tensor:
        """Return the image `(B, C, H, W)` of the pixels' coefficients, beyond [-1, 1] above a scale."""
        return super().encode(cosines(pixels) / self.scale)

    def decode(self, image: Tensor) -> Tensor:
        """Return the pixels `(B, leads, samples)` of an image."""
        return from_cosines(super().decode(image) * self.scale)

    def count_encoded(self, image: Tensor) -> None:
        """Count the coefficients that are larger than in all training samples of `fit`."""
        self.saturated.add(image.abs() > 1)

    def counts(self) -> dict[str, float]:
        """Return the share of coefficients beyond their scales."""
        return super().counts() | ratios(coefficients_saturated=self.saturated)


def cosines(x: Tensor) -> Tensor:
    """Return the coefficients `(*, N)` of samples `(*, N)`."""
    x = _precise(x)
    turned = torch.fft.fft(x[..., _even_then_odd(x)]) * _turn(x)
    return turned.real * _norm(x)


def from_cosines(coefficients: Tensor) -> Tensor:
    """Return the samples `(*, N)` of coefficients `(*, N)`."""
    real = _precise(coefficients)
    real = real / _norm(real)
    imaginary = torch.cat([torch.zeros_like(real[..., :1]), -real[..., 1:].flip(-1)], dim=-1)
    x = torch.fft.ifft(torch.complex(real, imaginary) / _turn(real)).real
    return x[..., _even_then_odd(x).argsort()]


def _precise(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _even_then_odd(x: Tensor) -> Tensor:
    n = torch.arange(x.shape[-1], device=x.device)
    return torch.cat([n[::2], n[1::2].flip(0)])


def _turn(x: Tensor) -> Tensor:
    angle = torch.arange(x.shape[-1], device=x.device, dtype=x.dtype) * (-pi / (2 * x.shape[-1]))
    return torch.polar(torch.ones_like(angle), angle)


def _norm(x: Tensor) -> Tensor:
    norm = torch.full_like(x[(0,) * (x.ndim - 1)], sqrt(2 / x.shape[-1]))
    return torch.cat([norm[:1] / sqrt(2), norm[1:]])
