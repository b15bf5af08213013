r"""What other tools for synthetic ECGs report, computed as it is defined, each with what it cannot see.

Errors to the nearest generated window (`nearest_errors`) ask whether there is a generated window like each real one.
The features are eleven numbers of a window: mean, deviation, RMS, maximum, energy, zero crossings, lag-1
autocorrelation, skewness, kurtosis, spectral centroid and bandwidth, about the window's median and standardized with
training windows. Pairs of windows are also compared by dynamic time warping (`dtw`).

Elsewhere: spectra, spectral entropy and amplitudes in `ganlab.metrics.ecg.signal`, distances in deep features and the
discriminative score in `ganlab.metrics.distribution`, memorization in `ganlab.metrics.privacy.copies`, relations of
leads in `ganlab.metrics.ecg.leads`. Left out: the correlation with the mean of unaligned windows, which is flat
whatever they show; mutual information between leads (NMI), which depends on bins and says less than their correlations;
the discrete Frechet distance, which is ruled by one sample of unaligned windows; alpha-precision, which needs a trained
one-class embedding; pNN50, a share of at most three differences of RR intervals; QRS and QT intervals, which need a
delineation.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ganlab.core.resampling import at_rate, centred
from ganlab.core.spread import evenly
from ganlab.metrics.base import Floats, Real, SampleSet, Scorer, Statistic, Weights
from ganlab.metrics.coverage import covered
from ganlab.metrics.ecg.lead import LeadMetric, chosen_leads
from ganlab.metrics.ecg.nearest_errors import dtw, errors, nearest_distance
from ganlab.metrics.ecg.peaks import LEAST_RATE, find_all_peaks
from ganlab.metrics.ecg.signal import power
from ganlab.metrics.ecg.waves import rhythm_of
from ganlab.metrics.frechet import frechet_distance
from ganlab.metrics.kid import mixture, unbiased_mmd
from ganlab.metrics.needs import MORE_REFERENCE, MORE_TRAINING, need, need_generated
from ganlab.metrics.numbers import numbers_of
from ganlab.metrics.points import blocks, distances, radii, same_patient
from ganlab.metrics.weighted import distance_of, jensen_shannon, mean, mean_of, ratios

PEER_RATE = 125.0
"""Sampling rate at which windows are compared with one another, Hz."""
PULSES = np.arange(30.0, 255.0, 5.0)
"""Bins of the histogram of heart rates, 1/min; slower and faster ones are in the first and last."""
PROJECTIONS = 50
BANDWIDTHS = (0.1, 1.0, 10.0)
"""Widths of the kernels, in median distances of training windows."""
NEIGHBOURS = 3
SEED = 0


@dataclass(frozen=True)
class _Windows:
    """N windows of one lead as the numbers need them."""

    slow: NDArray[np.float32]
    """At 125 Hz, about their medians, with shape (N, samples)."""
    features: NDArray[np.float64]
    """With shape (N, 11)."""
    rr: NDArray[np.float64]
    """Median RR, SDNN and RMSSD, ms, with shape (N, 3); NaN where there are too few peaks."""
    patients: NDArray[np.int64] | None


class PeersList(LeadMetric):
    """Numbers of one `lead`, the first for None; `pairs` random pairs are warped onto one another."""

    numbers = numbers_of("peers")

    def __init__(self, pairs: int = 200, lead: str | None = None) -> None:
        super().__init__(lead)
        self.pairs = pairs

    def fit(self, real: Real) -> Scorer:
        """Learn the features' scale from training windows. Raises TooFew for less than 5 windows of either kind."""
        kind, place = self.place(real.kind)
        need(len(real.train), NEIGHBOURS + 2, "training windows", MORE_TRAINING)
        need(len(real.reference), NEIGHBOURS + 2, "reference windows", MORE_REFERENCE)
        train, reference = (_windows(each, place, kind.rate) for each in (real.train, real.reference))
        middle, scale = train.features.mean(axis=0), train.features.std(axis=0)
        scale[scale == 0] = 1
        trained, others = ((each.features - middle) / scale for each in (train, reference))
        few = trained[evenly(500, len(trained))]
        width = float(np.median(cdist(few, few)))

        def score(samples: SampleSet) -> dict[str, Statistic]:
            need_generated(len(samples), NEIGHBOURS + 2, "judged windows", len(real.train))
            windows = _windows(samples, place, kind.rate)
            features = (windows.features - middle) / scale
            same = same_patient(samples.patients, real.train.patients, len(real.train))
            numbers = errors(reference.slow, windows.slow) | {
                "dtw": _warped(windows, reference, self.pairs),
                "nn_distance": nearest_distance(others, features),
                "authenticity": _authenticity(features, trained, same),
                "swd": sliced_wasserstein(features, others),
                "mmd": mmd(features, others, width),
                "frechet": frechet_distance(features, others),
                "precision_recall_f1": precision_recall(features, others),
            }
            if kind.rate >= LEAST_RATE:
                numbers |= _rhythm(windows.rr, reference.rr)
            return {f"peers/{name}": each for name, each in numbers.items()}

        return score


def features_of(windows: Floats, rate: float) -> NDArray[np.float64]:
    """Return the eleven features of windows `(N, samples)` in mV about their medians, at `rate` Hz, `(N, 11)`."""
    x = windows.astype(np.float64)
    deviation, energy = x.std(axis=1), (x**2).sum(axis=1)
    crossings = (np.diff(np.signbit(x), axis=1)).mean(axis=1)
    about = x - x.mean(axis=1, keepdims=True)
    lagged = ratios((about[:, 1:] * about[:, :-1]).sum(axis=1), (about**2).sum(axis=1), 0.0)
    skewness, kurtosis = (ratios((about**k).mean(axis=1), deviation**k, 0.0) for k in (3, 4))
    density = power(x, rate)
    frequency = np.linspace(0, rate / 2, density.shape[1])
    total = density.sum(axis=1)
    centroid = ratios(density @ frequency, total, 0.0)
    spread = np.sqrt(ratios((density * (frequency - centroid[:, None]) ** 2).sum(axis=1), total, 0.0))
    rms = np.sqrt(energy / x.shape[1])
    level = (x.mean(axis=1), deviation, rms, np.abs(x).max(axis=1), energy)
    return np.stack([*level, crossings, lagged, skewness, kurtosis, centroid, spread], axis=1)


def sliced_wasserstein(a: Floats, b: Floats, projections: int = PROJECTIONS) -> Statistic:
    """Return the mean Wasserstein distance of points `(N, d)` and `(M, d)` along seeded random directions."""
    direction = np.random.default_rng(SEED).standard_normal((a.shape[1], projections))
    direction /= np.linalg.norm(direction, axis=0)
    along = (np.concatenate([a, b]) @ direction).T
    order = along.argsort(axis=1)
    gaps = np.diff(np.take_along_axis(along, order, axis=1))

    def statistic(judged: Weights, real: Weights) -> float:
        mass = np.concatenate([judged / judged.sum(), -real / real.sum()])
        return float((np.abs(np.cumsum(mass[order], axis=1)[:, :-1]) * gaps).sum() / projections)

    return statistic


def mmd(a: Floats, b: Floats, width: float) -> Statistic:
    """Return the unbiased squared MMD of points `(N, d)` and `(M, d)`, with three Gaussian kernels.

    Their standard deviations are 0.1, 1 and 10 times the `width`, the same for all pairs of points.
    """
    widths = [factor * width for factor in BANDWIDTHS]
    return unbiased_mmd(*(mixture(*pair, widths) for pair in ((a, a), (b, b), (a, b))))


def precision_recall(a: Floats, b: Floats, k: int = NEIGHBOURS) -> Statistic:
    """Return F1 of precision and recall of points `(N, d)` compared with `(M, d)`: see `ganlab.metrics.coverage`."""
    apart = distances(a, b)
    in_b, in_a = (apart <= radii(b, k)).astype(np.float32), (apart <= radii(a, k)[:, None]).astype(np.float32)

    def statistic(judged: Weights, real: Weights) -> float:
        precision, recall = covered(in_b, judged, real), covered(in_a.T, real, judged)
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    return statistic


def _windows(samples: SampleSet, place: slice, rate: float) -> _Windows:
    windows = chosen_leads(samples, place)[:, 0]
    slow = at_rate(windows[:, None], rate, PEER_RATE)[:, 0]
    parts = [windows[part] for part in blocks(len(windows))]
    features = np.concatenate([features_of(centred(part), rate) for part in parts])
    rr = np.concatenate([_intervals(part, rate) for part in parts])
    return _Windows(slow, features, rr, samples.patients)


def _intervals(windows: Floats, rate: float) -> NDArray[np.float64]:
    """Return `rr` of windows `(N, samples)` at `rate` Hz, `(N, 3)`."""
    if rate < LEAST_RATE:
        return np.full((len(windows), 3), np.nan)
    return np.array([rhythm_of(np.diff(peaks) * (1000 / rate)) for peaks in find_all_peaks(windows, rate)])


def _rhythm(rr: Floats, reference: Floats) -> dict[str, Statistic]:
    bins, reference_bins = (_binned(60_000 / each[:, 0]) for each in (rr, reference))
    return {
        "heart_rate_js": lambda judged, real: jensen_shannon(judged @ bins, real @ reference_bins),
        "hrv_rmssd_w1": distance_of(rr[:, 2], reference[:, 2]),
        "hrv_sdnn_w1": distance_of(rr[:, 1], reference[:, 1]),
    }


def _binned(pulse: Floats) -> NDArray[np.float64]:
    """Return 1 in the bin of each heart rate, `(N, bins)`; in no bin where it is NaN."""
    place = np.searchsorted(PULSES[1:-1], pulse, side="right")
    return np.eye(len(PULSES) - 1)[place] * np.isfinite(pulse)[:, None]


def _authenticity(points: Floats, trained: Floats, same: NDArray[np.bool_]) -> Statistic:
    """Return the authenticity (Alaa et al., ICML 2022), without training windows of the generated window's patient."""
    between, within = cdist(points, trained), cdist(trained, trained)
    np.copyto(between, np.inf, where=same)
    np.fill_diagonal(within, np.inf)
    nearest = between.argmin(axis=1)
    return mean_of(between.min(axis=1) > within.min(axis=1)[nearest])


def _warped(windows: _Windows, reference: _Windows, pairs: int) -> Statistic:
    """Return the mean warped distance of random pairs of different patients, weighted as both windows are."""
    rng = np.random.default_rng(SEED)
    first, second = (rng.integers(len(each.slow), size=4 * pairs) for each in (windows, reference))
    if windows.patients is not None and reference.patients is not None:
        apart = windows.patients[first] != reference.patients[second]
        first, second = first[apart], second[apart]
    first, second = first[:pairs], second[:pairs]
    distance = dtw(windows.slow[first], reference.slow[second])
    return lambda judged, real: mean(distance, judged[first] * real[second])
