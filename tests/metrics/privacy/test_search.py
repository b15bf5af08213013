"""The search for copies: whatever was done to a training window, it is found again, and other patients' are not."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from ganlab.core.resampling import resample
from ganlab.metrics.privacy.search import Library, Searched
from ganlab.simulator.ecg import simulate_record

RATE, SAMPLES = 125.0, 1000
Array = NDArray[np.float32]


def ecgs(first: int, count: int) -> Array:
    """Three leads of 8 s of as many simulated patients, mV."""
    records = [simulate_record(first + k, 1, seconds=8.1, seed=0)[1][:3, ::8] for k in range(count)]
    return np.stack(records)[..., :SAMPLES].astype(np.float32) / 1000


@pytest.fixture(scope="module")
def train() -> Array:
    return ecgs(1, 40)


@pytest.fixture(scope="module")
def library(train: Array) -> Library:
    return Library(Searched.of(train, RATE))


def nearest(library: Library, values: Array) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    distances, places = library.nearest(Searched.of(values, RATE), np.zeros((1, len(library)), np.bool_))
    return distances[1], places[1]


def stretched(windows: Array, factor: str) -> Array:
    """Played slower by a factor, or faster and then from the beginning again."""
    return np.asarray(resample(np.tile(windows, 2), Fraction(factor))[..., :SAMPLES], np.float32)


@pytest.mark.parametrize(
    ("change", "most"),
    [
        (lambda x: x, 0.01),
        (lambda x: 0.7 * x + 0.3, 0.01),
        (lambda x: -x, 0.01),
        (lambda x: x[..., ::-1], 0.3),
        (lambda x: np.roll(x, 333, axis=-1), 0.3),
        (lambda x: stretched(x, "5/4"), 0.4),
        (lambda x: stretched(x, "1.037"), 0.4),
        (lambda x: stretched(x, "4/5"), 0.4),
        (lambda x: -np.roll(stretched(x, "1.1"), 40, axis=-1)[..., ::-1], 0.5),
    ],
)
def test_a_changed_copy_is_found(train: Array, library: Library, change: Callable[[Array], Array], most: float) -> None:
    distance, place = nearest(library, np.ascontiguousarray(change(train[::4])))
    assert place.tolist() == list(range(0, 40, 4))
    assert distance.max() < most


def test_what_was_inverted_or_reversed_is_no_copy_as_it_is(train: Array, library: Library) -> None:
    none = np.zeros((1, 40), np.bool_)
    for change in (lambda x: -x, lambda x: x[..., ::-1].copy(), lambda x: stretched(x, "1.1")):
        distances, _ = library.nearest(Searched.of(change(train[::4]), RATE), none)
        assert distances[0].min() > 0.4
        assert distances[1].max() < 0.4


def test_other_patients_are_farther_than_copies(library: Library) -> None:
    distance, _ = nearest(library, ecgs(500, 12))
    assert distance.min() > 0.5


def test_who_is_left_out_is_not_found(train: Array, library: Library) -> None:
    own = np.eye(40, dtype=np.bool_)[:3]
    distance, place = library.nearest(Searched.of(train[:3], RATE), own)
    assert (place != np.arange(3)).all()
    assert distance.shape == (2, 3)
    assert distance.min() > 0.1
    assert np.isinf(library.nearest(Searched.of(train[:3], RATE), np.ones((1, 40), np.bool_))[0]).all()


def test_flat_and_no_windows(train: Array, library: Library) -> None:
    distance, _ = nearest(library, np.zeros_like(train[:2]))
    assert distance == pytest.approx(2**0.5)
    assert len(nearest(library, train[:0])[0]) == 0
    one = Library(Searched.of(train[:1], RATE))
    assert one.nearest(Searched.of(train[:3], RATE), np.zeros((1, 1), np.bool_))[1].tolist() == [[0, 0, 0]] * 2


@pytest.mark.parametrize("rate", [1.0, 0.003])
def test_a_copy_of_a_slow_signal_is_found(rate: float) -> None:
    slow = np.random.default_rng(0).standard_normal((60, 1, 200)).cumsum(axis=-1).astype(np.float32)
    _, places = Library(Searched.of(slow, rate)).nearest(Searched.of(slow[::4], rate), np.zeros((1, 60), np.bool_))
    assert places.tolist() == [list(range(0, 60, 4))] * 2
