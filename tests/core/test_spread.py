"""Items spread evenly: both ends, none twice, all where there are few."""

import itertools

from hypothesis import given
from hypothesis import strategies as some

from ganlab.core.spread import evenly


@given(some.integers(0, 500), some.integers(0, 600))
def test_positions_rise_from_the_first_to_the_last_in_steps_of_almost_one_size(available: int, count: int) -> None:
    chosen = evenly(count, available).tolist()
    assert len(chosen) == min(available, count)
    assert chosen == sorted(set(chosen))
    if len(chosen) > 1:
        assert (chosen[0], chosen[-1]) == (0, available - 1)
        steps = [after - before for before, after in itertools.pairwise(chosen)]
        assert max(steps) - min(steps) <= 1
