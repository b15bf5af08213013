r"""The paper's visual criteria as numbers: are there beats, are they alike, is the line between them quiet?

R peaks. With $b$ the window's 5-20 Hz band (zero phase) and $T$ = 120 ms, the band's total variation
$e(t) = \int_{t-T/2}^{t+T/2} |\dot b(s)| \, ds$, in mV, has one hump for each QRS complex. Humps 250 ms apart,
above a fraction of the window's own high quantile of $e$ and above what a spike of 50 uV has, are beats. R is
the largest deviation of the signal from its local median within 50 ms, in the one direction, up or down, that
is the larger for the window's beats together; it must be 50 uV, and not the window's first or last sample,
where R is outside. Nothing is learned over time, so two seconds are enough.

A window is described by itself alone (`describe`); a set of windows by medians, shares, and distances to real ones
(`VisualCriteria`). How the detector compares with others on whole records: docs/detector.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import ndimage
from scipy import signal as dsp

from ganlab.core.errors import UserError
from ganlab.core.kind import Kind, Window
from ganlab.core.spread import evenly
from ganlab.metrics.base import Array, Metric, Number, Real, SampleSet, Scorer, Statistic, need
from ganlab.metrics.weighted import mean, quantile, wasserstein

Floats = NDArray[np.floating]
Peaks = list[NDArray[np.int64]]

SLOW, FAST = 40.0, 180.0
"""Heart rates of plausible windows, 1/min."""
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
NOISE_RATE = 2.2 * MAINS
"""Of windows of which the noise is measured, Hz: it reaches beyond the mains frequency."""
LEAST_RATE = 100.0
"""Of windows in which beats are looked for, Hz."""
EDGE = 0.1
"""A peak nearer to the window's edge may belong to a QRS complex cut by it, s."""
BEATS = ((0.25, 0.4), (0.2, 0.3))
"""A beat's reach before and after R, s: the first of these that two beats of the window have whole."""
NOISE_LIMIT_UV = 30.0
"""Noise that makes a window implausible where no real windows say it, uV; 1 % of lead i in 39 records of ptbdb have
more."""
TYPICAL, LEARNED = 0.95, 1000
"""Plausible windows have no more noise and baseline wander than this share of at most so many training windows."""
CHUNK = 1024
"""Windows described at a time, which bounds the memory."""

SHARE, POSITIVE = (0.0, 1.0), (0.0, np.inf)
NOISE, ANY_NOISE = ("noise",), ("noisy_copy", "noise")
"""Controls that a number tells from real windows; a collapsed generator's few windows look like any others."""

DESCRIBED: Mapping[str, Number] = {
    "peaks_mean": Number("peaks", "R peaks in a window, mean", sees=NOISE, limits=POSITIVE),
    "peaks_1_to_4": Number("share", "windows with one to four R peaks", sees=NOISE, limits=SHARE),
    "peaks_2_or_3": Number("share", "windows with two or three R peaks, the paper's count", sees=NOISE, limits=SHARE),
    "no_peaks": Number("share", "windows in which no R peak is found; in noise some always are", limits=SHARE),
    "heart_rate_bpm": Number(
        "1/min", "60 over the median RR interval, median of windows with two peaks", sees=NOISE, limits=POSITIVE
    ),
    "heart_rate_outside": Number(
        "share", "windows with two peaks whose heart rate is not 40-180 bpm", sees=NOISE, limits=SHARE
    ),
    "rr_irregularity": Number(
        "", "mean |RR2 - RR1| over mean RR, median of windows with three peaks", sees=NOISE, limits=POSITIVE
    ),
    "r_amplitude_cv": Number(
        "", "sd over mean of a window's R amplitudes, median: are the spikes alike?", sees=NOISE, limits=POSITIVE
    ),
    "beat_correlation": Number(
        "",
        "mean Pearson r of a window's beats, median: one pattern in a person?",
        sees=ANY_NOISE,
        limits=(-1.0, 1.0),
    ),
    "noise_uv": Number(
        "uV",
        "RMS above 40 Hz without mains, 20 % quantile of a window's 200 ms segments, median",
        sees=("noisy_copy",),
        limits=POSITIVE,
    ),
    "baseline_slope": Number("mV/s", "|slope| of the baseline, median; blind to all else", limits=POSITIVE),
    "baseline_residual_uv": Number(
        "uV", "RMS of the baseline around its line, median: is the slope constant? Blind to beats", limits=POSITIVE
    ),
    "plausible_rate": Number(
        "share",
        "1-4 peaks, no 1.5 s without one, noise and baseline residual as in 95 % of training windows and, where "
        "defined, 40-180 bpm, beat r >= 0.9, R-amplitude CV <= 0.25; blind to windows that are all the same, and to "
        "what a single beat looks like",
        sees=ANY_NOISE,
        limits=SHARE,
    ),
}
"""What a set is by itself."""

COMPARED: Mapping[str, tuple[str, Number]] = {
    name: (field, Number(unit, f"Wasserstein distance of {what} from other persons'", 0.0, sees, POSITIVE))
    for name, field, unit, what, sees in (
        ("heart_rate_w1", "heart_rate_bpm", "1/min", "heart rates", NOISE),
        ("rr_irregularity_w1", "rr_irregularity", "", "RR irregularities", NOISE),
        ("r_amplitude_cv_w1", "r_amplitude_cv", "", "R-amplitude variations", NOISE),
        ("beat_correlation_w1", "beat_correlation", "", "beat correlations", ANY_NOISE),
        ("baseline_slope_w1", "baseline_slope", "mV/s", "baseline slopes, blind to all else,", ()),
        ("baseline_residual_w1", "baseline_residual_uv", "uV", "baseline residuals", NOISE),
        ("noise_w1", "noise_uv", "uV", "noise levels", ("noisy_copy",)),
    )
}
"""Distances from other persons' windows, each with the field of `Physiology` that it compares."""


@dataclass(frozen=True)
class Physiology:
    """What N windows of one lead look like, one value a window with shape (N,); NaN where there is none."""

    finite: NDArray[np.bool_]
    """Whether every sample is a number."""
    peaks: NDArray[np.int64]
    """Number of R peaks."""
    longest_pause: Floats
    """The longest stretch without an R peak, the window's ends included, s."""
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

    def plausible(self, noise_limit_uv: float = NOISE_LIMIT_UV, residual_limit_uv: float = np.inf) -> NDArray[np.bool_]:
        """Whether each window could be an ECG, with shape (N,); what it is too short to show is not asked.

        Arguments:
            noise_limit_uv: Noise that makes a window implausible, uV.
            residual_limit_uv: The same for what the baseline's line leaves of it, uV.
        """
        rate, alike, same = self.heart_rate_bpm, self.r_amplitude_cv, self.beat_correlation
        beats = (self.peaks >= 1) & (self.peaks <= 4) & ~(rate < SLOW) & ~(rate > FAST)
        beats &= self.longest_pause <= 60 / SLOW
        quiet = ~(self.noise_uv >= noise_limit_uv) & ~(self.baseline_residual_uv > residual_limit_uv)
        return beats & quiet & ~(alike > 0.25) & ~(same < 0.9)


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
    shares = [np.abs(lags(*pair, samples, rate, edge)[1]) <= tolerance for pair in ((a, b), (b, a))]
    return tuple(float(share.mean()) if len(share) else 0.0 for share in shares)  # type: ignore[return-value]


def lags(
    a: Peaks, b: Peaks, samples: int, rate: float = 1000.0, edge: float = EDGE
) -> tuple[NDArray[np.int64], Floats]:
    """The window of each peak of `a`, and how much later the nearest peak of `b` is, s; more than a window for none.

    Arguments:
        a: Peaks of each window; `b` alike.
        b: Peaks of the same windows, found in another way or on another lead.
        samples: Length of a window.
        rate: Samples a second.
        edge: Peaks of `a` nearer to the window's edge are not asked for, s.
    """
    flat, other, apart = _flat(a, samples), _flat(b, samples), 2 * samples
    asked = flat[(flat % apart >= edge * rate) & (flat % apart < samples - edge * rate)]
    padded = np.concatenate([[-apart], other, [apart * (len(a) + 1)]])
    after = np.searchsorted(padded, asked).clip(1)
    later, earlier = padded[after] - asked, padded[after - 1] - asked
    return asked // apart, np.where(later < -earlier, later, earlier) / rate


def _finite(windows: Floats) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    finite = np.asarray(np.isfinite(windows).all(axis=1))
    return np.where(finite[:, None], windows, 0).astype(np.float64), finite


def _describe(windows: Floats, rate: float) -> Physiology:
    x, finite = _finite(windows)
    peaks = find_all_peaks(x, rate)
    pulse, irregular, variation, alike = np.transpose([_beats(*each, rate) for each in zip(x, peaks, strict=True)])
    noise, slope, residual = np.where(finite, (_noise(x, rate), *_baseline(x, rate)), np.nan)
    count = np.array([len(p) for p in peaks], np.int64)
    pause = np.array([np.diff(p, prepend=0, append=x.shape[1]).max() / rate for p in peaks])
    return Physiology(finite, count, pause, pulse, irregular, variation, alike, noise, slope, residual)


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


def _local_median(x: Floats, at: NDArray[np.int64], rate: float) -> Floats:
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
    """RMS above 40 Hz, less the mains' sinusoid fitted to it, of the 20 % quietest 200 ms segment, uV.

    NaN for rates that do not reach beyond the mains.
    """
    if rate < NOISE_RATE:
        return np.full(len(x), np.nan)
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


class VisualCriteria(Metric):
    """The paper's visual criteria of one lead of the windows, the first if no other is asked for.

    `noise_limit_uv` is the noise that makes a window implausible, uV; that of 95 % of the training windows if None.
    """

    numbers: Mapping[str, Number] = {
        f"physiology/{name}": number
        for name, number in (*DESCRIBED.items(), *((name, number) for name, (_, number) in COMPARED.items()))
    }
    kinds = (Window,)

    def __init__(self, lead: str | None = None, noise_limit_uv: float | None = None) -> None:
        self.lead = lead
        self.noise_limit_uv = noise_limit_uv

    def check(self, kind: Kind) -> None:
        """Raise UserError for anything but windows of a second or more at 100 Hz or more that have the lead."""
        super().check(kind)
        assert isinstance(kind, Window)
        if self.lead is not None and self.lead not in kind.leads:
            raise UserError(f"lead={self.lead}: the windows' leads are {', '.join(kind.leads)}.")
        if kind.samples < kind.rate or kind.rate < LEAST_RATE:
            raise UserError(
                f"{kind.samples} samples at {kind.rate:g} Hz: metrics=ecg wants a second or more, at {LEAST_RATE:g} Hz "
                "or more. A larger arrangement.side makes a longer window; metrics=paper measures nothing."
            )

    def fit(self, real: Real) -> Scorer:
        """Limits of plausible windows are learned from training windows.

        Raises UserError for windows that hold NaN or infinity, TooFew without training windows.
        """
        self.check(real.kind)
        assert isinstance(real.kind, Window)
        rate, place = real.kind.rate, real.kind.leads.index(self.lead) if self.lead else 0
        noise_limit, residual_limit = limits(_lead(real.train, place), rate)
        if self.noise_limit_uv is not None:
            noise_limit = self.noise_limit_uv
        reference = describe(_lead(real.reference, place), rate)

        def judge(samples: SampleSet) -> dict[str, Statistic]:
            found = describe(_lead(samples, place), rate)
            numbers = _described(found, found.plausible(noise_limit, residual_limit)) | _compared(found, reference)
            if rate < NOISE_RATE:
                numbers = {name: each for name, each in numbers.items() if not name.startswith("noise")}
            return {f"physiology/{name}": each for name, each in numbers.items()}

        return judge


def limits(windows: Floats, rate: float) -> tuple[float, float]:
    """Noise and baseline residual, uV, that 95 % of real windows `(N, samples)` do not exceed; TooFew for none."""
    need(len(windows), 1, "training windows")
    few = windows[evenly(LEARNED, len(windows))].astype(np.float64)
    noise, residual = _noise(few, rate), _baseline(few, rate)[1]
    alike = np.ones(len(few))
    return quantile(noise, alike, TYPICAL), quantile(residual, alike, TYPICAL)


def _lead(samples: SampleSet, place: int) -> Array:
    windows = samples.values[:, place]
    broken = int((~np.isfinite(windows)).any(axis=1).sum())
    if broken:
        raise UserError(f"{broken} of {len(windows)} windows hold NaN or infinity: leave them out.")
    return windows


def _described(found: Physiology, plausible: NDArray[np.bool_]) -> dict[str, Statistic]:
    count, pulse = found.peaks, found.heart_rate_bpm
    outside = np.where(np.isnan(pulse), np.nan, (pulse < SLOW) | (pulse > FAST))
    return {
        "peaks_mean": _mean(count),
        "peaks_1_to_4": _mean((count >= 1) & (count <= 4)),
        "peaks_2_or_3": _mean((count == 2) | (count == 3)),
        "no_peaks": _mean(count == 0),
        "heart_rate_bpm": _median(pulse),
        "heart_rate_outside": _mean(outside),
        "rr_irregularity": _median(found.rr_irregularity),
        "r_amplitude_cv": _median(found.r_amplitude_cv),
        "beat_correlation": _median(found.beat_correlation),
        "noise_uv": _median(found.noise_uv),
        "baseline_slope": _median(np.abs(found.baseline_slope)),
        "baseline_residual_uv": _median(found.baseline_residual_uv),
        "plausible_rate": _mean(plausible),
    }


def _compared(found: Physiology, reference: Physiology) -> dict[str, Statistic]:
    pairs = {name: (getattr(found, field), getattr(reference, field)) for name, (field, _) in COMPARED.items()}
    return {name: _distance(*pair) for name, pair in pairs.items()}


def _mean(values: NDArray[Any]) -> Statistic:
    return lambda judged, _: mean(values.astype(np.float64), judged)


def _median(values: Floats) -> Statistic:
    return lambda judged, _: quantile(values, judged)


def _distance(found: Floats, reference: Floats) -> Statistic:
    return lambda judged, real: wasserstein(found, reference, judged, real)
