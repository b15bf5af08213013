"""Every choice of the group there and back; leads, channels, and leads that are derived."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ganlab.architecture import signal
from ganlab.arrangement.base import Arrangement
from ganlab.arrangement.leads import RESOLUTION_MV, Leads
from ganlab.core.errors import UserError
from tests.arrangement.built import arranged, names

NAMES = names("arrangement")


def pixels_for(arrangement: Arrangement, count: int, seed: int) -> Tensor:
    """Pixels of any value, in the sample's own shape, with black, white and grey among them."""
    shape = arrangement.decode(torch.zeros(count, *arrangement.shape)).shape
    draw = torch.Generator().manual_seed(seed)
    pixels = torch.rand(shape, generator=draw) * 2 - 1
    pixels[0] = pixels[0].sign()
    pixels[1, :] = pixels[1, :1]
    return pixels


SIDES = {"concat": "[30,42]", "squares": "[30,90]", "stripes": "[30,42]"}
"""Sides `[height,width]` that leads which share a channel can fill; the others take any."""


def shaped() -> list[tuple[str, str]]:
    """Each choice as it is; those of leads also in images that are no squares, and with padding."""
    leads = [name for name in NAMES if isinstance(arranged(name), Leads)]
    more = [f"arrangement.side={SIDES.get(name, '[25,40]')}" for name in leads]
    padded = [f"{side} arrangement.samples=397" for side in more]
    return [*((name, "") for name in NAMES), *zip(leads, more, strict=True), *zip(leads, padded, strict=True)]


def null_cells(arrangement: Arrangement) -> Tensor:
    """Which pixels of the image `(H * W)` belong to no column, or are padding."""
    if isinstance(arrangement, Leads):
        place = arrangement.pixel_to_sample % arrangement.pixels
        return (place >= arrangement.samples).repeat(arrangement.shape[0])
    null = torch.zeros(arrangement.shape).flatten()
    return null.index_fill(0, getattr(arrangement, "null", torch.tensor([], dtype=torch.long)), 1).bool()


@pytest.mark.parametrize(("name", "overrides"), shaped())
def test_decoding_undoes_encoding_within_the_declared_tolerance(name: str, overrides: str) -> None:
    arrangement = arranged(name, overrides)

    @settings(max_examples=5, deadline=None, derandomize=True)
    @given(seed=st.integers(0, 10_000))
    def check(seed: int) -> None:
        pixels = pixels_for(arrangement, 4, seed)
        arrangement.fit(pixels)
        image = arrangement.encode(pixels)
        assert image.shape == (4, *arrangement.shape)
        assert image.abs().max() <= 1 + 1e-6
        assert (arrangement.decode(image) - pixels).abs().max() * 127.5 <= arrangement.tolerance

    check()
    assert arrangement.tolerance <= 0.01


@pytest.mark.parametrize(("name", "overrides"), shaped())
def test_every_pixel_is_used_and_passes_gradients(name: str, overrides: str) -> None:
    arrangement = arranged(name, overrides)
    pixels = pixels_for(arrangement, 24, 0).requires_grad_()
    image = arrangement.encode(pixels)
    null = null_cells(arrangement)
    assert torch.equal(image.std(0).flatten() > 0, ~null)
    assert (image.flatten(1)[:, null] == (0 if isinstance(arrangement, Leads) else -1)).all()
    (image.square().sum() + image.sum()).backward()
    assert pixels.grad is not None
    assert pixels.grad.isfinite().all()
    assert (pixels.grad[2:] != 0).any(0).all()
    image = image.detach().requires_grad_()
    arrangement.decode(image).square().sum().backward()
    assert image.grad is not None
    assert image.grad.isfinite().all()
    assert torch.equal((image.grad != 0).any(0).flatten(), ~null)


@pytest.mark.parametrize(
    ("name", "batch", "shape", "span"),
    [
        ("z", 30, (1, 45, 45), 2025),
        ("rgb", 60, (3, 45, 45), 2025),
        ("six", 60, (6, 45, 45), 2025),
        ("six_independent", 60, (6, 45, 45), 2025),
        ("limb_derived", 60, (2, 45, 45), 2025),
        ("concat", 30, (1, 45, 45), 2025),
        ("squares", 30, (1, 45, 45), 2025),
        ("frequency", 30, (1, 45, 45), 2025),
        ("lab", 60, (3, 45, 45), 2025),
    ],
)
def test_every_window_covers_2025_samples(name: str, batch: int, shape: tuple[int, int, int], span: int) -> None:
    arrangement = arranged(name)
    assert (arrangement.batch_size, arrangement.shape, arrangement.span) == (batch, shape, span)
    assert arrangement.samples == arrangement.span // arrangement.decimation
    assert arrangement.samples * len(arrangement.leads) == np.prod(shape)


def test_leads_are_channels_in_order_and_may_share_them() -> None:
    pixels = torch.arange(16.0).view(1, 4, 4)
    apart = Leads(leads=("i", "ii", "iii", "avr"), side=2)
    assert apart.encode(pixels)[0, 1].tolist() == [[4, 5], [6, 7]]
    shared = Leads(leads=("i", "ii", "iii", "avr"), side=4, leads_per_channel=2)
    pixels = torch.arange(32.0).view(1, 4, 8)
    assert shared.shape == (2, 4, 4)
    assert shared.samples == 8
    assert shared.encode(pixels)[0, 1].flatten().tolist() == list(range(16, 32))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ("arrangement.leads=[i,i]", "different leads"),
        ("arrangement.leads=[]", "different leads"),
        ("arrangement.leads=[i,ii]", "leads_per_channel=3.*2 leads.*2025 pixels"),
        ("arrangement.side=44", "leads_per_channel=3.*1936 pixels"),
        ("arrangement.decimation=0", "decimation=0"),
        ("arrangement.side=0", "side=0"),
        ("arrangement.side=[25]", r"side=\[25\]: accepted are pixels from 1, or \[height,width\]"),
        ("arrangement.side=[25,4.5]", r"side=\[25, 4.5\]"),
        ("arrangement.samples=676", "samples=676: accepted are 1 to 675, as arrangement.side=45 holds"),
    ],
)
def test_leads_that_do_not_fit_are_refused(overrides: str, said: str) -> None:
    with pytest.raises(Exception, match=said) as seen:
        arranged("concat", overrides)
    assert isinstance(seen.value.__cause__, UserError)


def test_leads_and_derived_ones_are_the_same_in_upper_case() -> None:
    lower = Leads(["i", "ii"], side=2, derived={"iii": {"i": -1, "ii": 1}})
    upper = Leads(["I", "II"], side=2, derived={"III": {"I": -1, "II": 1}})
    assert upper.decoded_leads == lower.decoded_leads == ("i", "ii", "iii")
    x = torch.arange(8.0).view(1, 2, 4)
    assert torch.equal(upper.complete(x), lower.complete(x))


@pytest.mark.parametrize(
    ("leads", "derived", "message"),
    [
        (["i", "I"], {}, r"leads=\['i', 'i'\]: accepted is a list of different leads"),
        (["i"], {"v1": {"i": 1}, "V1": {"i": 2}}, r"derived=\['v1', 'V1'\]: .*not v1"),
        (["i"], {"I": {"i": 1}}, r"derived=\['I'\]: .*not i"),
        (["i"], {"v1": {"i": 1, "I": 2}}, r"derived\.v1=.*accepted are weights"),
        (["i"], {"v1": {"ii": 1}}, r"derived\.v1=.*accepted are weights of arrangement\.leads=\['i'\]"),
    ],
)
def test_a_lead_that_is_named_twice_is_refused(
    leads: list[str], derived: dict[str, dict[str, float]], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        Leads(leads, side=2, derived=derived)


def test_an_order_that_loses_a_sample_is_refused() -> None:
    with pytest.raises(UserError, match=r"arrangement\.order"):
        Leads(order=lambda side: torch.zeros(side * side, dtype=torch.long))


def test_an_order_of_squares_refuses_another_image() -> None:
    own = lambda side: torch.arange(side * side)  # noqa: E731
    assert Leads(order=own, side=3).shape == (1, 3, 3)
    with pytest.raises(UserError, match=r"accepts only square images.*arrangement\.side=\[2, 3\]"):
        Leads(order=own, side=[2, 3])


def test_ten_seconds_stand_in_a_rectangle_and_padding_is_counted_and_taken_off() -> None:
    window = torch.arange(1000.0).view(1, 1, 1000) / 1000
    exact, padded = Leads(side=[25, 40]), Leads(side=32, samples=1000)
    assert (exact.shape, exact.span, exact.side, exact.counts()) == ((1, 25, 40), 1000, 40, {})
    assert (padded.shape, padded.span, padded.counts()) == ((1, 32, 32), 1000, {"padding": 24 / 1024})
    assert padded.encode(window)[0, 0].flatten()[1000:].tolist() == [0] * 24
    assert padded.decode(padded.encode(window)).equal(window)
    assert exact.encode(window)[0, 0, 1, 0] == window[0, 0, 40]


def test_derived_limb_leads_obey_einthoven_and_goldberger_exactly_in_adc_units() -> None:
    arrangement = arranged("limb_derived")
    x = torch.randn(5, 2, 2025, generator=torch.Generator().manual_seed(0))
    digital = np.rint(arrangement.complete(x).double().numpy() * 2000).astype(int)
    i, ii, iii, avr, avl, avf = digital.transpose(1, 0, 2)
    assert arrangement.decoded_leads == ("i", "ii", "iii", "avr", "avl", "avf")
    assert (iii == ii - i).all()
    assert (2 * avr == -(i + ii)).all()
    assert (2 * avl == 2 * i - ii).all()
    assert (2 * avf == 2 * ii - i).all()
    assert np.abs(digital[:, :2] / 2000 - x.numpy()).max() <= RESOLUTION_MV / 2 + 1e-6


@pytest.mark.parametrize("network", [signal.Generator, signal.Discriminator])
def test_networks_of_signals_refuse_what_is_none(network: type) -> None:
    network(arranged("squares"), width=0.1)
    with pytest.raises(UserError, match="architecture=fcn"):
        network(arranged("thyroid"))
