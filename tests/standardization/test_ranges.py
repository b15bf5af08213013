"""Levels as the documents compute them."""

import numpy as np
import pytest
import torch

from ganlab.core.errors import UserError
from ganlab.standardization.adapted_range import AdaptedRange
from ganlab.standardization.centred_range import CentredRange
from ganlab.standardization.fixed_range import FixedRange
from ganlab.standardization.quantile_range import QuantileRange


def test_fixed_range_is_the_thesis_listing() -> None:
    """Clip to -2..2 mV, then int((x + 2) / 4 * 255)."""
    x = np.linspace(-3, 3, 4001, dtype=np.float32)
    expected = [int(min(max((float(v) + 2) / 4 * 255, 0), 255)) for v in x]
    level = FixedRange().encode(torch.from_numpy(x)[None, None]).level[0, 0]
    wrong = (level.numpy() != expected).sum()
    assert wrong <= 2, "float32 may fall on the other side of a step"
    assert level[0] == 0
    assert level[-1] == 255


def test_adapted_range_begins_at_each_leads_own_minimum() -> None:
    x = torch.tensor([[[1.0, 2.0, 3.5], [-4.0, -3.0, -2.75]]])
    encoded = AdaptedRange().encode(x)
    assert encoded.level.tolist() == [[[0, 102, 255], [0, 102, 127]]]
    assert encoded.low.squeeze(-1).tolist() == [[1.0, -4.0]]
    assert int(encoded.saturated) == 0


def test_adapted_range_saturates_where_uint8_would_wrap() -> None:
    x = torch.tensor([[[0.0, 2.6, 5.0]]])
    encoded = AdaptedRange().encode(x)
    assert encoded.level.tolist() == [[[0, 255, 255]]]
    assert int(encoded.saturated) == 2


def test_quantile_range_takes_its_bounds_from_training_windows_lead_by_lead() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(50, 2, 400, generator=draw) * torch.tensor([1.0, 3.0])[:, None] + torch.tensor([0.0, 5.0])[:, None]
    ranges = QuantileRange(leads=2)
    with pytest.raises(RuntimeError, match="fit"):
        ranges.encode(x)
    ranges.fit(x)
    expected = np.quantile(x.transpose(0, 1).flatten(1).numpy(), [0.01, 0.99], axis=1)
    assert np.allclose(ranges.bounds[..., 0].numpy(), expected, atol=0.02)
    assert float(ranges.encode(x).saturated) / x.numel() == pytest.approx(0.02, abs=0.003)
    again = QuantileRange(leads=2)
    again.load_state_dict(ranges.state_dict())
    assert torch.equal(again.encode(x).level, ranges.encode(x).level)


def test_centred_range_puts_the_median_in_the_middle() -> None:
    x = torch.randn(2, 1, 101) + 7
    level = CentredRange(reach_mv=5).encode(x).level
    assert torch.allclose(level.median(-1).values, torch.full((2, 1), 127.5))


@pytest.mark.parametrize("make", [lambda: FixedRange(levels=8), lambda: QuantileRange(leads=1, lower=0.9, upper=0.1)])
def test_wrong_settings_are_refused(make) -> None:
    with pytest.raises(UserError, match="accepted"):
        make()
