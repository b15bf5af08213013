"""The signal networks compute, in what order a CPU likes best, what is written here in torch's plain operations.

In float64: outputs, gradients, and the gradients of a gradient's norm that R1 and R2 learn from.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import (
    avg_pool1d,
    conv1d,
    interpolate,
    leaky_relu,
    linear,
    pad,
    scaled_dot_product_attention,
)

from ganlab.architecture import signal, signal_layers
from ganlab.arrangement.leads import Leads
from ganlab.arrangement.order import transposed
from ganlab.core.errors import UserError

LEADS = [Leads(side=24), Leads(("i", "ii", "iii"), order=transposed, side=24)]
"""Windows of 576 samples, which 40 positions of 16 exceed by 32 on either side."""


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Networks as small as these are slower with two."""
    torch.set_num_threads(1)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def unit(x: Tensor) -> Tensor:
    return x / ((x**2).mean(dim=1, keepdim=True) + 1e-6).sqrt()


def doubled(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2, mode="linear", align_corners=False)


def spread(x: Tensor) -> Tensor:
    size = 4 if len(x) % 4 == 0 else len(x)
    deviations = [(group.var(dim=0, correction=0) + 1e-8).sqrt().mean() for group in x.split(size)]
    return torch.stack([deviation.expand(1, x.shape[2]) for deviation in deviations for _ in range(size)])


def folded(x: Tensor) -> Tensor:
    """Channel `4 lead + k` of position `p` is sample `4 p + k` of the lead."""
    return torch.stack([x[:, lead, k::4] for lead in range(x.shape[1]) for k in range(4)], dim=1)


def unfolded(x: Tensor) -> Tensor:
    samples = x.new_zeros(len(x), x.shape[1] // 4, 4 * x.shape[2])
    for channel in range(x.shape[1]):
        samples[:, channel // 4, channel % 4 :: 4] = x[:, channel]
    return samples


def filtered(x: Tensor, kernel: Tensor) -> Tensor:
    """Each lead by itself, where the kernel lies within it."""
    return torch.cat([conv1d(lead, kernel.to(x)[None, None]) for lead in x.split(1, dim=1)], dim=1)


def down(x: Tensor, around: tuple[int, int]) -> Tensor:
    """Every fourth sample of the filtered window, with so many more around it."""
    return folded(
        filtered(pad(x, (around[0] + 16, around[1] + 16), mode="replicate"), signal_layers.low_pass())[..., ::4]
    )


def up(x: Tensor, before: int, samples: int) -> Tensor:
    """Three zeros after each sample, filtered; of that the window."""
    x = pad(unfolded(x), (4, 4), mode="replicate")
    x = torch.stack([x, *(torch.zeros_like(x),) * 3], dim=-1).flatten(2)
    return filtered(x, 4 * signal_layers.low_pass())[..., before : before + samples]


def around(arrangement: Leads) -> tuple[int, int]:
    """Samples before and after a window that make its positions a multiple of eight."""
    more = -arrangement.samples % 128
    return more // 2, more - more // 2


class Plain:
    """The weights of a network, by name, and what is done with them."""

    def __init__(self, network: nn.Module) -> None:
        self.weights = dict(network.named_parameters())

    def conv(self, name: str, x: Tensor) -> Tensor:
        weight = self.weights[f"{name}.weight"]
        return conv1d(x, weight, self.weights.get(f"{name}.bias"), padding=weight.shape[2] // 2)

    def linear(self, name: str, x: Tensor) -> Tensor:
        return linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def skip(self, name: str, x: Tensor) -> Tensor:
        return self.conv(f"{name}.skip", x) if f"{name}.skip.weight" in self.weights else x

    def attention(self, x: Tensor) -> Tensor:
        mixed = self.conv("attention.query_key_value", x + self.weights["attention.place"])
        q, k, v = (part.unflatten(1, (4, -1)).transpose(2, 3) for part in mixed.chunk(3, dim=1))
        return x + self.conv("attention.out", scaled_dot_product_attention(q, k, v).transpose(2, 3).flatten(1, 2))

    def generator(self, arrangement: Leads, noise: Tensor) -> Tensor:
        style = leaky_relu(self.linear("mapping.0", unit(noise)), 0.2)
        style = leaky_relu(self.linear("mapping.2", style), 0.2)
        x = self.linear("start.0", style).view(len(noise), -1, -(-arrangement.samples // 128))
        for block in range(4):
            name = f"blocks.{block}"
            x = doubled(x) if block else x
            gain, shift = self.linear(f"{name}.style", style)[:, :, None].chunk(2, dim=1)
            hidden = unit(self.conv(f"{name}.first", leaky_relu(x, 0.2))) * (1 + gain) + shift
            x = self.skip(name, x) + self.conv(f"{name}.second", leaky_relu(hidden, 0.2))
            x = x if block else self.attention(x)
        x = unfolded(self.conv("out", leaky_relu(x, 0.2)))
        smooth = filtered(pad(x, (1, 1), mode="replicate"), torch.tensor([4.0, 6.0, 4.0]) / 14)
        return arrangement.encode(0.32 * up(folded(smooth), around(arrangement)[0], arrangement.samples))

    def discriminator(self, arrangement: Leads, image: Tensor) -> Tensor:
        x = self.conv("first", down(arrangement.decode(image) / 0.32, around(arrangement)))
        for block in range(4):
            name = f"blocks.{block}"
            x = avg_pool1d(self.attention(x) if block == 3 else x, 2) if block else x
            hidden = self.conv(f"{name}.first", leaky_relu(x, 0.2))
            x = self.skip(name, x) + self.conv(f"{name}.second", leaky_relu(hidden, 0.2))
        x = leaky_relu(self.conv("last", torch.cat([x, spread(x)], dim=1)), 0.2)
        return self.linear("logit", x.flatten(1)).squeeze(1)


def derivatives(values: Tensor, of: Sequence[Tensor]) -> list[Tensor]:
    """The values, their gradient, and the gradient of its squared norm: each of a weighted sum, so that all count."""
    first = torch.autograd.grad((values * normal(*values.shape)).sum(), of, create_graph=True)
    norm = sum((g * normal(*g.shape)).square().sum() for g in first)
    second = torch.autograd.grad(norm, of, allow_unused=True)
    return [values, *first, *(g for g in second if g is not None)]


def assert_same(ours: list[Tensor], theirs: list[Tensor]) -> None:
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-10 * max(1.0, other.detach().abs().max().item()))


@pytest.mark.parametrize(
    ("ours", "plain", "shape"),
    [
        (signal_layers.unit, unit, (5, 12, 6)),
        (signal_layers.halved, lambda x: avg_pool1d(x, 2), (5, 12, 6)),
        (signal_layers.doubled, doubled, (5, 12, 6)),
        (signal._spread, spread, (8, 12, 6)),
        (signal._spread, spread, (6, 12, 6)),
        (signal_layers.Resampling(2025).double().down, lambda x: down(x, (11, 12)), (5, 2, 2025)),
        (signal_layers.Resampling(2025).double().up, lambda x: up(x, 11, 2025), (5, 8, 128)),
    ],
    ids=["unit features", "halved", "doubled", "spread", "spread of no four", "down", "up"],
)
def test_each_fast_formulation_is_the_plain_one(
    ours: Callable[[Tensor], Tensor], plain: Callable[[Tensor], Tensor], shape: tuple[int, ...]
) -> None:
    x = normal(*shape).requires_grad_()
    assert ours(x).shape == plain(x).shape
    assert_same(derivatives(ours(x).sigmoid(), [x]), derivatives(plain(x).sigmoid(), [x]))


def shaken(network: nn.Module) -> Any:
    """With weights that are all of some size: those that start at zero hide what they multiply."""
    with torch.no_grad():
        for number, weight in enumerate(network.double().parameters()):
            weight.add_(0.1 * normal(*weight.shape).roll(number))
    return network


@pytest.mark.parametrize("arrangement", LEADS, ids=["one lead", "three leads, transposed"])
@pytest.mark.parametrize("count", [8, 6])
def test_the_networks_are_the_plain_ones(arrangement: Leads, count: int) -> None:
    torch.manual_seed(0)
    generator = shaken(signal.Generator(arrangement, noise=7, width=0.1, style=5))
    noise = normal(count, 7).requires_grad_()
    of = [noise, *generator.parameters()]
    plain = Plain(generator).generator(arrangement, noise)
    assert_same(derivatives(generator(noise), of), derivatives(plain, of))
    discriminator = shaken(signal.Discriminator(arrangement, width=0.1))
    image = normal(count, *arrangement.shape).requires_grad_()
    of = [image, *discriminator.parameters()]
    plain = Plain(discriminator).discriminator(arrangement, image)
    assert_same(derivatives(discriminator(image), of), derivatives(plain, of))


def test_networks_may_see_every_sample() -> None:
    """Ten seconds at 100 Hz in 25 x 40 pixels: a quarter of that rate holds no heart beat."""
    arrangement = Leads(leads=["i", "ii"], side=[25, 40])
    resampling = signal_layers.Resampling(1000, decimation=1)
    window = torch.randn(2, 2, 1000)
    torch.testing.assert_close(resampling.up(resampling.down(window)), window, rtol=0, atol=1e-5)
    generator = signal.Generator(arrangement, width=0.1, decimation=1)
    discriminator = signal.Discriminator(arrangement, width=0.1, decimation=1)
    assert discriminator(generator(torch.randn(4, 100))).shape == (4,)
    with pytest.raises(UserError, match="decimation=0"):
        signal.Generator(arrangement, decimation=0)
