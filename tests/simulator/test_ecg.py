from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import wfdb
from numpy.typing import NDArray

from ganlab.core.diagnosis import CLASSES, DIAGNOSES, HEALTHY, INFARCTION, label_of
from ganlab.core.record import LEADS, Record
from ganlab.simulator.cohort import write_cohort, write_record
from ganlab.simulator.condition import condition_of
from ganlab.simulator.ecg import GAIN, simulate_record
from ganlab.simulator.patient import draw_anatomy

SEED = 0
PATIENTS = range(1, 73)


@cache
def simulated(patient: int, recording: int = 1) -> tuple[Record, NDArray[np.int16]]:
    return simulate_record(patient, recording, seconds=15.0, seed=SEED)


def patients_with(**wanted: object) -> list[int]:
    return [p for p in PATIENTS if all(getattr(condition_of(p), name) == v for name, v in wanted.items())]


def lead(name: str, patient: int, recording: int = 1) -> NDArray[np.float64]:
    return simulated(patient, recording)[1][LEADS.index(name)] / GAIN


def template(patient: int, recording: int = 1, leads: tuple[str, ...] = LEADS) -> NDArray[np.float64]:
    """Median beat `(leads, 650)` in mV, from 250 ms before R, against the level before the QRS."""
    peaks = [p for p in simulated(patient, recording)[0].peaks if 250 <= p < 15_000 - 400]
    signal = np.stack([lead(name, patient, recording) for name in leads])
    beats = np.stack([signal[:, p - 250 : p + 400] for p in peaks])
    beat = np.median(beats, axis=0)
    return beat - beat[:, 170:190].mean(axis=1, keepdims=True)


def qrs_width(patient: int) -> int:
    """Longest stretch, in ms, in which the vector moves at over a tenth of its greatest speed."""
    speed = np.linalg.norm(np.gradient(template(patient, leads=("vx", "vy", "vz")), axis=1), axis=0)
    speed = np.convolve(speed, np.ones(7) / 7, "same")[150:400]
    fast = np.flatnonzero(speed > 0.1 * speed.max())
    runs = np.split(fast, np.flatnonzero(np.diff(fast) > 40) + 1)
    return max(int(run[-1] - run[0]) for run in runs)


def irregularity(patient: int) -> float:
    rr = np.diff(simulated(patient)[0].peaks)
    return float(rr.std() / rr.mean())


def voltage(patient: int) -> float:
    return float(np.linalg.norm(template(patient, leads=("vx", "vy", "vz"))[:, 200:300], axis=0).max())


HEALTHY_PEOPLE = patients_with(reason="Healthy control")


@pytest.mark.parametrize("patient", [1, 2, 3, 15, 32])
def test_limb_leads_obey_einthoven_and_goldberger_in_adc_units(patient: int) -> None:
    record, digital = simulated(patient)
    assert record.leads == LEADS
    assert digital.dtype == np.int16
    assert digital.shape == (15, 15_000) == (len(record.leads), record.samples)
    i, ii, iii, avr, avl, avf = digital[:6].astype(np.int64)
    assert min(np.ptp(i), np.ptp(ii)) > 0.2 * GAIN
    assert np.array_equal(iii, ii - i)
    assert np.array_equal(2 * avr, -(i + ii))
    assert np.array_equal(2 * avl, 2 * i - ii)
    assert np.array_equal(2 * avf, 2 * ii - i)


def test_nothing_saturates() -> None:
    largest = max(np.abs(simulated(patient)[1].astype(np.int64)).max() for patient in range(1, 37))
    assert 1.5 * GAIN < largest < 16_000


def test_a_record_depends_on_its_seed_patient_and_recording_alone() -> None:
    places = product((1, 2, 3), (1, 2))
    cohort = {r.name: (r, d) for r, d in (simulate_record(*place, seconds=15.0, seed=SEED) for place in places)}
    assert len(cohort) == 6
    for patient, recording in ((3, 2), (1, 1), (2, 2)):
        record, digital = simulate_record(patient, recording, seconds=15.0, seed=SEED)
        assert cohort[record.name][0] == record
        assert np.array_equal(cohort[record.name][1], digital)
    first = simulated(3)[1]
    assert not np.array_equal(first, simulated(3, 2)[1])
    assert not np.array_equal(first, simulate_record(3, 1, seconds=15.0, seed=SEED + 1)[1])


def test_two_recordings_of_a_patient_are_more_alike_than_two_patients() -> None:
    people = HEALTHY_PEOPLE[:10]
    first = [template(p).ravel() for p in people]
    second = [template(p, 2).ravel() for p in people]
    alike = np.corrcoef(first, second)[: len(people), len(people) :]
    own, others = np.diag(alike), alike[~np.eye(len(people), dtype=bool)]
    assert own.min() > 0.94
    assert others.mean() < 0.85
    assert (alike.argmax(axis=1) == np.arange(len(people))).all()


@pytest.mark.parametrize("patient", [1, 2, 3, 4, 8, 12, 15, 20, 24, 32])
def test_peaks_are_maxima_of_the_vector_magnitude(patient: int) -> None:
    record, _ = simulated(patient)
    vector = np.stack([lead(name, patient) for name in ("vx", "vy", "vz")])
    peaks = [p for p in record.peaks if 300 <= p < record.samples - 300]
    assert len(peaks) >= 10
    for peak in peaks:
        near = vector[:, peak - 12 : peak + 13] - np.median(vector[:, peak - 300 : peak + 300], axis=1)[:, None]
        smooth = np.convolve(np.linalg.norm(near, axis=0), np.ones(5) / 5, "valid")
        assert smooth[10] > 0.97 * smooth.max()
        rest = vector[:, peak - 110 : peak - 90].mean(axis=1) - vector[:, peak]
        assert np.linalg.norm(rest) > 0.5 * voltage(patient)


@pytest.mark.parametrize("patient", HEALTHY_PEOPLE[:6])
def test_every_beat_has_a_peak(patient: int) -> None:
    record, _ = simulated(patient)
    vector = np.stack([lead(name, patient) for name in ("vx", "vy", "vz")])
    speed = np.convolve(np.linalg.norm(np.gradient(vector, axis=1), axis=0), np.ones(60) / 60, "same")
    fast = np.flatnonzero(speed > 0.5 * np.quantile(speed, 0.995))
    starts = fast[np.flatnonzero(np.diff(fast, prepend=-1000) > 200)]
    seen = starts[(starts > 200) & (starts < record.samples - 300)]
    assert len(seen) >= 10
    assert all(np.abs(np.array(record.peaks) - start).min() < 100 for start in seen)
    assert np.diff(record.peaks).min() > 350


@pytest.mark.parametrize("patients", [12, 25, 60])
def test_a_cohort_has_every_class_in_ptb_proportion(patients: int) -> None:
    classes = [condition_of(p).reason for p in range(1, patients + 1)]
    labels = np.bincount([label_of(DIAGNOSES[reason]) for reason in classes], minlength=len(CLASSES))
    assert labels.sum() == patients
    share = dict(zip(CLASSES, labels / patients, strict=True))
    assert abs(share[INFARCTION] - 0.5) < 0.06
    assert abs(share[HEALTHY] - 0.25) < 0.06


@pytest.mark.parametrize("patient", [1, 2, 3, 8, 12, 15])
def test_a_record_says_who_and_what_it_is(patient: int) -> None:
    record, _ = simulated(patient, 2)
    assert record.name.startswith(f"patient{patient:03d}/s")
    assert record.patient == f"patient{patient:03d}"
    assert record.diagnosis == DIAGNOSES[condition_of(patient).reason]
    assert record.label == label_of(record.diagnosis)
    assert record.rate == 1000.0
    assert set(record.gain) == {2000.0}
    assert record.offset == 0


def test_bundle_branch_block_has_a_wide_qrs() -> None:
    blocked = [qrs_width(p) for p in patients_with(reason="Bundle branch block")]
    healthy = [qrs_width(p) for p in HEALTHY_PEOPLE]
    assert len(blocked) >= 4
    assert min(blocked) > 110
    assert np.median(blocked) > 125
    assert 70 < np.median(healthy) < 100
    assert max(healthy) < min(blocked)


def test_dysrhythmia_is_irregular() -> None:
    healthy = [irregularity(p) for p in HEALTHY_PEOPLE]
    dysrhythmic = [irregularity(p) for p in patients_with(reason="Dysrhythmia")]
    assert min(healthy) > 0.005
    assert max(healthy) < 0.1
    assert len(dysrhythmic) >= 4
    assert min(dysrhythmic) > max(healthy)


def test_a_fibrillating_atrium_has_no_p_wave() -> None:
    def p_wave(patient: int) -> float:
        beat = template(patient, leads=("ii",))[0]
        return float(beat[70:120].mean() - beat[175:190].mean())

    fibrillating = [p_wave(p) for p in PATIENTS if condition_of(p).fibrillation]
    assert len(fibrillating) >= 2
    assert np.abs(fibrillating).max() < 0.04
    assert np.median([p_wave(p) for p in HEALTHY_PEOPLE]) > 0.06


def test_hypertrophy_has_high_and_cardiomyopathy_low_voltage() -> None:
    high, low, normal = (
        float(np.median([voltage(p) for p in patients_with(reason=reason)]))
        for reason in ("Hypertrophy", "Cardiomyopathy", "Healthy control")
    )
    assert high > 1.35 * normal
    assert low < 0.75 * normal


@pytest.mark.parametrize(("territory", "name"), [("anterior", "v2"), ("inferior", "avf")])
def test_infarctions_show_in_the_leads_over_their_territory(territory: str, name: str) -> None:
    def mean(people: list[int], start: int, stop: int) -> float:
        beats = [template(p, leads=(name,))[0] for p in people]
        return float(np.mean([beat[250 + start : 250 + stop].mean() for beat in beats]))

    acute, former = patients_with(acute=territory), patients_with(former=territory)
    assert min(len(acute), len(former)) >= 3
    assert mean(acute, 90, 140) > mean(HEALTHY_PEOPLE, 90, 140) + 0.06
    assert mean(former, -30, -15) < mean(HEALTHY_PEOPLE, -30, -15) - 0.06
    assert mean(former, 220, 300) < mean(HEALTHY_PEOPLE, 220, 300) - 0.10


def test_healthy_lead_i_has_the_size_of_a_real_one() -> None:
    """Bounds around the medians of 21 healthy people of PTB: R 0.64 mV, T 0.21 mV, 67 beats a minute."""
    beats = [template(p, leads=("i",))[0] for p in HEALTHY_PEOPLE]
    rates = [60_000 / np.median(np.diff(simulated(p)[0].peaks)) for p in HEALTHY_PEOPLE]
    assert 0.4 < np.median([beat[230:270].max() for beat in beats]) < 0.9
    assert 0.1 < np.median([beat[400:600].max() for beat in beats]) < 0.35
    assert 60 < np.median(rates) < 78
    assert min(rates) > 45
    assert max(rates) < 110


def test_noise_is_that_of_a_good_amplifier_with_some_mains() -> None:
    quiet = np.stack([lead("i", p) for p in HEALTHY_PEOPLE])
    power = np.abs(np.fft.rfft(quiet * np.hanning(15_000)) / 15_000) ** 2 * 4 / 0.75
    frequency = np.fft.rfftfreq(15_000, 1e-3)
    high = np.sqrt(power[:, (frequency > 60) & (frequency < 140)].sum(axis=1)) * 1000
    mains, beside = (power[:, np.abs(frequency - f) < 0.2].sum(axis=1) for f in (50.0, 47.0))
    assert 1.0 < np.median(high) < 10.0
    assert np.median(mains / beside) > 5


@pytest.mark.parametrize("patient", [1, 2, 3])
def test_wfdb_round_trip_is_exact(patient: int, tmp_path: Path) -> None:
    record, digital = simulated(patient)
    write_record(record, digital, tmp_path, seed=SEED)
    back = wfdb.rdrecord(str(tmp_path / record.name), physical=False)
    assert np.array_equal(back.d_signal.T, digital)
    assert tuple(back.sig_name) == LEADS
    assert (back.fs, set(back.adc_gain), set(back.baseline), set(back.fmt)) == (1000, {2000.0}, {0}, {"16"})
    assert not ((digital.sum(axis=1, dtype=np.int64) - np.array(back.checksum)) % 65536).any()
    assert back.init_value == digital[:, 0].tolist()
    stem = tmp_path / record.name
    limbs = np.fromfile(stem.with_suffix(".dat"), "<i2").reshape(-1, 12)
    frank = np.fromfile(stem.with_suffix(".xyz"), "<i2").reshape(-1, 3)
    assert np.array_equal(np.hstack([limbs, frank]).T, digital)


@pytest.mark.parametrize("patient", [1, 2, 3, 8, 12, 15])
def test_headers_read_as_those_of_ptb(patient: int, tmp_path: Path) -> None:
    record, digital = simulated(patient)
    write_record(record, digital, tmp_path, seed=SEED)
    fields = dict(line.split(": ", 1) for line in wfdb.rdheader(str(tmp_path / record.name)).comments if ": " in line)
    assert DIAGNOSES[fields["Reason for admission"]] == record.diagnosis
    assert int(fields["age"]) == draw_anatomy(patient, seed=SEED).age
    assert fields["sex"] in ("male", "female")
    assert fields["ECG date"] == "n/a"
    assert f"seed {SEED}, not for clinical use" in fields["synthetic"]


def test_a_written_cohort_lists_its_records(tmp_path: Path) -> None:
    records = write_cohort(tmp_path / "ptb", 3, recordings=2, seconds=2.0, seed=SEED)
    names = (tmp_path / "ptb" / "RECORDS").read_text().split()
    assert names == [record.name for record in records]
    assert len(set(names)) == 6
    last = wfdb.rdrecord(str(tmp_path / "ptb" / names[-1]), physical=False)
    assert np.array_equal(last.d_signal.T, simulate_record(3, 2, seconds=2.0, seed=SEED)[1])


@pytest.mark.parametrize(("patient", "recording", "seconds"), [(0, 1, 2.0), (1, 0, 2.0), (1, 1, 0.0)])
def test_indices_and_lengths_out_of_range_are_refused(patient: int, recording: int, seconds: float) -> None:
    with pytest.raises(ValueError, match=r"patient|recording"):
        simulate_record(patient, recording, seconds=seconds, seed=SEED)


@pytest.mark.parametrize("seconds", [0.05, 0.5, 2.025])
def test_short_recordings_have_their_length(seconds: float) -> None:
    record, digital = simulate_record(5, 1, seconds=seconds, seed=SEED)
    assert digital.shape == (15, record.samples) == (15, round(1000 * seconds))
    assert all(0 <= peak < record.samples for peak in record.peaks)
