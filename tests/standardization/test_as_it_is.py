"""Images stay what they are."""

import torch

from ganlab.standardization.as_it_is import AsItIs


def test_whole_levels_pass_both_ways() -> None:
    x = torch.arange(256.0).reshape(1, 1, 16, 16)
    encoded = AsItIs().encode(x)
    assert torch.equal(encoded.level, x)
    assert int(encoded.saturated) == 0
    assert torch.equal(AsItIs().decode(encoded.level + 0.3, encoded.low), x)


def test_without_a_grid_levels_are_not_rounded() -> None:
    x = torch.full((1, 3, 2, 2), 7.3)
    assert torch.equal(AsItIs(levels=None).decode(x), x)
    assert torch.equal(AsItIs(levels=None).encode(x).level, x)


def test_levels_that_are_none_saturate_and_are_counted() -> None:
    encoded = AsItIs().encode(torch.tensor([[[[-3.0, 0.0, 255.0, 300.0]]]]))
    assert encoded.level.flatten().tolist() == [0, 0, 255, 255]
    assert int(encoded.saturated) == 2
