"""Hue, saturation and value; lightness and the two axes of Lab."""

import colorsys

import pytest
import torch

from ganlab.arrangement.colour import CMYK, HSV, LAB_HIGH, LAB_LOW, Colours, Lab
from ganlab.core.errors import UserError

CUBE = torch.cartesian_prod(*[torch.linspace(0, 1, 9)] * 3)
"""Colours `(729, 3)`: corners, edges, greys and what lies between."""


def test_hsv_is_the_standard_librarys() -> None:
    expected = torch.tensor([colorsys.rgb_to_hsv(*colour) for colour in CUBE.tolist()])
    assert torch.allclose(HSV().from_rgb(CUBE[:, :, None])[..., 0], expected, atol=1e-6)
    back = torch.tensor([colorsys.hsv_to_rgb(*colour) for colour in CUBE.tolist()])
    assert torch.allclose(HSV().to_rgb(CUBE[:, :, None])[..., 0], back, atol=1e-6)


@pytest.mark.parametrize(
    ("rgb", "inks"),
    [
        ((1, 1, 1), (0, 0, 0, 0)),
        ((0, 0, 0), (0, 0, 0, 1)),
        ((1, 0, 0), (0, 1, 1, 0)),
        ((0.5, 0.25, 0), (0, 0.5, 1, 0.5)),
    ],
)
def test_cmyk_has_four_channels(rgb: tuple[float, ...], inks: tuple[float, ...]) -> None:
    space, colour = CMYK(), torch.tensor(rgb).view(1, 3, 1).float()
    assert space.shape == (4, 45, 45)
    assert space.from_rgb(colour).flatten().tolist() == pytest.approx(inks)
    assert space.to_rgb(space.from_rgb(colour)).flatten().tolist() == pytest.approx(rgb)


@pytest.mark.parametrize(
    ("rgb", "published"),
    [
        ((1, 1, 1), (100.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((1, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 1, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 1), (32.30, 79.19, -107.86)),
    ],
)
def test_lab_of_the_primaries(rgb: tuple[int, ...], published: tuple[float, ...]) -> None:
    low, high = torch.tensor(LAB_LOW), torch.tensor(LAB_HIGH)
    lab = low + Lab().from_rgb(torch.tensor(rgb).float().view(1, 3, 1)).flatten() * (high - low)
    assert lab.tolist() == pytest.approx(published, abs=0.011)


@pytest.mark.parametrize("space", [HSV, Lab, CMYK])
def test_all_colours_fill_the_range_and_none_leaves_it(space: type[Colours]) -> None:
    axes = space().from_rgb(CUBE[:, :, None])
    assert ((axes >= 0) & (axes <= 1)).all()
    assert (axes.amax((0, 2)) > 0.95).all()
    assert (axes.amin((0, 2)) < 0.001).all()


@pytest.mark.parametrize("space", [HSV, Lab, CMYK])
def test_leads_beyond_the_range_are_neither_turned_into_other_colours_nor_silently_clipped(
    space: type[Colours],
) -> None:
    pixels = torch.rand(20, 3, 2025, generator=torch.Generator().manual_seed(0)) * 4 - 2
    colours = space()
    back = colours.decode(colours.encode(pixels))
    assert torch.allclose(back.clamp(-1, 1), pixels.clamp(-1, 1), atol=1e-4)
    assert (back.abs()[pixels.abs() > 1.01] > 1).all()


def test_generated_colours_outside_the_gamut_are_counted() -> None:
    lab, hsv = Lab(), HSV()
    image = torch.full((1, 3, 45, 45), 0.9)
    image[..., :9, :] = lab.encode(torch.full((1, 3, 2025), 0.5))[..., :9, :]
    lab.count_decoded(image, lab.decode(image))
    assert lab.counts() == {"colours_outside": 0.8}
    hsv.count_decoded(image, hsv.decode(image))
    assert hsv.counts() == {"colours_outside": 0.0}


@pytest.mark.parametrize("space", [HSV, Lab, CMYK])
def test_only_three_leads_are_a_colour(space: type[Colours]) -> None:
    with pytest.raises(UserError, match="three leads"):
        space(leads=("i", "ii"))
