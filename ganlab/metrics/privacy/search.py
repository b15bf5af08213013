r"""The nearest training window of each window, whatever was done to it: sign, direction of time, stretch, shift.

Windows are searched at 62.5 Hz, all leads at once, about their means. A window is stretched back by a factor, which
leaves $n$ samples of it; $r$ is the largest absolute correlation of these, or of their reverse, with $n$ samples of the
other window from any place on, circularly. The distance is $d = \sqrt{2 - 2r}$: 0 for a copy, and $\sqrt 2$ for what
has nothing in common. Where so much is allowed, short windows of different patients are near one another too, so there
is a second distance, of windows that were shifted and no more.

To try all pairs would take hours. Amplitude spectra do not change with sign, direction and shift, and their correlation
is never below that of the windows; a stretch moves their frequencies. They choose a few candidates for each window,
which are compared exactly. So a distance may be too large, for windows of other patients as for generated ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganlab.core.kind import Array
from ganlab.core.resampling import at_rate
from ganlab.metrics.points import blocks

RATE = 62.5
"""Sampling rate at which windows are searched, Hz: what noise changes most lies above 31 Hz."""
LIMITS, STEP = (0.8, 1.25), 0.01
"""Least and greatest stretch, and the step (of its logarithm) between those whose spectra are compared."""
FINE = (-1 / 3, 1 / 3)
"""Stretches about the best candidate's that are compared exactly, in steps: 0.3 % are 15 ms at the ends of 10 s."""
CANDIDATES = 6
"""Windows that are compared exactly with each, and as many unstretched."""
BAND = (0.5 / RATE, 25.0 / RATE)
"""Frequencies of the amplitude spectra, over the rate at which windows are searched: a slow signal has others, Hz."""
FINER = 4
"""Times as many samples, and frequencies, between which a line is drawn."""
BLOCK = 128
"""Windows that are searched together, which bounds the memory."""
FAINT = 1e-3
"""Least share of a window's energy by which a piece of it is divided."""
STRETCHES = tuple(
    np.exp(STEP * np.arange(round(np.log(LIMITS[0]) / STEP), round(np.log(LIMITS[1]) / STEP) + 1)).tolist()
)

Matches = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Distances of N windows to the nearest of others, shifted and changed in any way, and these places: `(2, N)` each."""


@dataclass(frozen=True)
class Searched:
    """N windows about their means and with unit norm, `(N, leads, samples)`, of `rate` Hz."""

    values: Tensor
    rate: float

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of(cls, values: Array, rate: float) -> "Searched":
        """Return windows `(N, leads, samples)` of `rate` Hz for the search; a flat one is far from all others."""
        reached = min(RATE, rate)
        return cls(_unit(torch.from_numpy(at_rate(values, rate, RATE)), (1, 2)), reached)

    def take(self, index: NDArray[np.int64] | slice) -> "Searched":
        """Return the windows at these places."""
        return Searched(self.values[index], self.rate)

    def spectrum(self) -> Tensor:
        """Return the amplitude spectra, of unit norm, `(N, D)`, which no shift changes."""
        length = self.values.shape[-1]
        first, last = (round(length * edge) for edge in BAND)
        return _unit(torch.fft.rfft(self.values).abs()[..., first : last + 1].flatten(1), (1,))

    def amplitudes(self, stretches: tuple[float, ...]) -> Iterator[Tensor]:
        """Return for each stretch the amplitude spectra of the windows stretched back, of unit norm, `(N, D)`."""
        length = self.values.shape[-1]
        taper = torch.hann_window(length, periodic=False)
        table = torch.fft.rfft(self.values * taper, n=FINER * length).abs()
        for stretch in stretches:
            at = torch.arange(BAND[0], BAND[1], 2 / length) / stretch * FINER * length
            yield _unit(_between(table, at).flatten(1), (1,))


class Library:
    """Windows that are searched, with what is computed of them once."""

    def __init__(self, windows: Searched) -> None:
        self.windows = windows
        self.spectra = torch.fft.rfft(windows.values)
        self.spectrum = windows.spectrum()
        parts = [windows.take(part) for part in blocks(len(windows), BLOCK)]
        self.amplitudes = torch.cat([own for part in parts for own in part.amplitudes((1.0,))])

    def __len__(self) -> int:
        return len(self.windows)

    def take(self, index: NDArray[np.int64]) -> "Library":
        """Return a library of the windows at these places."""
        return Library(self.windows.take(index))

    def nearest(self, windows: Searched, left_out: NDArray[np.bool_]) -> Matches:
        """Return the distances to the nearest window and its places; infinite where none is.

        Pairs that are `left_out`, `(N, M)` or `(1, M)`, as of `same_patient`, are not compared.
        """
        every = torch.tensor(left_out).expand(len(windows), -1)
        parts = [self._nearest(windows.take(part), every[part]) for part in blocks(len(windows), BLOCK)]
        distances, places = zip(*parts, strict=True) if parts else ([torch.empty(2, 0)], [torch.empty(2, 0).long()])
        return torch.cat(list(distances), dim=1).numpy(), torch.cat(list(places), dim=1).numpy()

    def _nearest(self, windows: Searched, left_out: Tensor) -> tuple[Tensor, Tensor]:
        fine, count = _finer(windows.values), len(windows)
        best = [torch.full((2, count), -torch.inf), torch.ones(2, count), torch.zeros(2, count).long()]

        def compare(stretch: Tensor, place: Tensor) -> None:
            r = self._correlation(fine, stretch, place)
            r = r.masked_fill_(left_out.gather(1, place[:, None])[:, 0], -torch.inf)
            better = r > best[0]
            best[:] = [torch.where(better, *pair) for pair in zip((r, stretch, place), best, strict=True)]

        for candidate in self._candidates(windows, left_out):
            compare(*candidate)
        about, nearest = best[1][1], best[2][1]
        for offset in FINE:
            compare(about * np.exp(offset * STEP), nearest)
        r, _, places = best
        return torch.where(r.isfinite(), (2 - 2 * r.clamp(max=1)).sqrt(), torch.inf), places

    def _candidates(self, windows: Searched, left_out: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Return stretches and places `(N,)` at which spectra are most alike; first those of what is not stretched."""
        count = min(CANDIDATES, len(self))
        plain = (windows.spectrum() @ self.spectrum.T).masked_fill_(left_out, -2.0).topk(count, dim=1).indices
        yield from ((torch.ones(len(windows)), place) for place in plain.T)
        stretched = torch.stack(list(windows.amplitudes(STRETCHES)))
        places = _highest(stretched, self.amplitudes).masked_fill_(left_out, -2.0).topk(count, dim=1).indices
        alike = torch.einsum("snd,ncd->snc", stretched, self.amplitudes[places])
        yield from zip(torch.tensor(STRETCHES)[alike.argmax(dim=0)].T, places.T, strict=True)

    def _correlation(self, fine: Tensor, stretches: Tensor, places: Tensor) -> Tensor:
        """Return the largest correlations of N windows with those at their places, shifted and changed, `(2, N)`."""
        others, spectra = self.windows.values[places], self.spectra[places]
        length = others.shape[-1]
        kept = (length / stretches).round().clamp(max=length).long()
        pieces = _stretched_back(fine, stretches, kept) if (stretches != 1).any() else fine[..., ::FINER]
        own = torch.fft.rfft(pieces)
        turn = _roots(length)[torch.arange(own.shape[-1]) * (kept[:, None] - 1) % length]
        products = torch.stack([(spectra * own.conj()).sum(dim=1), (spectra * own).sum(dim=1) * turn])
        if length % 2 == 0:
            products[..., -1] /= 2  # irfft of twice as many samples takes this frequency for two
        r = 2 * torch.fft.irfft(products, n=2 * length)
        shifted = r[0].amax(dim=1).masked_fill_(stretches != 1, -torch.inf)
        if (kept < length).any():
            r /= _local_energy(others, kept).clamp(min=FAINT).sqrt().repeat_interleave(2, dim=1)
        return torch.stack([shifted, r.abs().amax(dim=(0, 2))])


def _highest(stretched: Tensor, amplitudes: Tensor) -> Tensor:
    """Return the largest over stretches of the products of `(S, N, D)` and `(M, D)`, `(N, M)`."""
    best = stretched[0] @ amplitudes.T
    for own in stretched[1:]:
        torch.maximum(best, own @ amplitudes.T, out=best)
    return best


@cache
def _roots(length: int) -> Tensor:
    """Return the roots of unity of an order, `(length,)`."""
    return torch.exp(2j * torch.pi / length * torch.arange(length, dtype=torch.float64)).to(torch.complex64)


def _finer(values: Tensor) -> Tensor:
    length = values.shape[-1]
    return FINER * torch.fft.irfft(torch.fft.rfft(values), n=FINER * length)


def _stretched_back(fine: Tensor, stretches: Tensor, kept: Tensor) -> Tensor:
    """Return windows `(N, leads, samples)` of `_finer`, each stretched back: `kept` samples of unit norm, then 0."""
    length = fine.shape[-1] // FINER
    first = (1 - stretches).clamp(min=0) * length / 2  # of a longer one its middle
    at = (first[:, None] + stretches[:, None] * torch.arange(length)) * FINER
    piece = (torch.arange(length) < kept[:, None])[:, None]
    values = _between(fine, at[:, None].expand(-1, fine.shape[1], -1)) * piece
    return _unit((values - values.sum(dim=-1, keepdim=True) / kept[:, None, None]) * piece, (1, 2))


def _local_energy(values: Tensor, kept: Tensor) -> Tensor:
    """Return the energy about their means of the `kept` samples from each place on, circularly, `(N, samples)`."""
    length = values.shape[-1]
    after = torch.arange(length) + kept[:, None]
    ends, turns = after % length, after // length
    power, level = (_sums(each) for each in ((values**2).sum(dim=1, keepdim=True), values))

    def total(sums: Tensor) -> Tensor:
        ahead = sums.gather(2, ends[:, None].expand(-1, sums.shape[1], -1)) + turns[:, None] * sums[..., -1:]
        return ahead - sums[..., :-1]

    return total(power)[:, 0] - (total(level) ** 2).sum(dim=1) / kept[:, None]


def _sums(values: Tensor) -> Tensor:
    return torch.nn.functional.pad(values.cumsum(dim=-1), (1, 0))


def _between(table: Tensor, at: Tensor) -> Tensor:
    """Return the values of the last axis at places between its samples, on straight lines."""
    left = at.floor().clamp(0, table.shape[-1] - 2)
    share = (at - left).clamp(0, 1)
    low, high = (
        table[..., index] if index.ndim == 1 else table.gather(2, index) for index in (left.long(), left.long() + 1)
    )
    return low + share * (high - low)


def _unit(values: Tensor, axes: tuple[int, ...]) -> Tensor:
    values = values - values.mean(dim=-1, keepdim=True) if len(axes) > 1 else values
    norm = values.norm(dim=axes, keepdim=True)
    return values / torch.where(norm > 0, norm, 1)
