r"""Spectrum, amplitudes, slopes and saturation of leads as signals, whatever their beats are.

Spectra are Welch's, of segments of 2 s in windows of 4 s or more, and a set's is the mean of its windows' in dB, so
that no window outweighs the others. The distance of two spectra is the root mean square, over frequencies, of their
difference. Amplitudes are about the window's median, for a generated window may have lost its zero. Leads are compared
one by one: a distance is the mean over leads, of spectra the root mean square.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import signal as dsp
from scipy.sparse import csr_matrix

from ganlab.metrics.base import Floats, Real, SampleSet, Scorer, Statistic, Weights
from ganlab.metrics.ecg.fold import comb_powers, fold_side, folds, seam_steps
from ganlab.metrics.ecg.lead import LeadMetric, chosen_leads
from ganlab.metrics.ecg.peaks import chunks
from ganlab.metrics.needs import MORE_REFERENCE, need
from ganlab.metrics.numbers import numbers_of
from ganlab.metrics.once import Once, joined
from ganlab.metrics.points import product
from ganlab.metrics.weighted import column_distances, mean_of, mean_of_finite

SEGMENT, LEAST_SEGMENT = 2.0, 16
"""Length of the segments of a spectrum, s, and the samples that they have at least: a signal may be slow."""
LEAST_POWER = 1e-12
"""Below this a power density counts as this, mV^2/Hz; half a microvolt's rounding at 1000 Hz has 40 times as much."""
WHOLE, SLOW = (0.5, 150.0), 10.0
"""Frequencies of a whole spectrum, Hz; below a rate of 10 Hz it begins at a 20th of the rate."""
BANDS: Mapping[str, tuple[float, float]] = {
    "0_5": (0.5, 5.0),
    "5_15": (5.0, 15.0),
    "15_40": (15.0, 40.0),
    "40_150": (40.0, 150.0),
}
MAINS = (48.0, 52.0)
"""Band around the mains frequency, which the band of 40-150 Hz leaves out, Hz."""
HUM, HUM_REACH, HUM_LEAST = {"mains": 50.0, "mains_60": 60.0}, 2.0, 40.0
"""Mains frequencies and the reach of their bands, Hz; at a low rate the hum falls elsewhere, and counts above 40 Hz."""
AMPLITUDE, SLOPE = (5.0, 0.005), (1.0, 0.001)
"""Greatest value and step of the histograms of amplitudes, mV, and slopes, mV/ms; what is beyond counts as the end."""
SLOPE_RATE = 100.0
"""Below this rate, Hz, the histogram of slopes is finer in proportion: slow signals rise by little in a millisecond."""
STUCK = 0.05
"""Time at exactly the highest or lowest value from which a lead is saturated, s."""


@dataclass(frozen=True)
class _Signals:
    """Descriptions of N windows."""

    spectrum: Floats
    """In dB, with shape (N, leads, frequencies)."""
    entropy: Floats
    """Shannon's entropy of each spectrum over that of a flat one, `(N, leads)`; NaN without any power."""
    amplitudes: csr_matrix
    """How many samples are in each bin, with shape (N, leads * bins); `slopes` is that of the steps."""
    slopes: csr_matrix
    seam: Floats
    """Mean |step| between and within rows, `(N, 2)`; of several leads the mean, of `comb` too."""
    comb: Floats
    """Power at the harmonics and next to them, with shape (N, 2, harmonics)."""
    stuck: Floats
    """Whether any lead is, `(N,)`."""


class SignalShape(LeadMetric):
    """Spectra, amplitudes, slopes and artefacts of all leads of the windows, or of one `lead`.

    `side` is the number of columns of the image that it was folded to; None for the run's own, else that of a square
    window, else 45.
    """

    numbers = numbers_of("signal")

    def __init__(self, lead: str | None = None, side: int | None = None) -> None:
        super().__init__(lead)
        self.side = side

    def fit(self, real: Real) -> Scorer:
        """Describe the reference. Raises UserError for windows that hold NaN or infinity."""
        kind, place = self.place(real.kind)
        side = self.side or real.side or fold_side(kind.samples)
        need(len(real.reference), 1, "reference windows", MORE_REFERENCE)
        frequency = _frequencies(kind.samples, kind.rate)
        described = Once(lambda samples: _signals(chosen_leads(samples, place), kind.rate, side), real)
        reference = described(real.reference)

        def score(samples: SampleSet) -> dict[str, Statistic]:
            windows = described(samples)
            entropy = column_distances(windows.entropy, reference.entropy)
            numbers = _spectra(windows.spectrum, reference.spectrum, frequency, kind.rate) | {
                "amplitude_w1": _transport(windows.amplitudes, reference.amplitudes, AMPLITUDE),
                "slope_w1": _transport(windows.slopes, reference.slopes, _slope_bins(kind.rate)),
                "spectral_entropy_w1": lambda judged, real: mean_of_finite(entropy(judged, real)),
                "stuck": mean_of(windows.stuck),
            }
            if kind.samples >= 2 * side:
                numbers |= folds(windows.seam, windows.comb)
            return {f"signal/{name}": each for name, each in numbers.items()}

        return score


def power(windows: Floats, rate: float) -> Floats:
    """Return Welch's power density of windows `(N, samples)`, in mV^2/Hz, with shape (N, frequencies)."""
    return dsp.welch(windows, rate, nperseg=_segment(windows.shape[-1], rate), detrend="constant")[1]


def stuck(windows: Floats, rate: float) -> NDArray[np.bool_]:
    """Return whether each `(N, samples)` stays exactly at its highest or lowest value for 50 ms, `(N,)`."""
    width = max(2, round(STUCK * rate))
    ends = np.stack([windows == end(axis=1, keepdims=True) for end in (windows.max, windows.min)])
    runs = np.asarray(sliding_window_view(ends, width, axis=2).all(axis=3))
    return np.asarray(runs.any(axis=(0, 2)))


def _segment(samples: int, rate: float) -> int:
    """Return the samples in a segment of a spectrum: a window shorter than two of them is one."""
    segment = max(round(SEGMENT * rate), LEAST_SEGMENT)
    return samples if samples < 2 * segment else segment


def _frequencies(samples: int, rate: float) -> Floats:
    return np.fft.rfftfreq(_segment(samples, rate), 1 / rate)


def _signals(windows: Floats, rate: float, side: int) -> _Signals:
    signals: _Signals = joined([_part(part, rate, side) for part in chunks(windows)])
    return signals


def _part(windows: Floats, rate: float, side: int) -> _Signals:
    count, leads, samples = windows.shape
    flat = windows.reshape(-1, samples)
    x = flat - np.median(flat, axis=1, keepdims=True)
    density, frequency = power(x, rate), _frequencies(samples, rate)
    inside = density[:, _within(frequency, _whole(rate))].astype(np.float64)
    total = inside.sum(axis=1, keepdims=True)
    share = np.divide(inside, total, out=np.full_like(inside, np.nan), where=total > 0)
    entropy = -(share * np.log(np.where(share > 0, share, 1))).sum(axis=1) / math.log(max(inside.shape[1], 2))
    comb = comb_powers(x, side)
    return _Signals(
        10 * np.log10(np.maximum(density, LEAST_POWER)).astype(np.float32).reshape(count, leads, -1),
        entropy.reshape(count, leads),
        _binned(x.reshape(count, leads, -1), *AMPLITUDE),
        _binned(np.diff(x).reshape(count, leads, -1) * (rate / 1000), *_slope_bins(rate)),
        seam_steps(x, side).reshape(count, leads, 2).mean(axis=1),
        comb.reshape(count, leads, *comb.shape[1:]).mean(axis=1),
        np.asarray(stuck(flat, rate).reshape(count, leads).any(axis=1), np.float64),
    )


def _whole(rate: float) -> tuple[float, float]:
    return WHOLE[0] * min(1.0, rate / SLOW), WHOLE[1]


def _within(frequency: Floats, band: tuple[float, float]) -> NDArray[np.bool_]:
    return (frequency >= band[0]) & (frequency <= band[1])


def _binned(values: Floats, end: float, step: float) -> csr_matrix:
    """Return how many values `(N, leads, values)` of each lead are in each bin, `(N, leads * bins)`."""
    count, leads, length = values.shape
    bins = _bins(end, step)
    place = np.rint(np.clip(values, -end, end) / step).astype(np.int32) + bins // 2
    place += bins * np.arange(leads, dtype=np.int32)[:, None]
    ends = np.arange(count + 1) * leads * length
    ones = np.ones(place.size, np.float32)
    counts = csr_matrix((ones, place.ravel(), ends), shape=(count, leads * bins))
    counts.sum_duplicates()
    return counts


def _slope_bins(rate: float) -> tuple[float, float]:
    end, step = (each * min(1.0, rate / SLOPE_RATE) for each in SLOPE)
    return end, step


def _bins(end: float, step: float) -> int:
    return 2 * round(end / step) + 1


def _spectra(spectrum: Floats, reference: Floats, frequency: Floats, rate: float) -> dict[str, Statistic]:
    """Return the distances in all bands that the spectrum reaches."""
    bands = {name: _within(frequency, band) for name, band in BANDS.items() if frequency[-1] > band[0]}
    chosen = {"psd_db": _within(frequency, _whole(rate))} | {f"psd_{name}_db": band for name, band in bands.items()}
    if "psd_40_150_db" in chosen:
        chosen["psd_40_150_db"] &= ~_within(frequency, MAINS)
    for name, hum in HUM.items():
        at = abs(hum - rate * round(hum / rate))
        chosen[f"psd_{name}_db"] = _within(frequency, (at - HUM_REACH, at + HUM_REACH)) & (at >= HUM_LEAST)
    return {name: _decibels(spectrum[..., at], reference[..., at]) for name, at in chosen.items() if at.any()}


def _decibels(spectrum: Floats, reference: Floats) -> Statistic:
    return lambda judged, real: float(np.sqrt(np.mean((_mean(spectrum, judged) - _mean(reference, real)) ** 2)))


def _transport(counts: csr_matrix, reference: csr_matrix, bins: tuple[float, float]) -> Statistic:
    """Return the mean over leads of the Wasserstein distance of all their values."""
    shape = (-1, _bins(*bins))
    columns = [each.T.tocsr() for each in (counts, reference)]

    def statistic(judged: Weights, real: Weights) -> float:
        share, other = (product(each, by).reshape(shape) for each, by in zip(columns, (judged, real), strict=True))
        share, other = (each / each.sum(axis=1, keepdims=True) for each in (share, other))
        return bins[1] * float(np.abs(np.cumsum(share - other, axis=1)).sum(axis=1).mean())

    return statistic


def _mean(values: Floats, weights: Weights) -> Floats:
    """Return the weighted mean of the rows of `(N, columns)`, in the values' own precision: double would copy them."""
    return np.tensordot(weights.astype(values.dtype), values, axes=1) / weights.sum()
