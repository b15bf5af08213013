import math
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import resample_poly
from wfdb import rdrecord
from wfdb.processing import xqrs_detect

from ganlab.errors import UserError
from ganlab.metrics import physiology
from ganlab.metrics.physiology import (
    MEANING,
    agreement,
    describe,
    find_all_peaks,
    find_peaks,
    measure,
    seam_ratio,
)

SAMPLES = 2025
DATA = Path(os.environ.get("GANLAB_TEST_DATA", Path(__file__).parents[2] / "../shared/data"))
WAVES = ((-160, 25, 0.12), (0, 10, 1.0), (28, 9, -0.25), (250, 40, 0.3))
"""Place in ms, width in ms and height in mV of P, R, S and T."""

Places = Sequence[float] | NDArray[Any]


def ecg(
    places: Places,
    heights: Sequence[float] | float = 1.0,
    noise: float = 0.002,
    rate: float = 1000.0,
) -> NDArray[np.float64]:
    t = np.arange(round(SAMPLES * rate / 1000)) * 1000 / rate
    x = np.random.default_rng(len(places)).normal(0, noise, len(t)) - 0.4
    for place, height in zip(places, np.broadcast_to(heights, len(places)), strict=True):
        for at, width, mv in WAVES:
            x += height * mv * np.exp(-(((t - place - at) / width) ** 2) / 2)
    return x


def rhythm(n: int, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    interval, first = rng.uniform(450, 1200, n), rng.uniform(0, 400, n)
    return np.stack([ecg(np.arange(f, SAMPLES, rr)) for f, rr in zip(first, interval, strict=True)])


def one(x: NDArray[np.float64], **options: Any) -> dict[str, float]:
    found = measure(x.reshape(-1, 1, SAMPLES), ["i"], **options)
    return {name.removeprefix("physiology/"): value for name, value in found.items()}


@pytest.mark.parametrize(
    "places", [[1000], [400, 1500], [200, 1000, 1800], [150, 700, 1250, 1800], [120, 560, 1000, 1440, 1880]]
)
@pytest.mark.parametrize("height", [1.0, -1.0, 0.2])
def test_beats_are_found_where_they_are(places: list[int], height: float) -> None:
    drift = np.linspace(0, 0.5, SAMPLES)
    assert find_peaks(ecg(places, height) + drift) == pytest.approx(places, abs=3)


def test_a_beat_of_another_height_is_found() -> None:
    assert find_peaks(ecg([300, 1000, 1700], [1, 1.6, 1])) == pytest.approx([300, 1000, 1700], abs=3)


def test_beats_are_found_at_another_rate() -> None:
    x = ecg([300, 1000, 1700], rate=250)
    assert find_peaks(x, 250) == pytest.approx([75, 250, 425], abs=1)
    assert describe(x[None], 250).heart_rate_bpm == pytest.approx(60 / 0.7, rel=0.01)


@pytest.mark.parametrize("height", [0, 0.03])
def test_no_beats_in_a_flat_window(height: float) -> None:
    assert len(find_peaks(ecg([400, 1200], height))) == 0
    assert len(find_peaks(np.full(SAMPLES, -1.5))) == 0
    assert len(find_peaks(ecg([400, 1200], 0.1))) == 2


def test_a_wandering_line_has_no_beats() -> None:
    assert len(find_peaks(ecg([]) + np.linspace(-2, 2, SAMPLES))) == 0
    assert len(find_peaks(ecg([], noise=0.01) + np.sin(np.arange(SAMPLES) / 500))) == 0


@pytest.mark.parametrize("bpm", [45, 75, 140, 175])
def test_heart_rate(bpm: int) -> None:
    found = one(ecg(np.arange(60, SAMPLES, 60_000 / bpm)))
    assert found["heart_rate_bpm"] == pytest.approx(bpm, rel=0.01)


def test_rr_irregularity_of_two_unequal_intervals() -> None:
    assert one(ecg([300, 900, 1600]))["rr_irregularity"] == pytest.approx(100 / 650, abs=0.01)
    assert one(ecg([300, 950, 1600]))["rr_irregularity"] == pytest.approx(0, abs=0.01)
    assert math.isnan(one(ecg([300, 1600]))["rr_irregularity"])


def test_amplitude_variation_is_relative_to_the_local_baseline() -> None:
    assert one(ecg([400, 1400], [1, 1.5]))["r_amplitude_cv"] == pytest.approx(0.2, abs=0.02)
    drift = np.linspace(0, 1, SAMPLES)
    assert one(ecg([400, 1400]) + drift)["r_amplitude_cv"] < 0.02


@pytest.mark.parametrize("first", [-60, -30, -12, 0])
def test_a_beat_whose_r_is_outside_is_no_beat(first: int) -> None:
    x = ecg([first, 700, 1400])
    assert find_peaks(x) == pytest.approx([700, 1400], abs=3)
    assert find_peaks(x[::-1]) == pytest.approx([SAMPLES - 1401, SAMPLES - 701], abs=3)


def test_what_is_seen_of_a_beat_outside_is_no_beat() -> None:
    assert find_peaks(ecg([-30, 1000], [3, 1])) == pytest.approx([1000], abs=3)


@pytest.mark.parametrize("first", [6, 25, 60])
def test_a_beat_near_the_edge_is_found(first: int) -> None:
    x = ecg([first, 700, 1400])
    assert find_peaks(x) == pytest.approx([first, 700, 1400], abs=3)
    assert find_peaks(x[::-1]) == pytest.approx([SAMPLES - 1401, SAMPLES - 701, SAMPLES - 1 - first], abs=3)


def test_a_beat_near_the_edge_does_not_vary_the_amplitude() -> None:
    assert one(ecg([60, 700, 1400], [0.4, 1, 1]))["r_amplitude_cv"] < 0.02
    assert one(ecg([110, 700, 1400], [0.4, 1, 1]))["r_amplitude_cv"] > 0.2


def test_beat_correlation_tells_shapes_apart() -> None:
    same, other = ecg([500, 1400]), ecg([500, 1400])
    other[1450:1700] -= 0.9 * np.hanning(250)
    assert one(same)["beat_correlation"] > 0.99
    assert one(other)["beat_correlation"] < 0.8


def test_beat_correlation_takes_the_shorter_span_where_beats_are_near_the_edge() -> None:
    assert one(ecg([210, 1700]))["beat_correlation"] > 0.99
    assert math.isnan(one(ecg([190, 1000]))["beat_correlation"])


def test_noise_is_measured_without_beats_and_mains() -> None:
    t = np.arange(SAMPLES) / 1000
    quiet, noisy = one(ecg([400, 1200], noise=0)), one(ecg([400, 1200], noise=0.02))
    mains = one(ecg([400, 1200], noise=0.02) + 0.1 * np.sin(2 * np.pi * 50.2 * t))
    hum = one(ecg([400, 1200], noise=0.02) + 0.1 * np.sin(2 * np.pi * 70 * t))
    assert quiet["noise_uv"] < 0.5
    assert noisy["noise_uv"] == pytest.approx(20 * math.sqrt(460 / 500), rel=0.1)
    assert mains["noise_uv"] == pytest.approx(noisy["noise_uv"], rel=0.1)
    assert hum["noise_uv"] == pytest.approx(math.hypot(noisy["noise_uv"], 100 / math.sqrt(2)), rel=0.1)


def test_baseline_slope_and_what_is_not_a_line() -> None:
    t = np.arange(SAMPLES) / 1000
    level, line, curve = (one(ecg([400, 1300]) + y) for y in (0 * t, -0.5 * t, np.sin(np.pi * t)))
    assert level["baseline_slope"] < 0.05
    assert line["baseline_slope"] == pytest.approx(0.5, abs=0.05)
    assert max(level["baseline_residual_uv"], line["baseline_residual_uv"]) < 40
    assert curve["baseline_residual_uv"] > 80


def test_seam_ratio_shows_a_row_tilt_of_five_microvolts() -> None:
    x = rhythm(50)
    tilt = np.tile(np.linspace(-0.0025, 0.0025, 45), 45)
    assert seam_ratio(x) == pytest.approx(1, abs=0.1)
    assert seam_ratio(x + tilt) > 1.2
    assert seam_ratio(x + tilt, side=44) < 1.1
    assert math.isnan(seam_ratio(np.zeros((2, SAMPLES))))


def test_ecgs_are_plausible() -> None:
    assert one(rhythm(100))["plausible_rate"] > 0.95


def noise_windows(smoothing: float) -> NDArray[np.float64]:
    x = gaussian_filter1d(np.random.default_rng(0).normal(size=(100, SAMPLES)), smoothing, axis=1)
    return 0.3 * x / x.std()


def uneven(n: int) -> NDArray[np.float64]:
    return np.stack([ecg([350 + k, 950 + k, 1550 + k], [0.6, 1.3, 0.8]) for k in range(n)])


def misshaped(n: int) -> NDArray[np.float64]:
    other = np.stack([ecg([350 + k, 950 + k, 1550 + k]) for k in range(n)])
    other[:, 1000:1350] += 0.7 * np.sin(np.arange(350) / 30)
    return other


@pytest.mark.parametrize(
    "x",
    [
        pytest.param(np.zeros((5, SAMPLES)), id="flat"),
        pytest.param(noise_windows(1e-3), id="white"),
        pytest.param(noise_windows(8), id="smooth"),
        pytest.param(uneven(20), id="uneven"),
        pytest.param(misshaped(20), id="misshaped"),
        pytest.param(np.stack([ecg(np.arange(60, SAMPLES, 300))] * 5), id="too-fast"),
        pytest.param(np.stack([ecg([150, 570, 990, 1410, 1830])] * 5), id="too-many"),
        pytest.param(np.stack([ecg([210, 1730])] * 5), id="too-slow"),
        pytest.param(np.tile(np.sin(np.arange(45) / 45 * 2 * np.pi), (5, 45)), id="comb"),
        pytest.param(np.full((3, SAMPLES), np.nan), id="nan"),
    ],
)
def test_what_is_no_ecg_is_not_plausible(x: NDArray[np.float64]) -> None:
    assert one(x, noise_limit_uv=500)["plausible_rate"] <= 0.1


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("peaks", 0),
        ("peaks", 5),
        ("heart_rate_bpm", 39.0),
        ("heart_rate_bpm", 181.0),
        ("r_amplitude_cv", 0.26),
        ("beat_correlation", 0.89),
        ("noise_uv", 31.0),
    ],
)
def test_one_number_out_of_bounds_is_enough(number: str, value: float) -> None:
    good = describe(ecg([500, 1400])[None])
    assert good.plausible().all()
    assert not replace(good, **{number: np.array([value])}).plausible().any()


def test_the_noise_limit_decides_over_a_noisy_ecg() -> None:
    x = ecg([400, 1200], noise=0.02)
    assert one(x, noise_limit_uv=30)["plausible_rate"] == 1
    assert one(x, noise_limit_uv=10)["plausible_rate"] == 0


def test_windows_that_are_not_numbers_are_counted_and_change_nothing_else() -> None:
    x = rhythm(9)
    clean, spoilt = one(x), one(np.concatenate([x, np.full((1, SAMPLES), np.inf)]))
    assert (clean["finite"], spoilt["finite"]) == (1, 0.9)
    assert spoilt["noise_uv"] == clean["noise_uv"]
    assert spoilt["peaks_1_to_4"] == pytest.approx(0.9 * clean["peaks_1_to_4"])


def test_counts() -> None:
    found = one(np.stack([ecg([]), ecg([1000]), ecg([400, 1500]), ecg(np.arange(120, SAMPLES, 350))]))
    assert (found["peaks_mean"], found["peaks_1_to_4"]) == ((0 + 1 + 2 + 6) / 4, 0.5)


def test_chunks_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    x = rhythm(7)
    whole = one(x)
    monkeypatch.setattr(physiology, "CHUNK", 3)
    assert one(x) == pytest.approx(whole, nan_ok=True)


def three_leads(n: int) -> NDArray[np.float64]:
    i, ii = rhythm(n, seed=1), 1.5 * rhythm(n, seed=1)
    return np.stack([i, ii, ii - i], axis=1)


def test_einthoven_residual() -> None:
    exact, broken = three_leads(10), three_leads(10)
    broken[:, 2] += 0.01 * np.sin(np.arange(SAMPLES) / 50) + 1
    leads = ["i", "ii", "iii"]
    assert measure(exact, leads)["physiology/einthoven_residual_uv"] == pytest.approx(0, abs=1e-6)
    assert measure(broken, leads)["physiology/einthoven_residual_uv"] == pytest.approx(10 / math.sqrt(2), rel=0.05)
    assert "physiology/einthoven_residual_uv" not in measure(exact, ["i", "v1", "v2"])


def test_peaks_of_leads_occur_together() -> None:
    together = three_leads(10)
    apart = np.stack([ecg([500, 1200, 1900]), ecg([600, 1200, 1750])])[None]
    assert measure(together, ["i", "ii", "iii"])["physiology/peak_cooccurrence"] > 0.97
    assert measure(apart, ["i", "ii"])["physiology/peak_cooccurrence"] == pytest.approx(1 / 3)
    assert "physiology/peak_cooccurrence" not in measure(together[:, :1], ["i"])


def test_agreement_is_of_the_same_window_and_away_from_the_edges() -> None:
    a = [np.array([500, 1000]), np.array([20, 1500])]
    b = [np.array([520, 1200]), np.array([1510])]
    assert agreement(a, b, SAMPLES) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert agreement(a, b[::-1], SAMPLES) == (0, 0)
    assert agreement(a, [np.array([], int)] * 2, SAMPLES) == (0, 0)


def test_the_lead_can_be_chosen() -> None:
    x = np.stack([ecg([300, 1700]), ecg([300, 1000, 1700])])[None]
    assert measure(x, ["i", "ii"])["physiology/peaks_mean"] == 2
    assert measure(x, ["i", "ii"], lead="ii")["physiology/peaks_mean"] == 3


def test_every_number_has_a_unit_and_a_meaning() -> None:
    assert list(measure(three_leads(2), ["i", "ii", "iii"])) == list(MEANING)


@pytest.mark.parametrize(
    ("shape", "leads", "rate", "lead", "told"),
    [
        ((3, SAMPLES), ["i"], 1000, None, "want \\(N > 0, leads, samples\\)"),
        ((3, 2, SAMPLES), ["i"], 1000, None, "1 leads"),
        ((0, 1, SAMPLES), ["i"], 1000, None, "N > 0"),
        ((3, 1, 900), ["i"], 1000, None, "900 samples at 1000 Hz"),
        ((3, 1, SAMPLES), ["i"], 100, None, "110 Hz"),
        ((3, 1, SAMPLES), ["i"], 1000, "v9", "'v9'"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    shape: tuple[int, ...], leads: list[str], rate: float, lead: str | None, told: str
) -> None:
    with pytest.raises(UserError, match=told):
        measure(np.zeros(shape), leads, rate, lead=lead)


def test_a_thousand_windows_take_less_than_three_seconds() -> None:
    x = np.tile(rhythm(50), (20, 1))[:, None]
    start = time.process_time()
    measure(x, ["i"])
    assert time.process_time() - start < 3


def real_records() -> list[Path]:
    return [p.with_suffix("") for p in sorted(DATA.glob("ptbdb/*/*.xyz")) if p.stem != "s0015lre"]


def cut(peaks: NDArray[np.int64], windows: int) -> list[NDArray[np.int64]]:
    return [peaks[peaks // SAMPLES == k] - k * SAMPLES for k in range(windows)]


@pytest.mark.skipif(not real_records(), reason=f"no PTB records under {DATA}: set GANLAB_TEST_DATA")
def test_real_peaks_are_those_of_xqrs() -> None:
    """At 250 Hz, for at 1000 Hz xqrs finds nothing; where it differs in i and ii it is no reference."""
    ours: dict[str, list[NDArray[np.int64]]] = {"i": [], "ii": []}
    theirs: dict[str, list[NDArray[np.int64]]] = {"i": [], "ii": []}
    used, plausible = 0, []
    for path in real_records():
        x = rdrecord(str(path), sampto=38000, channels=[0, 1]).p_signal.T
        n = x.shape[1] // SAMPLES
        quarter = resample_poly(x - np.median(x, axis=1, keepdims=True), 1, 4, axis=1)
        i, ii = (cut(4 * xqrs_detect(y, fs=250, verbose=False), n) for y in quarter)
        windows = x[:, : n * SAMPLES].reshape(2, n, SAMPLES)
        if min(agreement(i, ii, SAMPLES)) > 0.9:
            used += 1
            for name, reference, w in zip(("i", "ii"), (i, ii), windows, strict=True):
                theirs[name] += reference
                ours[name] += find_all_peaks(w)
        plausible.append(one(windows[0])["plausible_rate"])
    assert used >= 0.9 * len(plausible)
    for name, peaks in ours.items():
        sensitivity, positive_value = agreement(theirs[name], peaks, SAMPLES, tolerance=0.075)
        assert sensitivity > 0.99, name
        assert positive_value > 0.99, name
    assert np.mean(plausible) > 0.9
