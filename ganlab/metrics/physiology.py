r"""The paper's visual criteria as numbers: are there beats, are they alike, is the line between them quiet?

R peaks. With $b$ the window's 5-20 Hz band (zero phase) and $T$ = 120 ms, the band's total variation
$e(t) = \int_{t-T/2}^{t+T/2} |\dot b(s)| \, ds$, in mV, has one hump for each QRS complex. Humps 250 ms apart,
above a fraction of the window's own high quantile of $e$ and above what a spike of 50 uV has, are beats. R is
the largest deviation of the signal from its local median within 50 ms, in the one direction, up or down, that
is the larger for the window's beats together; it must be 50 uV, and not the window's first or last sample,
where R is outside. Nothing is learned over time, so two seconds are enough.

A window is described by itself alone (`describe`), a set of windows by medians and shares (`measure`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import ndimage
from scipy import signal as dsp

from ganlab.dataset.kind import Kind, Window
from ganlab.errors import UserError
from ganlab.metrics.base import Measure

Floats = NDArray[np.floating]
Peaks = list[NDArray[np.int64]]

QRS_BAND = (5.0, 20.0)
"""Band of the QRS complex, Hz."""
THRESHOLD, QUANTILE = 0.4, 0.98
"""A hump of the energy is a beat above this fraction of this quantile of its window."""
INTEGRATION, REFRACTORY, REFINE, LOCAL = 0.12, 0.25, 0.05, 0.3
"""Width of the integration, least distance of beats, reach of the refinement and of the local median, s."""
FLOOR_MV = 0.05
"""Least deviation of R, and least height of a spike in that band: its total variation is twice that, mV."""
MAINS = 50.0
"""Mains frequency, Hz."""
LEAST_RATE = 2.2 * MAINS
"""Of the windows, Hz: what is measured reaches beyond the mains frequency."""
EDGE = 0.1
"""A peak nearer to the window's edge may belong to a QRS complex cut by it, s."""
BEATS = ((0.25, 0.4), (0.2, 0.3))
"""A beat's reach before and after R, s: the first of these that two beats of the window have whole."""
SIDE = 45
"""Of the documents' images, pixels."""
NOISE_LIMIT_UV = 30.0
"""Noise that makes a window implausible, uV; 1 % of lead i in 39 records of ptbdb have more."""
CHUNK = 1024
"""Windows described at a time, which bounds the memory."""

MEANING: dict[str, tuple[str, str]] = {
    "physiology/finite": ("share", "windows without NaN or infinity; the others have no peaks"),
    "physiology/peaks_mean": ("peaks", "R peaks in a window, mean"),
    "physiology/peaks_1_to_4": ("share", "windows with one to four R peaks"),
    "physiology/heart_rate_bpm": (
        "1/min",
        "60 over the median RR interval, median of windows with two peaks",
    ),
    "physiology/rr_irregularity": ("", "mean |RR2 - RR1| over mean RR, median of windows with three peaks"),
    "physiology/r_amplitude_cv": (
        "",
        "sd over mean of a window's R amplitudes, median: are the spikes alike?",
    ),
    "physiology/beat_correlation": (
        "",
        "mean Pearson r of a window's beats, median: one pattern in a person?",
    ),
    "physiology/noise_uv": (
        "uV",
        "RMS above 40 Hz without mains, 20 % quantile of a window's 200 ms segments, median",
    ),
    "physiology/baseline_slope": ("mV/s", "|slope| of the baseline, median"),
    "physiology/baseline_residual_uv": (
        "uV",
        "RMS of the baseline around its line, median: is the slope constant?",
    ),
    "physiology/seam_ratio": ("", "mean |step| between image rows over mean |step| elsewhere; 1 is no seam"),
    "physiology/plausible_rate": (
        "share",
        "1-4 peaks, little noise and, where defined, 40-180 bpm, beat r >= 0.9, R-amplitude CV <= 0.25",
    ),
    "physiology/einthoven_residual_uv": ("uV", "sd over time of ii - i - iii, median of windows"),
    "physiology/peak_cooccurrence": (
        "F1",
        "R peaks of the lead and of the other leads within 40 ms, mean of leads",
    ),
}
"""Unit and meaning of what `measure` returns."""


@dataclass(frozen=True)
class Physiology:
    """What N windows of one lead look like, one value a window with shape (N,); NaN where there is none."""

    finite: NDArray[np.bool_]
    """Whether every sample is a number."""
    peaks: NDArray[np.int64]
    """Number of R peaks."""
    heart_rate_bpm: Floats
    """60 over the median RR interval, 1/min; two peaks or more."""
    rr_irregularity: Floats
    """Mean absolute difference of successive RR intervals over their mean; three peaks or more."""
    r_amplitude_cv: Floats
    """Deviation over mean of |R - local median|; two peaks or more that are 100 ms from the edges."""
    beat_correlation: Floats
    """Mean pairwise Pearson correlation of two or more whole beats."""
    noise_uv: Floats
    """RMS above 40 Hz without mains, 20 % quantile of 200 ms segments, uV."""
    baseline_slope: Floats
    """Theil-Sen slope of the baseline, mV/s."""
    baseline_residual_uv: Floats
    """RMS of the baseline around that line, uV."""

    def plausible(self, noise_limit_uv: float = NOISE_LIMIT_UV) -> NDArray[np.bool_]:
        """Whether each window could be an ECG, with shape (N,); what it is too short to show is not asked.

        Arguments:
            noise_limit_uv: Noise that makes a window implausible, uV.
        """
        rate, alike, same = self.heart_rate_bpm, self.r_amplitude_cv, self.beat_correlation
        beats = (self.peaks >= 1) & (self.peaks <= 4) & ~(rate < 40) & ~(rate > 180)
        return beats & ~(alike > 0.25) & ~(same < 0.9) & (self.noise_uv < noise_limit_uv)


def measure(
    windows: Floats,
    leads: Sequence[str],
    rate: float = 1000.0,
    *,
    lead: str | None = None,
    side: int = SIDE,
    noise_limit_uv: float = NOISE_LIMIT_UV,
) -> dict[str, float]:
    """Summary of a set of windows under the names of `MEANING`; NaN where no window shows the thing.

    Arguments:
        windows: Windows in mV, with shape (N, leads, samples).
        leads: The leads' names, in the order of the second axis.
        rate: Samples a second.
        lead: The lead to judge; the first if not given.
        side: Samples in one row of the image, where a fold may leave a seam.
        noise_limit_uv: Noise that makes a window implausible, uV; take a high quantile of real windows.
    """
    _check(windows, leads, rate, lead)
    first = leads.index(lead) if lead else 0
    x = windows[:, first]
    p = describe(x, rate)
    found: dict[str, float | np.floating] = {
        "finite": np.mean(p.finite),
        "peaks_mean": np.mean(p.peaks),
        "peaks_1_to_4": np.mean((p.peaks >= 1) & (p.peaks <= 4)),
        "heart_rate_bpm": _median(p.heart_rate_bpm),
        "rr_irregularity": _median(p.rr_irregularity),
        "r_amplitude_cv": _median(p.r_amplitude_cv),
        "beat_correlation": _median(p.beat_correlation),
        "noise_uv": _median(p.noise_uv),
        "baseline_slope": _median(np.abs(p.baseline_slope)),
        "baseline_residual_uv": _median(p.baseline_residual_uv),
        "seam_ratio": seam_ratio(x, side),
        "plausible_rate": np.mean(p.plausible(noise_limit_uv)),
    }
    if {"i", "ii", "iii"} <= set(leads):
        i, ii, iii = (windows[:, leads.index(name)] for name in ("i", "ii", "iii"))
        found["einthoven_residual_uv"] = _median(einthoven_residual(i, ii, iii))
    if len(leads) > 1:
        found["peak_cooccurrence"] = peak_cooccurrence(windows, rate, first)
    return {f"physiology/{name}": float(value) for name, value in found.items()}


def describe(windows: Floats, rate: float = 1000.0) -> Physiology:
    """The numbers of each window.

    Arguments:
        windows: Windows of one lead in mV, with shape (N, samples).
        rate: Samples a second.
    """
    parts = [_describe(windows[k : k + CHUNK], rate) for k in range(0, len(windows), CHUNK)]
    return Physiology(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Physiology)))


def find_peaks(signal: Floats, rate: float = 1000.0) -> NDArray[np.int64]:
    """Indices of the R peaks, up or down, of one short window; none where there is no spike of 50 uV.

    Arguments:
        signal: A window in mV, with shape (samples,); one to some ten seconds.
        rate: Samples a second.
    """
    return find_all_peaks(signal[None], rate)[0]


def find_all_peaks(windows: Floats, rate: float = 1000.0) -> Peaks:
    """`find_peaks` of each window.

    Arguments:
        windows: Windows in mV, with shape (N, samples).
        rate: Samples a second.
    """
    x = _finite(windows)[0]
    energy = _energy(x, rate)
    threshold = np.maximum(THRESHOLD * np.quantile(energy, QUANTILE, axis=1), 2 * FLOOR_MV)
    return [_window_peaks(*each, rate) for each in zip(x, energy, threshold, strict=True)]


def seam_ratio(windows: Floats, side: int = SIDE) -> float:
    """Mean step between the rows of a folded window over the mean step within them; 1 is no seam.

    Arguments:
        windows: Windows, with shape (N, samples).
        side: Samples in a row.
    """
    step = np.abs(np.diff(_finite(windows)[0])).mean(axis=0)
    seam = np.arange(1, len(step) + 1) % side == 0
    return float(step[seam].mean() / step[~seam].mean()) if step[~seam].any() else float("nan")


def einthoven_residual(i: Floats, ii: Floats, iii: Floats) -> Floats:
    """Standard deviation over time of ii - i - iii in uV, which Einthoven's law makes 0, with shape (N,).

    The mean is left out: a window that was scaled from its own minimum has lost it.

    Arguments:
        i: Lead i in mV, with shape (N, samples); `ii` and `iii` alike.
        ii: Lead ii.
        iii: Lead iii.
    """
    return 1000 * np.std(ii.astype(np.float64) - i - iii, axis=1)


def peak_cooccurrence(windows: Floats, rate: float = 1000.0, lead: int = 0, tolerance: float = 0.04) -> float:
    """F1 of the R peaks of one lead and of each other lead, mean of the other leads.

    Arguments:
        windows: Windows in mV, with shape (N, leads, samples).
        rate: Samples a second.
        lead: Index of the lead that the others are compared with.
        tolerance: Largest distance of two peaks of the same beat, s.
    """
    samples = windows.shape[-1]
    peaks = [find_all_peaks(windows[:, k], rate) for k in range(windows.shape[1])]
    others = [p for k, p in enumerate(peaks) if k != lead]
    scores = [agreement(peaks[lead], other, samples, rate, tolerance) for other in others]
    harmonic = [2 * a * b / (a + b) if a + b else 0.0 for a, b in scores]
    return float(np.mean(harmonic))


def agreement(
    a: Peaks, b: Peaks, samples: int, rate: float = 1000.0, tolerance: float = 0.04, edge: float = EDGE
) -> tuple[float, float]:
    """Share of the peaks in `a` that `b` has too, and of those in `b` that `a` has too.

    Arguments:
        a: Peaks of each window; `b` alike.
        b: Peaks of the same windows, found in another way or on another lead.
        samples: Length of a window.
        rate: Samples a second.
        tolerance: Largest distance of two peaks of the same beat, s.
        edge: Peaks nearer to the window's edge are not asked for, s.
    """
    flat_a, flat_b = _flat(a, samples), _flat(b, samples)
    reach, margin = tolerance * rate, edge * rate
    return _matched(flat_a, flat_b, samples, reach, margin), _matched(flat_b, flat_a, samples, reach, margin)


def _check(windows: Floats, leads: Sequence[str], rate: float, lead: str | None) -> None:
    if windows.ndim != 3 or not len(windows) or windows.shape[1] != len(leads):
        raise UserError(f"windows of shape {windows.shape} and {len(leads)} leads: want (N > 0, leads, samples)")
    if lead is not None and lead not in leads:
        raise UserError(f"lead {lead!r} is none of the windows' leads {', '.join(leads)}")
    if windows.shape[2] < rate or rate < LEAST_RATE:
        raise UserError(f"{windows.shape[2]} samples at {rate:g} Hz: want at least one second at 110 Hz or more")


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _finite(windows: Floats) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    finite = np.asarray(np.isfinite(windows).all(axis=1))
    return np.where(finite[:, None], windows, 0).astype(np.float64), finite


def _describe(windows: Floats, rate: float) -> Physiology:
    x, finite = _finite(windows)
    peaks = find_all_peaks(x, rate)
    pulse, irregular, variation, alike = np.transpose([_beats(*each, rate) for each in zip(x, peaks, strict=True)])
    noise, slope, residual = np.where(finite, (_noise(x, rate), *_baseline(x, rate)), np.nan)
    count = np.array([len(p) for p in peaks], np.int64)
    return Physiology(finite, count, pulse, irregular, variation, alike, noise, slope, residual)


def _energy(x: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    band = dsp.butter(2, QRS_BAND, "bandpass", fs=rate, output="sos")
    slope = np.abs(np.gradient(dsp.sosfiltfilt(band, x, axis=1), axis=1))
    width = round(INTEGRATION * rate)
    return width * ndimage.uniform_filter1d(slope, width, axis=1, mode="reflect")


def _window_peaks(
    x: NDArray[np.float64], energy: NDArray[np.float64], threshold: float, rate: float
) -> NDArray[np.int64]:
    humps = dsp.find_peaks(np.pad(energy, 1), height=threshold, distance=round(REFRACTORY * rate))[0] - 1
    if not len(humps):
        return np.empty(0, np.int64)
    reach = round(REFINE * rate)
    near = np.clip(humps[:, None] + np.arange(-reach, reach + 1), 0, len(x) - 1)
    rise = x[near] - _local_median(x, humps, rate)[:, None]
    rise *= np.sign(rise.max(axis=1).sum() + rise.min(axis=1).sum()) or 1
    best = near[np.arange(len(humps)), rise.argmax(axis=1)]
    return np.unique(best[(rise.max(axis=1) >= FLOOR_MV) & (best > 0) & (best < len(x) - 1)])


def _local_median(x: NDArray[np.float64], at: NDArray[np.int64], rate: float) -> NDArray[np.float64]:
    reach = min(round(LOCAL * rate), (len(x) - 1) // 2)
    centre = np.clip(at, reach, len(x) - 1 - reach)
    return np.median(x[centre[:, None] + np.arange(-reach, reach + 1)], axis=1)


def _beats(x: NDArray[np.float64], peaks: NDArray[np.int64], rate: float) -> tuple[float, float, float, float]:
    """Heart rate, irregularity, amplitude variation and beat correlation of one window."""
    intervals = np.diff(peaks) / rate
    pulse = 60 / np.median(intervals) if len(intervals) else np.nan
    irregular = np.abs(np.diff(intervals)).mean() / intervals.mean() if len(intervals) > 1 else np.nan
    whole = _inside(peaks, len(x), rate, (EDGE, EDGE))
    height = np.abs(x[whole] - _local_median(x, whole, rate))
    variation = height.std() / height.mean() if len(whole) > 1 else np.nan
    return pulse, irregular, variation, _correlation(x, peaks, rate)


def _inside(peaks: NDArray[np.int64], samples: int, rate: float, span: tuple[float, float]) -> NDArray[np.int64]:
    return peaks[(peaks >= span[0] * rate) & (peaks < samples - span[1] * rate)]


def _correlation(x: NDArray[np.float64], peaks: NDArray[np.int64], rate: float) -> float:
    for span in BEATS:
        whole = _inside(peaks, len(x), rate, span)
        if len(whole) > 1:
            r = np.corrcoef(x[whole[:, None] + np.arange(-round(span[0] * rate), round(span[1] * rate))])
            return float(r[np.triu_indices(len(whole), 1)].mean())
    return float("nan")


def _noise(x: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """RMS above 40 Hz, less the mains' sinusoid fitted to it, of the 20 % quietest 200 ms segment, uV."""
    high = dsp.sosfiltfilt(dsp.butter(4, 40, "highpass", fs=rate, output="sos"), x, axis=1)
    width, step = round(0.2 * rate), round(0.05 * rate)
    segments = sliding_window_view(high, width, axis=1)[:, ::step]
    phase = 2j * np.pi * MAINS / rate * np.arange(width)
    mains = np.linalg.qr(np.stack([np.exp(phase).real, np.exp(phase).imag], axis=1))[0]
    power = (segments**2).sum(axis=2) - ((segments @ mains) ** 2).sum(axis=2)
    return 1000 * np.quantile(np.sqrt(np.maximum(power, 0) / (width - 2)), 0.2, axis=1)


def _baseline(x: NDArray[np.float64], rate: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Theil-Sen slope, mV/s, and residual, uV, of the 200 ms and then 600 ms median, in blocks of 40 ms."""
    block = round(0.04 * rate)
    y = np.median(x[:, : x.shape[1] // block * block].reshape(len(x), -1, block), axis=2)
    for width in (5, 15):
        y = np.median(sliding_window_view(y, width, axis=1), axis=2)
    t = np.arange(y.shape[1]) * block / rate
    a, b = np.triu_indices(len(t), 1)
    slope = np.median((y[:, b] - y[:, a]) / (t[b] - t[a]), axis=1)
    rest = y - slope[:, None] * t
    rest -= np.median(rest, axis=1, keepdims=True)
    return slope, 1000 * np.sqrt((rest**2).mean(axis=1))


def _flat(peaks: Peaks, samples: int) -> NDArray[np.int64]:
    """Peaks of all windows on one axis, where a window's start is 2 samples' lengths after the one before."""
    return np.concatenate([2 * samples * k + p for k, p in enumerate(peaks)]).astype(np.int64)


def _matched(a: NDArray[np.int64], b: NDArray[np.int64], samples: int, reach: float, margin: float) -> float:
    """Share of `a`, away from the edges, that has a `b` within reach; 0 if there is none to ask for."""
    place = a % (2 * samples)
    a = a[(place >= margin) & (place < samples - margin)]
    if not len(a) or not len(b):
        return 0.0
    right = np.clip(np.searchsorted(b, a), 1, max(len(b) - 1, 1))
    nearest = np.minimum(np.abs(a - b[right - 1]), np.abs(a - b[np.minimum(right, len(b) - 1)]))
    return float((nearest <= reach).mean())


class VisualCriteria(Measure):
    """`measure` with its settings, as `metrics=ecg` takes it; `meaning` has the unit and a sentence for each number."""

    meaning = MEANING
    kinds = (Window,)

    def __init__(
        self, lead: str | None = None, side: int | None = None, noise_limit_uv: float = NOISE_LIMIT_UV
    ) -> None:
        self.lead = lead
        self.side = side
        self.noise_limit_uv = noise_limit_uv

    def check(self, kind: Kind) -> None:
        """Raise UserError for anything but windows of a second or more at 110 Hz or more."""
        super().check(kind)
        assert isinstance(kind, Window)
        if kind.samples < kind.rate or kind.rate < LEAST_RATE:
            raise UserError(
                f"{kind.samples} samples at {kind.rate:g} Hz: metrics=ecg wants a second or more, at {LEAST_RATE:g} Hz "
                "or more. A larger arrangement.side makes a longer window; metrics=paper measures nothing."
            )

    def __call__(self, samples: Floats, kind: Window, reference: Floats | None = None) -> dict[str, float]:
        """Measure windows (N, leads, samples) in mV; the real ones have no say in it."""
        side = self.side or _side(kind.samples)
        return measure(samples, kind.leads, kind.rate, lead=self.lead, side=side, noise_limit_uv=self.noise_limit_uv)


def _side(samples: int) -> int:
    """Of the square image that a lead fills; where several leads share one, that of the documents."""
    side = math.isqrt(samples)
    return side if side * side == samples else SIDE
