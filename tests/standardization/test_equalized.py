"""Histogram equalization by stored quantiles."""

import numpy as np
import pytest
import torch

from ganlab.core.errors import UserError
from ganlab.standardization.equalized import Equalized

SCALES, SHIFTS = torch.tensor([0.3, 2.0])[:, None], torch.tensor([0.0, -5.0])[:, None]


def skewed(count: int = 40, seed: int = 0) -> torch.Tensor:
    """Windows of two leads with a long upper tail."""
    return torch.randn(count, 2, 500, generator=torch.Generator().manual_seed(seed)).exp() * SCALES + SHIFTS


def fitted(levels: int | None = 256, points: int = 256) -> Equalized:
    equalized = Equalized(leads=2, points=points, levels=levels)
    equalized.fit(skewed())
    return equalized


def test_every_level_is_as_frequent_as_every_other_lead_by_lead() -> None:
    level = fitted(None).encode(skewed()).level
    for lead in range(2):
        shares = np.histogram(level[:, lead].numpy(), bins=16, range=(0, 255))[0] / level[:, lead].numel()
        assert np.abs(shares - 1 / 16).max() < 0.005


def test_others_are_equalized_nearly() -> None:
    level = fitted(None).encode(skewed(seed=1)).level
    assert level.mean(dim=(0, 2)).tolist() == pytest.approx([127.5, 127.5], abs=4)


@pytest.mark.parametrize("points", [16, 256, 1000])
def test_without_a_grid_decoding_is_exact(points: int) -> None:
    equalized, x = fitted(None, points), skewed()
    back = equalized.decode(equalized.encode(x).level)
    assert ((back - x).abs() <= 1e-3 * equalized.step() + 1e-5).all()


@pytest.mark.parametrize("points", [16, 256, 1000])
def test_on_the_grid_decoding_is_within_half_the_steps_around(points: int) -> None:
    equalized, x = fitted(256, points), skewed()
    level = equalized.encode(x).level
    below, above = equalized.decode((level - 0.5).clamp(0, 255)), equalized.decode((level + 0.5).clamp(0, 255))
    assert level.frac().abs().max() == 0
    assert (below - 1e-4 <= x).all()
    assert (x <= above + 1e-4).all()
    assert ((equalized.decode(level) - x).abs() <= equalized.step() * 0.5 + 1e-4).all()


def test_it_increases_strictly_where_training_values_are_equal() -> None:
    """Half of all samples are 0, as where an amplifier was off; the digitized rest has 9 values."""
    x = torch.randint(-4, 5, (50, 1, 400), generator=torch.Generator().manual_seed(0)) / 10
    x[:, :, ::2] = 0
    equalized = Equalized(leads=1, levels=None)
    equalized.fit(x)
    assert (equalized.quantiles.diff() > 0).all()
    ramp = torch.linspace(-0.4, 0.4, 801)[None, None]
    level = equalized.encode(ramp).level
    assert (level.diff() > 0).all()
    assert torch.allclose(equalized.decode(level), ramp, atol=1e-5)


def test_a_silent_lead_stays_silent() -> None:
    x = torch.full((3, 1, 10), 0.7)
    equalized = Equalized(leads=1)
    equalized.fit(x)
    assert torch.allclose(equalized.decode(equalized.encode(x).level), x, atol=0.01)


def test_beyond_the_training_values_a_sample_saturates_and_is_counted() -> None:
    equalized = fitted()
    x = skewed(1)
    x[0, 0, :3] = torch.tensor([-1.0, 1e4, -1e4])
    x[0, 1, 0] = 1e4
    encoded = equalized.encode(x)
    assert encoded.level[0, 0, :3].tolist() == [0, 255, 0]
    assert encoded.level[0, 1, 0] == 255
    assert int(encoded.saturated) == 4
    assert torch.allclose(equalized.decode(encoded.level)[0, 1, 0], skewed()[:, 1].max())


def test_no_training_value_saturates() -> None:
    x = torch.tensor([[[0.1, -12.3, 3.3333333]]])
    equalized = Equalized(leads=1)
    equalized.fit(x)
    assert int(equalized.encode(x).saturated) == 0
    assert int(fitted().encode(skewed()).saturated) == 0


def test_generated_levels_have_the_voltages_that_real_ones_have() -> None:
    equalized, x = fitted(None), skewed()
    level = equalized.encode(x).level
    assert torch.equal(equalized.decode(level), equalized.decode(level, equalized.encode(x).low))
    assert "absolute voltage" in equalized.zero


def test_gradients_pass_the_decoding() -> None:
    level = torch.full((1, 2, 3), 100.0, requires_grad=True)
    fitted(None).decode(level).sum().backward()
    assert level.grad is not None
    assert (level.grad > 0).all()


def test_the_quantiles_are_in_the_checkpoint() -> None:
    again = Equalized(leads=2)
    with pytest.raises(RuntimeError, match="fit"):
        again.encode(skewed())
    again.load_state_dict(fitted().state_dict())
    assert torch.equal(again.encode(skewed()).level, fitted().encode(skewed()).level)


def test_one_quantile_is_refused() -> None:
    with pytest.raises(UserError, match="points=1"):
        Equalized(leads=1, points=1)
