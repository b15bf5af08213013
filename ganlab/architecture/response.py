"""The frequency response of recordings: a filter by which generated windows have the training windows' mean spectrum.

Devices and resampling leave their band limits in recordings; beats that are drawn at times between samples reach
beyond. It has no phase.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

TAPS = 257
SEGMENT = 512
"""Samples of the segments of which spectra are taken."""
ROUNDS = 3
"""How often the filter is corrected by what it leaves."""
LIMITS = (-5.0, 0.7)
"""Natural logarithms of the least and greatest gain."""


class Response(nn.Module):
    """Filters windows `(B, leads, samples)`, by default not at all."""

    taps: Tensor

    def __init__(self, leads: int) -> None:
        super().__init__()
        self.register_buffer("taps", torch.zeros(leads, TAPS))
        self.taps[:, TAPS // 2] = 1

    def forward(self, x: Tensor) -> Tensor:
        """Return the filtered windows; beyond their ends they are mirrored."""
        half = TAPS // 2
        x = pad(x, (half, half), mode="reflect" if x.shape[-1] > half else "replicate")
        kernel = torch.fft.rfft(pad(self.taps, (0, x.shape[-1] - TAPS)).roll(-half, -1))
        return torch.fft.irfft(torch.fft.rfft(x) * kernel, n=x.shape[-1])[..., half:-half]

    @torch.no_grad()
    def fit(self, made: Tensor, real: Tensor) -> None:
        """Take the filter from generated and training windows `(N, leads, samples)`."""
        wanted, length = spectrum(real), min(SEGMENT, real.shape[-1])
        window = torch.hann_window(TAPS + 2, periodic=False, dtype=torch.float64)[1:-1]
        gain = torch.zeros_like(wanted)
        for _ in range(ROUNDS):
            gain = (gain + wanted - spectrum(self(made))).clamp(*LIMITS)
            kernel = torch.fft.irfft(gain.exp(), n=length).roll(length // 2, -1)
            spare = length // 2 - TAPS // 2
            kernel = pad(kernel, (-spare, TAPS - length + spare))
            self.taps.copy_(kernel * window)


def spectrum(x: Tensor) -> Tensor:
    """Return the mean logarithm of the amplitudes of windows, `(leads, frequencies)`, of segments."""
    length = min(SEGMENT, x.shape[-1])
    parts = x.double().unfold(-1, length, max(1, length // 2))
    parts = (parts - parts.mean(-1, keepdim=True)) * torch.hann_window(length, dtype=torch.float64)
    power = torch.fft.rfft(parts).abs().square().mean(2)
    return 0.5 * (power + 1e-14).log().mean(0)
