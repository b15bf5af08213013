"""However a batch is cut, the weighted mean over the processes is the mean over the batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from ganlab.dataset.samples import BatchSlice, batch_slice


@given(whole=some.integers(1, 200), world=some.integers(1, 9), group=some.integers(1, 5))
def test_the_weighted_mean_of_the_parts_is_the_batch_s(whole: int, world: int, group: int) -> None:
    values = np.random.default_rng(whole).normal(size=whole)
    cut = [batch_slice(whole, rank, world, group) for rank in range(world)]
    means = [part.weight * values[part.first : part.last].mean() for part in cut]
    assert np.mean(means) == pytest.approx(values.mean())
    assert {part.whole for part in cut} == {whole}


@given(whole=some.integers(1, 200), world=some.integers(1, 9), group=some.integers(1, 5))
def test_a_batch_that_is_cut_is_cut_between_groups_and_evenly(whole: int, world: int, group: int) -> None:
    cut = [batch_slice(whole, rank, world, group) for rank in range(world)]
    if whole % group or whole < world * group:
        assert set(cut) == {BatchSlice(0, whole, whole, 1.0)}
        return
    assert [part.first for part in cut] == [0, *(part.last for part in cut[:-1])]
    assert cut[-1].last == whole
    sizes = [part.last - part.first for part in cut]
    assert not any(size % group for size in sizes)
    assert max(sizes) - min(sizes) <= group
