"""Which sample stands at which pixel, and leads that are derived."""

import numpy as np
import torch

from ganlab.arrangement.base import Arrangement
from ganlab.arrangement.order import reversed_z, transposed, z

LIMB = {
    "iii": {"i": -1.0, "ii": 1.0},
    "avr": {"i": -0.5, "ii": -0.5},
    "avl": {"i": 1.0, "ii": -0.5},
    "avf": {"i": -0.5, "ii": 1.0},
}


def test_pixels_of_the_documents_orders() -> None:
    level = torch.arange(9.0)[None, None]
    images = {
        order.__name__: Arrangement(order=order, side=3).encode(level)[0, 0].tolist()
        for order in (z, transposed, reversed_z)
    }
    assert images["z"] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert images["transposed"] == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    assert images["reversed_z"] == [[8, 7, 6], [5, 4, 3], [2, 1, 0]]


def test_leads_are_channels_in_order() -> None:
    rgb = Arrangement(leads=("i", "ii", "iii"), side=2)
    level = torch.arange(12.0).view(1, 3, 4)
    assert rgb.shape == (3, 2, 2)
    assert torch.equal(rgb.encode(level)[0, 1], torch.tensor([[4.0, 5.0], [6.0, 7.0]]))


def test_derived_limb_leads_obey_einthoven_and_goldberger_exactly_in_adc_units() -> None:
    arrangement = Arrangement(leads=("i", "ii"), derived=LIMB)
    x = torch.randn(5, 2, 2025, generator=torch.Generator().manual_seed(0))
    digital = np.rint(arrangement.complete(x).double().numpy() * 2000).astype(int)
    i, ii, iii, avr, avl, avf = digital.transpose(1, 0, 2)
    assert arrangement.decoded_leads == ("i", "ii", "iii", "avr", "avl", "avf")
    assert (iii == ii - i).all()
    assert (2 * avr == -(i + ii)).all()
    assert (2 * avl == 2 * i - ii).all()
    assert (2 * avf == 2 * ii - i).all()
    assert np.abs(digital[:, :2] / 2000 - x.numpy()).max() <= 0.0005 + 1e-6
