"""One-dimensional residual networks behind any arrangement (ours; design: a laptop's budget).

The generator makes the window at a quarter of its rate and the image is arranged from it; the discriminator takes the
arrangement back before it looks. So the networks see time as time, whatever the image looks like. The quarter-rate
signal is folded by four into channels, since convolutions with 48 to 96 channels use a CPU best. Nothing is
normalized over a batch; the last convolution of each residual block starts at zero (Huang et al. 2024, arXiv
2501.05441).
"""

from math import ceil

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv1d, conv2d, interpolate, leaky_relu, linear, pad

from ganlab.architecture.base import Heads
from ganlab.arrangement.base import Arrangement
from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError

DECIMATION = 4
"""Samples of the window for each that the networks see."""
FOLD = 4
"""Neighbouring samples that become channels."""
SPAN = DECIMATION * FOLD
"""Samples of the window at each position."""
HEADS = 4
PIXEL = 0.32
"""Pixel value that the networks see as 1: with a range of 2.5 mV either side it is 0.8 mV."""
GROUP = 4
"""Images whose spread D sees together."""


def low_pass(taps: int = 8 * DECIMATION + 1) -> Tensor:
    """A Hann-windowed sinc that passes what the quarter rate can hold, with sum 1."""
    t = torch.arange(taps, dtype=torch.float64) - taps // 2
    kernel = torch.sinc(t / DECIMATION) * torch.hann_window(taps + 2, periodic=False, dtype=torch.float64)[1:-1]
    return (kernel / kernel.sum()).float()


def _positions(samples: int) -> int:
    """Positions of the folded signal, a multiple of eight coarsest ones."""
    return 8 * ceil(samples / (SPAN * 8))


def _folded(x: Tensor) -> Tensor:
    """`(B, leads, positions * FOLD)` to `(B, leads * FOLD, positions)`."""
    return x.unflatten(2, (-1, FOLD)).transpose(2, 3).flatten(1, 2)


def _unfolded(x: Tensor) -> Tensor:
    """And back."""
    return x.unflatten(1, (-1, FOLD)).transpose(2, 3).flatten(2)


def _convolved(x: Tensor, weight: Tensor, bias: Tensor | None = None, padding: int = 0) -> Tensor:
    """As `conv1d`, but as of images of height 1: a CPU is faster where maps and weights have their channels last."""
    return conv2d(x.unsqueeze(2), weight.unsqueeze(2), bias, padding=(0, padding)).squeeze(2)


class Resampling(nn.Module):
    """Between `(B, leads, samples)` and its quarter-rate, folded form `(B, leads * FOLD, positions)`.

    Each filter is a convolution over positions whose channels are the neighbouring samples of one: `lower` has shape
    `(FOLD, SPAN, 3)`, `higher` `(SPAN, FOLD, 3)`.
    """

    lower: Tensor
    higher: Tensor

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.samples = samples
        self.positions = _positions(samples)
        self.before = (self.positions * SPAN - samples) // 2
        kernel = pad(low_pass(), (SPAN - DECIMATION, SPAN - 1))
        shifted = torch.stack([kernel[SPAN - DECIMATION * (1 + f) :][: 3 * SPAN] for f in range(FOLD)])
        lower = shifted.unflatten(1, (3, SPAN)).transpose(1, 2)
        self.register_buffer("lower", lower, persistent=False)
        self.register_buffer("higher", DECIMATION * lower.flip(2).transpose(0, 1), persistent=False)

    def down(self, x: Tensor) -> Tensor:
        """Filter, keep every fourth sample, fold."""
        leads, after = x.shape[1], self.positions * SPAN - self.samples - self.before
        x = pad(x, (self.before + SPAN, after + SPAN), mode="replicate").flatten(0, 1)
        x = _convolved(x.unflatten(1, (-1, SPAN)).transpose(1, 2), self.lower)
        return x.unflatten(0, (-1, leads)).flatten(1, 2)

    def up(self, x: Tensor) -> Tensor:
        """Unfold, put zeros between the samples, filter."""
        x = _unfolded(x)
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
        """Maps `(B, before, positions)` to `(B, after, positions)`."""
        return _convolved(x, self.weight, self.bias, int(self.padding[0]))

    def along(self, x: Tensor) -> Tensor:
        """The same with kernel 1, but to `(B, positions, after)`."""
        return linear(x.transpose(1, 2), self.weight.squeeze(2), self.bias)


def _silent(layer: Conv) -> Conv:
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
        self.out = _silent(Conv(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps of `(B, channels, positions)`."""
        q, k, v = self.query_key_value.along(x + self.place).unflatten(2, (3, HEADS, -1)).transpose(1, 3).unbind(2)
        attended = ((q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5).softmax(-1) @ v
        return x + self.out(attended.transpose(1, 2).flatten(2).transpose(1, 2))


class StyledBlock(nn.Module):
    """A residual block of G whose hidden features are scaled and shifted by the style.

    They are brought to the same size at each position first: the style, not the place in the window, says how large
    a beat is.
    """

    def __init__(self, before: int, after: int, style: int) -> None:
        super().__init__()
        self.first, self.second = Conv(before, after), _silent(Conv(after, after))
        self.skip = Conv(before, after, 1, bias=False) if before != after else nn.Identity()
        self.style = nn.Linear(style, 2 * after)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Maps `(B, before, positions)` and styles `(B, style)` to `(B, after, positions)`."""
        gain, shift = self.style(style).unsqueeze(-1).chunk(2, dim=1)
        hidden = _unit(self.first(leaky_relu(x, 0.2)))
        hidden = leaky_relu(hidden * (1 + gain) + shift, 0.2)
        return self.skip(x) + self.second(hidden)


class Block(nn.Module):
    """A residual block of D."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first, self.second = Conv(before, after), _silent(Conv(after, after))
        self.skip = Conv(before, after, 1, bias=False) if before != after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Maps `(B, before, positions)` to `(B, after, positions)`."""
        hidden = self.first(leaky_relu(x, 0.2))
        return self.skip(x) + self.second(leaky_relu(hidden, 0.2))


def _leads(arrangement: Arrangement) -> Leads:
    if not isinstance(arrangement, Leads):
        raise UserError(
            f"architecture=signal makes leads of a recording; this arrangement ({type(arrangement).__name__}) arranges "
            "none. architecture=fcn takes any."
        )
    return arrangement


def _scaled(width: float, *channels: int) -> list[int]:
    """Multiples of the heads, at least one."""
    return [HEADS * max(1, round(width * n / HEADS)) for n in channels]


def _unit(x: Tensor) -> Tensor:
    """Features of mean square 1, for each window and position apart."""
    return x * x.square().mean(1, keepdim=True).add(1e-6).rsqrt()


def _halved(x: Tensor) -> Tensor:
    return avg_pool2d(x.unsqueeze(2), (1, 2)).squeeze(2)


def _doubled(x: Tensor) -> Tensor:
    """Linear interpolation, as of images of height 1: that keeps the channels last."""
    return interpolate(x.unsqueeze(2), scale_factor=(1, 2), mode="bilinear").squeeze(2)


class Generator(nn.Module):
    """Noise `(B, noise)` to images `(B, C, H, W)`."""

    binomial: Tensor

    def __init__(self, arrangement: Arrangement, noise: int = 100, width: float = 1.0, style: int = 128) -> None:
        super().__init__()
        self.arrangement = _leads(arrangement)
        self.resampling = Resampling(self.arrangement.samples)
        a, b, c, d = _scaled(width, 96, 96, 64, 48)
        coarsest = self.resampling.positions // 8
        self.mapping = nn.Sequential(
            nn.Linear(noise, style), nn.LeakyReLU(0.2), nn.Linear(style, style), nn.LeakyReLU(0.2)
        )
        self.start = nn.Sequential(nn.Linear(style, a * coarsest), nn.Unflatten(1, (a, coarsest)))
        self.attention = Attention(a, coarsest)
        self.blocks = nn.ModuleList(
            [
                StyledBlock(a, a, style),
                StyledBlock(a, b, style),
                StyledBlock(b, c, style),
                StyledBlock(c, d, style),
            ]
        )
        self.out = Conv(d, FOLD * len(self.arrangement.leads))
        self.register_buffer("binomial", torch.tensor([[[4.0, 6.0, 4.0]]]) / 14, persistent=False)

    def forward(self, noise: Tensor) -> Tensor:
        """One image for each noise vector."""
        style = self.mapping(_unit(noise))
        x = self.start(style).transpose(1, 2).contiguous().transpose(1, 2)
        x = self.attention(self.blocks[0](x, style))
        for block in self.blocks[1:]:
            x = block(_doubled(x), style)
        x = self.out(leaky_relu(x, 0.2))
        return self.arrangement.encode(PIXEL * self.resampling.up(self._smooth(x)))

    def _smooth(self, x: Tensor) -> Tensor:
        """A short binomial filter over the unfolded quarter-rate signal."""
        signal = _unfolded(x)
        padded = pad(signal, (1, 1), mode="replicate").flatten(0, 1).unsqueeze(1)
        signal = conv1d(padded, self.binomial).view_as(signal)
        return _folded(signal)


class Discriminator(nn.Module):
    """Images `(B, C, H, W)` to logits `(B,)`; with classes two linear layers read the last features.

    With `spread` it sees how much the images of a batch differ, so that the logit of one depends on others.
    """

    def __init__(self, arrangement: Arrangement, width: float = 1.0, classes: int = 0, spread: bool = True) -> None:
        super().__init__()
        self.spread = spread
        self.traits = ("batch_spread",) if spread else ()
        self.group = GROUP if spread else 1
        self.arrangement = _leads(arrangement)
        self.resampling = Resampling(self.arrangement.samples)
        a, b, c, d = _scaled(width, 48, 64, 96, 96)
        positions = self.resampling.positions
        self.classes = classes
        self.first = Conv(FOLD * len(self.arrangement.leads), a)
        self.blocks = nn.ModuleList([Block(a, a), Block(a, b), Block(b, c), Block(c, d)])
        self.attention = Attention(c, positions // 4)
        self.last = Conv(d + spread, d)
        features = d * (positions // 8)
        if classes:
            self.heads = Heads(features, classes)
        else:
            self.logit = nn.Linear(features, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logit of each image being real, `(B,)`."""
        return self.discriminate(image)[0] if self.classes else self.logit(self._features(image)).squeeze(1)

    def discriminate(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """That logit and those of the classes `(B, classes)`, from the same features."""
        return self.heads(self._features(image))

    def _features(self, image: Tensor) -> Tensor:
        x = self.blocks[0](self.first(self.resampling.down(self.arrangement.decode(image) / PIXEL)))
        x = self.blocks[2](_halved(self.blocks[1](_halved(x))))
        x = self.blocks[3](_halved(self.attention(x)))
        x = leaky_relu(self.last(torch.cat([x, _spread(x)], dim=1) if self.spread else x), 0.2)
        return x.flatten(1)


def _spread(x: Tensor) -> Tensor:
    """The standard deviation within groups of consecutive images, as one more channel (Karras et al. 2018).

    A batch that is no multiple of the group is one group.
    """
    group = GROUP if len(x) % GROUP == 0 else len(x)
    groups = x.unflatten(0, (-1, group))
    variance = (groups - groups.mean(dim=1, keepdim=True)).square().mean(dim=1)
    deviation = (variance + 1e-8).sqrt().mean(dim=(1, 2))
    return deviation.repeat_interleave(group)[:, None, None].expand(-1, 1, x.shape[-1])
