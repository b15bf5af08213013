r"""The median beat of a window: its beats aligned at R, the median over them, all leads together.

Noise and ectopic beats, which are no majority, leave it. R peaks are those of `ganlab.metrics.ecg.peaks`, between
samples where the parabola through three samples of the leads, weighed by their own R, has its top. From each beat the
line through the levels 80 ms before R, of this beat and its neighbours, is subtracted: a wandering line goes, and ST
stays. Electrocardiographs measure such beats too (Kligfield et al., Circulation 115, 1306-1324, 2007).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ganlab.core.resampling import at_rate, resample
from ganlab.metrics.base import Floats
from ganlab.metrics.ecg.peaks import Peaks, find_all_peaks
from ganlab.metrics.weighted import ratios

SLOW_RATE, RATE = 250.0, 500.0
"""Greatest rate at which beats are aligned, and the rate of the median beat, Hz."""
BEFORE, AFTER = 0.45, 0.70
"""Reach of the median beat before and after R, s."""
MARGIN = 0.06
"""What the shift between samples is given beyond, s."""
LEVEL, LEVEL_WIDTH = 0.08, 0.02
"""Place of a beat's level before R, and the width of its mean, s."""
NEAR = (0.25, 0.4)
"""Reach before and after R in which beats are compared with their median, s."""
MOST = 12
"""Beats of a window at most, spread evenly, of which the median is taken."""


@dataclass(frozen=True)
class MedianBeats:
    """Median beats of N windows.

    `signal` has shape (N, leads, samples), in mV at 500 Hz with R 450 ms after its start, NaN where no beat of the
    window reaches; `count` is the number of beats, `(N,)`; `likeness` is the median over beats of the Pearson
    correlation with the median beat, all leads one after the other, `(N,)`; `intervals` are the RR intervals, s.
    """

    signal: Floats
    count: NDArray[np.int64]
    likeness: Floats
    intervals: Sequence[Floats]

    @classmethod
    def together(cls, parts: list["MedianBeats"]) -> "MedianBeats":
        """Return the median beats of several sets of windows, one after the other."""
        signal, count, likeness = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("signal", "count", "likeness")
        )
        return cls(signal, count, likeness, [each for part in parts for each in part.intervals])


def median_beats(windows: Floats, rate: float) -> MedianBeats:
    """Return the median beats of windows `(N, leads, samples)` in mV, at `rate` Hz."""
    x = at_rate(windows, rate, SLOW_RATE)
    rate = min(rate, SLOW_RATE)
    peaks = find_all_peaks(x, rate)
    window, place = _flat(peaks)
    x = np.ascontiguousarray(x.swapaxes(1, 2))
    late = _between(x, window, place)
    exact = (place + late) / rate
    at = np.searchsorted(window, np.arange(len(x) + 1))
    intervals = [np.diff(exact[a:b]) for a, b in pairwise(at)]
    kept = _spread(at)
    beats = _cut(x, window, place, late, rate)[kept]
    rank = (np.cumsum(kept) - 1)[kept]
    rank -= np.searchsorted(window[kept], window[kept])
    padded = np.full((len(x), max(1, rank.max(initial=0) + 1), *beats.shape[1:]), np.nan, np.float32)
    padded[window[kept], rank] = beats
    median = _median(padded)
    likeness = np.full(len(x), np.nan)
    alike = _likeness(beats, median[window[kept]], rate)
    for k in np.unique(window):
        likeness[k] = np.median(alike[window[kept] == k])
    return MedianBeats(_finer(median.swapaxes(1, 2), rate), np.diff(at), likeness, intervals)


def _likeness(beats: Floats, median: Floats, rate: float) -> Floats:
    """Return the correlation of beats and their median beats, both `(beats, samples, leads)`, near R: `(beats,)`."""
    centre = round(BEFORE * rate)
    near = slice(centre - round(NEAR[0] * rate), centre + round(NEAR[1] * rate))
    a, b = (each[:, near] for each in (beats, median))
    lacking = ~np.isfinite(a)
    a, b = (np.where(lacking, 0, each - np.nanmean(each, axis=1, keepdims=True)) for each in (a, b))
    both, of_a, of_b = (np.einsum("nsl,nsl->n", *pair) for pair in ((a, b), (a, a), (b, b)))
    return ratios(both, np.sqrt(of_a * of_b), 0.0)


def _flat(peaks: Peaks) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    window = np.repeat(np.arange(len(peaks)), [len(each) for each in peaks])
    return window, np.concatenate([np.empty(0, np.int64), *peaks])


def _between(x: Floats, window: NDArray[np.int64], place: NDArray[np.int64]) -> Floats:
    """Return how much later than its sample R is, in samples, `(beats,)`, of windows `(N, samples, leads)`."""
    near = x[window[:, None], place[:, None] + np.arange(-1, 2)]
    height = near[:, 1] - np.median(x, axis=1)[window]
    before, top, after = np.moveaxis((near * height[:, None]).sum(axis=2), 1, 0)
    bend = before - 2 * top + after
    late = np.divide(before - after, 2 * bend, out=np.zeros_like(bend), where=bend < 0)
    return np.clip(late, -0.5, 0.5)


def _spread(at: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which beats are taken, given where each window's begin: all, or `MOST` spread over the window."""
    kept = np.ones(at[-1], np.bool_)
    for begin, end in pairwise(at):
        if end - begin > MOST:
            kept[begin:end] = False
            kept[np.linspace(begin, end - 1, MOST).round().astype(int)] = True
    return kept


def _cut(x: Floats, window: NDArray[np.int64], place: NDArray[np.int64], late: Floats, rate: float) -> Floats:
    """Return each beat without its baseline, R at a sample, `(beats, samples, leads)`; NaN outside of the window."""
    margin = round(MARGIN * rate)
    offset = np.arange(-round(BEFORE * rate) - margin, round(AFTER * rate) + margin + 1)
    index = place[:, None] + offset
    inside = (index >= 0) & (index < x.shape[1])
    beats = x[window[:, None], index.clip(0, x.shape[1] - 1)]
    level, slopes = _levels(x, window, place, rate)
    time = offset + round(LEVEL * rate)
    for slope, part in zip(slopes, (time.clip(max=0), time.clip(min=0)), strict=True):
        beats -= slope[:, None] * part[:, None]
    beats -= level[:, None]
    turn = np.exp(2j * np.pi * np.fft.rfftfreq(len(offset)) * late[:, None]).astype(np.complex64)
    shifted = np.fft.irfft(np.fft.rfft(beats, axis=1) * turn[..., None], n=len(offset), axis=1).astype(np.float32)
    shifted[~inside] = np.nan
    return shifted[:, margin:-margin]


def _levels(
    x: Floats, window: NDArray[np.int64], place: NDArray[np.int64], rate: float
) -> tuple[Floats, tuple[Floats, Floats]]:
    """Return each beat's level before R, and the slopes from the beat before and to the next one, `(beats, leads)`."""
    half = round(LEVEL_WIDTH * rate / 2)
    near = place[:, None] - round(LEVEL * rate) + np.arange(-half, half + 1)
    level = x[window[:, None], near.clip(0, x.shape[1] - 1)].mean(axis=1)
    slope = np.zeros((len(level) + 1, level.shape[1]), np.float32)
    same = window[1:] == window[:-1]
    slope[1:-1][same] = np.diff(level, axis=0)[same] / np.diff(place)[same][:, None]
    return level, (slope[:-1], slope[1:])


def _median(beats: Floats) -> Floats:
    """Return the median over beats `(N, beats, samples, leads)` of those that are no NaN; it sorts them in place."""
    beats.sort(axis=1)
    count = np.isfinite(beats[..., 0]).sum(axis=1)[:, None, :, None]
    middle = np.maximum(count - 1, 0) // 2, np.where(count > 1, count // 2, 0)
    low, high = (np.take_along_axis(beats, each, axis=1)[:, 0] for each in middle)
    return (low + high) / 2


def _finer(median: Floats, rate: float) -> Floats:
    """Return median beats `(N, leads, samples)` of `rate` Hz at 500 Hz; what is NaN is held, and NaN again."""
    lacking = ~np.isfinite(median[:, 0])
    centre = round(BEFORE * rate)
    place = np.arange(median.shape[2])
    first = np.where(lacking[:, : centre + 1], -1, place[: centre + 1])
    begin = np.where(first >= 0, first, place[-1]).min(axis=1)[:, None]
    end = np.where(lacking[:, centre:], -1, place[centre:]).max(axis=1)[:, None]
    held = np.take_along_axis(median, np.clip(place, begin, np.maximum(end, begin))[:, None], axis=2)
    fine = resample(np.nan_to_num(held), Fraction(RATE / rate).limit_denominator(100))
    wanted = round(BEFORE * RATE) + round(AFTER * RATE) + 1
    near = np.minimum(np.rint(np.arange(wanted) * rate / RATE).astype(int), len(place) - 1)
    fine = np.pad(fine, ((0, 0), (0, 0), (0, max(0, wanted - fine.shape[2]))), mode="edge")[..., :wanted]
    return np.where(lacking[:, None, near], np.nan, fine)
