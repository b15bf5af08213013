"""GANs of the field, written small from their descriptions: what scripts/leaderboard.py and scripts/peers.py train.

- `WaveGAN`: WaveGAN* as SynthECG configures it (five up-sampling convolutions of 25 taps, channels 250 to 10, WGAN-GP,
  G at every fifth step, Adam at 1e-4), without its classes; `size` is 50 there.
- `Pulse2Pulse`: the GAN of ECGEN, a U-Net on noise of the signal's length with the same critic; `size` is 50 there.
- `DCGAN`: Radford et al. 2016 (arXiv 1511.06434) in one dimension, in plain torch.
"""

import math
from collections.abc import Callable, Iterable

import torch
from flow_matching import Flow, Rival
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

TAPS, CRITIC_EVERY, PENALTY = 25, 5, 10.0
STRIDES = (2, 2, 2, 4, 4)
LIKE = 8
"""Size at which WaveGAN and Pulse2Pulse have about as many weights as the other networks."""


class PhaseShuffle(nn.Module):
    """Shifts each signal by up to two places either way, with its edges reflected."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        places = torch.randint(0, 5, (len(x), 1)) + torch.arange(x.shape[2])
        return F.pad(x, (2, 2), mode="reflect").gather(2, places[:, None].expand(-1, x.shape[1], -1))


def critic(leads: int, length: int, size: int) -> nn.Sequential:
    """Return six convolutions of 25 taps with phase shuffle between them, and a linear layer."""
    layers: list[nn.Module] = []
    widths = (leads, *(size * k for k in (1, 2, 5, 10, 20, 25)))
    for before, after, stride in zip(widths, widths[1:], (2, 2, 2, 2, 4, 4), strict=False):
        layers += [nn.Conv1d(before, after, TAPS, stride, 11), nn.LeakyReLU(0.2), PhaseShuffle()]
    body = nn.Sequential(*layers[:-1], nn.Flatten())
    with torch.no_grad():
        features = body(torch.zeros(1, leads, length)).shape[1]
    return nn.Sequential(*body, nn.Linear(features, 1))


class Wasserstein(Rival):
    """WGAN-GP: D at every step, G at every fifth."""

    def __init__(self, leads: int, length: int, generator: nn.Module, size: int) -> None:
        super().__init__(leads, length)
        self.generator, self.critic = generator, critic(leads, length, size)
        self.optimizers = [Adam(each.parameters(), 1e-4, (0.5, 0.9)) for each in (self.generator, self.critic)]

    def step(self, real: Tensor, done: float) -> None:
        """Update D, and G if it is its turn."""
        optimizer_g, optimizer_d = self.optimizers
        with torch.no_grad():
            fake = self.generator(self.noise(len(real)))
        mixed = torch.lerp(fake, real, torch.rand(len(real), 1, 1)).requires_grad_()
        (slope,) = torch.autograd.grad(self.critic(mixed).sum(), mixed, create_graph=True)
        penalty = PENALTY * (slope.flatten(1).norm(dim=1) - 1).square().mean()
        optimizer_d.zero_grad()
        (self.critic(fake).mean() - self.critic(real).mean() + penalty).backward()
        optimizer_d.step()
        self.steps += 1
        if self.steps % CRITIC_EVERY == 0:
            optimizer_g.zero_grad()
            (-self.critic(self.generator(self.noise(len(real)))).mean()).backward()
            optimizer_g.step()

    def noise(self, count: int) -> Tensor:
        """Return what G generates from."""
        raise NotImplementedError

    @torch.no_grad()
    def sample(self, count: int) -> Tensor:
        """Return signals, with the batch norms' running means."""
        self.generator.eval()
        made = self.generator(self.noise(count))
        self.generator.train()
        return made


def rising(before: int, after: int, factor: int) -> nn.Sequential:
    """Return a repetition of samples and a convolution of 25 taps."""
    return nn.Sequential(nn.Upsample(scale_factor=factor), nn.Conv1d(before, after, TAPS, padding=TAPS // 2))


class WaveGAN(Wasserstein):
    """See above; noise is uniform, a vector of 1,000 for each of the coarsest positions."""

    def __init__(self, leads: int, length: int, size: int = 50) -> None:
        self.coarse = -(-length // 125)
        widths = (*(max(2, round(size * k)) for k in (5, 3, 1, 0.5, 0.2)), leads)
        layers: list[nn.Module] = []
        for before, after, factor in zip(widths, widths[1:], (5, 1, 5, 1, 5), strict=False):
            layers += [rising(before, after, factor), nn.BatchNorm1d(after), nn.ReLU()]
        body = nn.Sequential(nn.Linear(1000, 5 * size), _Swapped(), nn.ReLU(), *layers[:-1], nn.Tanh(), _Cut(length))
        super().__init__(leads, length, body, size)

    def noise(self, count: int) -> Tensor:
        """Return uniform noise."""
        return torch.rand(count, self.coarse, 1000) * 2 - 1


class _Swapped(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


class _Cut(nn.Module):
    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length

    def forward(self, x: Tensor) -> Tensor:
        return x[..., : self.length]


class _Pulses(nn.Module):
    """The U-Net of Pulse2Pulse: five convolutions down, five up, with what was seen on the way down beside."""

    def __init__(self, leads: int, size: int) -> None:
        super().__init__()
        widths = [leads, *(max(2, round(size * k)) for k in (0.2, 0.5, 1, 3, 5))]
        pairs = list(zip(widths, widths[1:], STRIDES, strict=False))
        self.down = nn.ModuleList(nn.Conv1d(a, b, TAPS, s, TAPS // 2) for a, b, s in pairs)
        doubled = [1, *[2] * (len(pairs) - 1)]
        ups = [rising(k * b, a, s) for (a, b, s), k in zip(reversed(pairs), doubled, strict=True)]
        self.up = nn.ModuleList(ups)

    def forward(self, x: Tensor) -> Tensor:
        kept: list[Tensor] = []
        for layer in self.down:
            x = F.leaky_relu(layer(x))
            kept.append(x)
        x = kept.pop()
        for number, layer in enumerate(self.up):
            x = layer(torch.cat([x, kept.pop()], dim=1) if number else x)
            x = F.relu(x) if kept else torch.tanh(x)
        return x


class Pulse2Pulse(Wasserstein):
    """See above; noise is uniform and as long as the signal."""

    def __init__(self, leads: int, length: int, size: int = 50) -> None:
        self.whole = math.prod(STRIDES) * -(-length // math.prod(STRIDES))
        super().__init__(leads, length, nn.Sequential(_Pulses(leads, size), _Cut(length)), size)

    def noise(self, count: int) -> Tensor:
        """Return uniform noise."""
        return torch.rand(count, self.leads, self.whole) * 2 - 1


class DCGAN(Rival):
    """See above: strides of four, batch norm, cross entropy, Adam at 2e-4 with a momentum of 0.5."""

    WIDTHS = (256, 128, 64, 32)

    def __init__(self, leads: int, length: int) -> None:
        super().__init__(leads, length)
        coarse, widths = -(-length // 64), self.WIDTHS
        up: list[nn.Module] = [nn.Linear(100, widths[0] * coarse), nn.Unflatten(1, (widths[0], coarse))]
        down: list[nn.Module] = []
        for before, after in zip(widths[:-1], (*widths[1:-1], leads), strict=True):
            up += [nn.BatchNorm1d(before), nn.ReLU(), nn.ConvTranspose1d(before, after, 16, 4, 6)]
        for before, after in zip((leads, *widths[::-1][1:-1]), widths[::-1][1:], strict=True):
            down += [nn.Conv1d(before, after, 16, 4, 6), nn.BatchNorm1d(after), nn.LeakyReLU(0.2)]
        del down[1]  # D's first layer has no batch norm
        self.generator = nn.Sequential(*up, nn.Tanh(), _Cut(length))
        self.discriminator = nn.Sequential(*down, nn.Flatten(), nn.Linear(widths[0] * (length // 64), 1))
        for layer in self.modules():
            if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d | nn.Linear):
                nn.init.normal_(layer.weight, 0.0, 0.02)
        both = (self.generator, self.discriminator)
        self.optimizers = [Adam(each.parameters(), 2e-4, (0.5, 0.999)) for each in both]

    def step(self, real: Tensor, done: float) -> None:
        """Update D on real and on generated signals apart, then G."""
        optimizer_g, optimizer_d = self.optimizers
        fake = self.generator(torch.randn(len(real), 100))
        on_real, on_fake = self.discriminator(real), self.discriminator(fake.detach())
        optimizer_d.zero_grad()
        (F.softplus(-on_real).mean() + F.softplus(on_fake).mean()).backward()
        optimizer_d.step()
        optimizer_g.zero_grad()
        F.softplus(-self.discriminator(fake)).mean().backward()
        optimizer_g.step()
        self.steps += 1

    @torch.no_grad()
    def sample(self, count: int) -> Tensor:
        """Return signals, with the batch norms' running means."""
        self.generator.eval()
        made = self.generator(torch.randn(count, 100))
        self.generator.train()
        return made


RIVALS: dict[str, Callable[[int, int], Rival]] = {
    "flow": Flow,
    "wavegan": lambda leads, length: WaveGAN(leads, length, LIKE),
    "pulse2pulse": lambda leads, length: Pulse2Pulse(leads, length, LIKE),
    "dcgan": DCGAN,
}


def weights(networks: Iterable[nn.Module]) -> int:
    """Return how many weights networks have."""
    return sum(each.numel() for network in networks for each in network.parameters())
