import json
from pathlib import Path

import numpy as np
import pytest

from ganlab.core.errors import UserError
from ganlab.core.kind import Row, Window
from ganlab.evaluation.evidence import check_measures, evidence
from ganlab.evaluation.rows import detected, undetected
from ganlab.metrics.base import Metric, Number, Real, SampleSet, Scorer, Statistic
from ganlab.metrics.needs import TooFew, need
from ganlab.metrics.weighted import mean, mean_of

WINDOW = Window(("i",), 100.0, 200)


NUMBERS = {
    "level/mean": Number("mV", "mean of all samples"),
    "level/distance": Number("mV", "distance of the means", best=0, sees=("noisy_copy",), limits=(0, np.inf)),
}


class Level(Metric):
    """The mean of a set, and how far it is from that of the reference."""

    numbers = NUMBERS
    kinds = (Window,)

    def __init__(self, least: int = 1) -> None:
        self.least = least
        self.judged = 0

    def fit(self, real: Real) -> Scorer:
        need(len(real.train), self.least, "training windows")
        reference = real.reference.values.mean(axis=(1, 2))

        def judge(samples: SampleSet) -> dict[str, Statistic]:
            self.judged += 1
            values = samples.values.mean(axis=(1, 2))
            return {
                "level/mean": lambda w, _: mean(values, w),
                "level/distance": lambda w, v: abs(mean(values, w) - mean(reference, v)),
            }

        return judge


@pytest.fixture
def real() -> Real:
    rng = np.random.default_rng(0)

    def windows(level: float) -> SampleSet:
        patient = np.repeat(np.arange(6), 10)
        of_person = rng.normal(level, 0.2, size=6)[patient]
        noise = rng.normal(size=(60, 1, 200))
        return SampleSet((of_person[:, None, None] + noise).astype(np.float32), np.zeros(60, np.int64), patient)

    return Real(WINDOW, windows(0), windows(0))


@pytest.fixture
def synthetic(real: Real) -> SampleSet:
    return SampleSet(real.train.values[:40] + 3)


def test_a_number_stands_beside_floor_controls_and_baselines(real: Real, synthetic: SampleSet, tmp_path: Path) -> None:
    row = evidence(real, synthetic, {"level": Level()}, tmp_path).rows["level/distance"]
    assert row["synthetic"] == pytest.approx(abs(synthetic.values.mean() - real.reference.values.mean()), abs=1e-5)
    assert row["interval"][0] < row["synthetic"] < row["interval"][1]
    assert row["real"] is None
    assert row["floor_interval"][0] <= row["floor"] <= row["floor_interval"][1]
    assert 0 <= row["floor"] < 0.4
    assert row["interval"][0] > 2
    assert set(row["controls"]) == {"copy", "noisy_copy", "collapsed", "noise"}
    assert set(row["baselines"]) == {"bootstrap", "pca_gaussian"}
    assert row["controls"]["copy"] == pytest.approx(row["floor"], abs=0.15)
    json.dumps(row, allow_nan=False)


def test_a_number_of_a_set_alone_stands_beside_that_of_the_reference(
    real: Real, synthetic: SampleSet, tmp_path: Path
) -> None:
    row = evidence(real, synthetic, {"level": Level()}, tmp_path).rows["level/mean"]
    assert row["real"] == pytest.approx(real.reference.values.mean(), abs=1e-5)


def test_floors_and_controls_are_computed_once(real: Real, synthetic: SampleSet, tmp_path: Path) -> None:
    first, second, other = Level(), Level(), Level()
    rows = evidence(real, synthetic, {"level": first}, tmp_path).rows
    assert first.judged == 9  # the reference, seven columns, the generated set
    assert evidence(real, synthetic, {"level": second}, tmp_path).rows == rows
    assert second.judged == 1
    changed = Real(WINDOW, real.train, SampleSet(real.reference.values + 1, None, real.reference.patients))
    evidence(changed, synthetic, {"level": other}, tmp_path)
    assert other.judged == 9


@pytest.mark.parametrize("change", ["settings", "count", "code", "persons"])
def test_what_numbers_depend_on_is_in_the_name_of_the_cache(
    change: str, real: Real, synthetic: SampleSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence(real, synthetic, {"level": Level()}, tmp_path, {"level": {"k": 1}})
    again = Level()
    settings = {"level": {"k": 2 if change == "settings" else 1}}
    if change == "count":
        synthetic = synthetic.take(np.arange(30))
    if change == "code":
        monkeypatch.setattr("ganlab.evaluation.evidence._code", lambda: "other")
    if change == "persons":
        train = SampleSet(real.train.values, real.train.labels, np.arange(60))
        real = Real(WINDOW, train, real.reference)
    evidence(real, synthetic, {"level": again}, tmp_path, settings)
    assert again.judged == 9


def test_too_few_samples_leave_a_measure_out_and_say_so(real: Real, synthetic: SampleSet, tmp_path: Path) -> None:
    found = evidence(real, synthetic, {"much": Level(1000)}, tmp_path)
    reason = "60 training windows, and 1000 are needed."
    assert found.left_out == [f"much: {reason}"]
    assert {name: row["not_measurable"] for name, row in found.rows.items()} == dict.fromkeys(NUMBERS, reason)
    assert {row["synthetic"] for row in found.rows.values()} == {None}
    with pytest.raises(TooFew):
        Level(1000).fit(real)


def test_what_takes_no_number_of_samples_is_measured_all_the_same(
    real: Real, synthetic: SampleSet, tmp_path: Path
) -> None:
    class Always(Level):
        def always(self, real: Real, samples: SampleSet) -> dict[str, Statistic]:
            return {"level/mean": mean_of(samples.values.mean(axis=(1, 2)))}

    rows = evidence(real, synthetic, {"level": Always(1000)}, tmp_path).rows
    assert rows["level/mean"]["synthetic"] == pytest.approx(float(synthetic.values.mean()), rel=1e-4)
    assert rows["level/mean"]["controls"]["copy"] is not None
    assert "not_measurable" not in rows["level/mean"]
    assert "1000 are needed" in rows["level/distance"]["not_measurable"]


def test_a_measure_that_has_nothing_to_measure_is_named_and_costs_no_controls(
    real: Real, synthetic: SampleSet, tmp_path: Path
) -> None:
    class Nothing(Level):
        def fit(self, real: Real) -> Scorer:
            judge = super().fit(real)
            return lambda samples: judge(samples) and {}

    measure = Nothing()
    found = evidence(real, synthetic, {"nothing": measure}, tmp_path)
    assert (found.rows, measure.judged) == ({}, 1)
    assert "nothing: these samples do not have what it needs" in found.left_out[0]


def test_a_measure_that_refuses_a_control_leaves_the_others_their_numbers(
    real: Real, synthetic: SampleSet, tmp_path: Path
) -> None:
    class Refusing(Level):
        def fit(self, real: Real) -> Scorer:
            raise UserError("1 of 20 windows hold NaN")

    found = evidence(real, synthetic, {"bad": Refusing(), "level": Level()}, tmp_path)
    assert found.left_out == ["bad: 1 of 20 windows hold NaN"]
    assert "level/mean" in found.rows


def test_no_more_samples_are_judged_than_train(real: Real, tmp_path: Path) -> None:
    many = SampleSet(np.concatenate([real.train.values, real.train.values + 3]))
    row = evidence(real, many, {"level": Level()}, tmp_path).rows["level/mean"]
    assert row["synthetic"] == pytest.approx(many.values.mean(), abs=0.2)
    few = Real(WINDOW, real.train.take(np.arange(10)), real.reference)
    assert evidence(few, many, {"level": Level()}, tmp_path).rows["level/mean"]["floor"] is not None


def row(**changes: object) -> dict[str, object]:
    controls = {"copy": 0.1, "noisy_copy": 0.5, "collapsed": None, "noise": 0.3}
    known = {"best": 0.0, "real": None, "floor": 0.1, "floor_interval": [0.05, 0.3], "controls": controls, "sees": []}
    return known | changes


def test_a_control_is_seen_when_it_is_farther_away_than_real_samples_are() -> None:
    assert detected(row()) == {"copy": False, "noisy_copy": True, "noise": False}
    assert detected(row(best=None, real=0.5)) == {"copy": False, "noisy_copy": False, "noise": False}
    assert detected(row(floor=None, floor_interval=[None, None])) == {}


def test_a_number_that_does_not_see_what_it_should_is_named() -> None:
    rows = {
        "good": row(sees=["noisy_copy"]),
        "bad": row(sees=["noisy_copy", "noise"]),
        "unknown": row(sees=["collapsed"]),
    }
    assert undetected(rows) == {"bad": ["noise"]}


def test_what_cannot_be_measured_is_refused_before_data_are_read() -> None:
    with pytest.raises(UserError, match=r"measures windows, and this data set gives rows.*metrics=table_privacy"):
        check_measures({"level": Level()}, None, Row(()))
    with pytest.raises(UserError, match=r"metrics\.objective=level/x: measured are level/mean, level/distance"):
        check_measures({"level": Level()}, "level/x", WINDOW)
