r"""R peaks of short windows, on one lead or on all leads together.

With $b$ the window's 5-20 Hz band (zero phase) and $T$ = 120 ms, the band's total variation
$e(t) = \int_{t-T/2}^{t+T/2} |\dot b(s)| \, ds$, in mV, has one hump for each QRS complex. Humps 250 ms apart,
above a fraction of the window's own high quantile of $e$ and above what a spike of 50 uV has, are beats. R is
the largest deviation of the signal from its local median within 50 ms, in the one direction, up or down, that
is the larger for the window's beats together; it must be 50 uV, and not the window's first or last sample,
where R is outside. Nothing is learned over time, so two seconds are enough. Of several leads, which share their
beats, $e$ and the deviations, each lead's in its own direction, are the means.

How the detector compares with others on whole records: docs/detector.md.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy import signal as dsp

from ganlab.metrics.base import Floats

Peaks = list[NDArray[np.int64]]
QRS_BAND = (5.0, 20.0)
"""Band of the QRS complex, Hz."""
THRESHOLD, QUANTILE = 0.4, 0.98
"""A hump of the energy is a beat above this fraction of this quantile of its window."""
INTEGRATION, REFRACTORY, REFINE, LOCAL = 0.12, 0.25, 0.05, 0.3
"""Width of the integration, least distance of beats, reach of the refinement and of the local median, s."""
FLOOR_MV = 0.05
"""Least deviation of R, and least height of a spike in that band: its total variation is twice that, mV."""
LEAST_RATE = 100.0
"""Least sampling rate of windows in which beats are looked for, Hz."""
EDGE = 0.1
"""A peak nearer to the window's edge may belong to a QRS complex cut by it, s."""
CHUNK = 1 << 21
"""Samples of all leads described at a time, which bounds the memory: a thousand windows of one lead, 2 s, 1000 Hz."""


def find_all_peaks(windows: Floats, rate: float = 1000.0) -> Peaks:
    """Return the R peaks of windows `(N, samples)` in mV, or of all leads of `(N, leads, samples)`, at `rate` Hz."""
    x = filled(windows)[0].reshape(len(windows), -1, windows.shape[-1])
    band = dsp.butter(2, QRS_BAND, "bandpass", fs=rate, output="sos")
    slope = np.abs(np.gradient(dsp.sosfiltfilt(band, x), axis=-1)).mean(axis=1)
    width = round(INTEGRATION * rate)
    energy = width * ndimage.uniform_filter1d(slope, width, axis=1, mode="reflect")
    threshold = np.maximum(THRESHOLD * np.quantile(energy, QUANTILE, axis=1), 2 * FLOOR_MV)
    return [_window_peaks(*each, rate) for each in zip(x, energy, threshold, strict=True)]


def lags(a: Peaks, b: Peaks, samples: int, rate: float = 1000.0) -> tuple[NDArray[np.int64], Floats]:
    """Return each peak's window in `a`, and how much later the nearest of `b` is, s; more than a window for none.

    `a` and `b` are peaks of the same windows of `samples` at `rate` Hz, found in two ways or on two leads. Peaks of `a`
    that are less than `EDGE` from the window's edge are left out.
    """
    flat, other, apart = _flat(a, samples), _flat(b, samples), 2 * samples
    inner = flat[(flat % apart >= EDGE * rate) & (flat % apart < samples - EDGE * rate)]
    padded = np.concatenate([[-apart], other, [apart * (len(a) + 1)]])
    after = np.searchsorted(padded, inner).clip(1)
    later, earlier = padded[after] - inner, padded[after - 1] - inner
    return inner // apart, np.where(later < -earlier, later, earlier) / rate


def filled(windows: Floats) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return windows `(N, ..., samples)`, zeros in place of those with NaN or infinity, and which have none, `(N,)`."""
    finite = np.asarray(np.isfinite(windows).all(axis=tuple(range(1, windows.ndim))))
    return np.where(finite.reshape(-1, *[1] * (windows.ndim - 1)), windows, 0).astype(np.float64), finite


def chunks(windows: Floats) -> Iterator[Floats]:
    """Return windows `(N, ..., samples)` in parts of at most `CHUNK` samples, or of one window."""
    size = max(1, CHUNK // max(1, windows[:1].size))
    return (windows[k : k + size] for k in range(0, len(windows), size))


def _window_peaks(
    x: NDArray[np.float64], energy: NDArray[np.float64], threshold: float, rate: float
) -> NDArray[np.int64]:
    """Return the R peaks of one window `(leads, samples)`, given the energy of all leads `(samples,)`."""
    humps = dsp.find_peaks(np.pad(energy, 1), height=threshold, distance=round(REFRACTORY * rate))[0] - 1
    if not len(humps):
        return np.empty(0, np.int64)
    reach, last = round(REFINE * rate), x.shape[1] - 1
    near = np.clip(humps[:, None] + np.arange(-reach, reach + 1), 0, last)
    rise = x[:, near] - local_median(x, humps, rate)[..., None]
    way = np.sign(rise.max(axis=2).sum(axis=1) + rise.min(axis=2).sum(axis=1))
    rise = (rise * np.where(way == 0, 1, way)[:, None, None]).mean(axis=0)
    best = near[np.arange(len(humps)), rise.argmax(axis=1)]
    return np.unique(best[(rise.max(axis=1) >= FLOOR_MV) & (best > 0) & (best < last)])


def local_median(x: Floats, at: NDArray[np.int64], rate: float) -> Floats:
    """Return the median of `(..., samples)` within 300 ms of each place, `(..., places)`."""
    last = x.shape[-1] - 1
    reach = min(round(LOCAL * rate), last // 2)
    centre = np.clip(at, reach, last - reach)
    return np.median(x[..., centre[:, None] + np.arange(-reach, reach + 1)], axis=-1)


def _flat(peaks: Peaks, samples: int) -> NDArray[np.int64]:
    """Return the peaks of all windows on one axis, on which windows begin two windows' lengths apart."""
    return np.concatenate([2 * samples * k + p for k, p in enumerate(peaks)]).astype(np.int64)
