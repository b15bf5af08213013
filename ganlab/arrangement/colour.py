r"""Three leads as red, green and blue, in other colour spaces (paper 5.2).

HSV: value $V = \max(R, G, B)$, chroma $C = V - \min(R, G, B)$, saturation $S = C / V$, hue the place on the way from
red over green and blue back to red. CIE Lab: sRGB made linear (IEC 61966-2-1), to XYZ under the daylight D65, and

    L = 116 f(Y / Y_n) - 16,    a = 500 (f(X / X_n) - f(Y / Y_n)),    b = 200 (f(Y / Y_n) - f(Z / Z_n))

with f the cube root, and a line near zero. CMYK: black $K = 1 - \max(R, G, B)$, cyan $C = 1 - R / (1 - K)$, magenta of
green and yellow of blue likewise: four channels of three leads. All are written both ways so that no colour is clipped,
also outside the gamut.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ganlab.arrangement.leads import Leads
from ganlab.arrangement.order import z
from ganlab.core.errors import UserError
from ganlab.core.kind import TOP
from ganlab.core.ratio import Ratio, ratios

GREY = 1e-6
"""Chroma or value below which a colour has no hue or no saturation."""
TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
"""Linear sRGB to XYZ; the rows' sums are the white of D65."""
KNEE = 6 / 29
"""Lab's cube root at the point where it becomes a line."""
LAB_LOW, LAB_HIGH = (0.0, -86.19, -107.87), (100.0, 98.25, 94.49)
"""The least box around all sRGB colours: L, from green to magenta, from blue to yellow; a little wider for rounding."""


class Colours(Leads):
    """Three leads as the red, green and blue of colours, which the image shows in another space.

    Raises UserError for any other number of leads.
    """

    def __init__(
        self,
        leads: Sequence[str] = ("i", "ii", "iii"),
        order: Callable[[Any], Tensor] = z,
        side: int | Sequence[int] = 45,
        batch_size: int = 60,
        samples: int | None = None,
    ) -> None:
        super().__init__(leads, order, side, batch_size, samples=samples)
        if len(self.leads) != 3:
            raise UserError(
                f"arrangement.leads={list(leads)}: a colour space accepts three leads, such as [i, ii, iii]."
            )
        self.outside = Ratio()

    @abstractmethod
    def from_rgb(self, rgb: Tensor) -> Tensor:
        """Return the three axes of the space, 0..1 each, of colours `(B, 3, *)`, red, green and blue in 0..1."""

    @abstractmethod
    def to_rgb(self, colour: Tensor) -> Tensor:
        """Return red, green and blue in 0..1 of colours `(B, 3, *)` in the space."""

    def encode(self, pixels: Tensor) -> Tensor:
        """Return the image `(B, 3, H, W)` of pixels `(B, 3, samples)`."""
        return super().encode(2 * self.from_rgb((pixels + 1) / 2) - 1)

    def decode(self, image: Tensor) -> Tensor:
        """Return pixels `(B, 3, samples)`, beyond [-1, 1] for colours outside the gamut of sRGB."""
        return 2 * self.to_rgb((super().decode(image) + 1) / 2) - 1

    def count_decoded(self, image: Tensor, pixels: Tensor) -> None:
        """Count the colours outside the gamut."""
        self.outside.add((pixels.abs() > 1 + self.tolerance * (2 / TOP)).any(1))

    def counts(self) -> dict[str, float]:
        """Return the share of colours outside the gamut."""
        return super().counts() | ratios(colours_outside=self.outside)


class HSV(Colours):
    """Hue, saturation and value. A hue of 0 is that of 1, so the darkest and the brightest pixel are the same red."""

    tolerance = 0.001
    """Greys have no hue, and 32 bits round: the largest measured difference is 0.0004 levels."""

    def from_rgb(self, rgb: Tensor) -> Tensor:
        """Return hue, saturation and value; the largest of the primaries gives the third of the circle for the hue."""
        value, most = rgb.max(1)
        chroma = value - rgb.amin(1)
        coloured = chroma > GREY
        ahead, behind = rgb.roll(-1, 1), rgb.roll(-2, 1)
        lean = (ahead - behind) / torch.where(coloured, chroma, 1).unsqueeze(1)
        hue = (lean.gather(1, most.unsqueeze(1)).squeeze(1) + 2 * most) / 6
        saturation = chroma / torch.where(value > GREY, value, 1)
        return torch.stack([torch.where(coloured, hue % 1, 0), torch.where(value > GREY, saturation, 0), value], dim=1)

    def to_rgb(self, colour: Tensor) -> Tensor:
        """Return colours whose primaries are largest within a sixth of the circle of their own hue."""
        hue, saturation, value = colour.unbind(1)
        away = torch.stack([(hue - third / 3 + 0.5) % 1 - 0.5 for third in range(3)], dim=1).abs() * 6
        return value.unsqueeze(1) * (1 - saturation.unsqueeze(1) * (away - 1).clamp(0, 1))


class CMYK(Colours):
    """Cyan, magenta, yellow and black. Many inks print one colour, so an image that G makes may be no encoded one."""

    tolerance = 0.001
    """32 bits round."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Four channels, height and width of the image."""
        return 4, *self.size

    def from_rgb(self, rgb: Tensor) -> Tensor:
        """Return cyan, magenta, yellow and black; black alone has no other ink."""
        light = rgb.amax(1, keepdim=True)
        bright = light > GREY
        inks = torch.where(bright, 1 - rgb / torch.where(bright, light, 1), 0)
        return torch.cat([inks, 1 - light], dim=1)

    def to_rgb(self, colour: Tensor) -> Tensor:
        """Return the light that the inks leave."""
        return (1 - colour[:, :3]) * (1 - colour[:, 3:])


class Lab(Colours):
    """Lightness, green to red, and blue to yellow; by Lab's design, distances are those that an eye sees."""

    to_xyz: Tensor
    from_xyz: Tensor
    low: Tensor
    width: Tensor

    def __init__(self, *settings: Any, **named: Any) -> None:
        super().__init__(*settings, **named)
        xyz = torch.tensor(TO_XYZ, dtype=torch.float64)
        relative = xyz / xyz.sum(1, keepdim=True)
        low, high = torch.tensor(LAB_LOW)[:, None], torch.tensor(LAB_HIGH)[:, None]
        self.register_buffer("to_xyz", relative.float(), persistent=False)
        self.register_buffer("from_xyz", relative.inverse().float(), persistent=False)
        self.register_buffer("low", low, persistent=False)
        self.register_buffer("width", high - low, persistent=False)

    tolerance = 0.01
    """32 bits round: the largest measured difference is 0.003 levels."""

    def from_rgb(self, rgb: Tensor) -> Tensor:
        """Return L, a and b, by linear light and XYZ as shares of the white."""
        x, y, z_ = _root(_mixed(self.to_xyz, _linear(rgb))).unbind(1)
        lab = torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z_)], dim=1)
        return (lab - self.low) / self.width

    def to_rgb(self, colour: Tensor) -> Tensor:
        """Return red, green and blue of L, a and b."""
        lightness, a, b = (colour * self.width + self.low).unbind(1)
        y = (lightness + 16) / 116
        return _gamma(_mixed(self.from_xyz, _cube(torch.stack([y + a / 500, y, y - b / 200], dim=1))))


def _mixed(matrix: Tensor, x: Tensor) -> Tensor:
    """Return the product with colours `(B, 3, samples)`, in the precision of `x` even under autocast."""
    return (matrix[:, :, None] * x.unsqueeze(1)).sum(2)


def _linear(rgb: Tensor) -> Tensor:
    return torch.where(rgb > 0.04045, ((rgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4, rgb / 12.92)


def _gamma(light: Tensor) -> Tensor:
    bright = 1.055 * light.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(light > 0.0031308, bright, 12.92 * light)


def _root(t: Tensor) -> Tensor:
    return torch.where(t > KNEE**3, t.clamp(min=KNEE**3) ** (1 / 3), t / (3 * KNEE**2) + 4 / 29)


def _cube(f: Tensor) -> Tensor:
    return torch.where(f > KNEE, f**3, 3 * KNEE**2 * (f - 4 / 29))
