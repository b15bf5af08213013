"""What is not heart: noise and baseline as the training windows have them beside their beats.

White noise of any length is shaped by a spectrum. Its logarithm is a mean and some directions in which windows differ:
principal components of means about `KNOTS` frequencies, a constant ratio apart, less what the estimate of a spectrum
scatters by itself. Every window draws its place along them. The noise of the leads goes together as it does in the
training windows about each knot.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

DIRECTIONS = 8
KNOTS = 20
QUIET, FLOOR = 0.3, 1e-6
"""Share of a window that is quiet; what is added to a level, as a share of the range of pixels."""
MOST = 0.7
"""Largest change of the logarithm of a level at a time."""
LONGER = 1.5
"""Noise is made so much longer than the window, for it repeats."""
BIAS = 0.5 * 0.5772
"""How far the mean logarithm of an amplitude's estimate is below that of the amplitude (Euler's constant over two)."""
SCATTER = math.pi**2 / 24
"""Variance of that logarithm, for one frequency."""


class Texture(nn.Module):
    """Shapes white noise `(B, leads, N)` by numbers of the latent `(B, 8)`."""

    level: Tensor
    directions: Tensor
    mix: Tensor

    def __init__(self, leads: int, samples: int) -> None:
        super().__init__()
        frequencies = samples // 2 + 1
        self.register_buffer("level", torch.full((leads, frequencies), math.log(0.01)))
        self.register_buffer("directions", torch.zeros(DIRECTIONS, leads, frequencies))
        self.register_buffer("mix", torch.eye(leads).repeat(KNOTS, 1, 1))
        self.samples = samples

    @staticmethod
    def length(samples: int) -> int:
        """Return how much white noise a window takes for each lead."""
        return 2 * math.ceil(samples * LONGER / 2)

    def forward(self, white: Tensor, numbers: Tensor, samples: int) -> Tensor:
        """Return noise `(B, leads, samples)`."""
        logs = self.level + torch.einsum("bd,dlf->blf", numbers, self.directions)
        logs = interpolate(logs, size=white.shape[-1] // 2 + 1, mode="linear", align_corners=True)
        white_spectrum = torch.fft.rfft(white)
        mixed = torch.einsum("fkl,blf->bkf", self._mix(white.shape[-1]).to(white_spectrum), white_spectrum)
        return torch.fft.irfft(mixed * logs.clamp(max=4).exp(), n=white.shape[-1])[..., :samples]

    def _mix(self, samples: int) -> Tensor:
        """Return how the leads' white noise is mixed at each frequency of so many samples, `(F, leads, leads)`."""
        frequency = torch.arange(samples // 2 + 1, device=self.mix.device) * (self.samples / samples)
        place = frequency.clamp(min=1).log() * ((KNOTS - 1) / math.log(self.samples // 2))
        low = place.floor().long().clamp(0, KNOTS - 2)
        mix = torch.lerp(self.mix[low], self.mix[low + 1], (place - low)[:, None, None].to(self.mix))
        return mix / mix.norm(dim=-1, keepdim=True)

    def fit(self, rest: Tensor) -> NDArray[np.float64]:
        """Take the spectrum from what windows `(N, leads, samples)` have beside beats; return their numbers."""
        window = torch.hann_window(rest.shape[-1], dtype=rest.dtype)
        transform = torch.fft.rfft((rest - rest.mean(-1, keepdim=True)) * window)
        power = transform.abs().square() / window.square().sum()
        power[..., 0] = power[..., 1]
        logs = (0.5 * (power + 1e-12).log() + BIAS).numpy()
        mean = logs.mean(0)
        near, knots, frequency = _neighbours(logs.shape[-1])
        coarse = ((logs - mean) @ near).reshape(len(logs), -1)
        alone = np.tile(SCATTER * np.square(near).sum(0), len(mean))
        values, axes = np.linalg.eigh(coarse.T @ coarse / len(coarse) - np.diag(alone))
        values, axes = values[::-1][:DIRECTIONS].clip(min=0), axes[:, ::-1][:, :DIRECTIONS]
        along = np.sqrt(values)[:, None] * axes.T
        fine = [np.interp(frequency, knots, row) for row in along.reshape(-1, KNOTS)]
        self.level.copy_(torch.from_numpy(mean))
        self.directions.copy_(torch.from_numpy(np.array(fine)).view_as(self.directions))
        numbers = coarse @ axes
        numbers /= numbers.std(0).clip(min=1e-9)
        size = np.exp(mean + np.einsum("nd,dlf->nlf", numbers, self.directions.double().cpu().numpy()))
        self.mix.copy_(torch.from_numpy(_together(transform.numpy() / size, near)))
        return np.asarray(numbers)

    def quieten(self, rest: Tensor, made: Tensor, real: Tensor) -> Tensor:
        """Make generated windows as quiet between beats as training windows; return the changed `rest` in them.

        All are `(N, leads, samples)`. A spectrum holds what stands near beats as well, where more is left beside them.
        """
        near, knots, frequency = _neighbours(rest.shape[-1] // 2 + 1)
        gain = (_quiet(real, near) - _quiet(made, near)).clamp(-MOST, MOST).numpy()
        fine = torch.from_numpy(np.array([np.interp(frequency, knots, row) for row in gain])).to(rest)
        self.level.add_(fine)
        return torch.fft.irfft(torch.fft.rfft(rest) * fine.exp(), n=rest.shape[-1])


def _quiet(windows: Tensor, near: NDArray[np.float64]) -> Tensor:
    """Return the mean logarithm of the size about each knot that windows stay below for some time, `(leads, KNOTS)`."""
    transform, levels = torch.fft.rfft(windows), []
    for weights in torch.from_numpy(near.T / near.max(0)[:, None]).to(windows):
        band = torch.fft.irfft(transform * weights, n=windows.shape[-1]).abs()
        lowest = band.kthvalue(max(1, int(QUIET * band.shape[-1])), dim=-1).values
        levels.append((lowest + FLOOR).log().mean(0))
    return torch.stack(levels, dim=1)


def _together(noise: NDArray[np.complex128], near: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return factors `(KNOTS, leads, leads)` (Cholesky) of the leads' correlations about knots, of spectra of noise."""
    product = np.einsum("nkf,nlf->fkl", noise, noise.conj()).real
    covariance = np.einsum("fq,fkl->qkl", near, product)
    deviation = np.sqrt(np.einsum("qkk->qk", covariance)).clip(min=1e-12)
    correlation = covariance / (deviation[:, :, None] * deviation[:, None])
    return np.linalg.cholesky(0.98 * correlation + 0.02 * np.eye(correlation.shape[-1]))


def _neighbours(frequencies: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return weights `(frequencies, KNOTS)` of means about knots, and logarithms of knots and frequencies."""
    frequency = np.log(np.arange(frequencies).clip(min=1))
    knots = np.linspace(0, frequency[-1], KNOTS)
    weights = np.exp(-0.5 * ((frequency[:, None] - knots) / (knots[1] / 2)) ** 2)
    weights[0] = 0
    return weights / weights.sum(0), knots, frequency
