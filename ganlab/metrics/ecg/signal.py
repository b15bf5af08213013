r"""Spectrum, amplitudes and the artefacts of a fold: what a lead is as a signal, whatever its beats are.

Spectra are Welch's, of segments of 2 s in windows of 4 s or more, and a set's is the mean of its windows' in dB, so
that no window outweighs the others. Their distance is the root mean square, over frequencies, of the difference from
other persons' mean. Amplitudes are about the window's median, for a generated window may have lost its zero.

Two faults of a lead that was folded row by row to an image of `side` columns. A seam: steps between rows are larger
than steps within them. A comb: what is the same in all rows repeats `rate / side` times a second (22.2 Hz for 45
columns at 1000 Hz), so that the power at multiples of that frequency stands out from its neighbours.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import signal as dsp

from ganlab.core.errors import UserError
from ganlab.core.kind import Kind, Window
from ganlab.metrics.base import Metric, Number, Real, SampleSet, Scorer, Statistic, Weights, need
from ganlab.metrics.weighted import mean, wasserstein

Floats = NDArray[np.floating]

SIDE = 45
"""Columns of the image, where nobody says and the window is not a square's."""
SEGMENT = 2.0
"""Length of the segments of a spectrum, s."""
LEAST_POWER = 1e-12
"""Below this a power density counts as this, mV^2/Hz; half a microvolt's rounding at 1000 Hz has 40 times as much."""
WHOLE = (0.5, 150.0)
BANDS: Mapping[str, tuple[float, float]] = {
    "0_5": (0.5, 5.0),
    "5_15": (5.0, 15.0),
    "15_40": (15.0, 40.0),
    "40_150": (40.0, 150.0),
}
MAINS = (48.0, 52.0)
"""Around the mains frequency, which the band of 40-150 Hz leaves out, Hz."""
AMPLITUDE, SLOPE = (5.0, 0.005), (1.0, 0.001)
"""Greatest value and step of the histograms of amplitudes, mV, and slopes, mV/ms; what is beyond counts as the end."""
HARMONICS = range(2, 9)
NEAR = (3, 8)
"""The neighbours of a harmonic are so many steps of the spectrum away, beyond the Hann window's own width."""
STUCK = 0.05
"""A lead that stays exactly at its highest or lowest value for so long is saturated, s."""
BLOCK = 256
"""Windows taken at a time, which bounds the memory."""

SHARE, POSITIVE = (0.0, 1.0), (0.0, np.inf)
NOISY = ("noisy_copy",)

NUMBERS: Mapping[str, Number] = {
    "signal/psd_db": Number(
        "dB",
        "distance of mean spectra, 0.5-150 Hz, from other persons'; blind to phase, so to any shape with the right "
        "spectrum, and to diversity",
        best=0.0,
        sees=NOISY,
        limits=POSITIVE,
    ),
    **{
        f"signal/psd_{name}_db": Number("dB", f"the same, {low:g}-{high:g} Hz{but}", 0.0, sees, POSITIVE)
        for (name, (low, high)), but, sees in zip(
            BANDS.items(), ("", "", "", " without mains"), ((), (), (), NOISY), strict=True
        )
    },
    "signal/psd_mains_db": Number(
        "dB", "the same, 48-52 Hz; mains differ between rooms, and all else is unseen", best=0.0, limits=POSITIVE
    ),
    "signal/amplitude_w1": Number(
        "mV",
        "Wasserstein distance of all samples about their window's median from other persons'; blind to their order",
        best=0.0,
        sees=("noise",),
        limits=POSITIVE,
    ),
    "signal/slope_w1": Number(
        "mV/ms",
        "Wasserstein distance of all steps from other persons'; blind to their order",
        best=0.0,
        sees=NOISY,
        limits=POSITIVE,
    ),
    "signal/spectral_entropy_w1": Number(
        "",
        "Wasserstein distance of the windows' spectral entropies, 0 for a line and 1 for white noise, from other "
        "persons'; blind to phase",
        best=0.0,
        sees=NOISY,
        limits=POSITIVE,
    ),
    "signal/seam_ratio": Number(
        "",
        "mean |step| between rows of the image over mean |step| within them; blind to all but the fold",
        best=1.0,
        limits=POSITIVE,
    ),
    "signal/comb_ratio": Number(
        "",
        "power at the 2nd to 8th multiple of rate over columns, over its neighbours, geometric mean; blind to all but "
        "what repeats in every row",
        limits=POSITIVE,
    ),
    "signal/stuck": Number(
        "share",
        "windows that stay exactly at their highest or lowest value for 50 ms, so flat ones too; blind to the rest",
        limits=SHARE,
    ),
}


@dataclass(frozen=True)
class _Signals:
    """What is known of each of N windows of one lead."""

    spectrum: Floats
    """In dB, with shape (N, frequencies)."""
    entropy: Floats
    amplitudes: Floats
    """Their distribution function, with shape (N, bins); `slopes` alike."""
    slopes: Floats
    seam: Floats
    """Mean |step| between and within rows, with shape (N, 2)."""
    comb: Floats
    """Power at the harmonics and, median, beside them, with shape (N, 2, harmonics)."""
    stuck: Floats


class SignalShape(Metric):
    """Spectra, amplitudes, slopes and artefacts of one lead of the windows, the first if no other is asked for.

    `side` is the number of columns of the image that the lead was folded to; None for the run's own, else that of a
    square window, else 45.
    """

    numbers = NUMBERS
    kinds = (Window,)

    def __init__(self, lead: str | None = None, side: int | None = None) -> None:
        self.lead = lead
        self.side = side

    def check(self, kind: Kind) -> None:
        """Raise UserError for anything but windows that have the lead."""
        super().check(kind)
        assert isinstance(kind, Window)
        place_of(self.lead, kind)

    def fit(self, real: Real) -> Scorer:
        """Describe the reference once. Raises UserError for windows that hold NaN or infinity."""
        self.check(real.kind)
        assert isinstance(real.kind, Window)
        kind, place = real.kind, place_of(self.lead, real.kind)
        side = self.side or real.side or _side(kind.samples)
        need(len(real.reference), 1, "reference windows")
        frequency = _frequencies(kind.samples, kind.rate)
        reference = _signals(one_lead(real.reference, place), kind.rate, side)

        def judge(samples: SampleSet) -> dict[str, Statistic]:
            found = _signals(one_lead(samples, place), kind.rate, side)
            numbers = _spectra(found.spectrum, reference.spectrum, frequency) | _values(found, reference)
            if kind.samples >= 2 * side:
                numbers |= _folds(found)
            return {f"signal/{name}": each for name, each in numbers.items()}

        return judge


def place_of(lead: str | None, kind: Window) -> int:
    """The place of a lead in windows, the first for None. Raises UserError for one that they have not."""
    if lead is not None and lead not in kind.leads:
        raise UserError(f"lead={lead}: the windows' leads are {', '.join(kind.leads)}.")
    return 0 if lead is None else kind.leads.index(lead)


def one_lead(samples: SampleSet, place: int) -> Floats:
    """Windows `(N, samples)` in mV of one lead. Raises UserError where one holds NaN or infinity."""
    return whole(samples.values[:, place])


def whole(windows: Floats) -> Floats:
    """Windows `(N, *)` as they are. Raises UserError where one holds NaN or infinity."""
    broken = int((~np.isfinite(windows)).reshape(len(windows), -1).any(axis=1).sum())
    if broken:
        raise UserError(f"{broken} of {len(windows)} windows hold NaN or infinity: leave them out.")
    return windows


def power(windows: Floats, rate: float) -> Floats:
    """Welch's power density of windows `(N, samples)`, in mV^2/Hz, with shape (N, frequencies)."""
    return dsp.welch(windows, rate, nperseg=_segment(windows.shape[-1], rate), detrend="constant")[1]


def seam_steps(windows: Floats, side: int = SIDE) -> NDArray[np.float64]:
    """Mean |step| of each window `(N, samples)` between rows of `side` samples, and within them, with shape (N, 2)."""
    step = np.abs(np.diff(windows))
    seam = np.arange(1, step.shape[1] + 1) % side == 0
    return np.stack([step[:, at].mean(axis=1, dtype=np.float64) for at in (seam, ~seam)], axis=1)


def seam_ratio(windows: Floats, side: int = SIDE) -> float:
    """Mean step between the rows of folded windows over the mean step within them; 1 is no seam, NaN is no step.

    Arguments:
        windows: Windows, with shape (N, samples), of two rows or more.
        side: Samples in a row.
    """
    return _ratio(*seam_steps(windows, side).mean(axis=0))


def comb_powers(windows: Floats, side: int = SIDE) -> NDArray[np.float64]:
    """Power of each window at multiples of the row's frequency, and beside them: `(N, 2, harmonics)`.

    The window is cut to whole rows, so that the multiples are frequencies of its discrete spectrum. What lies beside
    is the median of neighbours, because the mains may be one of them. There are no harmonics where rows are too short
    or too few to have such neighbours.

    Arguments:
        windows: Windows in mV, with shape (N, samples).
        side: Samples in a row.
    """
    rows = windows.shape[1] // side
    taken = windows[:, : rows * side]
    taken = (taken - taken.mean(axis=1, keepdims=True)) * dsp.get_window("hann", rows * side)
    spectrum = np.abs(np.fft.rfft(taken)) ** 2
    near = np.arange(NEAR[0], NEAR[1] + 1)
    near = np.concatenate([-near, near])
    there = rows > 2 * NEAR[1]
    at = np.array([h * rows for h in HARMONICS if there and h * rows + NEAR[1] < spectrum.shape[1]], np.int64)
    beside = np.median(spectrum[:, at[:, None] + near], axis=2)
    return np.stack([spectrum[:, at], beside], axis=1)


def comb_ratio(windows: Floats, side: int = SIDE) -> float:
    """Geometric mean over harmonics of their power over their neighbours'; NaN where there are no harmonics."""
    powers = comb_powers(windows, side)
    return _comb(np.ones(len(powers)), powers)


def stuck(windows: Floats, rate: float) -> NDArray[np.bool_]:
    """Whether each window `(N, samples)` stays exactly at its highest or lowest value for 50 ms, with shape (N,)."""
    width = max(2, round(STUCK * rate))
    high, low = (_stays(windows == end[:, None], width) for end in (windows.max(axis=1), windows.min(axis=1)))
    return high | low


def _stays(there: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    runs = np.asarray(sliding_window_view(there, width, axis=1).all(axis=2))
    return np.asarray(runs.any(axis=1))


def _side(samples: int) -> int:
    return math.isqrt(samples) if math.isqrt(samples) ** 2 == samples else SIDE


def _segment(samples: int, rate: float) -> int:
    """Samples in a segment of a spectrum: a window shorter than two of them is one."""
    return samples if samples < 2 * SEGMENT * rate else round(SEGMENT * rate)


def _frequencies(samples: int, rate: float) -> Floats:
    return np.fft.rfftfreq(_segment(samples, rate), 1 / rate)


def _signals(windows: Floats, rate: float, side: int) -> _Signals:
    parts = [_part(windows[k : k + BLOCK], rate, side) for k in range(0, len(windows), BLOCK)]
    return _Signals(*(np.concatenate([getattr(p, name) for p in parts]) for name in _Signals.__dataclass_fields__))


def _part(windows: Floats, rate: float, side: int) -> _Signals:
    x = windows - np.median(windows, axis=1, keepdims=True)
    density, frequency = power(x, rate), _frequencies(x.shape[1], rate)
    inside = density[:, _within(frequency, WHOLE)].astype(np.float64)
    return _Signals(
        10 * np.log10(np.maximum(density, LEAST_POWER)).astype(np.float32),
        _entropy(inside),
        _below(x, *AMPLITUDE),
        _below(np.diff(x) * (rate / 1000), *SLOPE),
        seam_steps(x, side),
        comb_powers(x, side),
        stuck(windows, rate).astype(np.float64),
    )


def _entropy(density: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shannon's entropy of each spectrum over that of a flat one, with shape (N,); NaN without any power."""
    total = density.sum(axis=1, keepdims=True)
    share = np.divide(density, total, out=np.full_like(density, np.nan), where=total > 0)
    return -(share * np.log(np.where(share > 0, share, 1))).sum(axis=1) / math.log(density.shape[1])


def _within(frequency: Floats, band: tuple[float, float]) -> NDArray[np.bool_]:
    return (frequency >= band[0]) & (frequency <= band[1])


def _below(values: Floats, end: float, step: float) -> NDArray[np.float32]:
    """The distribution function of each row of values, `(N, bins)`: the share of them up to each bin."""
    bins = 2 * round(end / step) + 1
    place = np.rint(np.clip(values, -end, end) / step).astype(np.int64) + bins // 2
    place += bins * np.arange(len(values))[:, None]
    counts = np.bincount(place.ravel(), minlength=bins * len(values)).reshape(len(values), bins)
    return (np.cumsum(counts, axis=1) / values.shape[1]).astype(np.float32)


def _spectra(found: Floats, reference: Floats, frequency: Floats) -> dict[str, Statistic]:
    """Distances of all bands that the spectrum reaches, of the frequencies that are there."""
    mains = _within(frequency, MAINS)
    bands = {name: _within(frequency, band) for name, band in BANDS.items() if frequency[-1] > band[0]}
    chosen = {"psd_db": _within(frequency, WHOLE)} | {f"psd_{name}_db": band for name, band in bands.items()}
    if "psd_40_150_db" in chosen:
        chosen["psd_40_150_db"] &= ~mains
    if frequency[-1] >= MAINS[1]:
        chosen["psd_mains_db"] = mains
    return {name: _decibels(found[:, at], reference[:, at]) for name, at in chosen.items() if at.any()}


def _decibels(found: Floats, reference: Floats) -> Statistic:
    return lambda judged, real: float(np.sqrt(np.mean((_mean(found, judged) - _mean(reference, real)) ** 2)))


def _values(found: _Signals, reference: _Signals) -> dict[str, Statistic]:
    return {
        "amplitude_w1": _transport(found.amplitudes, reference.amplitudes, AMPLITUDE[1]),
        "slope_w1": _transport(found.slopes, reference.slopes, SLOPE[1]),
        "spectral_entropy_w1": lambda judged, real: wasserstein(found.entropy, reference.entropy, judged, real),
        "stuck": lambda judged, _: mean(found.stuck, judged),
    }


def _folds(found: _Signals) -> dict[str, Statistic]:
    folds: dict[str, Statistic] = {"seam_ratio": lambda judged, _: _ratio(*_mean(found.seam, judged))}
    if found.comb.shape[2]:
        folds["comb_ratio"] = lambda judged, _: _comb(judged, found.comb)
    return folds


def _transport(found: Floats, reference: Floats, step: float) -> Statistic:
    return lambda judged, real: step * float(np.abs(_mean(found, judged) - _mean(reference, real)).sum())


def _mean(values: Floats, weights: Weights) -> Floats:
    """Weighted mean of the rows of `(N, columns)`, in the values' own precision: double would copy them."""
    return weights.astype(values.dtype) @ values / weights.sum()


def _ratio(between: float, within: float) -> float:
    return float(between / within) if within > 0 else float("nan")


def _comb(weights: Weights, powers: Floats) -> float:
    at, beside = np.tensordot(weights, powers, axes=1)
    return float(np.exp(np.mean(np.log(at / beside)))) if len(at) and (beside > 0).all() and (at > 0).all() else np.nan
