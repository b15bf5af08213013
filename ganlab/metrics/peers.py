r"""What other tools for synthetic ECGs report, computed as it is defined, each with what it cannot see.

Errors to the nearest generated window (MAE, RMSE, PRD, PSNR, SSIM) ask whether there is a generated window like each
real one; windows are not aligned, and who copies wins. The features are eleven numbers of a window: mean, deviation,
RMS, maximum, energy, zero crossings, lag-1 autocorrelation, skewness, kurtosis, spectral centroid and bandwidth, about
the window's median and standardized with training windows. Dynamic time warping is

.. math:: d^2 = \min_\pi \sum_{(i, j) \in \pi} (x_i - y_j)^2

over monotonous paths within 10 % of the window from the diagonal.

Elsewhere: spectra, spectral entropy and amplitudes in `ganlab.metrics.ecg.signal`, distances in deep features and the
discriminative score in `ganlab.metrics.distribution`, memorization in `ganlab.metrics.privacy.copies`, relations of
leads in `ganlab.metrics.ecg.leads`. Left out: the correlation with the mean of unaligned windows, which is flat
whatever they show; mutual information between leads (NMI), which depends on bins and says less than their correlations;
the discrete Frechet distance, which is ruled by one sample of unaligned windows; alpha-precision, which needs a trained
one-class embedding; pNN50, a share of at most three differences of RR intervals; QRS and QT intervals, which need a
delineation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.distance import cdist, jensenshannon

from ganlab.core.kind import Kind, Window
from ganlab.core.resampling import at_rate, centred
from ganlab.core.spread import evenly
from ganlab.metrics.base import Metric, Number, Real, SampleSet, Scorer, Statistic, Weights, need
from ganlab.metrics.ecg.physiology import LEAST_RATE, find_all_peaks
from ganlab.metrics.ecg.signal import one_lead, place_of, power
from ganlab.metrics.privacy.copies import left_out
from ganlab.metrics.weighted import mean, wasserstein

Floats = NDArray[np.floating]

PEER_RATE = 125.0
"""Samples a second at which windows are compared with one another."""
NEAREST = 12
"""Nearest windows that are looked at: when persons are drawn, the very nearest may not be there."""
BAND = 0.1
"""Share of a window that warping may shift its samples by."""
SSIM_SAMPLES, SSIM_K = 11, (0.01, 0.03)
PSNR_LIMIT = 100.0
"""Of equal windows, dB."""
PULSES = np.arange(30.0, 255.0, 5.0)
"""Bins of the histogram of heart rates, 1/min; slower and faster ones are in the first and last."""
PROJECTIONS = 50
BANDWIDTHS = (0.1, 1.0, 10.0)
"""Of the kernels, in medians of the distances of training windows."""
NEIGHBOURS = 3
BLOCK = 256
"""Windows taken at a time, which bounds the memory."""
SEED = 0

SHARE, POSITIVE = (0.0, 1.0), (0.0, np.inf)
NOISE, FAR, ALL = ("noise",), ("collapsed", "noise"), ("noisy_copy", "collapsed", "noise")
COPYING = "rewards copying, and sees no windows that are too much"

NUMBERS: Mapping[str, Number] = {
    "peers/mae": Number("mV", f"mean |error| of real windows to the nearest judged one; {COPYING}", 0.0, (), POSITIVE),
    "peers/rmse": Number("mV", f"the same, RMS error; {COPYING}", 0.0, (), POSITIVE),
    "peers/prd": Number("%", f"the same, RMS error over the window's RMS; {COPYING}", 0.0, (), POSITIVE),
    "peers/psnr": Number("dB", f"the same, range over RMS error; {COPYING}", PSNR_LIMIT, (), (-np.inf, PSNR_LIMIT)),
    "peers/ssim": Number("", f"structural similarity of pieces of 88 ms; {COPYING}", 1.0, FAR, (-1.0, 1.0)),
    "peers/dtw": Number(
        "mV",
        "warped distance of random pairs of judged and real windows, beside pairs of real ones of different persons; "
        "hardly separates, and is blind to diversity",
        limits=POSITIVE,
    ),
    "peers/nn_distance": Number(
        "", f"distance of real windows to the nearest judged one, in eleven features; {COPYING}", 0.0, ALL, POSITIVE
    ),
    "peers/authenticity": Number(
        "share",
        "windows farther from their nearest training window than that is from the next, in eleven features; noise and "
        "a collapse onto what is no training window score well",
        sees=("copy", "collapsed"),
        limits=SHARE,
    ),
    "peers/hrv_rmssd_w1": Number(
        "ms",
        "Wasserstein distance of RMS differences of successive RR intervals from other persons'; of three peaks or "
        "more, so of at most three or four beats in 2 s, which is no heart-rate variability",
        0.0,
        NOISE,
        POSITIVE,
    ),
    "peers/hrv_sdnn_w1": Number("ms", "the same, deviations of RR intervals", 0.0, NOISE, POSITIVE),
    "peers/heart_rate_js": Number(
        "bit", "Jensen-Shannon divergence of histograms of heart rates; blind to all but the rate", 0.0, NOISE, SHARE
    ),
    "peers/swd": Number(
        "",
        "sliced Wasserstein distance in eleven features; blind to shapes that share them",
        0.0,
        ("noisy_copy",),
        POSITIVE,
    ),
    "peers/mmd": Number(
        "",
        "unbiased squared MMD in eleven features, three Gaussian kernels; may be negative",
        0.0,
        ("noisy_copy", "collapsed"),
    ),
    "peers/frechet": Number(
        "",
        "Frechet distance in eleven features; blind to shapes that share their mean and covariance",
        0.0,
        ("noisy_copy",),
        POSITIVE,
    ),
    "peers/precision_recall_f1": Number(
        "share",
        "harmonic mean of precision and recall in eleven features, 3 neighbours; 1 for equal sets only",
        1.0,
        ALL,
        SHARE,
    ),
}


@dataclass(frozen=True)
class _Known:
    """N windows of one lead as the numbers need them."""

    slow: NDArray[np.float32]
    """At 125 Hz, about their medians, with shape (N, samples)."""
    features: NDArray[np.float64]
    """With shape (N, 11)."""
    rr: NDArray[np.float64]
    """Heart rate in 1/min, RMSSD and SDNN in ms, with shape (N, 3); NaN where there are too few peaks."""
    persons: NDArray[np.int64] | None


class PeersList(Metric):
    """Numbers of one lead, the first if no other is asked for; `pairs` random pairs are warped onto one another."""

    numbers = NUMBERS
    kinds = (Window,)

    def __init__(self, pairs: int = 200, lead: str | None = None) -> None:
        self.pairs = pairs
        self.lead = lead

    def check(self, kind: Kind) -> None:
        """Raise UserError for anything but windows that have the lead."""
        super().check(kind)
        assert isinstance(kind, Window)
        place_of(self.lead, kind)

    def fit(self, real: Real) -> Scorer:
        """Learn the features' scale from training windows. Raises TooFew for less than 5 windows of either kind."""
        self.check(real.kind)
        assert isinstance(real.kind, Window)
        rate, place = real.kind.rate, place_of(self.lead, real.kind)
        for samples, what in ((real.train, "training windows"), (real.reference, "reference windows")):
            need(len(samples), NEIGHBOURS + 2, what)
        train, reference = _known(real.train, place, rate), _known(real.reference, place, rate)
        middle, scale = train.features.mean(axis=0), train.features.std(axis=0)
        scale[scale == 0] = 1
        trained, others = ((each.features - middle) / scale for each in (train, reference))
        width = float(np.median(cdist(*(2 * [trained[evenly(500, len(trained))]]))))

        def judge(samples: SampleSet) -> dict[str, Statistic]:
            need(len(samples), NEIGHBOURS + 2, "judged windows")
            found = _known(samples, place, rate)
            features = (found.features - middle) / scale
            numbers = _errors(reference.slow, found.slow)
            numbers |= {
                "dtw": _warped(found, reference, self.pairs),
                "nn_distance": _nearest_distance(others, features),
                "authenticity": _authenticity(features, trained, samples, real.train),
                "swd": sliced_wasserstein(features, others),
                "mmd": mmd(features, others, width),
                "frechet": lambda judged, real: frechet(features, others, judged, real),
                "precision_recall_f1": precision_recall(features, others),
            }
            if rate >= LEAST_RATE:
                numbers |= _rhythm(found.rr, reference.rr)
            return {f"peers/{name}": each for name, each in numbers.items()}

        return judge


def features_of(windows: Floats, rate: float) -> NDArray[np.float64]:
    """The eleven features of windows `(N, samples)` in mV about their medians, at `rate` Hz, with shape (N, 11)."""
    x = windows.astype(np.float64)
    deviation, energy = x.std(axis=1), (x**2).sum(axis=1)
    crossings = (np.diff(np.signbit(x), axis=1)).mean(axis=1)
    about = x - x.mean(axis=1, keepdims=True)
    lagged = _over((about[:, 1:] * about[:, :-1]).sum(axis=1), (about**2).sum(axis=1))
    skewness, kurtosis = (_over((about**k).mean(axis=1), deviation**k) for k in (3, 4))
    density = power(x, rate)
    frequency = np.linspace(0, rate / 2, density.shape[1])
    total = density.sum(axis=1)
    centroid = _over(density @ frequency, total)
    spread = np.sqrt(_over((density * (frequency - centroid[:, None]) ** 2).sum(axis=1), total))
    rms = np.sqrt(energy / x.shape[1])
    level = (x.mean(axis=1), deviation, rms, np.abs(x).max(axis=1), energy)
    return np.stack([*level, crossings, lagged, skewness, kurtosis, centroid, spread], axis=1)


def ssim(a: Floats, b: Floats) -> NDArray[np.float64]:
    """Mean structural similarity of pairs of windows, both `(N, samples)`, with shape (N,).

    Pieces of 11 samples, and the range is that of `a`'s window (Wang et al., 2004).
    """
    least = [(k * np.ptp(a, axis=1, keepdims=True)) ** 2 for k in SSIM_K]

    def local(values: Floats) -> Floats:
        inside = (SSIM_SAMPLES - 1) // 2
        return ndimage.uniform_filter1d(values.astype(np.float64), SSIM_SAMPLES, axis=1)[:, inside:-inside]

    mean_a, mean_b = local(a), local(b)
    var_a, var_b, both = local(a * a) - mean_a**2, local(b * b) - mean_b**2, local(a * b) - mean_a * mean_b
    above = (2 * mean_a * mean_b + least[0]) * (2 * both + least[1])
    below = (mean_a**2 + mean_b**2 + least[0]) * (var_a + var_b + least[1])
    return np.where(below > 0, above / np.where(below > 0, below, 1), 1.0).mean(axis=1)


def dtw(a: Floats, b: Floats, band: float = BAND) -> NDArray[np.float64]:
    """Warped distance of pairs of windows, both `(N, samples)`, with shape (N,), in their unit.

    Arguments:
        a: Windows.
        b: Windows of the same length.
        band: Share of the window that a sample may be shifted by (Sakoe and Chiba, 1978).
    """
    count, length = a.shape
    reach = round(band * length)
    above = np.full((length + 1, count), np.inf)
    above[0] = 0
    for i in range(length):
        low, high = max(0, i - reach), min(length, i + reach + 1)
        row = np.full((length + 1, count), np.inf)
        cost = (a[:, i, None] - b[:, low:high]).T.astype(np.float64) ** 2
        before = np.minimum(above[low:high], above[low + 1 : high + 1])
        for j in range(low, high):
            row[j + 1] = cost[j - low] + np.minimum(before[j - low], row[j])
        above = row
    return np.sqrt(above[length])


def sliced_wasserstein(a: Floats, b: Floats, projections: int = PROJECTIONS) -> Statistic:
    """Mean Wasserstein distance of points `(N, d)` and `(M, d)` along seeded random directions."""
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
    """Unbiased squared MMD of points `(N, d)` and `(M, d)`, mean of Gaussian kernels (Gretton et al., 2012).

    The kernels' standard deviations are 0.1, 1 and 10 times the `width`, the same for all pairs of points.
    """
    of_a, of_b, between = (_kernel(*pair, width) for pair in ((a, a), (b, b), (a, b)))

    def statistic(judged: Weights, real: Weights) -> float:
        cross = judged @ _product(between, real) / (judged.sum() * real.sum())
        return float(_pairs(of_a, judged) + _pairs(of_b, real) - 2 * cross)

    return statistic


def frechet(a: Floats, b: Floats, of_a: Weights, of_b: Weights) -> float:
    """Squared Frechet distance of the Gaussians of weighted points `(N, d)` and `(M, d)` (Dowson and Landau, 1982)."""
    (mean_a, cov_a), (mean_b, cov_b) = _moments(a, of_a), _moments(b, of_b)
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    both = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cov_b @ root), 0)).sum()
    return max(0.0, float(((mean_a - mean_b) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * both))


def precision_recall(a: Floats, b: Floats, k: int = NEIGHBOURS) -> Statistic:
    """F1 of precision and recall of points a `(N, d)` beside b `(M, d)` (Kynkaanniemi et al., 2019).

    The balls of the points have the radii of the whole sets; a draw changes which of them are there.
    """
    radius_a, radius_b = (np.partition(cdist(each, each), k, axis=1)[:, k] for each in (a, b))
    distance = cdist(a, b).astype(np.float32)
    in_b, in_a = (distance <= radius_b).astype(np.float32), (distance <= radius_a[:, None]).astype(np.float32)

    def statistic(judged: Weights, real: Weights) -> float:
        precision = mean((_product(in_b, real > 0) > 0.5).astype(np.float64), judged)
        recall = mean((_product(in_a.T, judged > 0) > 0.5).astype(np.float64), real)
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    return statistic


def _known(samples: SampleSet, place: int, rate: float) -> _Known:
    windows = one_lead(samples, place)
    slow = at_rate(windows[:, None], rate, PEER_RATE)[:, 0]
    parts = [windows[k : k + BLOCK] for k in range(0, len(windows), BLOCK)]
    features = np.concatenate([features_of(centred(part), rate) for part in parts])
    rr = np.concatenate([_intervals(part, rate) for part in parts])
    return _Known(slow, features, rr, samples.persons)


def _intervals(windows: Floats, rate: float) -> NDArray[np.float64]:
    found = np.full((len(windows), 3), np.nan)
    if rate < LEAST_RATE:
        return found
    for row, peaks in zip(found, find_all_peaks(windows, rate), strict=True):
        rr = np.diff(peaks) * (1000 / rate)
        if len(rr):
            row[0] = 60_000 / np.median(rr)
        if len(rr) > 1:
            row[1:] = np.sqrt((np.diff(rr) ** 2).mean()), rr.std()
    return found


def _over(above: Floats, below: Floats) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.zeros(len(above)), where=below > 0)


def _rhythm(found: Floats, reference: Floats) -> dict[str, Statistic]:
    bins, of_reference = _binned(found[:, 0]), _binned(reference[:, 0])
    return {
        "heart_rate_js": lambda judged, real: _js(judged @ bins, real @ of_reference),
        "hrv_rmssd_w1": _distance(found[:, 1], reference[:, 1]),
        "hrv_sdnn_w1": _distance(found[:, 2], reference[:, 2]),
    }


def _distance(found: Floats, reference: Floats) -> Statistic:
    return lambda judged, real: wasserstein(found, reference, judged, real)


def _binned(pulse: Floats) -> NDArray[np.float64]:
    """In which bin each heart rate is, `(N, bins)`; in none where there is none."""
    place = np.searchsorted(PULSES[1:-1], pulse, side="right")
    return np.eye(len(PULSES) - 1)[place] * np.isfinite(pulse)[:, None]


def _js(a: Floats, b: Floats) -> float:
    return float(jensenshannon(a, b, base=2) ** 2) if a.sum() and b.sum() else float("nan")


def _errors(reference: Floats, found: Floats) -> dict[str, Statistic]:
    """What each window of the reference differs by from the nearest judged one that is there."""
    place = _places(reference, found)
    pairs = (_differences(reference[k], found[n]) for k, n in _rows(place))
    mae, rmse, prd, psnr, alike = np.concatenate(list(pairs), axis=1)
    named = {"mae": mae, "rmse": rmse, "prd": prd, "psnr": psnr, "ssim": alike}
    return {name: _of_nearest(values, place) for name, values in named.items()}


def _places(of: Floats, among: Floats) -> NDArray[np.int64]:
    """The places of the nearest few of M points among N others, nearest first, `(M, few)`."""
    few = min(NEAREST, len(among))
    found = []
    for k in range(0, len(of), BLOCK):
        distance = cdist(of[k : k + BLOCK], among)
        near = np.argpartition(distance, few - 1, axis=1)[:, :few]
        order = np.take_along_axis(distance, near, axis=1).argsort(axis=1)
        found.append(np.take_along_axis(near, order, axis=1))
    return np.concatenate(found)


def _rows(place: NDArray[np.int64]) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    for k in range(0, len(place), BLOCK):
        yield slice(k, k + BLOCK), place[k : k + BLOCK]


def _differences(real: Floats, near: Floats) -> NDArray[np.float64]:
    """Of windows `(B, samples)` from their few nearest `(B, few, samples)`: five numbers, `(5, B, few)`."""
    error = near.astype(np.float64) - real[:, None]
    rmse = np.sqrt((error**2).mean(axis=2))
    size, span = np.sqrt((real.astype(np.float64) ** 2).mean(axis=1)), np.ptp(real, axis=1).astype(np.float64)
    prd = 100 * np.divide(rmse, size[:, None], out=np.full_like(rmse, np.nan), where=size[:, None] > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        psnr = np.minimum(20 * np.log10(span[:, None] / rmse), PSNR_LIMIT)
    flat = near.reshape(-1, near.shape[2])
    alike = ssim(np.repeat(real, near.shape[1], axis=0), flat).reshape(rmse.shape)
    return np.stack([np.abs(error).mean(axis=2), rmse, prd, psnr, alike])


def _of_nearest(values: Floats, place: NDArray[np.int64]) -> Statistic:
    """Mean over the reference of the value at the nearest judged window that weighs something."""

    def statistic(judged: Weights, real: Weights) -> float:
        there = judged[place] > 0
        nearest = np.where(there.any(axis=1), there.argmax(axis=1), place.shape[1] - 1)
        return mean(values[np.arange(len(values)), nearest], real)

    return statistic


def _nearest_distance(reference: Floats, found: Floats) -> Statistic:
    place = _places(reference, found)
    distance = [np.linalg.norm(reference[k, None] - found[n], axis=2) for k, n in _rows(place)]
    return _of_nearest(np.concatenate(distance), place)


def _authenticity(found: Floats, trained: Floats, samples: SampleSet, train: SampleSet) -> Statistic:
    """After Alaa et al., 2022; training windows of the judged window's own person are left out."""
    between, within = cdist(found, trained), cdist(trained, trained)
    np.copyto(between, np.inf, where=left_out(samples, train))
    np.fill_diagonal(within, np.inf)
    nearest = between.argmin(axis=1)
    authentic = between.min(axis=1) > within.min(axis=1)[nearest]
    return lambda judged, _: mean(authentic.astype(np.float64), judged)


def _warped(found: _Known, reference: _Known, pairs: int) -> Statistic:
    """Mean over random pairs of different persons, weighted as both windows are."""
    rng = np.random.default_rng(SEED)
    first, second = (rng.integers(len(each.slow), size=4 * pairs) for each in (found, reference))
    if found.persons is not None and reference.persons is not None:
        apart = found.persons[first] != reference.persons[second]
        first, second = first[apart], second[apart]
    first, second = first[:pairs], second[:pairs]
    distance = dtw(found.slow[first], reference.slow[second])
    return lambda judged, real: mean(distance, judged[first] * real[second])


def _kernel(a: Floats, b: Floats, width: float) -> NDArray[np.float32]:
    found = np.empty((len(a), len(b)), np.float32)
    for k in range(0, len(a), BLOCK):
        squared = cdist(a[k : k + BLOCK], b, "sqeuclidean")
        found[k : k + BLOCK] = np.mean([np.exp(-squared / (2 * (s * width) ** 2)) for s in BANDWIDTHS], axis=0)
    return found


def _product(matrix: NDArray[np.float32], weights: Weights | NDArray[np.bool_]) -> NDArray[np.float64]:
    return (matrix @ weights.astype(np.float32)).astype(np.float64)


def _pairs(kernel: NDArray[np.float32], weights: Weights) -> float:
    """Mean of the kernel over weighted pairs of different points."""
    alone = (weights**2).sum()
    total = weights @ _product(kernel, weights) - weights**2 @ kernel.diagonal()
    return float(total / (weights.sum() ** 2 - alone)) if weights.sum() ** 2 > alone else float("nan")


def _moments(points: Floats, weights: Weights) -> tuple[Floats, Floats]:
    middle = weights @ points / weights.sum()
    about = points - middle
    return middle, (about * weights[:, None]).T @ about / (weights.sum() - 1)
