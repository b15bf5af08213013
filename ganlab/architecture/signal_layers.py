"""Layers of the one-dimensional networks: resampling to a folded quarter rate, convolutions, attention, blocks."""

from math import ceil

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, leaky_relu, linear, pad

from ganlab.core.errors import UserError

DECIMATION = 4
"""Samples of the window for each that the networks see, unless they say another number."""
FOLD = 4
"""Neighbouring samples that become channels."""
HEADS = 4
"""Heads of the attention."""


def low_pass(decimation: int = DECIMATION) -> Tensor:
    """Return a Hann-windowed sinc of sum 1 that passes what that fraction of the rate can hold; 1 passes everything."""
    taps = 8 * decimation + 1
    t = torch.arange(taps, dtype=torch.float64) - taps // 2
    kernel = torch.sinc(t / decimation) * torch.hann_window(taps + 2, periodic=False, dtype=torch.float64)[1:-1]
    return (kernel / kernel.sum()).float()


def folded(x: Tensor) -> Tensor:
    """Return `(B, leads, positions * FOLD)` as `(B, leads * FOLD, positions)`."""
    return x.unflatten(2, (-1, FOLD)).transpose(2, 3).flatten(1, 2)


def unfolded(x: Tensor) -> Tensor:
    """Return `(B, leads * FOLD, positions)` as `(B, leads, positions * FOLD)`."""
    return x.unflatten(1, (-1, FOLD)).transpose(2, 3).flatten(2)


def _convolved(x: Tensor, weight: Tensor, bias: Tensor | None = None, padding: int = 0) -> Tensor:
    """Return `conv1d` computed on images of height 1: a CPU is faster with channels last in maps and weights."""
    return conv2d(x.unsqueeze(2), weight.unsqueeze(2), bias, padding=(0, padding)).squeeze(2)


class Resampling(nn.Module):
    """Between `(B, leads, samples)` and its folded form at a fraction of the rate, `(B, leads * FOLD, positions)`.

    Each filter is a convolution over positions whose channels are the `span` neighbouring samples of one: `lower` has
    shape `(FOLD, span, 3)`, `higher` `(span, FOLD, 3)`.
    """

    lower: Tensor
    higher: Tensor

    def __init__(self, samples: int, decimation: int = DECIMATION) -> None:
        super().__init__()
        if decimation < 1:
            raise UserError(f"architecture.decimation={decimation}: accepted are whole numbers from 1.")
        self.samples = samples
        self.span = span = decimation * FOLD
        self.positions = 8 * ceil(samples / (span * 8))
        self.before = (self.positions * span - samples) // 2
        kernel = pad(low_pass(decimation), (span - decimation, span - 1))
        shifted = torch.stack([kernel[span - decimation * (1 + f) :][: 3 * span] for f in range(FOLD)])
        lower = shifted.unflatten(1, (3, span)).transpose(1, 2)
        self.register_buffer("lower", lower, persistent=False)
        self.register_buffer("higher", decimation * lower.flip(2).transpose(0, 1), persistent=False)

    def down(self, x: Tensor) -> Tensor:
        """Filter windows `(B, leads, samples)`, keep one sample of each `decimation`, and fold."""
        leads, after = x.shape[1], self.positions * self.span - self.samples - self.before
        x = pad(x, (self.before + self.span, after + self.span), mode="replicate").flatten(0, 1)
        x = _convolved(x.unflatten(1, (-1, self.span)).transpose(1, 2), self.lower)
        return x.unflatten(0, (-1, leads)).flatten(1, 2)

    def up(self, x: Tensor) -> Tensor:
        """Unfold `(B, leads * FOLD, positions)`, put zeros between the samples, and filter: windows."""
        x = unfolded(x)
        leads = x.shape[1]
        x = pad(x, (FOLD, FOLD), mode="replicate").flatten(0, 1)
        x = _convolved(x.unflatten(1, (-1, FOLD)).transpose(1, 2), self.higher).transpose(1, 2).flatten(1)
        return x[:, self.before : self.before + self.samples].unflatten(0, (-1, leads))


class Conv(nn.Conv1d):
    """A convolution that keeps length, computed as one of images of height 1 with the channels last in memory.

    A CPU takes half the time for it, forward and backward; all that follows keeps that order. Shapes, names and initial
    values of the weights are those of `nn.Conv1d`.
    """

    def __init__(self, before: int, after: int, kernel: int = 3, bias: bool = True) -> None:
        super().__init__(before, after, kernel, padding=kernel // 2, bias=bias)
        self.weight = nn.Parameter(self.weight.detach().transpose(1, 2).contiguous().transpose(1, 2))

    def forward(self, x: Tensor) -> Tensor:
        """Return maps `(B, after, positions)` of `(B, before, positions)`."""
        return _convolved(x, self.weight, self.bias, int(self.padding[0]))

    def along(self, x: Tensor) -> Tensor:
        """Return the same for kernel 1, but as `(B, positions, after)`."""
        return linear(x.transpose(1, 2), self.weight.squeeze(2), self.bias)


def silent(layer: Conv) -> Conv:
    """Return the convolution with zeros for weights."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class Attention(nn.Module):
    """Multi-head attention over positions with a learned place for each; adds nothing at the start of training."""

    def __init__(self, channels: int, positions: int) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.randn(1, channels, positions) * 0.1)
        self.query_key_value = Conv(channels, 3 * channels, 1)
        self.out = silent(Conv(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the same shape, `(B, channels, positions)`."""
        q, k, v = self.query_key_value.along(x + self.place).unflatten(2, (3, HEADS, -1)).transpose(1, 3).unbind(2)
        attended = ((q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5).softmax(-1) @ v
        return x + self.out(attended.transpose(1, 2).flatten(2).transpose(1, 2))


class Block(nn.Module):
    """A residual block of D."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first, self.second = Conv(before, after), silent(Conv(after, after))
        self.skip = Conv(before, after, 1, bias=False) if before != after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Maps `(B, before, positions)` to `(B, after, positions)`."""
        hidden = self.first(leaky_relu(x, 0.2))
        return self.skip(x) + self.second(leaky_relu(hidden, 0.2))


class StyledBlock(Block):
    """A residual block of G whose hidden features are scaled and shifted by the style.

    They are brought to the same size at each position first, so that the style, not the place in the window, decides
    how large a beat is.
    """

    def __init__(self, before: int, after: int, style: int) -> None:
        super().__init__(before, after)
        self.style = nn.Linear(style, 2 * after)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Maps `(B, before, positions)` and styles `(B, style)` to `(B, after, positions)`."""
        gain, shift = self.style(style).unsqueeze(-1).chunk(2, dim=1)
        hidden = unit(self.first(leaky_relu(x, 0.2)))
        hidden = leaky_relu(hidden * (1 + gain) + shift, 0.2)
        return self.skip(x) + self.second(hidden)


def unit(x: Tensor) -> Tensor:
    """Return features of mean square 1 at each position of each window."""
    return x * x.square().mean(1, keepdim=True).add(1e-6).rsqrt()


def halved(x: Tensor) -> Tensor:
    """Return means of neighbouring positions, `(B, channels, positions / 2)`."""
    return avg_pool2d(x.unsqueeze(2), (1, 2)).squeeze(2)


def doubled(x: Tensor) -> Tensor:
    """Return `(B, channels, 2 * positions)` by linear interpolation of images of height 1, with the channels last."""
    return interpolate(x.unsqueeze(2), scale_factor=(1, 2), mode="bilinear").squeeze(2)
