"""mV to images and back, for every standardization with every arrangement."""

import pytest
import torch
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ganlab.codec import Codec
from tests.conftest import ROOT
from tests.test_conf import composed

SAMPLES = 2025
NAMES = {
    group: sorted(p.stem for p in (ROOT / "conf" / group).glob("*.yaml"))
    for group in ("standardization", "arrangement")
}


def codec(standardization: str, arrangement: str, *overrides: str) -> Codec:
    cfg = composed(f"standardization={standardization}", f"arrangement={arrangement}", *overrides)
    return Codec(instantiate(cfg.standardization), instantiate(cfg.arrangement))


def windows(count: int, leads: int, seed: int, scale: float = 0.4) -> Tensor:
    """Slow waves with noise and an offset, in mV."""
    draw = torch.Generator().manual_seed(seed)
    slow = torch.randn(count, leads, SAMPLES, generator=draw).cumsum(-1)
    slow = slow / slow.abs().amax(-1, keepdim=True)
    return scale * slow + 0.3 * torch.randn(count, leads, 1, generator=draw)


@pytest.mark.parametrize("levels", ["256", "null"])
@pytest.mark.parametrize("arrangement", NAMES["arrangement"])
@pytest.mark.parametrize("standardization", NAMES["standardization"])
def test_decoding_undoes_encoding_within_one_step(standardization: str, arrangement: str, levels: str) -> None:
    pair = codec(standardization, arrangement, f"standardization.levels={levels}")
    shape, leads = pair.arrangement.shape, len(pair.arrangement.leads)

    @settings(max_examples=5, deadline=None, derandomize=True)
    @given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 1.0))
    def check(seed: int, scale: float) -> None:
        x = windows(3, leads, seed, scale)
        pair.standardization.fit(x)
        before = int(pair.encoded_saturated)
        image, low = pair.encode(x)
        assert image.shape == (3, *shape)
        assert image.abs().max() <= 1 + 1e-6
        level = (x - low) / pair.standardization.width() * 255
        inside = (level >= 0) & (level < (256 if pair.standardization.levels else 255.001))
        outside = int((~inside).sum())
        assert abs(int(pair.encoded_saturated) - before - outside) <= outside * 0.01 + 2
        back = pair.decode(image, low)[:, :leads]
        tolerance = pair.standardization.step() * torch.ones(leads, 1) + pair.arrangement.tolerance_mv + 1e-6
        if not pair.standardization.levels:
            tolerance = tolerance * 0 + 1e-4 + pair.arrangement.tolerance_mv + 1e-6
        assert ((back - x).abs() <= tolerance)[inside].all()

    check()


@pytest.mark.parametrize("standardization", NAMES["standardization"])
def test_beyond_the_range_a_value_saturates_and_is_counted(standardization: str) -> None:
    pair = codec(standardization, "z", "standardization.levels=256")
    x = windows(1, 1, 0, 0.3)
    pair.standardization.fit(x)
    x[0, 0, 1000] = 40.0
    image, low = pair.encode(x)
    pixels = pair.arrangement.decode(image)[0, 0]
    assert pixels[1000] == 1.0
    assert int(pair.encoded_saturated) >= 1
    assert int(pair.encoded) == SAMPLES
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
    assert pair.counts() == {"saturated/real": 0, "saturated/generated": 1}
