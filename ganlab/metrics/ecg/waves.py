r"""Intervals and amplitudes of median beats, as an electrocardiograph's table gives them.

One onset and one offset hold for all leads together. With $v$ the leads' slope, root mean square over leads, QRS lasts
from the last quiet stretch before $v$ is steep to the first one after. The level of each lead is that just before QRS.
T is where the leads are largest, P where they bend most, before QRS. On the leads weighed by their own height there,
the steepest tangent gives T's end (Lepeschkin and Surawicz, Circulation 6, 378-388, 1952) and P's onset.

How far these are from known values, and from another delineator's: docs/clinical.md.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from ganlab.metrics.base import Floats
from ganlab.metrics.ecg.median_beat import BEFORE, RATE, MedianBeats

Places = NDArray[np.int64]
STEEP, QUIET_BEFORE, QUIET_AFTER, REST = 0.3, 0.06, 0.08, 2.5
"""Shares of QRS's greatest slope from which it is steep, and below which it is quiet before and after; what is below so
many times the beat's slope at rest is quiet, too."""
SMOOTH, STILL = 0.010, 0.020
"""Width over which the slope is smoothed, and how long it is quiet, s."""
QRS_BEFORE, QRS_AFTER = 0.12, 0.16
"""Farthest from R that QRS begins and ends, s."""
J_POINT, ST = 0.06, 0.008
"""Time after QRS at which ST is measured, and the width of its mean, s."""
T_FROM, T_LONGEST, T_WIDTH, T_LEAST = 0.07, 0.62, 0.03, 0.03
"""T: least time after QRS and longest QT at 60 beats a minute, s; smoothing, s; least height, RMS over leads, mV."""
P_BEFORE, P_HALF, P_WIDTH, P_LEAST = 0.26, 0.06, 0.02, 0.02
"""P: farthest peak before QRS, half its length, smoothing, s; least height, RMS over leads, mV."""
ALIKE = 0.6
"""Least correlation of the usual beat with the median beat: below it there is no beat that could be measured."""
USUAL_RR = 0.8
"""RR interval that bounds the search in windows of one beat, s."""


@dataclass(frozen=True)
class Waves:
    """Measurements of N windows, `(N,)`, or of each of their leads, `(N, leads)`; NaN where a window has none.

    Intervals are in ms, heights in mV above the level before QRS: `r` is 0 or more and `s`, the deepest of Q and S, 0
    or less; `p` and `t` are upright above 0. `slope` is the steepest of QRS, mV/s.
    """

    rr: Floats
    sdnn: Floats
    rmssd: Floats
    pr: Floats
    qrs: Floats
    qt: Floats
    p: Floats
    r: Floats
    s: Floats
    st: Floats
    t: Floats
    slope: Floats


def measure(beats: MedianBeats) -> Waves:
    """Return the measurements of median beats."""
    rhythm = np.array([rhythm_of(1000 * each) for each in beats.intervals]).reshape(-1, 3)
    rr = np.where(np.isfinite(rhythm[:, 0]), rhythm[:, 0] / 1000, USUAL_RR)
    signal = beats.signal.astype(np.float32)
    onset, offset = _qrs(np.nan_to_num(signal))
    bounded = np.isfinite(onset) & np.isfinite(offset) & (beats.likeness >= ALIKE)
    first, last = (np.where(bounded, each, 0).astype(np.int64) for each in (onset, offset))
    bounded &= np.isfinite(_near(signal, first - 1)).all(axis=1)
    level = _mean(signal, first - _samples(0.016), first - 1)
    x = signal - level[..., None]
    whole = np.nan_to_num(x)
    inside = _between(x.shape[2], first, last)
    qrs = np.where(inside[:, None], whole, 0)
    steep = np.abs(np.diff(whole)) * RATE
    t_end, t = _t(x, whole, first, last, rr)
    p_onset, p = _p(x, whole, first, t_end, rr)
    st = _mean(x, last + _samples(J_POINT - ST / 2), last + _samples(J_POINT + ST / 2))
    lasting = (onset - p_onset, offset - onset, t_end - onset)
    intervals = [np.where(bounded, 1000 / RATE * each, np.nan) for each in lasting]
    slope = np.where(inside[:, None, 1:], steep, 0).max(axis=2)
    heights = [np.where(bounded[:, None], each, np.nan) for each in (p, qrs.max(axis=2), qrs.min(axis=2), st, t, slope)]
    return Waves(*rhythm.T, *intervals, *heights)


def _samples(seconds: float) -> int:
    return round(seconds * RATE)


def rhythm_of(rr: Floats) -> tuple[float, float, float]:
    """Return median, SDNN and RMSSD of a window's RR intervals, all in ms; NaN where there are too few beats."""
    if len(rr) < 2:
        return (float(rr[0]) if len(rr) else np.nan), np.nan, np.nan
    return float(np.median(rr)), float(rr.std()), float(np.sqrt((np.diff(rr) ** 2).mean()))


def _between(samples: int, first: NDArray[Any], last: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which samples of each beat are from the first to the last, `(N, samples)`; none for NaN."""
    at = np.arange(samples)
    return (at >= first[:, None]) & (at <= last[:, None])


def _near(x: Floats, at: Places) -> Floats:
    """Return the value of each lead at a place of each beat, `(N, leads)`."""
    return np.take_along_axis(x, at.clip(0, x.shape[2] - 1)[:, None, None], axis=2)[..., 0]


def _mean(x: Floats, first: Places, last: Places) -> Floats:
    """Return the mean of each lead from the first to the last place, as many in each beat, `(N, leads)`."""
    span = first[:, None] + np.arange(int((last - first).max(initial=0)) + 1)
    return np.take_along_axis(x, span.clip(0, x.shape[2] - 1)[:, None], axis=2).mean(axis=2)


def _rms(x: Floats) -> Floats:
    """Return the root mean square over leads, `(N, samples)`."""
    return np.sqrt((x**2).mean(axis=1))


def _smooth(x: Floats, seconds: float) -> Floats:
    return uniform_filter1d(x, max(1, _samples(seconds)), axis=-1, mode="nearest")


def _qrs(x: Floats) -> tuple[Floats, Floats]:
    """Return the places of QRS's onset and offset, `(N,)`; NaN where there is none."""
    slope = _smooth(_rms(np.gradient(x, axis=2)), SMOOTH)
    centre, at = _samples(BEFORE), np.arange(x.shape[2])
    near = (at >= centre - _samples(QRS_BEFORE)) & (at <= centre + _samples(QRS_AFTER))
    greatest = np.where(near, slope, 0).max(axis=1, keepdims=True)
    rest = REST * np.quantile(slope, 0.2, axis=1)[:, None]
    steep = near & (slope >= STEEP * greatest) & (greatest > rest)
    first, last = steep.argmax(axis=1), steep.shape[1] - 1 - steep[:, ::-1].argmax(axis=1)
    width = _samples(STILL)
    loud = [slope >= np.maximum(share * greatest, rest) for share in (QUIET_BEFORE, QUIET_AFTER)]
    still = [uniform_filter1d(each.astype(np.float32), width, axis=1) < 0.5 / width for each in loud]
    before = still[0] & near & (at <= first[:, None])
    after = still[1] & near & (at >= last[:, None])
    onset = before.shape[1] - 1 - before[:, ::-1].argmax(axis=1) + width // 2
    offset = after.argmax(axis=1) - width // 2
    return (
        np.where(before.any(axis=1) & steep.any(axis=1), onset, np.nan),
        np.where(after.any(axis=1) & steep.any(axis=1), offset, np.nan),
    )


def _t(x: Floats, whole: Floats, first: Places, last: Places, rr: Floats) -> tuple[Floats, Floats]:
    """Return T's end, NaN where it has none, `(N,)`, and its height in each lead, `(N, leads)`."""
    samples = x.shape[2]
    low = last + _samples(T_FROM)
    high = np.minimum(first + RATE * np.minimum(T_LONGEST * np.sqrt(rr), rr - 0.16), samples - 1).astype(np.int64)
    span = _between(samples, low, high)
    soft = _smooth(whole, T_WIDTH)
    size = _rms(soft)
    ends = [np.take_along_axis(size, each.clip(0, samples - 1)[:, None], axis=1) for each in (low, high)]
    share = (np.arange(samples) - low[:, None]) / np.maximum(high - low, 1)[:, None]
    peak = np.where(span, size - ends[0] - share * (ends[1] - ends[0]), -np.inf).argmax(axis=1)
    weight = _near(soft, peak)
    along = (soft * weight[..., None]).mean(axis=1)
    end = _tangent(along, peak, np.minimum(peak + _samples(0.2), high), falling=True)
    seen_whole = np.isfinite(_near(x, np.minimum(np.nan_to_num(end).astype(np.int64), samples - 1))).all(axis=1)
    some = (np.sqrt((weight**2).mean(axis=1)) >= T_LEAST) & (high > low) & seen_whole
    near = _between(samples, np.maximum(low, peak - _samples(0.06)), np.minimum(high, peak + _samples(0.06)))
    height = _largest(soft, near)
    return np.where(some, end, np.nan), np.where(np.isfinite(_near(x, peak)), height, np.nan)


def _p(x: Floats, whole: Floats, first: Places, t_end: Floats, rr: Floats) -> tuple[Floats, Floats]:
    """Return P's onset, NaN where it has none, `(N,)`, and its height in each lead, `(N, leads)`."""
    samples, half = x.shape[2], _samples(P_HALF)
    soft = _smooth(whole, P_WIDTH)
    at = np.arange(samples)
    later = np.minimum(at + half, np.maximum(first[:, None] - _samples(SMOOTH), at))
    sides = soft[..., np.maximum(at - half, 0)], np.take_along_axis(soft, later[:, None], axis=2)
    bend = soft - (sides[0] + sides[1]) / 2
    before = np.nan_to_num(t_end - RATE * rr, nan=0.0)
    low = np.maximum(np.maximum(before + half / 2, first - _samples(P_BEFORE)), half).astype(np.int64)
    high = first - _samples(0.03)
    span = _between(samples, low, high)
    peak = np.where(span, _rms(bend), -1).argmax(axis=1)
    weight = _near(bend, peak)
    along = (soft * weight[..., None]).mean(axis=1)
    resting = _between(samples, np.maximum(low, peak - 2 * half), np.maximum(low, peak - half))
    level = np.where(resting, along, 0).sum(axis=1) / np.maximum(resting.sum(axis=1), 1)
    onset = _tangent(along - level[:, None], np.maximum(peak - _samples(0.07), 0), peak, falling=False)
    some = (np.sqrt((weight**2).mean(axis=1)) >= P_LEAST) & (high > low) & np.isfinite(_near(x, low)).all(axis=1)
    return np.where(some, onset, np.nan), np.where(np.isfinite(_near(x, low)), weight, np.nan)


def _tangent(x: Floats, first: NDArray[Any], last: NDArray[Any], falling: bool) -> Floats:
    """Return where the steepest tangent between two places meets 0, `(N,)`; NaN where nothing falls, or rises."""
    way = -1 if falling else 1
    slope = way * np.gradient(x, axis=1)
    at = np.where(_between(x.shape[1], first, last), slope, -np.inf).argmax(axis=1)[:, None]
    height, steepest = (np.take_along_axis(each, at, axis=1)[:, 0] for each in (x, slope))
    run = np.divide(height, steepest, out=np.full_like(height, np.nan), where=steepest > 0)
    return at[:, 0] - way * np.clip(run, 0, _samples(0.1))


def _largest(x: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Return the value of each lead farthest from 0 within its beat's places, `(N, leads)`."""
    at = np.where(inside[:, None], np.abs(x), -1).argmax(axis=2)
    return np.take_along_axis(x, at[..., None], axis=2)[..., 0]
