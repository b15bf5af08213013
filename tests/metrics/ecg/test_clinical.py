from collections.abc import Callable
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, resample, sosfiltfilt
from scipy.stats import wasserstein_distance

from ganlab.core.kind import Window
from ganlab.core.record import millivolts
from ganlab.evaluation.by_class import by_class
from ganlab.evaluation.controls import make
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.ecg.clinical import ClinicalNumbers, measured
from ganlab.metrics.ecg.median_beat import BEFORE, RATE, median_beats
from ganlab.metrics.ecg.peaks import find_all_peaks
from ganlab.metrics.ecg.waves import measure
from ganlab.metrics.weighted import circular_distance, column_distances
from ganlab.simulator.ecg import simulate_record
from tests.conftest import DATA, ROOT

LEADS = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")
SAMPLES = 1000
"""4 s at 250 Hz."""
KIND = Window(LEADS, 250.0, SAMPLES)
Signal = NDArray[np.float32]


def script() -> ModuleType:
    spec = spec_from_file_location("clinical", ROOT / "scripts" / "clinical.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cohort() -> SampleSet:
    """Two windows of each of 60 simulated patients; a label for infarctions."""
    windows, labels = [], []
    for patient in range(1, 61):
        record, digital = simulate_record(patient, 1, seconds=8, seed=3)
        mv = millivolts(digital[:12], np.array(record.gain)[:12], np.array(record.baseline)[:12])[:, ::4]
        windows += [mv[:, :SAMPLES], mv[:, SAMPLES : 2 * SAMPLES]]
        labels += 2 * [int("infarction" in record.diagnosis)]
    return SampleSet(np.stack(windows).astype(np.float32), np.array(labels), np.repeat(np.arange(60), 2))


@pytest.fixture(scope="module")
def real(cohort: SampleSet) -> Real:
    """Every second patient trains, of the others half are the reference."""
    assert cohort.patients is not None
    side = cohort.patients % 4
    return Real(KIND, cohort.take(side % 2 == 0), cohort.take(side == 1), ("other", "infarction"))


@pytest.fixture(scope="module")
def numbers(cohort: SampleSet, real: Real) -> Callable[[SampleSet], dict[str, float]]:
    scorer = ClinicalNumbers().fit(real)
    return lambda samples: {
        name.removeprefix("clinical/"): each(np.ones(len(samples)), np.ones(len(real.reference)))
        for name, each in scorer(samples).items()
    }


@pytest.fixture(scope="module")
def unseen(cohort: SampleSet) -> SampleSet:
    """The other half of the patients who did not train."""
    assert cohort.patients is not None
    return cohort.take(cohort.patients % 4 == 3)


@pytest.fixture(scope="module")
def usual(unseen: SampleSet, numbers: Callable[[SampleSet], dict[str, float]]) -> dict[str, float]:
    return numbers(unseen)


BOUNDS = {
    "pr": (8, 16),
    "qrs": (6, 14),
    "qt": (6, 12),
    "p": (0.02, 0.05),
    "r": (0.02, 0.06),
    "s": (0.02, 0.06),
    "st": (0.01, 0.03),
    "t": (0.02, 0.06),
}
"""Largest bias, and the error that nine of ten stay below, ms and mV."""


@pytest.mark.parametrize("step", [2, 10])
def test_what_is_known_of_simulated_patients_is_measured(step: int) -> None:
    truth, waves = script().simulated(range(1, 25), step=step)
    for name, (bias, spread) in BOUNDS.items():
        error = getattr(waves, name) - truth[name]
        assert np.isfinite(error).mean() > 0.95, name
        assert abs(np.nanmedian(error)) <= bias, name
        assert np.nanquantile(np.abs(error), 0.9) <= spread, name
        assert np.corrcoef(getattr(waves, name).ravel(), truth[name].ravel())[0, 1] > 0.9, name


def beat(x: Signal, change: Callable[[Signal, int], None]) -> Signal:
    """The windows with each of their beats changed."""
    changed = x.copy()
    for window, peaks in zip(changed, find_all_peaks(x, KIND.rate), strict=True):
        for peak in peaks:
            change(window, int(peak))
    return changed


def without(begin: float, end: float) -> Callable[[Signal, int], None]:
    """Replaces what is between two times after R, s, by a line."""

    def change(window: Signal, peak: int) -> None:
        a, b = (min(max(peak + round(each * KIND.rate), 0), window.shape[1] - 1) for each in (begin, end))
        window[:, a : b + 1] = np.linspace(window[:, a], window[:, b], b - a + 1, axis=1)

    return change


def lifted(window: Signal, peak: int) -> None:
    window[:, peak + 12 : peak + 45] += 0.2


def fast(x: Signal) -> Signal:
    shorter = resample(x, round(SAMPLES / 1.1), axis=-1)
    return np.concatenate([shorter, shorter[..., : SAMPLES - shorter.shape[-1]]], axis=-1).astype(np.float32)


def swapped(x: Signal, *pairs: tuple[int, int]) -> Signal:
    changed = x.copy()
    for a, b in pairs:
        changed[:, [a, b]] = x[:, [b, a]]
    return changed


def arms(x: Signal) -> Signal:
    changed = swapped(x, (1, 2), (3, 4))
    changed[:, 0] *= -1
    return changed


def one_inverted(x: Signal) -> Signal:
    changed = x.copy()
    changed[:, 8] *= -1
    return changed


def others_chest(x: Signal) -> Signal:
    changed = x.copy()
    changed[:, 6:] = np.roll(x[:, 6:], 2, axis=0)
    return changed


def slow_pass(x: Signal) -> Signal:
    return sosfiltfilt(butter(4, 15, fs=KIND.rate, output="sos"), x).astype(np.float32)


FAULTS: dict[str, tuple[str, Callable[[Signal], Signal]]] = {
    "reversed": ("pr_w1", lambda x: x[..., ::-1].copy()),
    "inverted": ("r_w1", lambda x: -x),
    "no_p": ("no_p", lambda x: beat(x, without(-0.25, -0.05))),
    "no_t": ("no_t", lambda x: beat(x, without(0.09, 0.42))),
    "st_shift": ("st_w1", lambda x: beat(x, lifted)),
    "fast": ("tempo_w1", fast),
    "gain": ("r_w1", lambda x: 2 * x),
    "swapped_v1_v6": ("worst_lead", lambda x: swapped(x, (6, 11))),
    "swapped_arms": ("precordial_w1", arms),
    "axis": ("axis_w1", arms),
    "lead_inverted": ("worst_lead", one_inverted),
    "other_precordials": ("precordial_w1", others_chest),
    "low_pass": ("qrs_w1", slow_pass),
    "one_patient": ("slope_w1", lambda x: np.repeat(x[:1], len(x), axis=0)),
}
"""The number that must notice each fault."""


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_noticed_by_a_number(
    fault: str, unseen: SampleSet, usual: dict[str, float], numbers: Callable[[SampleSet], dict[str, float]]
) -> None:
    name, change = FAULTS[fault]
    spoilt = numbers(replace(unseen, values=change(unseen.values)))
    assert spoilt[name] > 1.5 * usual[name]
    assert spoilt[name] > usual[name] + 0.002


def test_noise_has_no_beat_that_could_be_measured(
    real: Real, usual: dict[str, float], numbers: Callable[[SampleSet], dict[str, float]]
) -> None:
    assert usual["unmeasured"] < 0.05
    assert numbers(make("noise", real, 60))["unmeasured"] > 0.7


def test_classes_are_compared_by_themselves(real: Real, unseen: SampleSet) -> None:
    """Labels of a class with twice the height: those of the other class are as varied as the reference, and noticed."""
    assert real.reference.labels is not None
    again = np.repeat(np.arange(len(unseen)), 2)
    twice = 1 + np.arange(len(again)) % 2
    known, right = (
        replace(s.take(again), values=s.values[again] * twice[:, None, None], labels=twice - 1)
        for s in (real.reference, unseen)
    )
    scorer = ClinicalNumbers().fit(replace(real, reference=known))
    ones = np.ones(len(right)), np.ones(len(known))
    same, other = scorer(right), scorer(replace(right, labels=2 - twice))
    assert set(same.details["classes"]) == {"other", "infarction"}  # type: ignore[attr-defined]
    assert other["clinical/class_distance"](*ones) > 1.3 * same["clinical/class_distance"](*ones)
    assert other["clinical/r_w1"](*ones) == same["clinical/r_w1"](*ones)
    never = scorer(replace(right, labels=np.zeros(len(right), np.int64)))
    assert [each["clinical/missing_classes"](*ones) for each in (same, never)] == [0, 0.5]
    assert not {"clinical/class_distance", "clinical/missing_classes"} & scorer(replace(right, labels=None)).keys()
    within = by_class(same, right, replace(real, reference=known))
    assert set(within["clinical/r_w1"]) == {"other", "infarction"}
    assert by_class(other, replace(right, labels=2 - twice), replace(real, reference=known))["clinical/r_w1"][
        "other"
    ] > (1.5 * within["clinical/r_w1"]["other"])


def test_a_window_of_one_beat_has_no_rhythm_and_says_so(cohort: SampleSet, real: Real) -> None:
    short = Window(LEADS, 250.0, 250)
    one = replace(cohort.take(np.arange(40)), values=cohort.values[:40, :, :250])
    table = measured(one.values, short, LEADS).columns
    assert np.isnan(table["sdnn"]).mean() > 0.9
    assert np.isnan(table["rr"]).mean() > 0.3
    scores = ClinicalNumbers().fit(Real(short, one, one))(one.take(np.isnan(table["rr"])))
    reasons = scores.not_measurable  # type: ignore[attr-defined]
    assert "too few beats" in reasons["clinical/heart_rate_w1"]
    assert np.isnan(scores["clinical/rr_w1"](np.ones(int(np.isnan(table["rr"]).sum())), np.ones(len(one))))


def test_windows_below_a_second_or_without_limb_leads_have_no_such_numbers(cohort: SampleSet) -> None:
    below = Window(LEADS, 250.0, 200)
    some = cohort.take(np.arange(40))
    values = replace(some, values=some.values[..., :200])
    assert not ClinicalNumbers().fit(Real(below, values, values))(values)
    chest = replace(some, values=some.values[:, 6:8])
    named = ClinicalNumbers().fit(Real(Window(("v1", "v2"), 250.0, SAMPLES), chest, chest))(chest)
    assert not {"clinical/axis_w1", "clinical/precordial_w1"} & named.keys()
    one = ClinicalNumbers("v1").fit(Real(KIND, some, some))(some)
    assert "clinical/r_w1" in one
    assert "clinical/axis_w1" not in one


def test_the_median_beat_has_r_in_its_place_whatever_the_other_beats_are(cohort: SampleSet) -> None:
    """A wandering line and one wild beat leave nothing; heights are those about the level before QRS."""
    x = np.concatenate([cohort.values[:1], cohort.values[1:2]], axis=2)
    wild, wandering = x.copy(), x + np.float32(0.5) * np.sin(np.arange(2 * SAMPLES, dtype=np.float32) / 150)
    wild[..., 300:420] *= -3
    clean = measure(median_beats(x, KIND.rate))
    for changed in (wild, wandering):
        beats = median_beats(changed, KIND.rate)
        assert np.abs(np.abs(beats.signal[0, 10]).argmax() - BEFORE * RATE) <= 20
        again = measure(beats)
        assert again.r == pytest.approx(clean.r, abs=0.06)
        assert again.qt == pytest.approx(clean.qt, abs=25)


def test_columns_are_compared_as_scipy_does_and_without_what_is_missing() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(30, 3)), rng.normal(1, 2, size=(20, 3))
    a[3, 0], a[:, 2] = np.nan, np.nan
    of_a, of_b = rng.integers(0, 4, 30).astype(float), rng.integers(1, 3, 20).astype(float)
    apart = column_distances(a, b)(of_a, of_b)
    kept = np.isfinite(a[:, 0])
    assert apart[0] == pytest.approx(wasserstein_distance(a[kept, 0], b[:, 0], of_a[kept], of_b))
    assert apart[1] == pytest.approx(wasserstein_distance(a[:, 1], b[:, 1], of_a, of_b))
    assert np.isnan(apart[2])


def test_directions_are_compared_around_the_circle() -> None:
    a, b = np.array([170.0, 175.0, np.nan]), np.array([-175.0, -170.0])
    assert circular_distance(a, b)(np.ones(3), np.ones(2)) == pytest.approx(15)
    assert circular_distance(a, a)(np.ones(3), np.ones(3)) == 0
    assert np.isnan(circular_distance(np.full(2, np.nan), b)(np.ones(2), np.ones(2)))


def test_what_cardiologists_state_is_measured() -> None:
    """Heart axis and scp codes of PTB-XL, which were given without these measurements."""
    if not (DATA / "ptbxl").is_dir():
        pytest.skip(f"no PTB-XL in {DATA}: set GANLAB_TEST_DATA to the folder that holds ptbxl")
    shares = script().stated(DATA / "ptbxl", 200)
    for code in ("SBRAD", "STACH", "RAD", "1AVB"):
        of_these, of_others = shares[code]
        assert of_these > 0.5 > 2 * of_others, code
