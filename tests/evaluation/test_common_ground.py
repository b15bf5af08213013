"""Real and synthetic samples at the same leads, rate and length."""

import numpy as np
import pytest

from ganlab.core.errors import UserError
from ganlab.core.kind import Column, Row, Window
from ganlab.evaluation.common_ground import common_ground
from ganlab.exchange.synthetic import Synthetic
from ganlab.metrics.base import Real, SampleSet


def real(samples: int = 400, rate: float = 200.0, leads: tuple[str, ...] = ("i", "ii")) -> Real:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(8, len(leads), samples)).astype(np.float32)
    each = SampleSet(values, np.zeros(8, np.int64), np.arange(8) // 2)
    return Real(Window(leads, rate, samples), each, each, ("a", "b"), side=20)


def test_equal_windows_stay_as_they_are() -> None:
    values = np.random.default_rng(1).normal(size=(5, 2, 400)).astype(np.float32)
    labels = np.arange(5) % 2
    ground, judged, done = common_ground(real(), Synthetic(Window(("i", "ii"), 200.0, 400), values, labels), 9)
    np.testing.assert_array_equal(judged.values, values)
    np.testing.assert_array_equal(ground.reference.values, real().reference.values)
    assert judged.labels is not None
    assert judged.labels.tolist() == labels.tolist()
    assert (judged.patients, ground.side, done["samples_cut_off"]) == (None, 20, 0)


def test_long_recordings_are_cut_into_windows_of_one_person() -> None:
    lengths = [1000, 450, 399 + 1]
    values = [np.arange(n, dtype=np.float32)[None] + 10_000 * k for k, n in enumerate(lengths)]
    labels = np.array([1, 0, 1])
    ground, judged, done = common_ground(real(), Synthetic(Window(("ii",), 200.0, 400), values, labels), 9)
    assert judged.values[:, 0, 0].tolist() == [0, 400, 10_000, 20_000]
    assert judged.patients is not None
    assert judged.patients.tolist() == [-1, -1, -2, -3]  # nobody real
    assert judged.labels is not None
    assert judged.labels.tolist() == [1, 1, 0, 1]
    assert (done["samples_cut_off"], done["recordings"], done["available"]) == (250, 3, 4)
    np.testing.assert_array_equal(ground.train.values, real().train.values[:, 1:])


def test_the_lower_rate_and_the_shorter_length_count() -> None:
    time = np.arange(800) / 400
    wave = np.sin(2 * np.pi * 3 * time)[None, None].astype(np.float32)
    ground, judged, done = common_ground(real(), Synthetic(Window(("i",), 400.0, 600), wave[..., :600]), 9)
    assert ground.kind == Window(("i",), 200.0, 300)
    assert judged.values.shape == (1, 1, 300)
    assert ground.reference.values.shape == (8, 1, 300)
    np.testing.assert_allclose(judged.values[0, 0, 20:-20], wave[0, 0, :600:2][20:-20], atol=0.02)
    assert ground.side is None
    assert done["length_s"] == 1.5
    ground, judged, _ = common_ground(real(), Synthetic(Window(("i",), 100.0, 200), wave[..., ::4]), 9)
    assert ground.kind == Window(("i",), 100.0, 200)
    np.testing.assert_array_equal(judged.values, wave[..., ::4])


def test_a_rate_that_is_no_simple_fraction_of_the_other_loses_no_window() -> None:
    values = np.random.default_rng(0).normal(size=(4, 1, 2002)).astype(np.float32)
    _, judged, done = common_ground(real(2025, 1000.0), Synthetic(Window(("i",), 1001.0, 2002), values), 9)
    assert (judged.values.shape, done["available"]) == ((4, 1, 2000), 4)


def test_at_most_so_many_are_taken_spread_evenly() -> None:
    values = np.zeros((100, 1, 400), np.float32) + np.arange(100, dtype=np.float32)[:, None, None]
    _, judged, done = common_ground(real(), Synthetic(Window(("i",), 200.0, 400), values), 3)
    assert judged.values[:, 0, 0].tolist() == [0, 50, 99]
    assert done["available"] == 100
    rows = Real(Row((Column("age"),)), *(SampleSet(np.ones((4, 1), np.float32)),) * 2)
    _, judged, _ = common_ground(rows, Synthetic(rows.kind, np.arange(5, dtype=np.float32)[:, None]), 2)
    assert judged.values.tolist() == [[0], [4]]


def test_less_than_a_second_is_refused() -> None:
    with pytest.raises(UserError, match=r"Windows of 0\.5 s are too short for a heartbeat"):
        common_ground(real(), Synthetic(Window(("i",), 200.0, 100), np.zeros((2, 1, 100), np.float32)), 2)
