import pytest
from scipy.stats import binomtest

from ganlab.core.binomial import proportion_interval


@pytest.mark.parametrize(("hits", "count"), [(0, 8), (3, 8), (8, 8), (40, 1000)])
def test_the_interval_is_that_of_clopper_and_pearson(hits: int, count: int) -> None:
    ends = binomtest(hits, count).proportion_ci(0.95, method="exact")
    assert proportion_interval(hits, count) == pytest.approx((ends.low, ends.high), abs=1e-8)
    one_sided = binomtest(hits, count, alternative="greater").proportion_ci(0.99, method="exact")
    assert proportion_interval(hits, count, 0.01)[0] == pytest.approx(one_sided.low, abs=1e-8)


def test_without_trials_everything_is_possible() -> None:
    assert proportion_interval(0, 0) == (0, 1)
