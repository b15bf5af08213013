"""Means over an epoch, however it was interrupted."""

import pytest
import torch

from ganlab.gan.means import EpochMeans

STEPS = [(0, 1.0, 6), (0, 4.0, 2), (1, 5.0, 1), (1, 8.0, 2)]


def means(steps: list[tuple[int, float, int]], at: EpochMeans | None = None) -> EpochMeans:
    at = at or EpochMeans()
    for epoch, value, samples in steps:
        at.add(epoch, {"loss/D": torch.tensor(value)}, samples)
    return at


def test_the_mean_is_over_samples_and_each_epoch_begins_anew() -> None:
    assert EpochMeans().means() == {}
    assert means(STEPS[:2]).means() == {"epoch/loss/D": torch.tensor(14 / 8)}
    assert means(STEPS).means() == {"epoch/loss/D": torch.tensor(7.0)}


@pytest.mark.parametrize("broken_at", [1, 2, 3])
def test_a_resumed_epoch_counts_what_came_before(broken_at: int) -> None:
    resumed = EpochMeans()
    resumed.load_state_dict(means(STEPS[:broken_at]).state_dict())
    assert means(STEPS[broken_at:], resumed).means() == means(STEPS).means()


def test_a_value_that_not_every_step_has_is_the_mean_of_those_that_have_it() -> None:
    at = means(STEPS[:2])
    at.add(0, {"loss/G": torch.tensor(3.0)}, 5)
    assert at.means() == {"epoch/loss/D": torch.tensor(14 / 8), "epoch/loss/G": torch.tensor(3.0)}
