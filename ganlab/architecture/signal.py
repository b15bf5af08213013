"""One-dimensional residual networks behind any arrangement (ours; design: a laptop's budget).

The generator makes the window at a quarter of its rate (`decimation`) and the image is arranged from it; the
discriminator takes the arrangement back before it looks. So the networks see time as time, whatever the image looks
like. The quarter-rate signal is folded by four into channels, since convolutions with 48 to 96 channels use a CPU best.
Nothing is normalized over a batch; the last convolution of each residual block starts at zero (Huang et al. 2024, arXiv
2501.05441).
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, leaky_relu, pad

from ganlab.architecture.base import Heads
from ganlab.architecture.signal_layers import (
    DECIMATION,
    FOLD,
    HEADS,
    Attention,
    Block,
    Conv,
    Resampling,
    StyledBlock,
    doubled,
    folded,
    halved,
    unfolded,
    unit,
)
from ganlab.arrangement.base import Arrangement
from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError

PIXEL = 0.32
"""Pixel value that the networks see as 1: with a range of 2.5 mV either side it is 0.8 mV."""
GROUP = 4
"""Images whose spread D sees together."""


def leads_of(arrangement: Arrangement) -> Leads:
    """Return an arrangement of leads. Raises UserError for another one."""
    if not isinstance(arrangement, Leads):
        raise UserError(
            f"this architecture makes leads of a recording; this arrangement ({type(arrangement).__name__}) arranges "
            "none. architecture=fcn accepts any."
        )
    return arrangement


def channels(width: float, *sizes: int) -> list[int]:
    """Return scaled numbers of channels, multiples of the heads."""
    return [HEADS * max(1, round(width * n / HEADS)) for n in sizes]


class Generator(nn.Module):
    """Noise `(B, noise)` to images `(B, C, H, W)`."""

    binomial: Tensor

    def __init__(
        self,
        arrangement: Arrangement,
        noise: int = 100,
        width: float = 1.0,
        style: int = 128,
        decimation: int = DECIMATION,
    ) -> None:
        super().__init__()
        self.arrangement = leads_of(arrangement)
        self.resampling = Resampling(self.arrangement.samples, decimation)
        a, b, c, d = channels(width, 96, 96, 64, 48)
        coarsest = self.resampling.positions // 8
        self.mapping = nn.Sequential(
            nn.Linear(noise, style), nn.LeakyReLU(0.2), nn.Linear(style, style), nn.LeakyReLU(0.2)
        )
        self.start = nn.Sequential(nn.Linear(style, a * coarsest), nn.Unflatten(1, (a, coarsest)))
        self.attention = Attention(a, coarsest)
        self.blocks = nn.ModuleList(
            StyledBlock(before, after, style) for before, after in ((a, a), (a, b), (b, c), (c, d))
        )
        self.out = Conv(d, FOLD * len(self.arrangement.leads))
        self.register_buffer("binomial", torch.tensor([[[4.0, 6.0, 4.0]]]) / 14, persistent=False)

    def forward(self, noise: Tensor) -> Tensor:
        """Return an image of each noise vector."""
        style = self.mapping(unit(noise))
        x = self.start(style).transpose(1, 2).contiguous().transpose(1, 2)
        x = self.attention(self.blocks[0](x, style))
        for block in self.blocks[1:]:
            x = block(doubled(x), style)
        x = self.out(leaky_relu(x, 0.2))
        # A short binomial filter over the unfolded quarter-rate signal.
        signal = unfolded(x)
        padded = pad(signal, (1, 1), mode="replicate").flatten(0, 1).unsqueeze(1)
        smooth = conv1d(padded, self.binomial).view_as(signal)
        return self.arrangement.encode(PIXEL * self.resampling.up(folded(smooth)))


class Discriminator(nn.Module):
    """Images `(B, C, H, W)` to logits `(B,)`; with classes two linear layers read the last features.

    With `spread` it sees how much the images of a batch differ, so that the logit of one depends on others.
    """

    def __init__(
        self,
        arrangement: Arrangement,
        width: float = 1.0,
        classes: int = 0,
        spread: bool = True,
        decimation: int = DECIMATION,
    ) -> None:
        super().__init__()
        self.spread = spread
        self.traits = ("batch_spread",) if spread else ()
        self.group = GROUP if spread else 1
        self.arrangement = leads_of(arrangement)
        self.resampling = Resampling(self.arrangement.samples, decimation)
        a, b, c, d = channels(width, 48, 64, 96, 96)
        positions = self.resampling.positions
        self.classes = classes
        self.first = Conv(FOLD * len(self.arrangement.leads), a)
        self.blocks = nn.ModuleList(Block(*sizes) for sizes in ((a, a), (a, b), (b, c), (c, d)))
        self.attention = Attention(c, positions // 4)
        self.last = Conv(d + spread, d)
        features = d * (positions // 8)
        if classes:
            self.heads = Heads(features, classes)
        else:
            self.logit = nn.Linear(features, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logit of each image being real, `(B,)`."""
        return self.discriminate(image)[0] if self.classes else self.logit(self._features(image)).squeeze(1)

    def discriminate(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return that logit and those of the classes `(B, classes)`, from the same features."""
        return self.heads(self._features(image))

    def _features(self, image: Tensor) -> Tensor:
        x = self.blocks[0](self.first(self.resampling.down(self.arrangement.decode(image) / PIXEL)))
        x = self.blocks[2](halved(self.blocks[1](halved(x))))
        x = self.blocks[3](halved(self.attention(x)))
        x = leaky_relu(self.last(torch.cat([x, _spread(x)], dim=1) if self.spread else x), 0.2)
        return x.flatten(1)


def _spread(x: Tensor) -> Tensor:
    """Return the standard deviation within groups of consecutive images, one more channel (Karras et al. 2018).

    A batch whose size is no multiple of the group is one group.
    """
    group = GROUP if len(x) % GROUP == 0 else len(x)
    groups = x.unflatten(0, (-1, group))
    variance = (groups - groups.mean(dim=1, keepdim=True)).square().mean(dim=1)
    deviation = (variance + 1e-8).sqrt().mean(dim=(1, 2))
    return deviation.repeat_interleave(group)[:, None, None].expand(-1, 1, x.shape[-1])
