from typing import Any

import numpy as np
import pytest

from ganlab.evaluation import bootstrap
from ganlab.evaluation.bootstrap import PatientDraws, drawn, widening
from ganlab.metrics.base import SampleSet, Statistic


def people(count: int, each: int) -> SampleSet:
    return SampleSet(np.zeros((count * each, 1)), patients=np.repeat(np.arange(count), each))


def test_a_person_comes_with_all_its_samples() -> None:
    weights = drawn(people(6, 5), np.random.default_rng(0)).reshape(6, 5)
    assert (weights == weights[:, :1]).all()
    assert weights[:, 0].sum() == 6
    assert len(np.unique(weights)) > 1


def test_a_sample_of_nobody_is_drawn_by_itself() -> None:
    weights = drawn(SampleSet(np.zeros((50, 1))), np.random.default_rng(0))
    assert weights.sum() == 50
    assert len(np.unique(weights)) > 2


def interval(statistic: Statistic, judged: SampleSet, real: SampleSet, draws: int = 200, **limits: Any) -> Any:
    return bootstrap.interval(statistic, PatientDraws.of(judged, real, draws), **limits)


def test_the_interval_of_a_mean_is_that_of_persons_and_not_of_windows() -> None:
    rng = np.random.default_rng(0)
    of_person = rng.normal(size=30)
    reference = people(30, 20)
    values = np.repeat(of_person, 20)
    low, high = interval(lambda _, w: float(values @ w / w.sum()), SampleSet(np.zeros((3, 1))), reference, draws=2000)
    expected = 2 * 1.96 * of_person.std() / np.sqrt(30)
    assert high - low == pytest.approx(expected, rel=0.1)
    assert low < values.mean() < high


def test_the_bias_of_drawing_twice_is_taken_away() -> None:
    """A distance of two sets of the same law grows by drawing with replacement; its interval still holds it."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=30), rng.normal(size=30)

    def squared(of_a: np.ndarray, of_b: np.ndarray) -> float:
        return float((a @ of_a / of_a.sum() - b @ of_b / of_b.sum()) ** 2)

    sets = SampleSet(np.zeros((30, 1))), SampleSet(np.zeros((30, 1)))
    low, high = interval(squared, *sets, draws=500, limits=(0, np.inf))
    value = squared(np.ones(30), np.ones(30))
    assert 0 <= low <= value <= high


def test_limits_are_kept_and_the_same_seed_draws_the_same() -> None:
    reference = people(5, 2)
    shares = np.array([0, 0, 1, 1, 1, 1, 1, 1, 1, 1.0])
    ends = [interval(lambda _, w: float(shares @ w / w.sum()), reference, reference, limits=(0, 0.9)) for _ in "ab"]
    assert ends[0] == ends[1]
    assert ends[0][1] == 0.9


def test_one_person_has_no_interval() -> None:
    assert np.isnan(interval(lambda *_: 1.0, people(3, 2), people(1, 9))).all()


def test_a_number_that_is_mostly_undefined_has_no_interval() -> None:
    assert np.isnan(interval(lambda *w: float("nan"), people(3, 2), people(3, 9))).all()


def test_what_no_person_has_may_still_be_there() -> None:
    """None of 35 patients: with 95 % confidence less than 8.2 % of patients (1 - 0.05 ** (1 / 35))."""
    never = SampleSet(np.zeros((70, 1)), patients=np.repeat(np.arange(35), 2))
    assert interval(lambda *w: 0.0, never, people(9, 3), limits=(0, 1)) == pytest.approx((0, 0.0820), abs=1e-4)
    assert interval(lambda *w: 1.0, never, people(9, 3), limits=(0, 1)) == pytest.approx((0.9180, 1), abs=1e-4)
    assert interval(lambda *w: 0.0, never, people(9, 3)) == (0, 0)


def test_few_patients_have_the_tails_of_student_and_others_do_not_widen() -> None:
    few, many = (0.5, 6), (0.0, 500)
    assert widening(few, many) == pytest.approx(2.5706 / 1.96 * (6 / 5) ** 0.5, rel=1e-3)
    assert widening((0.0, 6), (0.5, 500)) == pytest.approx(1, abs=0.01)
    assert 1 < widening(few, (0.5, 500)) < widening(few, many)
    assert widening((0.0, 2), (0.0, 2)) == 1


@pytest.mark.parametrize("share", [False, True])
def test_intervals_of_six_patients_hold_the_truth(share: bool) -> None:
    """Without being made wider 83 % of either do."""
    hits, patient = [], np.repeat(np.arange(6), 4)
    for study in range(150):
        rng = np.random.default_rng(study)
        levels = (rng.random(24) < rng.beta(1, 3, 6)[patient]) if share else rng.normal(size=6)[patient]
        reference = SampleSet(np.zeros((24, 1)), patients=patient)
        ends = interval(
            lambda _, w, of=levels: float(of @ w / w.sum()),
            *(SampleSet(np.zeros((3, 1))), reference),
            draws=150,
            limits=(0, 1) if share else (-np.inf, np.inf),
        )
        hits.append(ends[0] <= (0.25 if share else 0) <= ends[1])
    assert 0.91 < np.mean(hits) < 0.995
