"""Beats, noise and baseline of windows, each described by itself alone: the paper's visual criteria as numbers.

Beats are those of all leads together. What a lead has of its own is the worst lead's (noise, baseline), or the mean
over leads in which the larger ones weigh more (how alike beats are).
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import signal as dsp

from ganlab.core.spread import evenly
from ganlab.metrics.base import Floats
from ganlab.metrics.ecg.peaks import EDGE, chunks, filled, find_all_peaks, local_median
from ganlab.metrics.needs import MORE_TRAINING, need
from ganlab.metrics.once import joined
from ganlab.metrics.weighted import quantile

SLOW, FAST = 40.0, 180.0
"""Heart rates of plausible windows, 1/min."""
MAINS = 50.0
"""Mains frequency, Hz."""
NOISE_RATE = 2.2 * MAINS
"""Least sampling rate at which noise is measured, Hz: its spectrum reaches beyond the mains frequency."""
BEATS = ((0.25, 0.4), (0.2, 0.3))
"""A beat's reach before and after R, s: the first of these that two beats of the window have whole."""
NOISE_LIMIT_UV = 30.0
"""Noise above which a window is implausible without real windows to learn it from, uV; 1 % of lead i in 39 records of
ptbdb have more."""
NORMAL = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
LINE = 64
"""Points of a baseline at most from which its line is learned: as many as 3 s have."""
LEARNED = 1000
"""Training windows at most from which the limits of noise and baseline wander are learned."""
LONGEST = 3.0
"""Seconds of a window up to which it holds few beats, as in the paper's 2 s."""


@dataclass(frozen=True)
class BeatRule:
    """What beats of a plausible window are like, at the worst.

    `correlation`, `variation` (of R amplitudes) and `pause` in s are of its beats, each a field's limit; no more noise
    and baseline wander than a `share` of training windows have.
    """

    correlation: float
    variation: float
    pause: float
    share: float


SHORT, LONG = BeatRule(0.9, 0.25, 1.5, 0.95), BeatRule(0.7, 0.25, 2.0, 0.99)
"""The rule of windows of up to 3 s, for the means over their beats, and of longer ones, for the medians: in 10 s many
patients have an ectopic beat with its pause, or a moment's noise. Noise with an ECG's spectrum stays below 0.3."""


@dataclass(frozen=True)
class Physiology:
    """Descriptions of N windows, each with shape (N,); NaN where a window has none."""

    peaks: NDArray[np.int64]
    """Number of R peaks."""
    longest_pause: Floats
    """The longest stretch without an R peak, the window's ends included, s."""
    heart_rate_bpm: Floats
    """60 over the median RR interval, 1/min; two peaks or more."""
    rr_irregularity: Floats
    """Mean absolute difference of successive RR intervals over their mean; three peaks or more."""
    r_amplitude_cv: Floats
    """Deviation over mean of R's length, the root of the squares of |R - local median| summed over leads; two peaks or
    more that are 100 ms from the edges."""
    usual_variation: Floats
    """The same by medians: 1.48 times the median absolute deviation over the median, however few beats differ."""
    beat_correlation: Floats
    """Mean pairwise Pearson correlation of two or more whole beats, each the leads' one after the other."""
    usual_correlation: Floats
    """Median of the same pairs: that of the usual beats, however few others are unlike them."""
    noise_uv: Floats
    """RMS above 40 Hz without mains, 20 % quantile of 200 ms segments, uV, in the noisiest lead."""
    baseline_slope: Floats
    """Theil-Sen slope of the baseline, mV/s, in the steepest lead."""
    baseline_residual_uv: Floats
    """RMS of the baseline around that line, uV, in the lead where it is the largest."""

    def plausible(
        self, noise_limit_uv: float = NOISE_LIMIT_UV, residual_limit_uv: float = np.inf, seconds: float = 2.0
    ) -> NDArray[np.bool_]:
        """Return whether each window could be an ECG, `(N,)`; a criterion that it is too short for does not count.

        The limits are the noise and the residual of the baseline that make a window implausible, uV. A window of 2 s
        has 1 to 4 peaks, a longer one as many as 40 to 180 beats a minute make. Of windows above 3 s the usual beats
        count: see `LONG`.
        """
        fewest, most = max(1, int(seconds * SLOW / 60)), 4 + max(0, int((seconds - 2) * FAST / 60))
        rate, rule = self.heart_rate_bpm, rule_of(seconds)
        alike, same = self.r_amplitude_cv, self.beat_correlation
        if rule is LONG:
            alike, same = self.usual_variation, self.usual_correlation
        beats = (self.peaks >= fewest) & (self.peaks <= most) & ~(rate < SLOW) & ~(rate > FAST)
        beats &= self.longest_pause <= rule.pause
        quiet = ~(self.noise_uv >= noise_limit_uv) & ~(self.baseline_residual_uv > residual_limit_uv)
        return beats & quiet & ~(alike > rule.variation) & ~(same < rule.correlation)


def rule_of(seconds: float) -> BeatRule:
    """Return the rule of windows of so many seconds."""
    return SHORT if seconds <= LONGEST else LONG


def describe(windows: Floats, rate: float = 1000.0) -> Physiology:
    """Return the descriptions of windows `(N, samples)` of one lead, or `(N, leads, samples)`, in mV at `rate` Hz."""
    leads = windows.reshape(len(windows), -1, windows.shape[-1])
    described: Physiology = joined([_describe(part, rate) for part in chunks(leads)])
    return described


def limits(windows: Floats, rate: float) -> tuple[float, float]:
    """Return the noise and baseline residual, uV, that 95 % of real windows `(N, leads, samples)` do not exceed.

    Of windows above 3 s it is 99 %.

    Raises TooFew for no window.
    """
    need(len(windows), 1, "training windows", MORE_TRAINING)
    few = windows[evenly(LEARNED, len(windows))]
    noise, _, residual = np.concatenate([_line(part.astype(np.float64), rate) for part in chunks(few)], axis=1)
    alike, share = np.ones(len(few)), rule_of(windows.shape[-1] / rate).share
    return quantile(noise, alike, share), quantile(residual, alike, share)


def _describe(windows: Floats, rate: float) -> Physiology:
    x, finite = filled(windows)
    peaks = find_all_peaks(x, rate)
    pulse, irregular, variation, usual, same, pairs = np.transpose(
        [_beats(*each, rate) for each in zip(x, peaks, strict=True)]
    )
    noise, slope, residual = np.where(finite, _line(x, rate), np.nan)
    count = np.array([len(p) for p in peaks], np.int64)
    pause = np.array([np.diff(p, prepend=0, append=x.shape[-1]).max() / rate for p in peaks])
    return Physiology(count, pause, pulse, irregular, variation, usual, same, pairs, noise, slope, residual)


def _beats(x: NDArray[np.float64], peaks: NDArray[np.int64], rate: float) -> tuple[float, ...]:
    """Return the fields of `Physiology` from heart rate to beat correlations, of one window `(leads, samples)`."""
    intervals = np.diff(peaks) / rate
    pulse = 60 / np.median(intervals) if len(intervals) else np.nan
    irregular = np.abs(np.diff(intervals)).mean() / intervals.mean() if len(intervals) > 1 else np.nan
    whole = _inside(peaks, x.shape[1], rate, (EDGE, EDGE))
    length = np.linalg.norm(x[:, whole] - local_median(x, whole, rate), axis=0)
    variation = usual = np.nan
    if len(whole) > 1:
        middle = np.median(length)
        variation, usual = length.std() / length.mean(), NORMAL * np.median(np.abs(length - middle)) / middle
    return pulse, irregular, variation, usual, *_correlation(x, peaks, rate)


def _inside(peaks: NDArray[np.int64], samples: int, rate: float, span: tuple[float, float]) -> NDArray[np.int64]:
    return peaks[(peaks >= span[0] * rate) & (peaks < samples - span[1] * rate)]


def _correlation(x: NDArray[np.float64], peaks: NDArray[np.int64], rate: float) -> tuple[float, float]:
    for span in BEATS:
        whole = _inside(peaks, x.shape[1], rate, span)
        if len(whole) > 1:
            beats = x[:, whole[:, None] + np.arange(-round(span[0] * rate), round(span[1] * rate))]
            pairs = np.triu_indices(len(whole), 1)
            level = beats - beats.mean(axis=2, keepdims=True)
            time = np.arange(beats.shape[2]) - (beats.shape[2] - 1) / 2
            line = level - (level @ time)[..., None] / (time @ time) * time
            flat = np.stack([each.swapaxes(0, 1).reshape(len(whole), -1) for each in (level, line)])
            flat /= np.linalg.norm(flat, axis=2, keepdims=True)
            r, usual = (each[pairs] for each in flat @ flat.swapaxes(1, 2))
            return float(r.mean()), float(np.median(usual))
    return float("nan"), float("nan")


def _line(x: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """Return noise, uV, and slope and residual of the baseline, mV/s and uV, of the worst lead: `(3, N)`."""
    count, leads, samples = x.shape
    flat = x.reshape(-1, samples)
    noise, slope, residual = (each.reshape(count, leads) for each in (_noise(flat, rate), *_baseline(flat, rate)))
    steepest = np.abs(slope).argmax(axis=1)
    return np.stack([noise.max(axis=1), slope[np.arange(count), steepest], residual.max(axis=1)])


def _noise(x: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """Return the RMS above 40 Hz, less the mains' sinusoid fitted to it, of the 20 % quietest 200 ms segment, uV.

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
    """Return Theil-Sen slope, mV/s, and residual, uV, of the 200 ms and then 600 ms median, in blocks of 40 ms."""
    block = round(0.04 * rate)
    y = np.median(x[:, : x.shape[1] // block * block].reshape(len(x), -1, block), axis=2)
    for width in (5, 15):
        y = np.median(sliding_window_view(y, width, axis=1), axis=2)
    step = -(-y.shape[1] // LINE)
    y, t = y[:, ::step], np.arange(0, y.shape[1], step) * block / rate
    a, b = np.triu_indices(len(t), 1)
    slope = np.median((y[:, b] - y[:, a]) / (t[b] - t[a]), axis=1)
    rest = y - slope[:, None] * t
    rest -= np.median(rest, axis=1, keepdims=True)
    return slope, 1000 * np.sqrt((rest**2).mean(axis=1))
