"""When a heart beats: a heart rate and its irregularity drawn from what training windows have, and times of beats.

A number of the latent, standard normal, is looked up in a table of quantiles: of the RR intervals, of the share by
which successive intervals differ, and of that by which the height of successive beats does. What a window of few beats
says of the last two scatters by itself; the tables hold what is left without that.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import digamma, polygamma
from torch import Tensor, nn

QUANTILES = 65
SHORTEST, LONGEST = 0.25, 2.5
"""RR intervals, s."""
MOST = 0.35
"""Largest irregularity, as a share of the RR interval, and largest variation of the height."""
TABLES = ("rr", "irregularity", "height")


class Beats(NamedTuple):
    """Times of beats `(B, N)`, s from the window's first sample, their RR interval `(B, 1)`, and heights `(B, N)`."""

    times: Tensor
    rr: Tensor
    height: Tensor


class Rhythm(nn.Module):
    """Draws beats from numbers of the latent and normal noise."""

    rr: Tensor
    irregularity: Tensor
    height: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("rr", torch.linspace(0.6, 1.1, QUANTILES))
        self.register_buffer("irregularity", torch.linspace(0.002, 0.03, QUANTILES))
        self.register_buffer("height", torch.linspace(0.005, 0.05, QUANTILES))

    @staticmethod
    def count(seconds: float) -> int:
        """Return the most beats that a window needs."""
        return math.ceil(seconds / SHORTEST / (1 - MOST)) + 4

    def forward(self, numbers: Tensor, start: Tensor, normal: Tensor, rr: Tensor | None = None) -> Beats:
        """Return beats of `numbers` `(B, 3)`, a `start` `(B, 1)` and noise `(B, 2, N)`.

        `rr` `(B, 1)` are intervals to take instead of those of the first number.
        """
        own, irregularity, variation = (
            looked_up(getattr(self, name), numbers[:, k : k + 1]) for k, name in enumerate(TABLES)
        )
        rr = own if rr is None else rr
        deviation = (irregularity * normal[:, 0]).clamp(-MOST, 2 * MOST)
        times = (rr * (1 + deviation)).cumsum(1)
        return Beats(times - times[:, :1] - rr * (1 + _share(start)), rr, 1 + variation * normal[:, 1])

    def fit(self, beats: "Observed") -> NDArray[np.float64]:
        """Take the tables from beats of training windows; return each window's numbers `(N, 3)`, NaN for unknown."""
        numbers = np.full((len(beats.rr), len(TABLES)), np.nan)
        for place, (name, values, weights, scatter) in enumerate(beats.columns()):
            finite = np.isfinite(values)
            if finite.sum() > 1:
                table, numbers[finite, place] = quantiles(values[finite], weights[finite])
                if scatter is None:
                    table = table.clip(SHORTEST, LONGEST)
                else:
                    table = np.exp(_shrunk(table, values[finite], scatter)).clip(0, MOST)
                getattr(self, name).copy_(torch.from_numpy(table))
        return numbers


class Observed(NamedTuple):
    """What windows of some seconds show: RR intervals, and logarithms of two spreads with their degrees of freedom."""

    rr: NDArray[np.float64]
    weights: NDArray[np.float64]
    irregularity: NDArray[np.float64]
    height: NDArray[np.float64]
    differences: NDArray[np.int64]

    def columns(self) -> Sequence[tuple[str, NDArray[np.float64], NDArray[np.float64], float | None]]:
        """Return for each table its name, values, weights, and how far spreads of so few differences scatter."""
        alike = np.ones(len(self.rr))
        spreads = []
        for name, least, values in (("irregularity", 1, self.irregularity), ("height", 0, self.height)):
            n = np.maximum(self.differences + 1 - least, 1)
            unbiased = values - 0.5 * (digamma(n / 2) - np.log(n / 2))
            scatter = 0.25 * polygamma(1, n / 2)[np.isfinite(values)]
            spreads.append((name, unbiased, alike, float(scatter.mean()) if len(scatter) else 0.0))
        return (("rr", self.rr, self.weights, None), *spreads)


def observed(times: Sequence[NDArray[np.float64]], heights: Sequence[NDArray[np.float64]], seconds: float) -> Observed:
    """Describe the beats of each window by their times, s, and heights, relative to the mean.

    A window shows more of a fast heart than of a slow one, so that the interval of one has less weight.
    """
    rows = []
    for t, height in zip(times, heights, strict=True):
        interval = np.diff(t)
        if not len(interval):
            rows.append((np.nan, 0.0, np.nan, np.nan, 0))
            continue
        rr = float(interval.mean())
        weight = 1 / min(1.0, max(seconds / rr - 1, 0.05))
        rows.append((rr, weight, _log_rms(np.diff(interval) / rr), _log_rms(np.diff(height)), len(interval) - 1))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return Observed(*columns)


def _log_rms(differences: NDArray[np.float64]) -> float:
    """Return the logarithm of the spread whose differences these are; NaN for none."""
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
