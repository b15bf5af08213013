"""The beats of a window: where they are to a part of a sample, their mean, and those that are of another kind.

Beats are moved to where they fit the median beat best, all leads together. A beat whose shape is another, or that comes
much too early in a regular rhythm, is an ectopic one, of which a mean is taken by itself.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ganlab.architecture.template import LEAD_IN, SHARE, times

Floats = NDArray[np.float64]

FINE_RATE = 800.0
"""Least rate at which a window is looked at between its samples, Hz."""
QRS = 0.08
"""Reach about R in which heights of beats are compared, s."""
NEAR = np.arange(-0.06, 0.0601, 0.004)
LAGS = np.arange(-0.012, 0.0121, 0.002)
"""Places about R at which beats are compared to be moved, and by how much at a time, s."""
WHOLE = np.arange(-0.1, 0.301, 0.01)
"""Places about R at which ectopic beats differ, s."""
UNLIKE, LESS = 0.7, 0.2
"""An ectopic beat's correlation with the median beat is below the one, and by the other below the usual one."""
EARLY, SCATTER = 0.15, 5.0
"""One that is early is so by this share of the interval, and by so many deviations of the intervals."""
FEWEST, MOST_ODD = 5, 0.4
"""Beats of a window that shows which are ectopic, and their largest share."""


class Beats(NamedTuple):
    """Beats of a window: times `(B,)`, s, heights relative to the mean `(B,)`, and which are ectopic `(B,)`.

    `rr` is the mean interval between usual beats, s; `templates` `(2, leads, POINTS)` are the usual and the ectopic
    one. `scatter` `(leads, POINTS)` is half of what the means of every other usual beat differ: noise as in their mean.
    """

    times: Floats
    heights: Floats
    odd: NDArray[np.bool_]
    rr: float
    templates: Floats
    scatter: Floats


class Window:
    """A window `(leads, samples)` that has values between its samples."""

    def __init__(self, x: Floats, rate: float) -> None:
        factor = int(np.ceil(FINE_RATE / rate))
        self.seconds = (x.shape[1] - 1) / rate
        line = np.linspace(x[:, 0], x[:, -1], x.shape[1], axis=1)
        fine = np.fft.irfft(np.fft.rfft(x - line), n=factor * x.shape[1]) * factor
        fine = fine[:, : factor * (x.shape[1] - 1) + 1]
        self.rate = factor * rate
        self.fine = fine + np.linspace(x[:, 0], x[:, -1], fine.shape[1], axis=1)
        self.summed = np.concatenate([np.zeros((len(x), 1)), self.fine.cumsum(1)], axis=1)

    def at(self, t: Floats) -> Floats:
        """Return the values `(leads, *)` at times of any shape, s."""
        return _between(self.fine, t * self.rate)

    def mean(self, t: Floats, width: Floats) -> Floats:
        """Return means over so many seconds about times, `(leads, *)`."""
        wide = np.maximum(width * self.rate, 1)
        first, last = (_between(self.summed, t * self.rate + (1 + side * wide) / 2) for side in (-1, 1))
        return (last - first) / wide


def beats_of(x: Floats, peaks: NDArray[np.int64], rate: float) -> Beats:
    """Return the beats of a window `(leads, samples)` with peaks at these samples, two or more."""
    window = Window(x, rate)
    at = aligned(window, peaks / rate)
    odd = ectopic(window, at)
    interval = np.diff(at)
    usual = ~(odd[1:] | odd[:-1])
    rr = float((interval[usual] if usual.any() else interval).mean())
    since = times(torch.tensor([[rr]], dtype=torch.float64))[0].numpy()
    # Means over a cell of the grid, twice as wide beyond QRS.
    wide = np.gradient(since) * (1 + (np.abs(since) / QRS).clip(max=1))
    beats = window.mean(at[:, None] + since, wide)
    inside = (at[:, None] + since >= 0) & (at[:, None] + since <= window.seconds)
    before, after = np.append(rr, interval), np.append(interval, rr)
    own = (since >= -np.minimum(LEAD_IN, SHARE * before)[:, None]) & (
        since <= (after - np.minimum(LEAD_IN, SHARE * after))[:, None]
    )
    templates = [_mean(beats, inside & own & each[:, None]) for each in ((~odd, odd) if odd.any() else (~odd, ~odd))]
    core = (np.abs(since) <= QRS) & inside.all(0)
    scatter = _scatter(beats, inside & own & ~odd[:, None])
    return Beats(at, _heights(beats, templates[0], core, odd), odd, rr, np.stack(templates), scatter)


def aligned(window: Window, at: Floats) -> Floats:
    """Return times of beats moved to where they are most like the median beat."""
    for _ in range(2):
        shape = np.median(window.at(at[:, None] + NEAR), axis=1)
        shape -= shape.mean(1, keepdims=True)
        fit = np.einsum("lbsp,lp->bs", window.at(at[:, None, None] + LAGS[:, None] + NEAR), shape)
        best = fit.argmax(1).clip(1, len(LAGS) - 2)
        before, top, after = (fit[np.arange(len(at)), best + k] for k in (-1, 0, 1))
        bend = before - 2 * top + after
        part = np.divide(before - after, 2 * bend, out=np.zeros_like(bend), where=bend < 0)
        at = at + LAGS[best] + part.clip(-0.5, 0.5) * (LAGS[1] - LAGS[0])
    return at


def ectopic(window: Window, at: Floats) -> NDArray[np.bool_]:
    """Return which beats at these times are of another shape than most, or come early in a regular rhythm."""
    none = np.zeros(len(at), bool)
    if len(at) < FEWEST:
        return none
    beats = window.at(at[:, None] + WHOLE)
    beats = beats - beats.mean(-1, keepdims=True)
    usual = np.median(beats, axis=1)
    size = np.sqrt(np.square(beats).sum((0, 2)) * np.square(usual).sum())
    alike = np.einsum("lbp,lp->b", beats, usual) / size.clip(min=1e-12)
    interval = np.diff(at)
    middle = np.median(interval)
    scatter = 1.48 * np.median(np.abs(interval - middle))
    early = np.append(False, interval < middle - np.maximum(EARLY * middle, SCATTER * scatter))
    odd = early | ((alike < UNLIKE) & (alike < np.median(alike) - LESS))
    return odd if odd.mean() <= MOST_ODD else none


def _mean(beats: Floats, valid: NDArray[np.bool_]) -> Floats:
    """Return the mean `(leads, points)` of beats `(leads, B, points)` where they are valid, else its nearest value."""
    count = valid.sum(0)
    mean = np.where(valid, beats, 0).sum(1) / np.maximum(count, 1)
    have = np.flatnonzero(count)
    return np.asarray(mean[:, have[np.abs(np.arange(len(count))[:, None] - have).argmin(1)]])


def _scatter(beats: Floats, valid: NDArray[np.bool_]) -> Floats:
    """Return half the difference of the means of every other valid beat; 0 where one of them has none."""
    usual = np.flatnonzero(valid.any(1))
    halves = [np.isin(np.arange(len(valid)), usual[k::2])[:, None] & valid for k in (0, 1)]
    both = halves[0].any(0) & halves[1].any(0)
    if not both.any():
        return np.zeros_like(beats[:, 0])
    return np.where(both, (_mean(beats, halves[0]) - _mean(beats, halves[1])) / 2, 0)


def _heights(beats: Floats, template: Floats, core: NDArray[np.bool_], odd: NDArray[np.bool_]) -> Floats:
    """Return the height of each beat relative to the usual ones' mean, by QRS; 1 for ectopic ones."""
    if core.sum() <= 2:
        return np.ones(len(odd))
    shape = template[:, core] - template[:, core].mean(1, keepdims=True)
    height = np.einsum("lbp,lp->b", beats[..., core], shape) / max(np.square(shape).sum(), 1e-12)
    mean = height[~odd].mean()
    return np.where(odd, 1.0, height / mean) if mean > 0.1 else np.ones(len(odd))


def _between(values: Floats, at: Floats) -> Floats:
    """Return rows `(leads, N)` of values by linear interpolation at places of any shape."""
    low = np.floor(at).clip(0, values.shape[1] - 2).astype(np.int64)
    part = (at - low).clip(0, 1)
    return np.asarray(values[:, low] * (1 - part) + values[:, low + 1] * part)
