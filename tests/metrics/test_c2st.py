"""The two-sample test of classifiers: patients in one fold, 0.5 for other real patients, and what it sees."""

import numpy as np

from ganlab.metrics.base import SampleSet
from ganlab.metrics.c2st import _folds, linear, nonlinear, patients_or_nearest, two_sample_auc


def test_a_patient_is_in_one_fold_and_every_fold_has_both_sides() -> None:
    group = np.concatenate([np.repeat(np.arange(9), 4), np.repeat(np.arange(6, 13), 3)])
    judged = np.arange(len(group)) < 36
    fold = _folds(group, judged, 5, np.random.default_rng(0))
    assert all(len(np.unique(fold[group == each])) == 1 for each in range(13))
    assert all(len(np.unique(judged[fold == k])) == 2 for k in range(5))


class Guess:
    """What a classifier is that learns nothing but how many of its training samples are generated."""

    def fit(self, points: np.ndarray, judged: np.ndarray) -> "Guess":
        self.share = judged.mean()
        return self

    def decision_function(self, points: np.ndarray) -> np.ndarray:
        return np.full(len(points), self.share)


def test_a_classifier_that_learns_nothing_has_a_half_however_few_patients_there_are() -> None:
    """Across folds it has less than that: whoever is left out is missing in training."""
    group = np.repeat(np.arange(5), 3)
    area = two_sample_auc(Guess(), np.zeros((15, 1)), np.zeros((24, 1)), group, 5 + np.repeat(np.arange(8), 3))
    assert area is not None
    assert area(np.ones(15), np.ones(24)) == 0.5
    assert area(1.0 + (group == 2), np.ones(24)) == 0.5


def test_chance_is_above_and_below_a_half() -> None:
    """Cut at 0.5, other real patients would have no interval."""
    areas = [two_sample_auc(linear(), *np.random.default_rng(k).normal(size=(2, 40, 3)), None, None) for k in range(8)]
    found = [area(np.ones(40), np.ones(40)) for area in areas if area is not None]
    assert min(found) < 0.5 < max(found) < 0.8


def test_only_the_nonlinear_one_finds_what_is_no_shift_of_the_mean() -> None:
    rng = np.random.default_rng(0)
    ring = rng.normal(size=(150, 2))
    sides = 2 * ring / np.linalg.norm(ring, axis=1, keepdims=True), 0.5 * rng.normal(size=(150, 2))
    found = [two_sample_auc(model(), *sides, None, None) for model in (linear, nonlinear)]
    areas = [each(np.ones(150), np.ones(150)) for each in found if each is not None]
    assert areas[0] < 0.6
    assert areas[1] > 0.95


def test_a_draw_without_either_side_has_no_area() -> None:
    area = two_sample_auc(linear(), np.eye(4), -np.eye(4), None, None)
    assert area is not None
    assert np.isnan(area(np.zeros(4), np.ones(4)))
    assert two_sample_auc(linear(), np.eye(4), -np.eye(4), np.zeros(4), None) is None


def test_samples_that_are_all_nearest_to_one_patient_are_tested_one_by_one() -> None:
    train = SampleSet(np.zeros((3, 1)), patients=np.array([7, 7, 8]))
    trained, made = np.array([[0.0], [1.0], [9.0]]), SampleSet(np.zeros((4, 1)))
    assert patients_or_nearest(made, np.full((4, 1), 0.2), train, trained) is None
    assert patients_or_nearest(made, np.array([[0.0], [0.0], [8.0], [8.0]]), train, trained).tolist() == [7, 7, 8, 8]
