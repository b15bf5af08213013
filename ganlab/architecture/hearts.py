"""Hearts in training windows: templates of their beats, times, heights, and what is left beside them."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganlab.architecture.rhythm import Observed, observed
from ganlab.architecture.template import LEAD_IN, SHARE, USUAL_RR, placed, times
from ganlab.core.errors import UserError
from ganlab.core.spread import evenly
from ganlab.metrics.ecg.peaks import find_all_peaks

WINDOWS = 2000
"""At most, to which a generator is fitted."""
QRS = 0.08
"""Reach about R in which heights of beats are compared, s."""
SMOOTH = 10.0
"""Width of the filter of what is taken for noise within that reach, Hz."""


class Hearts(NamedTuple):
    """Windows in which a heart is seen."""

    windows: NDArray[np.int64]
    """Their places among those given."""
    templates: Tensor
    """`(N, leads, POINTS)`."""
    observed: Observed
    """Rhythms of these windows."""
    rest: Tensor
    """What is left without beats, `(N, leads, samples)`."""


def hearts(windows: Tensor, rate: float) -> Hearts:
    """Return the hearts in windows `(N, leads, samples)` at `rate` Hz. Raises UserError for fewer than two.

    Beats are looked for in the lead with the highest, which are taken for 1 mV.
    """
    few = evenly(WINDOWS, len(windows))
    x = windows[few].double()
    x = x - x.median(-1, keepdim=True).values
    highest = x.abs().amax(-1).median(0).values
    signal = (x[:, highest.argmax()] / highest.max().clamp(min=1e-9)).numpy()
    peaks = [_refined(row, at) / rate for row, at in zip(signal, find_all_peaks(signal, rate), strict=True)]
    kept = [k for k, at in enumerate(peaks) if len(at) > 1]
    if len(kept) < 2:
        raise UserError(
            f"architecture=heart: {len(kept)} of {len(few)} training windows of {x.shape[-1] / rate:.3g} s have two "
            "beats; it takes ECGs in windows of two seconds or more. architecture=signal takes any."
        )
    peaks = [peaks[k] for k in kept]
    taken = [_taken(x[k].numpy(), at, rate) for k, at in zip(kept, peaks, strict=True)]
    templates = torch.from_numpy(np.stack([template for template, _ in taken]))
    heights = [height for _, height in taken]
    rhythm = observed(peaks, heights, x.shape[-1] / rate)
    rr = torch.from_numpy(rhythm.rr)[:, None]
    beats, height = _extended(peaks, heights, rhythm.rr, x.shape[-1] / rate)
    rest = x[kept] - placed(templates, beats, rr, height, x.shape[-1], rate)
    rest = _calmed(rest, beats, rr, rate)
    return Hearts(few[kept], templates, rhythm, rest)


def _calmed(rest: Tensor, beats: Tensor, rr: Tensor, rate: float) -> Tensor:
    """Return the rest smoothed to 20 Hz about R, where it holds what differs between two beats."""
    frequencies = torch.fft.rfftfreq(rest.shape[-1], 1 / rate, dtype=rest.dtype)
    smooth = torch.fft.irfft(torch.fft.rfft(rest) * (-0.5 * (frequencies / SMOOTH) ** 2).exp(), n=rest.shape[-1])
    since = times(torch.full((1, 1), USUAL_RR, dtype=rest.dtype))
    outside = ((since.abs() - QRS / 2) / (QRS / 2)).clamp(0, 1).expand(len(rest), 1, -1).contiguous()
    share = placed(outside, beats, rr, torch.ones_like(beats), rest.shape[-1], rate)
    return smooth + share * (rest - smooth)


def _refined(signal: NDArray[np.float64], peaks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return peaks at the vertex of a parabola through three samples."""
    inner = peaks[(peaks > 0) & (peaks < len(signal) - 1)]
    before, at, after = signal[inner - 1], signal[inner], signal[inner + 1]
    bend = before - 2 * at + after
    offset = np.divide(0.5 * (before - after), bend, out=np.zeros_like(bend), where=bend != 0)
    return inner + offset.clip(-0.5, 0.5)


def _taken(
    x: NDArray[np.float64], peaks: NDArray[np.float64], rate: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean beat `(leads, POINTS)` of a window `(leads, samples)`, and the relative height of each beat."""
    interval = np.diff(peaks)
    rr = interval.mean()
    since = times(torch.tensor([[rr]], dtype=torch.float64))[0].numpy()
    at = (peaks[:, None] + since) * rate
    inside = (at >= 0) & (at <= x.shape[1] - 1)
    # Means over a cell of the grid, twice as wide beyond QRS, and over a sample at least.
    wide = np.maximum(np.gradient(since) * rate * (1 + (np.abs(since) / QRS).clip(max=1)), 1)
    summed = np.concatenate([np.zeros((len(x), 1)), x.cumsum(1)], axis=1)
    beats = (_between(summed, at + (1 + wide) / 2) - _between(summed, at + (1 - wide) / 2)) / wide
    before, after = (np.append(rr, interval), np.append(interval, rr))
    own = (since >= -np.minimum(LEAD_IN, SHARE * before)[:, None]) & (
        since <= (after - np.minimum(LEAD_IN, SHARE * after))[:, None]
    )
    valid = inside & own
    count = valid.sum(0)
    mean = np.where(valid, beats, 0).sum(1) / np.maximum(count, 1)
    have = np.flatnonzero(count)
    near = have[np.abs(np.arange(len(since))[:, None] - have).argmin(1)]
    template = mean[:, near]
    core = (np.abs(since) <= QRS) & inside.all(0)
    height = np.ones(len(peaks))
    if core.sum() > 2:
        shape = template[:, core] - template[:, core].mean(1, keepdims=True)
        height = np.einsum("lbp,lp->b", beats[..., core], shape) / max((shape**2).sum(), 1e-12)
        height = height / height.mean() if height.mean() > 0.1 else np.ones(len(peaks))
    return template, height


def _between(values: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows `(leads, N)` of values by linear interpolation at places of any shape."""
    low = np.floor(at).clip(0, values.shape[1] - 2).astype(np.int64)
    part = (at - low).clip(0, 1)
    return np.asarray(values[:, low] * (1 - part) + values[:, low + 1] * part)


def _extended(
    peaks: list[NDArray[np.float64]], heights: list[NDArray[np.float64]], rr: NDArray[np.float64], seconds: float
) -> tuple[Tensor, Tensor]:
    """Return times and heights of beats `(N, most)`, continued to either side of the windows at their interval."""
    rows, gains = [], []
    for at, height, interval in zip(peaks, heights, rr, strict=True):
        earlier = max(2, int(np.ceil(at[0] / interval)) + 1)
        later = max(2, int(np.ceil((seconds - at[-1]) / interval)) + 1)
        before = at[0] - interval * np.arange(earlier, 0, -1)
        rows.append(np.concatenate([before, at, at[-1] + interval * np.arange(1, later + 1)]))
        gains.append(np.concatenate([np.ones(earlier), height, np.ones(later)]))
    most = max(map(len, rows))
    beats = [np.append(row, row[-1] + 10 + np.arange(most - len(row))) for row in rows]
    gain = [np.append(each, np.ones(most - len(each))) for each in gains]
    return torch.from_numpy(np.stack(beats)), torch.from_numpy(np.stack(gain))
