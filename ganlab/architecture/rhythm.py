"""When a heart beats: a heart rate and its irregularity drawn from what training windows have, and times of beats.

A number of the latent, standard normal, is looked up in a table of quantiles: of the RR intervals, of the share by
which successive intervals differ, of that by which the height of successive beats does, of the share of ectopic beats,
and of the intervals before and after these, relative to the usual one. What a window of few beats says of the second
and third scatters by itself; the tables hold what is left without that. A regular heart's interval is near the one
before, as breathing has it (an autoregression of first order); an irregular one's, such as in atrial fibrillation, is
drawn anew.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import digamma, polygamma
from torch import Tensor, nn
from torch.nn.functional import pad

from ganlab.architecture.beats import Beats as Seen

QUANTILES = 65
SHORTEST, LONGEST = 0.25, 2.5
"""RR intervals, s."""
MOST = 0.35
"""Largest irregularity, as a share of the RR interval, and largest variation of the height."""
REMEMBERED = 16
"""Beats that an interval depends on."""
ROUNDS = 4
"""How often times are stretched to a chosen heart rate: a stretch may move beats into the window, or out of it."""
IRREGULAR = 0.05
"""Irregularity from which on intervals are drawn anew."""
TABLES = {
    "rr": (SHORTEST, LONGEST),
    "irregularity": (0.0, MOST),
    "height": (0.0, MOST),
    "ectopic": (0.0, 0.4),
    "coupling": (0.4, 1.2),
    "pause": (0.6, 1.8),
}
"""Least and largest values of each."""


class Beats(NamedTuple):
    """Times of beats `(B, N)`, s from the window's start, their interval `(B, 1)`, heights and kinds `(B, N)`."""

    times: Tensor
    rr: Tensor
    height: Tensor
    odd: Tensor


class Rhythm(nn.Module):
    """Draws beats from numbers of the latent and normal noise."""

    rr: Tensor
    irregularity: Tensor
    height: Tensor
    ectopic: Tensor
    coupling: Tensor
    pause: Tensor
    persistence: Tensor

    def __init__(self) -> None:
        super().__init__()
        ends = ((0.6, 1.1), (0.002, 0.03), (0.005, 0.05), (0.0, 0.0), (0.6, 0.8), (1.1, 1.3))
        for name, (first, last) in zip(TABLES, ends, strict=True):
            self.register_buffer(name, torch.linspace(first, last, QUANTILES))
        self.register_buffer("persistence", torch.zeros(()))

    @staticmethod
    def count(seconds: float) -> int:
        """Return the most beats that a window needs."""
        return math.ceil(seconds / SHORTEST / (1 - MOST)) + 4

    def forward(
        self, numbers: Tensor, start: Tensor, normal: Tensor, seconds: float, rr: Tensor | None = None
    ) -> Beats:
        """Return beats of a window of `seconds` from `numbers` `(B, 6)`, a `start` `(B, 1)` and noise `(B, 3, N)`.

        `rr` `(B, 1)` are mean intervals of the window to take instead of those of the first number, s.
        """
        own, irregularity, variation, ectopic, coupling, pause = (
            looked_up(getattr(self, name), numbers[:, k : k + 1]) for k, name in enumerate(TABLES)
        )
        chosen = rr
        rr = own if chosen is None else chosen
        # No two ectopic beats in a row: of those drawn, the ones behind another are usual.
        drawn = _share(normal[:, 2]) < ectopic / (1 - ectopic)
        behind = torch.cat([torch.zeros_like(drawn[:, :1]), drawn[:, :-1]], dim=1)
        odd = drawn & ~behind
        behind = torch.cat([torch.zeros_like(odd[:, :1]), odd[:, :-1]], dim=1)
        kept = self.persistence / (1 + (irregularity / IRREGULAR) ** 2)
        interval = 1 + (irregularity * _persistent(normal[:, 0], kept)).clamp(-MOST, 2 * MOST)
        interval = torch.where(odd, interval * coupling, torch.where(behind, interval * pause, interval))
        times = (rr * interval).cumsum(1)
        times = times - times[:, :1] - rr * (1 + _share(start))
        if chosen is not None:
            times = _paced(times, chosen, seconds)
        return Beats(times, rr, 1 + variation * normal[:, 1], odd)

    def fit(self, beats: "Observed") -> NDArray[np.float64]:
        """Take the tables from beats of training windows; return each window's numbers `(N, 6)`, NaN for unknown."""
        numbers = np.full((len(beats.rr), len(TABLES)), np.nan)
        for place, (name, values, weights, scatter) in enumerate(beats.columns()):
            finite = np.isfinite(values)
            if finite.sum() > 1:
                table, numbers[finite, place] = quantiles(values[finite], weights[finite])
                table = table if scatter is None else np.exp(_shrunk(table, values[finite], scatter))
                getattr(self, name).copy_(torch.from_numpy(table.clip(*TABLES[name])))
        regular = beats.persistence[np.isfinite(beats.persistence) & (beats.irregularity < math.log(IRREGULAR))]
        if len(regular):
            self.persistence.fill_(float(np.clip(np.median(regular), 0, 0.8)))
        return numbers


class Observed(NamedTuple):
    """What windows of some seconds show: RR intervals, and logarithms of two spreads with their degrees of freedom.

    Of ectopic beats the share, and the intervals before and after, relative to the usual one.
    """

    rr: NDArray[np.float64]
    weights: NDArray[np.float64]
    irregularity: NDArray[np.float64]
    height: NDArray[np.float64]
    differences: NDArray[np.int64]
    ectopic: NDArray[np.float64]
    coupling: NDArray[np.float64]
    pause: NDArray[np.float64]
    persistence: NDArray[np.float64]

    def columns(self) -> Sequence[tuple[str, NDArray[np.float64], NDArray[np.float64], float | None]]:
        """Return for each table its name, values, weights, and how far spreads of so few differences scatter."""
        alike = np.ones(len(self.rr))
        spreads = []
        for name, least, values in (("irregularity", 1, self.irregularity), ("height", 0, self.height)):
            n = np.maximum(self.differences + 1 - least, 1)
            unbiased = values - 0.5 * (digamma(n / 2) - np.log(n / 2))
            scatter = 0.25 * polygamma(1, n / 2)[np.isfinite(values)]
            spreads.append((name, unbiased, alike, float(scatter.mean()) if len(scatter) else 0.0))
        others = [(name, getattr(self, name), alike, None) for name in ("ectopic", "coupling", "pause")]
        return (("rr", self.rr, self.weights, None), *spreads, *others)


def observed(beats: Sequence[Seen], seconds: float) -> Observed:
    """Describe the beats of each window.

    A window shows more of a fast heart than of a slow one, so that the interval of one has less weight.
    """
    rows = []
    for at, height, odd, rr, *_ in beats:
        interval = np.diff(at)
        weight = 1 / min(1.0, max(seconds / rr - 1, 0.05))
        usual = np.where(odd[1:] | odd[:-1], np.nan, interval)
        apart = np.diff(usual / rr)
        heights = np.diff(np.where(odd, np.nan, height))
        around = interval[odd[1:]].mean() / rr if odd[1:].any() else np.nan
        after = interval[odd[:-1]].mean() / rr if odd[:-1].any() else np.nan
        differences = int(np.isfinite(apart).sum())
        rows.append(
            (
                rr,
                weight,
                _log_rms(apart),
                _log_rms(heights),
                differences,
                odd.mean(),
                around,
                after,
                _persistence(usual),
            )
        )
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return Observed(*columns)


def _paced(times: Tensor, rr: Tensor, seconds: float) -> Tensor:
    """Return times `(B, N)` stretched until the mean interval of the beats from 0 to `seconds` is `rr` `(B, 1)`."""
    for _ in range(ROUNDS):
        inside = (times >= 0) & (times <= seconds)
        first = times.where(inside, torch.inf).amin(1, keepdim=True)
        last = times.where(inside, -torch.inf).amax(1, keepdim=True)
        intervals = inside.sum(1, keepdim=True) - 1
        times = times * torch.where(intervals > 0, rr * intervals / (last - first), 1.0)
    return times


def _persistent(normal: Tensor, kept: Tensor) -> Tensor:
    """Return normal noise `(B, N)` as an autoregression of which `(B, 1)` is kept, its steps as large as without."""
    shares = kept ** torch.arange(REMEMBERED - 1, -1, -1, device=normal.device)
    before = pad(normal, (REMEMBERED - 1, 0)).unfold(1, REMEMBERED, 1)
    return (before @ shares[..., None])[..., 0] * (1 + kept).sqrt()


def _persistence(intervals: NDArray[np.float64]) -> float:
    """Return how much of an interval's deviation the next one keeps; NaN for fewer than six, or with ectopic beats."""
    if len(intervals) < 6 or not np.isfinite(intervals).all() or not intervals.var():
        return float("nan")
    return float(1 - np.square(np.diff(intervals)).mean() / 2 / intervals.var(ddof=1))


def _log_rms(differences: NDArray[np.float64]) -> float:
    """Return the logarithm of the spread whose differences these are; NaN for none."""
    differences = differences[np.isfinite(differences)]
    if not len(differences):
        return float("nan")
    return 0.5 * math.log(np.mean(differences**2) / 2 + 1e-8)


def quantiles(
    values: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return `QUANTILES` quantiles of values `(N,)`, and the normal number that looks each value up."""
    weights = np.ones(len(values)) if weights is None else weights
    order = values.argsort(kind="stable")
    share = (weights[order].cumsum() - weights[order] / 2) / weights.sum()
    table = np.interp((np.arange(QUANTILES) + 0.5) / QUANTILES, share, values[order])
    numbers = np.empty(len(values))
    numbers[order] = np.sqrt(2) * torch.erfinv(torch.from_numpy(2 * share - 1)).numpy()
    return table, numbers


def _shrunk(table: NDArray[np.float64], values: NDArray[np.float64], scatter: float) -> NDArray[np.float64]:
    """Return a table of logarithms of spreads without the variance that their estimates have by themselves."""
    left = math.sqrt(max(values.var() - scatter, 0.0) / max(values.var(), 1e-12))
    return values.mean() + left * (table - values.mean())


def _share(number: Tensor) -> Tensor:
    """Return the share of a standard normal distribution below a number."""
    return 0.5 * (1 + torch.erf(number / math.sqrt(2)))


def looked_up(table: Tensor, number: Tensor) -> Tensor:
    """Return the quantile of a table at the share of normal numbers below each."""
    place = _share(number) * (QUANTILES - 1)
    low = place.floor().long().clamp(0, QUANTILES - 2)
    return torch.lerp(table[low], table[low + 1], place - low)
