import numpy as np
import pytest
from scipy import stats

from ganlab.metrics import weighted


@pytest.fixture
def values() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=40), rng.normal(1, 2, size=25)


@pytest.fixture
def weights() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.integers(0, 4, 40).astype(float), rng.integers(0, 4, 25).astype(float)


def test_a_weight_is_how_often_a_value_is_there(
    values: tuple[np.ndarray, np.ndarray], weights: tuple[np.ndarray, np.ndarray]
) -> None:
    (a, b), (wa, wb) = values, weights
    ra, rb = np.repeat(a, wa.astype(int)), np.repeat(b, wb.astype(int))
    assert weighted.mean(a, wa) == pytest.approx(ra.mean())
    assert weighted.distance_of(a, b)(wa, wb) == pytest.approx(stats.wasserstein_distance(ra, rb))
    for share in (0.05, 0.37, 0.5, 0.95):
        expected = np.quantile(ra, share, method="averaged_inverted_cdf")
        assert weighted.quantile(a, wa, share) == pytest.approx(expected)


def test_the_median_of_evenly_many_values_lies_between_the_middle_ones() -> None:
    assert weighted.quantile(np.array([3.0, 1.0, 2.0, 10.0]), np.ones(4)) == 2.5


def test_missing_values_are_left_out_with_their_weight() -> None:
    a = np.array([1.0, np.nan, 3.0])
    assert weighted.mean(a, np.array([1.0, 100.0, 1.0])) == 2
    assert weighted.quantile(a, np.array([1.0, 100.0, 3.0])) == 3
    b = np.array([1.0, 3.0])
    assert weighted.distance_of(a, b)(np.ones(3), np.ones(2)) == pytest.approx(0)


def test_nothing_is_not_zero() -> None:
    nothing, one = np.array([np.nan]), np.ones(1)
    assert np.isnan(weighted.mean(nothing, one))
    assert np.isnan(weighted.quantile(np.ones(1), np.zeros(1)))
    assert np.isnan(weighted.distance_of(nothing, np.ones(1))(one, one))
    assert np.isnan(weighted.jensen_shannon(np.zeros(2), np.ones(2)))
