"""Hearts in training windows: templates of their beats, times, heights, and what is left beside them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganlab.architecture.beats import QRS, Beats, beats_of
from ganlab.architecture.rhythm import Observed, observed
from ganlab.architecture.template import USUAL_RR, placed, times
from ganlab.core.errors import UserError
from ganlab.core.spread import evenly
from ganlab.metrics.ecg.peaks import find_all_peaks

WINDOWS = 2000
"""At most, to which a generator is fitted."""
SMOOTH = 10.0
"""Width of the filter of what is taken for noise within reach of R, Hz."""


class Hearts(NamedTuple):
    """Windows in which a heart is seen."""

    windows: NDArray[np.int64]
    """Their places among those given."""
    templates: Tensor
    """Usual and ectopic beats, `(N, 2, leads, POINTS)`; the same where a window has no ectopic ones."""
    scatter: NDArray[np.float64]
    """Noise as in the usual beats, `(N, leads, POINTS)`."""
    observed: Observed
    """Rhythms of these windows."""
    rest: Tensor
    """What is left without beats, `(N, leads, samples)`."""


def hearts(windows: Tensor, rate: float) -> Hearts:
    """Return the hearts in windows `(N, leads, samples)` at `rate` Hz. Raises UserError for fewer than two.

    The highest lead is taken for 1 mV high.
    """
    few = evenly(WINDOWS, len(windows))
    x = windows[few].double()
    x = x - x.median(-1, keepdim=True).values
    highest = x.abs().amax(-1).median(0).values
    scaled = (x[:, highest.argmax()] / highest.max().clamp(min=1e-9)).numpy()
    peaks = find_all_peaks(scaled, rate)
    kept = [k for k, at in enumerate(peaks) if len(at) > 1]
    seconds = x.shape[-1] / rate
    if len(kept) < 2:
        raise UserError(
            f"architecture=heart: {len(kept)} of {len(few)} training windows of {seconds:.3g} s have two "
            "beats; it takes ECGs in windows of two seconds or more. architecture=signal accepts any."
        )
    beats = [beats_of(x[k].numpy(), peaks[k], rate) for k in kept]
    templates = torch.from_numpy(np.stack([each.templates for each in beats]))
    rr = torch.tensor([[each.rr] for each in beats], dtype=torch.float64)
    at, height, odd = _extended(beats, seconds)
    rest = x[kept] - placed(templates, at, rr, height, x.shape[-1], rate, odd)
    scatter = np.stack([each.scatter for each in beats])
    return Hearts(few[kept], templates, scatter, observed(beats, seconds), _calmed(rest, at, rr, rate))


def _calmed(rest: Tensor, beats: Tensor, rr: Tensor, rate: float) -> Tensor:
    """Return the rest smoothed to 20 Hz about R, where it holds what differs between two beats."""
    frequencies = torch.fft.rfftfreq(rest.shape[-1], 1 / rate, dtype=rest.dtype)
    smooth = torch.fft.irfft(torch.fft.rfft(rest) * (-0.5 * (frequencies / SMOOTH) ** 2).exp(), n=rest.shape[-1])
    since = times(torch.full((1, 1), USUAL_RR, dtype=rest.dtype))
    outside = ((since.abs() - QRS / 2) / (QRS / 2)).clamp(0, 1).expand(len(rest), 1, 1, -1).contiguous()
    share = placed(outside, beats, rr, torch.ones_like(beats), rest.shape[-1], rate)
    return smooth + share * (rest - smooth)


def _extended(beats: Sequence[Beats], seconds: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return times, heights and kinds of beats `(N, most)`, continued beyond the windows at their interval."""
    rows = []
    for at, height, odd, rr, *_ in beats:
        earlier = max(2, int(np.ceil(at[0] / rr)) + 1)
        later = max(2, int(np.ceil((seconds - at[-1]) / rr)) + 1)
        before = at[0] - rr * np.arange(earlier, 0, -1)
        whole = np.concatenate([before, at, at[-1] + rr * np.arange(1, later + 1)])
        rows.append((whole, np.pad(height, (earlier, later), constant_values=1), np.pad(odd, (earlier, later))))
    most = max(len(at) for at, _, _ in rows)
    lacking = [most - len(at) for at, _, _ in rows]
    at = np.stack([np.append(row, row[-1] + 10 + np.arange(k)) for (row, _, _), k in zip(rows, lacking, strict=True)])
    height = np.stack([np.pad(row, (0, k), constant_values=1) for (_, row, _), k in zip(rows, lacking, strict=True)])
    odd = np.stack([np.pad(row, (0, k)) for (_, _, row), k in zip(rows, lacking, strict=True)])
    return torch.from_numpy(at), torch.from_numpy(height), torch.from_numpy(odd)
