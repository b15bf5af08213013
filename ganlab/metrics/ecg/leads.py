r"""Do the leads of a window belong to one heart? Laws that hold between leads, and relations that real leads share.

Limb leads are differences of three potentials, so that $iii = ii - i$ (Einthoven) and $avr = -(i + ii) / 2$,
$avl = i - ii / 2$, $avf = ii - i / 2$ (Goldberger), and all six have two dimensions only. A window's own zero is
arbitrary: residuals are standard deviations over time. Beats are those of `ganlab.metrics.ecg.peaks`, lead by lead.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal.windows import hann

from ganlab.core.kind import Array, Window, of_kind
from ganlab.metrics.base import Floats, Metric, Real, SampleSet, Scorer, Statistic, Weights
from ganlab.metrics.ecg.peaks import CHUNK, LEAST_RATE, Peaks, find_all_peaks, lags
from ganlab.metrics.needs import check_finite
from ganlab.metrics.numbers import numbers_of
from ganlab.metrics.weighted import mean_of, median_of, ratios

GOLDBERGER: Mapping[str, tuple[float, float]] = {"avr": (-0.5, -0.5), "avl": (1.0, -0.5), "avf": (-0.5, 1.0)}
"""The augmented leads from i and ii."""
LIMB = ("i", "ii", "iii", "avr", "avl", "avf")
TOLERANCE = 0.04
"""Largest distance of R in two leads of the same beat, s."""
SEGMENT, BAND = 0.5, 40.0
"""Length of the segments whose spectra the coherence averages, s, and its upper end, Hz."""
BLOCK = 128
"""Windows taken at a time, which bounds the memory."""


@dataclass(frozen=True)
class MatchedBeats:
    """Beats of N windows in the first lead and in each other one, sums by window, with shape (N, others).

    `matched` of the first lead's `beats` are in the other lead within 40 ms, `back` of the other lead's `others` in
    the first; `later` sums how much later the matched ones are, ms, `later_squared` its squares.
    """

    beats: Floats
    matched: Floats
    others: Floats
    back: Floats
    later: Floats
    later_squared: Floats

    def cooccurrence(self, weights: Weights) -> float:
        """Return F1 of the first lead's beats and of each other's, mean of the others; 0 where there are no beats."""
        first = ratios(weights @ self.matched, weights @ self.beats, 0.0)
        other = ratios(weights @ self.back, weights @ self.others, 0.0)
        return float(ratios(2 * first * other, first + other, 0.0).mean())

    def lag_ms(self, weights: Weights) -> float:
        """Return the standard deviation over beats of the lag behind the first lead, ms, mean of the others."""
        count = weights @ self.matched
        late, squared = (ratios(weights @ each, count) for each in (self.later, self.later_squared))
        deviation = np.sqrt(np.maximum(squared - late**2, 0))
        return float(np.nanmean(deviation)) if np.isfinite(deviation).any() else float("nan")


class LeadRelations(Metric):
    """Relations between the leads of windows: no number for windows of one lead, none of beats below a second."""

    numbers = numbers_of("leads")
    kinds = (Window,)
    in_millivolts = True

    def fit(self, real: Real) -> Scorer:
        """Describe the reference. Raises UserError for windows that hold NaN or infinity."""
        self.check(real.kind)
        kind = of_kind(real.kind, Window)
        if len(kind.leads) < 2:
            return lambda samples: {}
        reference, _ = _pairs(real.reference.values, kind)

        def score(samples: SampleSet) -> dict[str, Statistic]:
            pairs, beats = _pairs(samples.values, kind)
            numbers = _residuals(samples.values, kind)
            numbers |= {name: _distance(each, reference[name]) for name, each in pairs.items()}
            if beats is not None:
                numbers["peak_cooccurrence"] = lambda judged, _: beats.cooccurrence(judged)
                numbers["r_lag_ms"] = lambda judged, _: beats.lag_ms(judged)
            return {f"leads/{name}": statistic for name, statistic in numbers.items()}

        return score


def einthoven_residual(i: Floats, ii: Floats, iii: Floats) -> Floats:
    """Return the standard deviation over time of ii - i - iii in uV, which Einthoven's law makes 0, with shape (N,).

    The leads have shape (N, samples), in mV. The mean is left out: a window that was scaled from its own minimum has
    lost it.
    """
    return 1000 * np.std(ii.astype(np.float64) - i - iii, axis=1)


def goldberger_residual(name: str, i: Floats, ii: Floats, lead: Floats) -> Floats:
    """Return the standard deviation over time of an augmented lead less what i and ii make it, in uV, `(N,)`.

    `name` is `avr`, `avl` or `avf`; the leads have shape (N, samples), in mV.
    """
    of_i, of_ii = GOLDBERGER[name]
    return 1000 * np.std(lead.astype(np.float64) - of_i * i - of_ii * ii, axis=1)


def plane_share(leads: Floats) -> Floats:
    """Return the share of the variance over time of `(N, leads, samples)` that lies in two dimensions, `(N,)`."""
    variance = np.linalg.eigvalsh(_covariance(leads))
    return ratios(variance[:, -2:].sum(axis=1), variance.sum(axis=1))


def lead_correlations(windows: Floats) -> Floats:
    """Return the Pearson correlation over time of each pair of leads of `(N, leads, samples)`, with shape (N, pairs).

    NaN where a lead is flat.
    """
    covariance = _covariance(windows)
    scale = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    a, b = np.triu_indices(windows.shape[1], 1)
    return ratios(covariance[:, a, b], scale[:, a] * scale[:, b])


def coherences(windows: Floats, rate: float) -> Floats:
    """Return the mean squared coherence up to 40 Hz of each pair of leads of `(N, leads, samples)`: `(N, pairs)`.

    Spectra are averaged over half overlapping segments of half a second (Welch), as scipy.signal.coherence does.
    """
    width = round(SEGMENT * rate)
    a, b = np.triu_indices(windows.shape[1], 1)
    bins = slice(1, int(BAND * width / rate) + 1)
    parts = []
    for k in range(0, len(windows), BLOCK):
        segments = sliding_window_view(windows[k : k + BLOCK], width, axis=-1)[..., :: width - width // 2, :]
        segments = (segments - segments.mean(axis=-1, keepdims=True)) * hann(width, sym=False)
        spectra = np.fft.rfft(segments)[..., bins].swapaxes(-1, -2)
        power = (np.abs(spectra) ** 2).sum(axis=-1)
        cross = np.einsum("nafs,nbfs->nabf", spectra, spectra.conj())[:, a, b]
        parts.append(ratios(np.abs(cross) ** 2, power[:, a] * power[:, b]).mean(axis=-1))
    return np.concatenate(parts)


def compare_beats(windows: Floats, rate: float) -> MatchedBeats:
    """Return the beats of each lead of `(N, leads, samples)` in mV, at `rate` Hz, matched with the first lead's."""
    count, leads, samples = windows.shape
    parts = [windows[k : k + CHUNK] for k in range(0, count, CHUNK)]
    peaks = [[each for part in parts for each in find_all_peaks(part[:, k], rate)] for k in range(leads)]
    columns = [_matched(peaks[0], other, samples, rate, count) for other in peaks[1:]]
    return MatchedBeats(*(np.stack(each, axis=1) for each in zip(*columns, strict=True)))


def _matched(first: Peaks, other: Peaks, samples: int, rate: float, count: int) -> tuple[Floats, ...]:
    """Return the sums of `MatchedBeats`, in their order, `(N,)`."""
    window, late = lags(first, other, samples, rate)
    of_other, back = lags(other, first, samples, rate)
    matched = np.abs(late) <= TOLERANCE
    later = 1000 * np.where(matched, late, 0)
    of_first = [np.bincount(window, each, count) for each in (np.ones(len(late)), matched, later, later**2)]
    of_others = [np.bincount(of_other, each, count) for each in (np.ones(len(back)), np.abs(back) <= TOLERANCE)]
    return tuple(each.astype(np.float64) for each in (*of_first[:2], *of_others, *of_first[2:]))


def _pairs(windows: Array, kind: Window) -> tuple[dict[str, Floats], MatchedBeats | None]:
    """Return what is compared of each pair of leads, `(N, pairs)`, and the beats of windows of a second or more."""
    check_finite(windows, "windows")
    pairs = {"correlation_distance": lead_correlations(windows)}
    if kind.samples < kind.rate or kind.rate < LEAST_RATE:
        return pairs, None
    pairs["coherence_distance"] = coherences(windows, kind.rate)
    return pairs, compare_beats(windows, kind.rate)


def _residuals(windows: Array, kind: Window) -> dict[str, Statistic]:
    """Return the residuals of Einthoven's and Goldberger's laws, of the leads that the windows have."""
    lead = {name.lower(): windows[:, k] for k, name in enumerate(kind.leads)}
    numbers: dict[str, Statistic] = {}
    if {"i", "ii", "iii"} <= lead.keys():
        residual = einthoven_residual(lead["i"], lead["ii"], lead["iii"])
        scale = 1000 * lead["iii"].std(axis=1, dtype=np.float64)
        numbers["einthoven_residual_uv"] = median_of(residual)
        numbers["einthoven_ratio"] = median_of(ratios(residual, scale))
    if {"i", "ii"} <= lead.keys() and (augmented := sorted(GOLDBERGER.keys() & lead.keys())):
        residuals = [goldberger_residual(name, lead["i"], lead["ii"], lead[name]) for name in augmented]
        numbers["goldberger_residual_uv"] = median_of(np.mean(residuals, axis=0))
    limbs = [k for k, name in enumerate(kind.leads) if name.lower() in LIMB]
    if len(limbs) > 2:
        numbers["limb_plane"] = mean_of(plane_share(windows[:, limbs]))
    return numbers


def _distance(pairs: Floats, reference: Floats) -> Statistic:
    """Return the RMS over pairs of the difference of their means."""
    of_pairs, of_reference = _means(pairs), _means(reference)

    def statistic(judged: Weights, real: Weights) -> float:
        squared = (of_pairs(judged) - of_reference(real)) ** 2
        return float(np.sqrt(np.nanmean(squared))) if np.isfinite(squared).any() else float("nan")

    return statistic


def _means(values: Floats) -> Callable[[Weights], Floats]:
    """Return weighted means of columns, each over its finite values."""
    finite = np.isfinite(values).astype(np.float64)
    filled = np.where(finite > 0, values, 0.0)
    return lambda weights: ratios(weights @ filled, weights @ finite)


def _covariance(windows: Floats) -> Floats:
    """Return the covariance over time of `(N, leads, samples)`, with shape (N, leads, leads)."""
    parts = []
    for k in range(0, len(windows), BLOCK):
        x = windows[k : k + BLOCK].astype(np.float64)
        x -= x.mean(axis=-1, keepdims=True)
        parts.append(x @ x.swapaxes(1, 2) / x.shape[-1])
    return np.concatenate(parts)
