import numpy as np
import pytest
from scipy.spatial.distance import cdist

from ganlab.metrics.points import blocks, cross_mean, distances, nearest, nearest_places, pair_mean, radii, same_patient

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(300, 3)), RNG.normal(size=(40, 3))


def test_the_nearest_row_is_one_of_another_person() -> None:
    points, others = np.array([[0.0], [10.0]]), np.array([[0.0], [4.0], [9.0]])
    assert nearest(points, others) == pytest.approx([0, 1])
    same = same_patient(np.array([1, 2]), np.array([1, 1, 2]), 3)
    assert nearest(points, others, same) == pytest.approx([9, 6])
    assert nearest(points[:1], others[:1], same_patient(np.array([1]), np.array([1]), 1)) == np.inf
    assert nearest(points, others, same_patient(None, np.array([1, 1, 2]), 3)) == pytest.approx([0, 1])


def test_blocks_change_nothing() -> None:
    apart = cdist(A, B)
    assert [len(A[part]) for part in blocks(len(A))] == [256, 44]
    np.testing.assert_allclose(distances(A, B), apart, rtol=1e-6)
    np.testing.assert_array_equal(nearest(A, B), apart.min(axis=1))
    np.testing.assert_array_equal(nearest_places(A, B, 3), apart.argsort(axis=1)[:, :3])
    np.testing.assert_array_equal(radii(A, 4), np.sort(cdist(A, A), axis=1)[:, 4])
    same = apart < 0.5
    np.testing.assert_array_equal(nearest(A, B, same), np.where(same, np.inf, apart).min(axis=1))


def test_a_sample_that_is_drawn_twice_is_no_pair_with_itself() -> None:
    values, weights, other = RNG.normal(size=(40, 40)), RNG.integers(0, 3, 40) * 1.0, RNG.integers(0, 3, 40) * 1.0
    pairs = np.outer(weights, weights)
    np.fill_diagonal(pairs, 0)
    assert pair_mean(values, weights) == pytest.approx(
        (values * pairs).sum() / (weights.sum() ** 2 - weights @ weights)
    )
    assert cross_mean(values, weights, other) == pytest.approx(weights @ values @ other / weights.sum() / other.sum())
    assert np.isnan(pair_mean(values, np.eye(40)[0]))
