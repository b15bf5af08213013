"""Shapes and parameter counts of the documents' networks, under every arrangement."""

from itertools import pairwise

import pytest
import torch
from hydra.utils import instantiate
from torch import nn

from ganlab.architecture import cnn, fcn, signal
from ganlab.arrangement.base import Arrangement
from ganlab.arrangement.order import transposed, z
from tests.conftest import ROOT
from tests.test_conf import composed

ARCHITECTURES = sorted(p.stem for p in (ROOT / "conf" / "architecture").glob("*.yaml"))
ARRANGEMENTS = sorted(p.stem for p in (ROOT / "conf" / "arrangement").glob("*.yaml"))


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("name", ARRANGEMENTS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_network_takes_every_arrangements_channels(architecture: str, name: str) -> None:
    cfg = composed(f"architecture={architecture}", f"arrangement={name}", "architecture.width=0.25")
    arrangement = instantiate(cfg.arrangement)
    generator = instantiate(cfg.architecture.generator)(arrangement)
    discriminator = instantiate(cfg.architecture.discriminator)(arrangement)
    shape = arrangement.shape
    images = generator(torch.randn(4, cfg.architecture.noise))
    assert images.shape == (4, *shape)
    assert discriminator(images).shape == (4,)
    discriminator(images).sum().backward()
    assert all(p.grad is not None for p in [*generator.parameters(), *discriminator.parameters()])


def test_parameters_of_table_8_2() -> None:
    assert parameters(cnn.Discriminator(Arrangement())) == 1_486_848
    assert parameters(cnn.Generator(Arrangement())) == 3_649_472


def test_parameters_of_the_fully_connected_networks() -> None:
    sizes = [2025, 1024, 512, 256, 1]
    assert parameters(fcn.Discriminator(Arrangement())) == sum((a + 1) * b for a, b in pairwise(sizes))
    sizes = [100, 256, 512, 1024, 2025]
    assert parameters(fcn.Generator(Arrangement())) == sum((a + 1) * b for a, b in pairwise(sizes))


def test_map_sizes_of_table_8_2() -> None:
    def sizes(network: nn.Module, x: torch.Tensor, kind: type[nn.Module]) -> list[int]:
        seen = []
        for layer in network.layers:
            x = layer(x)
            if isinstance(layer, kind):
                seen.append(x.shape[-1])
        return seen

    assert sizes(cnn.Discriminator(Arrangement()), torch.randn(2, 1, 45, 45), nn.Conv2d) == [42, 20, 9, 2]
    assert sizes(cnn.Generator(Arrangement()), torch.randn(2, 100), nn.ConvTranspose2d) == [8, 19, 41, 45]


@pytest.mark.parametrize(
    "turn", [lambda x: x.transpose(-1, -2), lambda x: x.flip(-1, -2)], ids=["transposed", "reversed"]
)
def test_transposed_and_reversed_are_reparametrisations_of_z(turn) -> None:
    """The same network with turned kernels: so any difference between these arrangements is seed noise."""
    torch.manual_seed(0)
    plain, turned = (cnn.Discriminator(Arrangement(), width=0.125).double().eval() for _ in range(2))
    weights = plain.state_dict()
    turned.load_state_dict({k: turn(w) if w.ndim == 4 else w for k, w in weights.items()})
    x = torch.randn(3, 1, 45, 45, dtype=torch.double)
    assert torch.allclose(turned(turn(x)), plain(x), atol=1e-12)
    ours, theirs = (cnn.Generator(Arrangement(), width=0.125).double().eval() for _ in range(2))
    theirs.load_state_dict({k: turn(w) if w.ndim == 4 else w for k, w in ours.state_dict().items()})
    noise = torch.randn(3, 100, dtype=torch.double)
    assert torch.allclose(theirs(noise), turn(ours(noise)), atol=1e-12)


def test_the_signal_network_sees_the_signal_under_every_arrangement() -> None:
    torch.manual_seed(0)
    under_z = signal.Discriminator(Arrangement(order=z))
    under_t = signal.Discriminator(Arrangement(order=transposed))
    under_t.load_state_dict(under_z.state_dict())
    x = torch.randn(4, 1, 2025)
    assert torch.allclose(under_z(Arrangement(order=z).encode(x)), under_t(Arrangement(order=transposed).encode(x)))
    made_z, made_t = signal.Generator(Arrangement(order=z)), signal.Generator(Arrangement(order=transposed))
    made_t.load_state_dict(made_z.state_dict())
    noise = torch.randn(2, 100)
    assert torch.allclose(made_z(noise).transpose(-1, -2), made_t(noise))


def test_resampling_keeps_what_an_ecg_holds_and_drops_what_the_quarter_rate_cannot() -> None:
    resampling = signal.Resampling(2025)
    time = torch.arange(2025) / 1000

    def kept(hz: float) -> float:
        x = torch.sin(2 * torch.pi * hz * time)[None, None]
        back = resampling.up(resampling.down(x))
        assert back.shape == x.shape
        return float((back - x)[..., 100:-100].abs().max())

    assert kept(5) < 0.01
    assert kept(60) < 0.05
    assert kept(220) > 0.5
    leads = torch.randn(2, 3, 2025)
    alone = torch.cat([resampling.down(leads[:, k : k + 1]) for k in range(3)], dim=1)
    assert torch.allclose(resampling.down(leads), alone, atol=1e-6)


def test_the_discriminators_spread_channel_sees_collapse() -> None:
    x = torch.randn(8, 16, 5)
    same = x[:1].expand(8, -1, -1)
    assert signal._spread(x).mean() > 0.5
    assert signal._spread(same).max() < 1e-3
    assert signal._spread(x[:7]).mean() > 0.5
    assert signal._spread(x[:7]).shape == (7, 1, 5)
