"""Utility and its classifier where a window may be of several classes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ganlab.core.kind import Window
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.needs import TooFew
from ganlab.metrics.utility.inception import InceptionScore
from ganlab.metrics.utility.tstr import Utility, _Patients
from ganlab.metrics.weighted import balanced_accuracy, macro_auroc

KIND = Window(("i",), 125.0, 250)
CLASSES = ("slow", "fast", "never")


def made(first: int, count: int = 60, seed: int = 0) -> SampleSet:
    """Windows with a slow sine, a fast one, both or none, two of each patient."""
    rng = np.random.default_rng(seed)
    labels = np.stack([rng.random(count) < 0.5, rng.random(count) < 0.5, np.zeros(count, bool)], axis=1)
    time = np.arange(250) / 125
    waves = np.stack([np.sin(2 * np.pi * hertz * time) for hertz in (2, 15, 1)])
    values = labels.astype(float) @ waves + 0.2 * rng.standard_normal((count, 250))
    return SampleSet(values[:, None].astype(np.float32), labels, first + np.arange(count) // 2)


REAL = Real(KIND, made(0), made(1000, seed=1), CLASSES)


def test_each_class_is_learned_beside_the_others_and_has_a_number() -> None:
    metric = Utility(steps=20)
    samples = made(0, seed=2)
    scores = metric.fit(REAL)(SampleSet(samples.values, samples.labels))
    ones = np.ones(60)
    values = {name: statistic(ones, ones) for name, statistic in scores.items()}
    assert values["utility/tstr_auroc_slow"] > 0.7
    assert values["utility/tstr_auroc_fast"] > 0.7
    assert np.isnan(values["utility/tstr_auroc_never"])
    mean = (values["utility/tstr_auroc_slow"] + values["utility/tstr_auroc_fast"]) / 2
    assert values["utility/tstr_auroc"] == pytest.approx(mean)
    assert scores.keys() <= metric.numbers.keys()
    assert "utility/tstr_auroc_slow" not in Utility.numbers


def test_a_patient_has_every_label_of_any_window() -> None:
    patients, labels = _Patients.of(REAL), REAL.reference.labels
    assert labels is not None
    np.testing.assert_array_equal(patients.label, labels[::2] | labels[1::2])


def rates(truth: NDArray[np.bool_], guess: NDArray[np.bool_]) -> float:
    return (guess[truth].mean() + (~guess)[~truth].mean()) / 2


def test_numbers_of_several_labels_are_means_over_the_classes() -> None:
    rng = np.random.default_rng(0)
    probabilities, labels = rng.random((50, 3)), made(0, 50).labels
    assert labels is not None
    expected = np.mean([rates(labels[:, k], probabilities[:, k] > 0.5) for k in (0, 1)])
    assert balanced_accuracy(probabilities, labels)(np.ones(50)) == pytest.approx(expected)
    assert macro_auroc(labels.astype(float), labels)(np.ones(50)) == 1


def test_the_inception_score_is_left_out_with_the_reason() -> None:
    with pytest.raises(TooFew, match="a sample may be of several"):
        InceptionScore().fit(REAL)
