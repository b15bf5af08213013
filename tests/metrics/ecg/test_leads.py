from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import coherence
from wfdb import rdrecord

from ganlab.core.errors import UserError
from ganlab.core.kind import Window
from ganlab.evaluation import controls
from ganlab.evaluation.evidence import evidence
from ganlab.evaluation.rows import undetected
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.ecg import leads
from ganlab.metrics.ecg.leads import (
    LeadRelations,
    coherences,
    compare_beats,
    einthoven_residual,
    goldberger_residual,
    lead_correlations,
    plane_share,
)
from ganlab.simulator.ecg import simulate_record

SAMPLES = 2025
TWELVE = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")

Floats = NDArray[np.floating]


def simulated(patients: range, seconds: float) -> SampleSet:
    """Twelve leads of simulated patients, with shape (N, 12, samples)."""
    return cut([_simulated(patient, seconds) for patient in patients])


def _simulated(patient: int, seconds: float) -> Floats:
    record, digital = simulate_record(patient, 1, seconds=seconds, seed=0)
    return digital[:12] / np.array(record.gain)[:12, None]


def cut(signals: Sequence[Floats]) -> SampleSet:
    parts = [x[:, : x.shape[1] // SAMPLES * SAMPLES].reshape(12, -1, SAMPLES).swapaxes(0, 1) for x in signals]
    patients = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return SampleSet(np.concatenate(parts).astype(np.float32), np.zeros(len(patients), np.int64), patients)


@pytest.fixture(scope="module")
def cohort() -> Real:
    return Real(Window(TWELVE, 1000.0, SAMPLES), simulated(range(1, 13), 9), simulated(range(13, 22), 9))


def measured(real: Real, samples: SampleSet, order: Sequence[int] | None = None) -> dict[str, float]:
    place = range(len(samples)) if order is None else order
    found = LeadRelations().fit(real)(samples.take(np.array(place)))
    weights = np.ones(len(samples)), np.ones(len(real.reference))
    return {name.removeprefix("leads/"): statistic(*weights) for name, statistic in found.items()}


def shuffled(samples: SampleSet) -> SampleSet:
    """Leads that do not belong together: each of another window."""
    rng = np.random.default_rng(0)
    mixed = [samples.values[rng.permutation(len(samples)), k] for k in range(samples.values.shape[1])]
    return SampleSet(np.stack(mixed, axis=1))


def test_residuals_are_standard_deviations_in_microvolts() -> None:
    i, ii, other = np.random.default_rng(0).normal(size=(3, 4, SAMPLES))
    assert einthoven_residual(i, ii, ii - i + 3) == pytest.approx(0, abs=1e-9)
    assert einthoven_residual(i, ii, ii - i + 0.01 * other) == pytest.approx(10 * other.std(axis=1))
    laws = {"avr": -(i + ii) / 2, "avl": i - ii / 2, "avf": ii - i / 2}
    for name, lead in laws.items():
        assert goldberger_residual(name, i, ii, lead - 1) == pytest.approx(0, abs=1e-9)
        assert goldberger_residual(name, i, ii, lead + 0.01 * other) == pytest.approx(10 * other.std(axis=1))


def test_real_limb_leads_lie_in_a_plane() -> None:
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(3, 6, 2)) @ rng.normal(size=(3, 2, 500))
    assert plane_share(plane + 2) == pytest.approx(1)
    white = rng.normal(size=(3, 6, 20_000))
    assert plane_share(white) == pytest.approx(1 / 3, abs=0.02)
    assert np.isnan(plane_share(np.zeros((1, 6, 500)))).all()


def test_correlations_are_those_of_numpy() -> None:
    x = np.random.default_rng(0).normal(size=(150, 3, 200)).cumsum(axis=2)
    expected = [[np.corrcoef(w[a], w[b])[0, 1] for a, b in ((0, 1), (0, 2), (1, 2))] for w in x]
    assert lead_correlations(x) == pytest.approx(np.array(expected))
    x[0, 1] = 4
    assert np.isnan(lead_correlations(x)[0]).tolist() == [True, False, True]


@pytest.mark.parametrize("rate", [100.0, 250.0, 1000.0])
def test_coherences_are_those_of_scipy(rate: float) -> None:
    x = np.random.default_rng(0).normal(size=(130, 2, round(2 * rate))).cumsum(axis=2)
    frequency, expected = coherence(x[:, 0], x[:, 1], rate, nperseg=round(rate / 2))
    band = (frequency > 0) & (frequency <= 40)
    assert coherences(x, rate)[:, 0] == pytest.approx(expected[:, band].mean(axis=1))


def spikes(places: Sequence[float]) -> Floats:
    t = np.arange(SAMPLES)
    return np.sum([np.exp(-(((t - at) / 10) ** 2) / 2) for at in places], axis=0)


def test_beats_of_leads_occur_together() -> None:
    apart = np.stack([spikes([500, 1200, 1900]), spikes([600, 1200, 1750])])[None]
    weights = np.ones(1)
    assert compare_beats(apart, 1000.0).cooccurrence(weights) == pytest.approx(1 / 3)
    one_missing = np.stack([spikes([500, 1200]), spikes([500])])[None]
    assert compare_beats(one_missing, 1000.0).cooccurrence(weights) == pytest.approx(2 / 3)
    none = np.stack([spikes([500, 1200]), 0 * spikes([500])])[None]
    assert compare_beats(none, 1000.0).cooccurrence(weights) == 0
    assert np.isnan(compare_beats(none, 1000.0).lag_ms(weights))


def test_lags_of_leads_vary_over_windows_as_these_weigh() -> None:
    late = np.stack([[spikes([500, 1200]), spikes([500 + lag, 1200 + lag])] for lag in (10, 20)])
    beats = compare_beats(late, 1000.0)
    assert beats.lag_ms(np.ones(2)) == pytest.approx(5)
    assert beats.lag_ms(np.array([2.0, 0])) == pytest.approx(0, abs=1e-6)
    assert beats.cooccurrence(np.ones(2)) == 1


def test_distances_of_a_set_to_itself_are_0(cohort: Real) -> None:
    found = measured(cohort, cohort.reference)
    assert found["correlation_distance"] == pytest.approx(0, abs=1e-6)
    assert found["coherence_distance"] == pytest.approx(0, abs=1e-6)
    assert set(found) == {name.removeprefix("leads/") for name in LeadRelations.numbers}


def test_order_and_blocks_leave_no_trace(cohort: Real, monkeypatch: pytest.MonkeyPatch) -> None:
    few = cohort.train.take(np.arange(20))
    found = measured(cohort, few)
    monkeypatch.setattr(leads, "BLOCK", 7)
    monkeypatch.setattr(leads, "CHUNK", 6)
    assert measured(cohort, few, range(19, -1, -1)) == pytest.approx(found, rel=1e-5)


def test_a_window_that_weighs_nothing_is_not_there(cohort: Real) -> None:
    judge = LeadRelations().fit(cohort)
    few, fewer = cohort.train.take(np.arange(30)), cohort.train.take(np.arange(5, 30))
    weights, alike = np.ones(30), np.ones(len(cohort.reference))
    weights[:5] = 0
    left, apart = judge(few), judge(fewer)
    for name, statistic in left.items():
        assert statistic(weights, alike) == pytest.approx(apart[name](np.ones(25), alike)), name


def check_shuffled(real: Real) -> None:
    """Every number tells leads of different windows from other patients'."""
    other, mixed = measured(real, real.train), measured(real, shuffled(real.train))
    above = {"einthoven_residual_uv": (1, 50), "einthoven_ratio": (0.05, 0.5), "goldberger_residual_uv": (1, 50)}
    for name, (most, least) in above.items():
        assert other[name] < most, name
        assert mixed[name] > least, name
    for name, (least, most) in {"limb_plane": (0.999, 0.9), "peak_cooccurrence": (0.85, 0.3)}.items():
        assert other[name] > least, name
        assert mixed[name] < most, name
    for name, times in {"r_lag_ms": 1.3, "correlation_distance": 1.5, "coherence_distance": 3}.items():
        assert mixed[name] > times * other[name], name


def check_controls(real: Real, folder: Path) -> None:
    count = min(len(real.train), 40)
    found = evidence(real, controls.make("copy", real, count), {"x": LeadRelations()}, folder, draws=30)
    assert not found.left_out
    assert undetected(found.rows) == {}


def test_leads_of_different_windows_are_seen(cohort: Real) -> None:
    check_shuffled(cohort)


def test_controls_land_where_they_must(cohort: Real, tmp_path: Path) -> None:
    check_controls(cohort, tmp_path)


def test_real_leads_belong_together(real_records: Path, tmp_path: Path) -> None:
    folders = {p.parent: p.with_suffix("") for p in sorted(real_records.glob("*/*.xyz")) if p.stem != "s0015lre"}
    signals = [rdrecord(str(path), sampto=4_100).p_signal.T[:12] for path in folders.values()]
    real = Real(Window(TWELVE, 1000.0, SAMPLES), cut(signals[0::2]), cut(signals[1::2]))
    check_shuffled(real)
    check_controls(real, tmp_path)


def test_what_is_measured_depends_on_the_leads_and_on_the_length() -> None:
    rng = np.random.default_rng(0)

    def names(kind: Window) -> set[str]:
        samples = SampleSet(rng.normal(size=(3, len(kind.leads), kind.samples)))
        return {name.removeprefix("leads/") for name in LeadRelations().fit(Real(kind, samples, samples))(samples)}

    pairs = {"correlation_distance", "coherence_distance", "peak_cooccurrence", "r_lag_ms"}
    assert names(Window(("i",), 1000.0, SAMPLES)) == set()
    assert names(Window(("v1", "v2"), 1000.0, SAMPLES)) == pairs
    assert names(Window(("v1", "v2"), 1000.0, 900)) == {"correlation_distance"}
    assert names(Window(("I", "II", "aVF"), 100.0, 202)) == pairs | {"goldberger_residual_uv", "limb_plane"}


def test_windows_that_are_not_numbers_are_refused() -> None:
    values = np.ones((4, 2, SAMPLES))
    values[1, 0, 3], values[2, 1, 4] = np.nan, np.inf
    samples = SampleSet(values)
    with pytest.raises(UserError, match="2 of 4 windows hold NaN"):
        LeadRelations().fit(Real(Window(("i", "ii"), 1000.0, SAMPLES), samples, samples))
