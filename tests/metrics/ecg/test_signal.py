import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError
from ganlab.core.kind import Row, Window
from ganlab.dataset.module import Data
from ganlab.dataset.ptbdb import PTBDB
from ganlab.evaluation.controls import make
from ganlab.evaluation.reference import real_sets
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.ecg.fold import comb_powers, folds, seam_steps
from ganlab.metrics.ecg.signal import SignalShape, stuck
from ganlab.split.patient import PatientSplit

KIND = Window(("i", "ii"), 1000.0, 2025)


def walks(count: int, seed: int = 0, leads: int = 2) -> np.ndarray:
    """Steps that do not change from one sample to the next, so with most power at low frequencies."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 0.01, (count, leads, 2025))
    return steps.cumsum(axis=-1).astype(np.float32)


def real() -> Real:
    return Real(KIND, SampleSet(walks(40), None, np.arange(40) // 4), SampleSet(walks(40, 1), None, np.arange(40) // 4))


def numbers(values: np.ndarray, given: Real | None = None, **settings: int) -> dict[str, float]:
    given = given or real()
    found = SignalShape(**settings).fit(given)(SampleSet(values))
    return {name: each(np.ones(len(values)), np.ones(len(given.reference))) for name, each in found.items()}


def test_the_reference_beside_itself_is_perfect() -> None:
    given = real()
    found = numbers(given.reference.values, given)
    assert set(found) == set(SignalShape.numbers)
    for name, number in SignalShape.numbers.items():
        if number.best == 0:
            assert found[name] == pytest.approx(0, abs=1e-6)


def test_spectra_differ_by_the_decibels_of_a_gain_and_a_level_is_nothing() -> None:
    given = real()
    found = numbers(given.reference.values * 2 + 3, given)
    for name in ("psd_db", "psd_0_5_db", "psd_5_15_db", "psd_15_40_db", "psd_40_150_db", "psd_mains_db"):
        assert found[f"signal/{name}"] == pytest.approx(20 * math.log10(2), abs=0.02)
    assert found["signal/spectral_entropy_w1"] == pytest.approx(0, abs=1e-4)


def test_mains_are_seen_in_their_band_only() -> None:
    given = real()
    mains = 0.05 * np.sin(2 * np.pi * 50 * np.arange(2025) / 1000)
    found = numbers(given.reference.values + mains.astype(np.float32), given)
    assert found["signal/psd_mains_db"] > 5
    assert found["signal/psd_40_150_db"] < 1
    assert found["signal/psd_5_15_db"] < 0.5


def test_amplitudes_and_slopes_agree_with_scipy() -> None:
    given, values = real(), 1.5 * walks(20, 2)
    found = numbers(values, given)
    a, b = (x - np.median(x, axis=2, keepdims=True) for x in (values, given.reference.values))
    by_lead = [(a[:, k], b[:, k]) for k in range(a.shape[1])]
    amplitudes = [wasserstein_distance(x.ravel(), y.ravel()) for x, y in by_lead]
    assert found["signal/amplitude_w1"] == pytest.approx(np.mean(amplitudes), abs=0.005)
    steps = [wasserstein_distance(np.diff(x).ravel(), np.diff(y).ravel()) for x, y in by_lead]
    assert found["signal/slope_w1"] == pytest.approx(np.mean(steps), abs=0.001)


def test_slopes_of_a_slow_signal_are_told_apart() -> None:
    """A signal of ten values a second rises by less than 1 uV in a millisecond."""
    slow, rng = Window(("i", "ii"), 10.0, 50), np.random.default_rng(0)
    steps = [scale * rng.normal(0, 0.02, (60, 2, 50)).astype(np.float32) for scale in (1, 1.3)]
    made, reference = (each.cumsum(axis=-1) for each in steps)
    found = numbers(made, Real(slow, SampleSet(reference), SampleSet(reference)))["signal/slope_w1"]
    rises = [np.diff(each[:, 0]).ravel() / 100 for each in (made, reference)]
    assert found == pytest.approx(wasserstein_distance(*rises), rel=0.3)


def test_weights_are_repetition_and_order_is_nothing() -> None:
    given, values = real(), walks(30, 3)
    weights = np.random.default_rng(0).multinomial(30, np.full(30, 1 / 30)).astype(float)
    judge, ones = SignalShape().fit(given), np.ones(40)
    weighted = judge(SampleSet(values))
    repeated = judge(SampleSet(np.repeat(values, weights.astype(int), axis=0)[::-1]))
    for name, statistic in weighted.items():
        assert statistic(weights, ones) == pytest.approx(repeated[name](np.ones(30), ones), rel=1e-3, abs=1e-5), name


def folded(name: str, x: np.ndarray, side: int = 45) -> float:
    return folds(seam_steps(x, side), comb_powers(x, side))[f"{name}_ratio"](np.ones(len(x)), np.ones(0))


def test_seam_and_comb_show_a_tilt_of_the_rows_of_five_microvolts() -> None:
    x = 0.1 * np.sin(np.linspace(0, 20, 2025)) + np.random.default_rng(0).normal(0, 0.0005, (60, 2025))
    tilt = np.tile(np.linspace(-0.0025, 0.0025, 45), 45)
    assert folded("seam", x) == pytest.approx(1, abs=0.1)
    assert folded("seam", x + tilt) > 1.2
    assert folded("seam", x + tilt, side=44) < 1.1
    assert folded("comb", x) < 2
    assert folded("comb", x + tilt) > 10
    assert folded("comb", x + tilt, side=44) < 2
    assert math.isnan(folded("seam", np.zeros((2, 2025))))
    assert math.isnan(folded("comb", np.zeros((2, 2025))))


def test_the_side_is_the_setting_the_runs_own_or_that_of_a_square() -> None:
    tilt = np.tile(np.linspace(-0.05, 0.05, 45), 45).astype(np.float32)
    values, given = walks(30, 2) + tilt, real()
    seam = "signal/seam_ratio"
    assert numbers(values, given)[seam] > 2
    assert numbers(values, given, side=44)[seam] < 1.5
    other = Real(KIND, given.train, given.reference, side=44)
    assert numbers(values, other)[seam] < 1.5
    assert numbers(values, other, side=45)[seam] > 2


def test_flat_and_saturated_windows_are_stuck() -> None:
    x = walks(4)[:, 0]
    x[0] = 0.5
    x[1] = np.clip(x[1], -np.inf, np.quantile(x[1], 0.5))
    assert stuck(x, 1000.0).tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("rate", "absent"), [(100.0, ()), (60.0, ("psd_40_150_db", "psd_mains_db", "psd_mains_60_db"))]
)
def test_a_slow_rate_has_the_bands_that_exist(rate: float, absent: tuple[str, ...]) -> None:
    kind = Window(("i",), rate, 300)
    some = SampleSet(walks(20, leads=1)[..., :300])
    found = SignalShape().fit(Real(kind, some, some))(some)
    assert "signal/psd_15_40_db" in found if rate == 100 else "signal/psd_5_15_db" in found
    assert not {f"signal/{name}" for name in absent} & found.keys()
    assert rate == 60 or {"signal/psd_40_150_db", "signal/psd_mains_db", "signal/psd_mains_60_db"} <= found.keys()
    assert all(math.isfinite(each(np.ones(20), np.ones(20))) for each in found.values())


@pytest.mark.parametrize("rate", [1.0, 0.5, 1 / 300])
def test_a_signal_of_one_value_a_second_or_less_has_a_spectrum(rate: float) -> None:
    some, other = (SampleSet(walks(20, seed, leads=1)[..., :300]) for seed in (0, 1))
    found = SignalShape().fit(Real(Window(("i",), rate, 300), some, some))(other)
    names = ("psd_db", "spectral_entropy_w1", "amplitude_w1")
    assert all(found[f"signal/{name}"](np.ones(20), np.ones(20)) > 0 for name in names)


@pytest.mark.parametrize(
    ("rate", "hum", "name"), [(500.0, 50, "mains"), (500.0, 60, "mains_60"), (100.0, 60, "mains_60")]
)
def test_hum_of_either_mains_is_noticed_in_any_lead_also_where_it_falls_at_a_low_rate(
    rate: float, hum: int, name: str
) -> None:
    x = SampleSet(walks(20, leads=2)[..., :600])
    score = SignalShape().fit(Real(Window(("i", "ii"), rate, 600), x, x))
    wave = 0.05 * np.sin(2 * np.pi * hum / rate * np.arange(600) + 1).astype(np.float32)
    humming = SampleSet(x.values + np.stack([0 * wave, wave]))
    found = {key: each(np.ones(20), np.ones(20)) for key, each in score(humming).items()}
    assert found[f"signal/psd_{name}_db"] > 3
    other = {"mains": "mains_60", "mains_60": "mains"}[name]
    assert found[f"signal/psd_{name}_db"] > 5 * found[f"signal/psd_{other}_db"]


def test_what_cannot_be_measured_is_named() -> None:
    with pytest.raises(UserError, match="lead=v1"):
        SignalShape(lead="v1").check(KIND)
    with pytest.raises(UserError, match="SignalShape measures windows"):
        SignalShape().check(Row(()))
    broken = walks(5)
    broken[1:3, 0, 7] = np.nan
    with pytest.raises(UserError, match="2 of 5 windows hold NaN"):
        SignalShape().fit(real())(SampleSet(broken))


def lead_i(records: Path, cache: Path, count: int = 150) -> Real:
    data = Data(PTBDB(root=records, cache=cache, on_bad_record="skip"), PatientSplit(), Leads(["i"], side=45))
    data.setup()
    return real_sets(data, "test", count, count, 45)


def test_noise_is_seen_beside_real_records(real_records: Path, tmp_path: Path) -> None:
    given = lead_i(real_records, tmp_path)
    floor, noisy, noise = (numbers(make(name, given, 150).values, given) for name in ("floor", "noisy_copy", "noise"))
    for name in ("psd_db", "psd_40_150_db", "slope_w1", "spectral_entropy_w1"):
        assert noisy[f"signal/{name}"] > 2 * floor[f"signal/{name}"]
    assert noise["signal/amplitude_w1"] > 2 * floor["signal/amplitude_w1"]
    assert floor["signal/seam_ratio"] == pytest.approx(1, abs=0.1)
