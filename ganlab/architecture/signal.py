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
from torch.nn.functional import conv1d, conv_transpose1d, interpolate, leaky_relu, pad

from ganlab.architecture.base import Heads
from ganlab.arrangement.base import Arrangement
from ganlab.arrangement.leads import Leads
from ganlab.errors import UserError

DECIMATION = 4
"""Samples of the window for each that the networks see."""
FOLD = 4
"""Neighbouring samples that become channels."""
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
    return 8 * ceil(samples / (DECIMATION * FOLD * 8))


def _folded(x: Tensor) -> Tensor:
    """`(B, leads, positions * FOLD)` to `(B, leads * FOLD, positions)`."""
    return x.unflatten(2, (-1, FOLD)).transpose(2, 3).flatten(1, 2)


def _unfolded(x: Tensor) -> Tensor:
    """And back."""
    return x.unflatten(1, (-1, FOLD)).transpose(2, 3).flatten(2)


class Resampling(nn.Module):
    """Between `(B, leads, samples)` and its quarter-rate, folded form `(B, leads * FOLD, positions)`."""

    kernel: Tensor

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.samples = samples
        self.positions = _positions(samples)
        self.before = (self.positions * FOLD * DECIMATION - samples) // 2
        self.register_buffer("kernel", low_pass()[None, None], persistent=False)

    def down(self, x: Tensor) -> Tensor:
        """Filter, keep every fourth sample, fold."""
        leads, half = x.shape[1], self.kernel.shape[-1] // 2
        after = self.positions * FOLD * DECIMATION - self.samples - self.before
        x = pad(x, (self.before + half, after + half), mode="replicate").flatten(0, 1).unsqueeze(1)
        x = conv1d(x, self.kernel, stride=DECIMATION)[..., : self.positions * FOLD]
        return _folded(x.view(-1, leads, self.positions * FOLD))

    def up(self, x: Tensor) -> Tensor:
        """Unfold, put zeros between the samples, filter."""
        x = _unfolded(x)
        leads, margin = x.shape[1], self.kernel.shape[-1] // (2 * DECIMATION)
        x = pad(x, (margin, margin), mode="replicate").flatten(0, 1).unsqueeze(1)
        x = conv_transpose1d(x, self.kernel * DECIMATION, stride=DECIMATION, padding=self.kernel.shape[-1] // 2)
        start = margin * DECIMATION + self.before
        return x[..., start : start + self.samples].view(-1, leads, self.samples)


def _conv(before: int, after: int, kernel: int = 3) -> nn.Conv1d:
    return nn.Conv1d(before, after, kernel, padding=kernel // 2)


def _silent(layer: nn.Conv1d) -> nn.Conv1d:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class Attention(nn.Module):
    """Multi-head attention over positions with a learned place for each; adds nothing at the start of training."""

    def __init__(self, channels: int, positions: int) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.randn(1, channels, positions) * 0.1)
        self.query_key_value = nn.Conv1d(channels, 3 * channels, 1)
        self.out = _silent(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps of `(B, channels, positions)`."""
        q, k, v = self.query_key_value(x + self.place).unflatten(1, (3, HEADS, -1)).transpose(-1, -2).unbind(1)
        attended = ((q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5).softmax(-1) @ v
        return x + self.out(attended.transpose(-1, -2).flatten(1, 2))


class StyledBlock(nn.Module):
    """A residual block of G whose hidden features are scaled and shifted by the style.

    They are brought to the same size at each position first: the style, not the place in the window, says how large
    a beat is.
    """

    def __init__(self, before: int, after: int, style: int) -> None:
        super().__init__()
        self.first, self.second = _conv(before, after), _silent(_conv(after, after))
        self.skip = nn.Conv1d(before, after, 1, bias=False) if before != after else nn.Identity()
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
        self.first, self.second = _conv(before, after), _silent(_conv(after, after))
        self.skip = nn.Conv1d(before, after, 1, bias=False) if before != after else nn.Identity()

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
    return x.unflatten(-1, (-1, 2)).mean(-1)


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
        self.out = _conv(d, FOLD * len(self.arrangement.leads))
        self.register_buffer("binomial", torch.tensor([[[4.0, 6.0, 4.0]]]) / 14, persistent=False)

    def forward(self, noise: Tensor) -> Tensor:
        """One image for each noise vector."""
        style = self.mapping(_unit(noise))
        x = self.attention(self.blocks[0](self.start(style), style))
        for block in self.blocks[1:]:
            x = block(interpolate(x, scale_factor=2, mode="linear"), style)
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
        self.first = _conv(FOLD * len(self.arrangement.leads), a)
        self.blocks = nn.ModuleList([Block(a, a), Block(a, b), Block(b, c), Block(c, d)])
        self.attention = Attention(c, positions // 4)
        self.last = _conv(d + spread, d)
        features = d * (positions // 8)
        if classes:
            self.heads = Heads(features, classes)
        else:
            self.logit = nn.Linear(features, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logit of each image being real, `(B,)`."""
        return self.judge(image)[0] if self.classes else self.logit(self._features(image)).squeeze(1)

    def judge(self, image: Tensor) -> tuple[Tensor, Tensor]:
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
    deviation = (groups.var(dim=1, correction=0) + 1e-8).sqrt().mean(dim=(1, 2))
    return deviation.repeat_interleave(group)[:, None, None].expand(-1, 1, x.shape[-1])
