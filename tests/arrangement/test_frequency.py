"""Cosines, their scales, and what is larger than these."""

import torch
from scipy.fft import dct

from ganlab.arrangement.frequency import Frequency, cosines, from_cosines


def test_cosines_are_the_orthonormal_dct_for_even_and_odd_lengths() -> None:
    for length in (1, 2, 6, 45, 2025):
        x = torch.randn(3, length, dtype=torch.double)
        assert torch.allclose(cosines(x), torch.from_numpy(dct(x.numpy(), norm="ortho")), atol=1e-12)
        assert torch.allclose(from_cosines(cosines(x)), x, atol=1e-12)


def test_networks_in_half_precision_get_precise_cosines() -> None:
    x = (torch.rand(2, 2025) * 2 - 1).bfloat16()
    assert torch.allclose(from_cosines(cosines(x)), x.float(), atol=1e-5)


def test_low_frequencies_stand_first() -> None:
    time = (torch.arange(2025) + 0.5) / 2025
    for k in (0, 1, 50, 2024):
        image = Frequency().encode(torch.cos(torch.pi * k * time)[None, None])
        assert int(image.flatten().abs().argmax()) == k


def test_before_fit_no_pixels_reach_the_scale() -> None:
    rows = cosines(torch.eye(2025)).T
    assert Frequency().encode(rows.sign()[::50].unsqueeze(1)).abs().max() <= 1
    assert Frequency().encode(torch.ones(1, 1, 2025)).abs().max() <= 1


def test_scales_are_the_largest_coefficients_lead_by_lead_with_a_floor_and_go_into_the_checkpoint() -> None:
    torch.manual_seed(0)
    time = (torch.arange(2025) + 0.5) / 2025
    low = torch.rand(20, 2, 1) * torch.cos(torch.pi * 7 * time) * torch.tensor([[1.0], [0.1]])
    frequency = Frequency(("i", "ii"))
    frequency.fit(low)
    image = frequency.encode(low).flatten(2)
    assert torch.allclose(image[..., 7].abs().amax(0), torch.ones(2), atol=1e-3)
    assert not (image.abs() > 1).any()
    assert image[..., 8:].abs().max() < 0.01
    fresh = Frequency(("i", "ii"))
    fresh.load_state_dict(frequency.state_dict())
    assert torch.equal(fresh.decode(image.view(20, 2, 45, 45)), frequency.decode(image.view(20, 2, 45, 45)))


def test_twice_the_fitted_size_is_counted() -> None:
    pixels = 0.4 * torch.rand(30, 1, 2025, generator=torch.Generator().manual_seed(0))
    frequency = Frequency()
    frequency.fit(pixels)
    frequency.count_encoded(frequency.encode(pixels))
    assert frequency.counts() == {"coefficients_saturated": 0.0}
    twice = frequency.encode(2 * pixels)
    frequency.count_encoded(twice)
    beyond = int((twice.abs() > 1).sum())
    assert beyond > 2025
    assert frequency.counts() == {"coefficients_saturated": beyond / (2 * twice.numel())}
