from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError
from ganlab.core.kind import Window
from ganlab.dataset.module import Data
from ganlab.dataset.ptbdb import PTBDB
from ganlab.dataset.ptbdb_sim import PTBDBSim
from ganlab.evaluation.controls import make
from ganlab.evaluation.evidence import evidence
from ganlab.evaluation.findings import ALARM
from ganlab.evaluation.reference import real_sets
from ganlab.evaluation.rows import undetected
from ganlab.evaluation.verdict import verdict
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.needs import TooFew
from ganlab.metrics.points import same_patient
from ganlab.metrics.privacy.copies import Copies
from ganlab.metrics.privacy.search import Library, Searched
from ganlab.metrics.privacy.shifts import shifted_distances, spectra
from ganlab.split.patient import PatientSplit

KIND = Window(("i", "ii"), 250.0, 300)


def waves(count: int, seed: int, each: int = 4, number_from: int = 0) -> SampleSet:
    """Smooth noise; of a patient four windows that are alike."""
    rng = np.random.default_rng(seed)
    own = np.repeat(rng.normal(size=(count // each, 2, 300)), each, axis=0)
    values = 3 * gaussian_filter1d(own + 0.5 * rng.normal(size=own.shape), 4, axis=-1, mode="wrap")
    return SampleSet(values.astype(np.float32), None, number_from + np.arange(count) // each)


def real() -> Real:
    return Real(KIND, waves(60, 0), waves(40, 1, number_from=15))


def numbers(given: Real, samples: SampleSet, **settings: float) -> dict[str, float]:
    found = Copies(**settings).fit(given)(samples)
    return {name: each(np.ones(len(samples)), np.ones(len(given.reference))) for name, each in found.items()}


@pytest.mark.parametrize("length", [254, 253, 250, 97])
@pytest.mark.parametrize("leads", [1, 3])
def test_distances_agree_with_all_shifts_one_by_one(length: int, leads: int) -> None:
    rng = np.random.default_rng(0)
    a, b = (gaussian_filter1d(rng.normal(size=(n, leads, length)), 2, axis=-1, mode="wrap") for n in (5, 7))
    found = shifted_distances(*(spectra(SampleSet(each.astype(np.float32)), 125.0) for each in (a, b)))
    a, b = (each - each.mean(axis=-1, keepdims=True) for each in (a, b))
    a, b = (each / np.linalg.norm(each.reshape(len(each), -1), axis=1)[:, None, None] for each in (a, b))
    r = np.max([np.einsum("ilt,jlt->ij", a, np.roll(b, k, axis=-1)) for k in range(length)], axis=0)
    assert found.shape == (5, 7)
    assert found == pytest.approx(np.sqrt(2 - 2 * r), abs=0.02)


def test_a_copy_that_is_shifted_scaled_or_lifted_is_a_copy() -> None:
    given = real()
    changed = np.roll(given.train.values, 40, axis=-1) * 0.5 + 7
    found = numbers(given, SampleSet(changed))
    assert found["copies/share"] == 1
    assert found["copies/distance_ratio"] < 0.05
    assert found["copies/exact"] == 0
    assert numbers(given, SampleSet(given.train.values + 2))["copies/exact"] == 1


def test_controls_land_where_they_must() -> None:
    given = real()
    names = ("floor", "copy", "noisy_copy", "collapsed", "noise")
    found = {name: numbers(given, make(name, given, 60)) for name in names}
    for name in ("copy", "noisy_copy", "collapsed"):
        assert found[name]["copies/share"] > 0.9
        assert found[name]["copies/nearest"] > 0.9
        assert found[name]["copies/distance_ratio"] < 0.3
        assert found[name]["copies/nearer_to_train"] > 0.8
    assert found["floor"]["copies/share"] < 0.2
    assert max(found[name]["copies/nearest"] for name in ("floor", "noise")) < 0.2
    assert found["floor"]["copies/distance_ratio"] == pytest.approx(1, abs=0.1)
    assert [found[name]["copies/exact"] for name in found] == [0, 1, 0, 1, 0]


def test_other_persons_have_the_share_by_construction() -> None:
    given = real()
    assert numbers(given, given.reference, share=0.25)["copies/share"] == pytest.approx(0.25, abs=0.03)


def test_who_is_the_same_person_is_left_out() -> None:
    train = waves(8, 0)

    def same(samples: SampleSet) -> np.ndarray:
        return same_patient(samples.patients, train.patients, len(train))

    assert same(train).sum() == 8 * 4
    assert not same(SampleSet(train.values)).any()
    assert not same(waves(8, 1, number_from=2)).any()
    # The same patient has other windows elsewhere: who it is says the number alone.
    assert same(waves(8, 1)).sum() == 8 * 4


def test_a_window_near_to_its_own_persons_is_no_copy() -> None:
    given = real()
    own = SampleSet(given.train.values + 2, None, given.train.patients)
    assert numbers(given, own)["copies/nearest"] < 0.2
    assert numbers(given, SampleSet(own.values))["copies/nearest"] == 1


def test_nearest_counts_what_is_a_fifth_below_all_of_the_reference_that_is_there() -> None:
    given = real()
    mixed = np.concatenate([given.train.values[:6], waves(24, 2).values])
    nearest = Copies().fit(given)(SampleSet(mixed))["copies/nearest"]
    ones, there = np.ones(30), np.ones(40)
    assert nearest(ones, there) == pytest.approx(6 / 30, abs=0.07)
    assert nearest(np.repeat([1.0, 0.0], [6, 24]), there) == 1
    searched = Library(Searched.of(given.train.values, KIND.rate))
    apart = [
        searched.nearest(Searched.of(each, KIND.rate), np.zeros((1, 60), np.bool_))[0]
        for each in (given.reference.values, mixed)
    ]
    for count in (40, 10, 1):
        there = np.zeros(40)
        there[np.argsort(apart[0][0])[-count:]] = 1
        least = apart[0][:, there > 0].min(axis=1)
        assert nearest(ones, there) == np.mean((apart[1] < [[0.8], [0.6]] * least[:, None]).any(axis=0))
    assert np.isnan(nearest(ones, np.zeros(40)))


def windows(source: PTBDB | PTBDBSim, count: int, most: int) -> tuple[Real, SampleSet]:
    """Real sets, and windows of patients of neither: every third one of those who would train does not."""
    data = Data(source, PatientSplit(), Leads(["i"], side=45))
    data.setup()
    real = real_sets(data, "test", count, most, 45)
    patients = real.train.patients
    assert patients is not None
    out = np.isin(patients, np.unique(patients)[::3])
    return replace(real, train=real.train.take(~out)), real.train.take(out)


def alarms(real: Real, fresh: SampleSet, changed: Callable[[np.ndarray], np.ndarray], store: Path) -> list[str]:
    """What is alarmed by of 20 % training windows, changed, and 80 % windows of patients of neither set."""
    copied = real.train.values[:: len(real.train) // 20][:20]
    others = fresh.values[np.linspace(0, len(fresh) - 1, 80).round().astype(int)]
    mixed = SampleSet(np.concatenate([changed(copied), others]).astype(np.float32))
    found = evidence(real, mixed, {"copies": Copies()}, store, draws=50)
    assert undetected(found.rows) == {}
    assert found.sizes is not None
    lights = verdict(found.rows, real.kind, found.null, found.sizes).lights
    return [each.name for light in lights for each in light.numbers if each.state == ALARM]


def to_levels(values: np.ndarray) -> np.ndarray:
    step = np.ptp(values) / 255
    return np.rint(values / step) * step


def with_noise(values: np.ndarray) -> np.ndarray:
    return values + np.random.default_rng(0).normal(0, 0.01, values.shape)


@pytest.mark.parametrize("changed", [to_levels, with_noise])
def test_few_copies_among_simulated_windows_raise_the_alarm(
    changed: Callable[[np.ndarray], np.ndarray], tmp_path: Path
) -> None:
    real, fresh = windows(PTBDBSim(patients=100, seconds=6, cache=tmp_path / "cache"), 100, 200)
    assert "copies/nearest" in alarms(real, fresh, changed, tmp_path)


@pytest.mark.parametrize("changed", [to_levels, with_noise])
def test_few_copies_among_real_windows_raise_the_alarm(
    changed: Callable[[np.ndarray], np.ndarray], real_records: Path, tmp_path: Path
) -> None:
    source = PTBDB(root=str(real_records), cache=tmp_path / "cache", on_bad_record="skip")
    real, fresh = windows(source, 100, 300)
    assert "copies/nearest" in alarms(real, fresh, changed, tmp_path)


def test_order_and_weights() -> None:
    given, samples = real(), make("noisy_copy", real(), 30)
    weights = np.random.default_rng(0).multinomial(30, np.full(30, 1 / 30)).astype(float)
    judge, ones = Copies().fit(given), np.ones(40)
    repeated = judge(SampleSet(np.repeat(samples.values, weights.astype(int), axis=0)[::-1]))
    for name, statistic in judge(samples).items():
        assert statistic(weights, ones) == pytest.approx(repeated[name](np.ones(30), ones), abs=1e-3), name


def test_flat_windows_are_far_from_all() -> None:
    given = real()
    found = numbers(given, SampleSet(np.zeros((3, 2, 300), np.float32)))
    assert found["copies/share"] == 0
    assert found["copies/distance_ratio"] > 1


def test_exact_copies_are_looked_for_beside_any_number_of_windows(tmp_path: Path) -> None:
    given = real()
    for few in (0, 1, 9):
        beside = Real(KIND, given.train, given.reference.take(np.arange(few)))
        samples = SampleSet(np.concatenate([given.train.values[:3], waves(4, 5).values[:1]]))
        statistics = Copies().always(beside, samples)
        assert {name: each(np.ones(4), np.ones(few)) for name, each in statistics.items()} == {"copies/exact": 0.75}
    rows = evidence(beside, samples, {"copies": Copies()}, tmp_path, draws=5).rows
    assert rows["copies/exact"]["synthetic"] == 0.75
    assert rows["copies/share"]["synthetic"] is None
    assert "9 reference windows, and 10 are needed" in rows["copies/share"]["not_measurable"]
    assert not Copies().always(replace(given, train=given.train.take(np.arange(0))), samples)


def test_one_recording_under_two_patient_ids_does_not_hide_noisy_copies(caplog: pytest.LogCaptureFixture) -> None:
    given = real()
    values = given.reference.values.copy()
    values[3] = given.train.values[5]
    values[3, 0, 7] += 0.1
    twins = replace(given, reference=replace(given.reference, values=values))
    noisy = make("noisy_copy", twins, 40, 0)
    assert numbers(twins, noisy)["copies/nearest"] > 0.9
    assert "1 of 40 reference windows equal a training window" in caplog.text


def test_records_that_stand_under_two_patient_ids_have_no_ratio_and_end_nothing() -> None:
    x = np.random.default_rng(0).standard_normal((20, 1, 200)).cumsum(axis=-1).astype(np.float32)
    twice = [SampleSet(x, None, np.arange(20) + first) for first in (0, 50)]
    found = Copies().fit(Real(Window(("i",), 100.0, 200), *twice))(SampleSet(x[:5]))
    values = {name: each(np.ones(5), np.ones(20)) for name, each in found.items()}
    assert np.isnan(values["copies/distance_ratio"]) or values["copies/distance_ratio"] > 0
    assert values["copies/exact"] == 1


def test_what_cannot_be_measured_is_named() -> None:
    given = real()
    with pytest.raises(UserError, match="share=1"):
        Copies(share=1)
    with pytest.raises(TooFew, match="9 reference windows"):
        Copies().fit(Real(KIND, given.train, given.reference.take(np.arange(9))))
    one = given.train.take(np.zeros(12, np.int64))
    with pytest.raises(TooFew, match="who did not train"):
        Copies().fit(Real(KIND, one, one))
    broken = given.train.values.copy()
    broken[3, 0, 0] = np.inf
    with pytest.raises(UserError, match="1 of 60 windows hold NaN"):
        Copies().fit(given)(SampleSet(broken))
