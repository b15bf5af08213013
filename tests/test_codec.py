"""Samples to images and back, for every standardization with every arrangement of the same kind of sample."""

from itertools import product

import pytest
import torch
from torch import Tensor

from ganlab.arrangement.colour import HSV, Lab
from ganlab.arrangement.frequency import MARGIN, Frequency, cosines
from ganlab.arrangement.image import AsItIs
from ganlab.arrangement.leads import RESOLUTION_MV, Leads
from ganlab.arrangement.table import Table
from ganlab.codec import Codec
from ganlab.standardization.fixed_range import FixedRange
from tests.arrangement.built import CONTINUOUS, THYROID, arranged, built, names

SAMPLES = 2025
OF_ROWS, OF_IMAGES = {"min_max"}, {"as_it_is"}
OF_WINDOWS = set(names("standardization")) - OF_ROWS - OF_IMAGES
ARRANGEMENTS = {name: arranged(name) for name in names("arrangement")}


def arrangements_of(kind: type) -> list[str]:
    return [name for name, arrangement in ARRANGEMENTS.items() if isinstance(arrangement, kind)]


def codec(standardization: str, arrangement: str, overrides: str = "") -> Codec:
    return Codec(**built(overrides, standardization=standardization, arrangement=arrangement))


def windows(count: int, leads: int, seed: int, scale: float = 0.4, samples: int = SAMPLES) -> Tensor:
    """Slow waves with noise and an offset, in mV."""
    draw = torch.Generator().manual_seed(seed)
    slow = torch.randn(count, leads, samples, generator=draw).cumsum(-1)
    slow = slow / slow.abs().amax(-1, keepdim=True)
    return scale * slow + 0.3 * torch.randn(count, leads, 1, generator=draw)


@pytest.mark.parametrize("levels", ["256", "null"])
@pytest.mark.parametrize(("standardization", "arrangement"), product(sorted(OF_WINDOWS), arrangements_of(Leads)))
def test_decoding_windows_undoes_encoding_within_one_step(standardization: str, arrangement: str, levels: str) -> None:
    pair = codec(standardization, arrangement, f"standardization.levels={levels}")
    chosen = pair.arrangement
    assert isinstance(chosen, Leads)
    shape, leads = chosen.shape, len(chosen.leads)
    for seed, scale in enumerate((0.02, 0.9)):
        x = windows(3, leads, seed, scale, chosen.samples)
        pair.fit(x)
        before = int(pair.saturated_real.part)
        image, low = pair.encode(x)
        assert image.shape == (3, *shape)
        assert image.abs().max() <= 1
        level = (x - low) / pair.standardization.width() * 255
        inside = (level >= 0) & (level < (256 if pair.standardization.levels else 255.001))
        outside = int((~inside).sum())
        assert abs(int(pair.saturated_real.part) - before - outside) <= outside * 0.01 + 2 * leads
        back = pair.decode(image, low)[:, :leads]
        step = pair.standardization.step() * torch.ones(leads, 1)
        tolerance = step * (1 + chosen.tolerance) if pair.standardization.levels else 1e-4 + step * chosen.tolerance
        rounded = RESOLUTION_MV / 2 if chosen.derived else 0.0
        assert ((back - x).abs() <= tolerance + rounded + 1e-6)[inside].all()


@pytest.mark.parametrize(("standardization", "arrangement"), product(sorted(OF_ROWS), arrangements_of(Table)))
def test_decoding_rows_undoes_encoding_within_one_step(standardization: str, arrangement: str) -> None:
    pair = codec(standardization, arrangement)
    share = torch.rand(50, len(THYROID), generator=torch.Generator().manual_seed(0))
    continuous = torch.tensor([name in CONTINUOUS for name in THYROID])
    rows = torch.where(continuous, 0.1 + 0.8 * share, share.round())
    pair.fit(rows)
    image, low = pair.encode(rows)
    back = pair.decode(image, low)
    assert torch.equal(back[:, ~continuous], rows[:, ~continuous])
    assert (back - rows).abs().max() <= 0.8 / 254
    assert pair.counts()["null_not_zero"] == 0


@pytest.mark.parametrize(("standardization", "arrangement"), product(sorted(OF_IMAGES), arrangements_of(AsItIs)))
def test_decoding_images_undoes_encoding(standardization: str, arrangement: str) -> None:
    pair = codec(standardization, arrangement)
    levels = torch.arange(256.0).repeat(15)[: 30 * 120].view(30, 1, 12, 10)
    image, low = pair.encode(levels)
    assert (image.min(), image.max()) == (-1, 1)
    assert torch.equal(pair.decode(image, low), levels)


@pytest.mark.parametrize("standardization", sorted(OF_WINDOWS))
def test_beyond_the_range_a_value_saturates_and_is_counted(standardization: str) -> None:
    pair = codec(standardization, "z", "standardization.levels=256")
    x = windows(1, 1, 0, 0.3)
    pair.fit(x)
    x[0, 0, 1000] = 40.0
    image, low = pair.encode(x)
    pixels = pair.arrangement.decode(image)[0, 0]
    assert pixels[1000] == 1.0
    assert int(pair.saturated_real.part) >= 1
    assert int(pair.saturated_real.whole) == SAMPLES
    assert pair.decode(image, low)[0, 0, 1000] < 40


def test_an_image_decoded_without_offsets_has_its_median_at_zero() -> None:
    for standardization in ("adapted_range", "centred_range"):
        pair = codec(standardization, "rgb")
        image, _ = pair.encode(windows(4, 3, 1) + 5.0)
        assert pair.decode(image).median(-1).values.abs().max() < 1e-6
    fixed = codec("fixed_range", "rgb")
    image, _ = fixed.encode(windows(4, 3, 1) + 0.5)
    assert fixed.decode(image).median(-1).values.mean() == pytest.approx(0.5, abs=0.3)


def test_generated_pixels_beyond_the_image_saturate() -> None:
    pair = codec("fixed_range", "z", "standardization.levels=null")
    image = torch.full((1, 1, 45, 45), 3.0)
    assert pair.decode(image).max() == pytest.approx(2.0)
    assert pair.counts() == {"saturated/generated": 1}


def test_fit_sees_the_pixels_of_the_fitted_standardization_and_counts_nothing() -> None:
    pair = codec("quantile_range", "frequency", "standardization.levels=null")
    x = windows(20, 1, 0)
    pair.fit(x)
    assert not pair.counts()
    assert int(pair.saturated_real.whole) == 0
    assert isinstance(pair.arrangement, Frequency)
    assert int(pair.arrangement.saturated.whole) == 0
    image, _ = pair.encode(x)
    pixels = 2 * pair.standardization.encode(x).level / 255 - 1
    largest = cosines(pixels).abs().amax((0, 1)).clamp(min=2 / 255)
    assert torch.allclose(pair.arrangement.scale[0], largest * MARGIN, atol=1e-5)
    assert image.abs().max() == pytest.approx(1, abs=1e-3)


def test_coefficients_beyond_their_scale_saturate_and_are_counted() -> None:
    pair = Codec(FixedRange(), Frequency())
    x = windows(20, 1, 0)
    pair.fit(x)
    pair.encode(x)
    assert pair.counts()["coefficients_saturated"] == 0
    image, _ = pair.encode(windows(20, 1, 1, 1.0))
    assert image.abs().max() == 1
    assert pair.counts()["coefficients_saturated"] == int((image.abs() == 1).sum()) / (2 * image.numel())


def test_colours_outside_the_gamut_are_clamped_and_counted_and_rounding_is_not() -> None:
    image = torch.rand(2, 3, 45, 45, generator=torch.Generator().manual_seed(0)) * 2 - 1
    pair = Codec(FixedRange(levels=None), Lab())
    assert pair.decode(image).abs().max() == pytest.approx(2)
    counts = pair.counts()
    assert 0.3 < counts["colours_outside"] < 1
    assert counts["colours_outside"] / 3 <= counts["saturated/generated"] <= counts["colours_outside"]
    edges = torch.tensor([-2.0, 2.0])[torch.randint(0, 2, (20, 3, SAMPLES))]
    for colours in (HSV(), Lab()):
        pair = Codec(FixedRange(levels=None), colours)
        pair.decode(*pair.encode(edges))
        assert set(pair.counts().values()) == {0.0}


def test_what_networks_encode_and_decode_inside_is_not_counted() -> None:
    pair = Codec(FixedRange(), Lab())
    pair.arrangement.decode(pair.arrangement.encode(torch.full((1, 3, SAMPLES), 3.0)))
    assert not pair.counts()


def test_counts_of_both_rooms_are_logged_once_there_is_something_to_count() -> None:
    pair = codec("min_max", "thyroid")
    assert not pair.counts()
    pair.encode(torch.rand(3, 21))
    assert pair.counts().keys() == {"saturated/real"}
    pair.decode(torch.rand(3, 1, 7, 7))
    assert {"saturated/real", "saturated/generated", "null_not_zero", "binary_in_between"} <= pair.counts().keys()


def test_what_images_would_lose_is_told_without_counting_them() -> None:
    pair = codec("min_max", "thyroid")
    images = torch.full((3, 1, 7, 7), -1.0)
    assert pair.cut(images)["null_not_zero"] == 0
    assert pair.cut(images + 1)["null_not_zero"] == 1
    assert not pair.counts()


def test_a_picture_is_what_encoding_gives_and_is_not_counted() -> None:
    pair, x = codec("adapted_range", "rgb"), windows(4, 3, 1)
    assert torch.equal(pair.picture(x), pair.encode(x)[0])
    assert int(pair.saturated_real.whole) == x.numel()


def test_counting_can_begin_anew() -> None:
    pair = codec("min_max", "thyroid")
    pair.decode(torch.rand(3, 1, 7, 7))
    pair.forget_counts()
    assert not pair.counts()
