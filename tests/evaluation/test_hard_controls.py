"""Hard controls: each has its fault and nothing else, where it applies."""

import runpy

import numpy as np
import pytest

from ganlab.core.kind import Window
from ganlab.core.record import LEADS
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.ecg.peaks import find_all_peaks
from ganlab.simulator.ecg import simulate_record
from tests.conftest import ROOT

MADE = runpy.run_path(str(ROOT / "scripts" / "faulty_sets.py"))
HARD, hard_controls = MADE["HARD"], MADE["hard_controls"]
TWELVE = LEADS[:12]
RATE = 250.0
R = slice(1, 5)
"""Beats of a window that no edge cuts."""


def windows(first: int, count: int) -> SampleSet:
    """Windows of 6 s of simulated patients, two each, of two classes."""
    records = [simulate_record(first + k, 1, seconds=13, seed=0)[1][:12, ::4] / 1000 for k in range(count)]
    values = np.concatenate([[each[:, :1500], each[:, 1500:3000]] for each in records]).astype(np.float32)
    values -= np.median(values, axis=-1, keepdims=True)
    patients = first + np.repeat(np.arange(count), 2)
    return SampleSet(values, patients % 2, patients)


@pytest.fixture(scope="module")
def real() -> Real:
    return Real(Window(TWELVE, RATE, 1500), windows(1, 6), windows(100, 3), ("a", "b"))


@pytest.fixture(scope="module")
def unseen() -> SampleSet:
    return windows(200, 5)


@pytest.fixture(scope="module")
def made(real: Real, unseen: SampleSet) -> dict[str, SampleSet]:
    return hard_controls(real, unseen)


def test_all_apply_to_twelve_leads_and_have_no_patient_ids(
    real: Real, unseen: SampleSet, made: dict[str, SampleSet]
) -> None:
    assert list(made) == list(HARD)
    again = hard_controls(real, unseen)
    for name, each in made.items():
        assert each.patients is None
        assert each.values.shape == unseen.values.shape
        assert each.values.dtype == np.float32
        assert np.isfinite(each.values).all()
        assert np.array_equal(each.values, again[name].values)
        assert name == "unseen" or not np.array_equal(each.values, unseen.values)


def test_those_that_need_leads_rate_or_classes_are_left_out(unseen: SampleSet) -> None:
    kind = Window(("i",), 100.0, 600)
    one = SampleSet(unseen.values[:, :1, :600], None, unseen.patients)
    made = hard_controls(Real(kind, one, one), one)
    absent = {"swapped_v1_v6", "lead_inverted", "other_precordials", "hum_50", "hum_60", "one_class"}
    assert set(HARD) - set(made) == absent


@pytest.mark.parametrize(("name", "first", "last"), [("no_p", -0.22, -0.07), ("no_t", 0.11, 0.26)])
def test_a_wave_is_flat_and_the_rest_is_as_it_was(
    made: dict[str, SampleSet], unseen: SampleSet, name: str, first: float, last: float
) -> None:
    lead = np.diff(unseen.values, axis=-1).std(axis=-1).argmax(axis=1)
    before, after = unseen.values, made[name].values
    for k, peaks in enumerate(find_all_peaks(before[np.arange(len(before)), lead], RATE)):
        for peak in peaks[R]:
            inside = slice(peak + round(first * RATE), peak + round(last * RATE))
            near = slice(peak - 8, peak + 12)
            assert np.abs(np.diff(after[k][:, inside], n=2)).max() < 1e-3
            assert np.array_equal(after[k][:, near], before[k][:, near])
    assert np.abs(after - before).max() > 0.05


def test_the_shift_of_st_keeps_einthovens_law(made: dict[str, SampleSet], unseen: SampleSet) -> None:
    change = made["st_shift"].values - unseen.values
    i, ii, iii, v5 = (change[:, TWELVE.index(lead)] for lead in ("i", "ii", "iii", "v5"))
    assert np.abs(ii - i - iii).max() < 1e-5
    assert v5.max() == pytest.approx(0.2, abs=0.01)
    assert v5.min() > -1e-5
    assert 0.1 < (v5 > 0.1).mean() < 0.4


def test_leads_copies_and_classes(made: dict[str, SampleSet], real: Real, unseen: SampleSet) -> None:
    v1, v6, v4 = (TWELVE.index(lead) for lead in ("v1", "v6", "v4"))
    assert np.array_equal(made["swapped_v1_v6"].values[:, v1], unseen.values[:, v6])
    assert np.array_equal(made["lead_inverted"].values[:, v4], -unseen.values[:, v4])
    assert np.array_equal(made["other_precordials"].values[:, :6], unseen.values[:, :6])
    assert len(np.unique(made["one_patient"].values.reshape(10, -1), axis=0)) == 2
    labels = made["one_class"].labels
    assert labels is not None
    assert len(np.unique(labels)) == 1
    train = {each.tobytes() for each in real.train.values}
    assert sum(each.tobytes() in train for each in made["third_copied"].values) == 3
    assert all(each.tobytes() in train for each in made["inverted_copy"].values * np.float32(-1))
    assert all(each.tobytes() in train for each in np.ascontiguousarray(made["reversed_copy"].values[..., ::-1]))
    steps = np.sort(made["shifted_copy"].values, axis=-1)
    assert all(each.tobytes() in {x.tobytes() for x in np.sort(real.train.values, axis=-1)} for each in steps)


def test_hum_and_low_pass(made: dict[str, SampleSet], unseen: SampleSet) -> None:
    frequencies = np.fft.rfftfreq(1500, 1 / RATE)
    for hertz in (50, 60):
        hum = np.abs(np.fft.rfft(made[f"hum_{hertz}"].values - unseen.values)).mean(axis=(0, 1))
        assert frequencies[hum.argmax()] == hertz
    parts = [made[name].values * np.hanning(1500) for name in ("low_pass", "unseen")]
    spectra = [np.abs(np.fft.rfft(part)).mean(axis=(0, 1)) for part in parts]
    assert (spectra[0] / spectra[1])[frequencies > 30].max() < 0.2
