"""Shapes, sizes and parameter counts of every network, with and without classes, under what it is made for."""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from ganlab.architecture import cnn, cnn_iris, cnn_iris_notebook, cnn_thyroid, fcn, signal
from ganlab.architecture.signal_layers import Resampling
from ganlab.arrangement.base import Arrangement
from ganlab.arrangement.image import AsItIs
from ganlab.arrangement.leads import Leads
from ganlab.arrangement.order import transposed, z
from ganlab.core.errors import UserError
from tests.conftest import ROOT
from tests.test_conf import composed

ARCHITECTURES = sorted(p.stem for p in (ROOT / "conf" / "architecture").glob("*.yaml"))
IRIS, FINGERPRINT, THYROID = (AsItIs(1, *size, batch_size=20) for size in ((240, 320), (400, 275), (7, 7)))
META = torch.device("meta")
"""Shapes and counts alone: nothing is computed."""


def ecg() -> list[Arrangement]:
    """Those of conf that a network cannot tell from another by shape or class are tried once."""
    paths = sorted((ROOT / "conf" / "arrangement").glob("*.yaml"))
    files = [OmegaConf.create({"arrangement": OmegaConf.load(path)}).arrangement for path in paths]
    found: list[Leads] = [instantiate(node) for node in files if "leads" in node]
    return list({(type(a), a.shape, a.samples): a for a in found}.values())


ECG = ecg()
IRISES, TABLES = [IRIS, AsItIs(3, 240, 320, 20)], [THYROID, AsItIs(2, 3, 4, 20), AsItIs(1, 6, 5, 20)]
MADE_FOR: dict[str, list[Arrangement]] = {
    "cnn_iris": IRISES,
    "cnn_iris_notebook": IRISES,
    "cnn_thyroid": TABLES,
    "fcn_thyroid": TABLES,
    "fcn_image": [AsItIs(1, 40, 27, 20), AsItIs(3, 8, 8, 20)],
}
"""The ECG's arrangements where nothing is said."""


@cache
def architecture_of(name: str, *overrides: str) -> DictConfig:
    return composed(f"architecture={name}", *overrides).architecture


def built(networks: DictConfig, arrangement: Arrangement, classes: int = 0) -> tuple[nn.Module, nn.Module]:
    generator = instantiate(networks.generator)(arrangement, noise=networks.noise + classes)
    return generator, instantiate(networks.discriminator)(arrangement, classes=classes)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Networks as small as these are slower with two."""
    torch.set_num_threads(1)


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def linear(*sizes: int) -> int:
    """Weights and biases of fully connected layers."""
    return sum((before + 1) * after for before, after in pairwise(sizes))


def convolutions(*layers: tuple[int, int, int], normed: Sequence[int]) -> int:
    """Weights of (channels in, channels out, kernel area), and two numbers for each normed channel."""
    return sum(before * after * area for before, after, area in layers) + 2 * sum(normed)


def sizes(network: nn.Module, x: Tensor) -> list[tuple[int, ...]]:
    """Heights and widths after each convolution."""
    seen = []
    for layer in network.layers:
        x = layer(x)
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            seen.append(tuple(x.shape[2:]))
    return seen


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network_makes_and_judges_the_images_that_it_is_for(name: str, classes: int) -> None:
    networks = architecture_of(name, "architecture.width=0.07")
    for arrangement in MADE_FOR.get(name, ECG):
        generator, discriminator = built(networks, arrangement, classes)
        images = generator(torch.randn(4, networks.noise + classes))
        assert images.shape == (4, *arrangement.shape)
        assert discriminator(images).shape == (4,)
        if classes:
            source, label = discriminator.discriminate(images)
            assert (source.shape, label.shape) == ((4,), (4, classes))
            (source.sum() + label.square().sum()).backward()
        else:
            discriminator(images).sum().backward()
        weights = [*generator.parameters(), *discriminator.parameters()]
        assert all(p.grad is not None for p in weights if p.requires_grad)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_both_heads_read_the_same_features_computed_once(name: str) -> None:
    arrangement = MADE_FOR.get(name, ECG)[0]
    discriminator = built(architecture_of(name, "architecture.width=0.07"), arrangement, classes=3)[1].eval()
    read: list[Tensor] = []
    for head in (discriminator.heads.source, discriminator.heads.label):
        head.register_forward_hook(lambda _, features, __: read.append(features[0]))
    calls: list[nn.Module] = []
    first = next(m for m in discriminator.modules() if isinstance(m, nn.Conv1d | nn.Conv2d | nn.Linear))
    first.register_forward_hook(lambda layer, *_: calls.append(layer))
    images = torch.randn(4, *arrangement.shape)
    source, _ = discriminator.discriminate(images)
    assert read[0] is read[1]
    assert len(calls) == 1
    assert torch.equal(source, discriminator(images))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_however_narrow_a_network_keeps_some_channels(name: str) -> None:
    networks, arrangement = architecture_of(name, "architecture.width=0.0001"), MADE_FOR.get(name, ECG)[0]
    generator, discriminator = built(networks, arrangement)
    hidden = [layer.bias for layer in discriminator.modules() if isinstance(layer, nn.Conv1d | nn.BatchNorm2d)]
    assert all(len(channels) >= 4 for channels in hidden)
    assert discriminator(generator(torch.randn(4, networks.noise))).isfinite().all()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_reduced_size_is_no_wider_than_the_full_one(name: str) -> None:
    full, arrangement = architecture_of(name), MADE_FOR.get(name, ECG)[0]
    reduced = architecture_of(name, "architecture.width=${architecture.reduced_width}")
    with META:
        many, few = ([parameters(network) for network in built(cfg, arrangement)] for cfg in (full, reduced))
    assert 0 < full.reduced_width <= full.width
    assert all(few <= many for many, few in zip(many, few, strict=True))


def test_parameters_and_sizes_of_table_8_2() -> None:
    d, g = cnn.Discriminator(Leads()), cnn.Generator(Leads())
    assert (parameters(d), parameters(g)) == (1_486_848, 3_649_472)
    assert sizes(d, torch.randn(2, 1, 45, 45)) == [(n, n) for n in (42, 20, 9, 2)]
    assert sizes(g, torch.randn(2, 100)) == [(n, n) for n in (8, 19, 41, 45)]


def test_without_batch_norm_the_same_convolutions_begin_with_images_that_vary_as_much() -> None:
    torch.manual_seed(0)
    for name, side in (("cnn", 45), ("cnn_small", 16)):
        arrangement = Leads(side=side)
        normed, free = (
            built(architecture_of(name, f"architecture.norm={norm}", "architecture.width=0.25"), arrangement)
            for norm in ("batch", "none")
        )
        for network in free:
            assert not any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
        spread = [generator(torch.randn(64, 100)).std(0).mean().item() for generator, _ in (normed, free)]
        assert spread[1] == pytest.approx(spread[0], rel=0.3)
        shapes = [[p.shape for p in network.parameters() if p.ndim == 4] for network in (*normed, *free)]
        assert shapes[:2] == shapes[2:]


@pytest.mark.parametrize("turn", [lambda x: x.transpose(2, 3), lambda x: x.flip((2, 3))], ids=["T", "180"])
def test_the_small_network_treats_transposed_and_reversed_images_as_z(turn: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    _, d = built(architecture_of("cnn_small", "architecture.width=0.1"), Leads(side=16))
    images = torch.randn(4, 1, 16, 16)
    expected = d.eval()(images)
    for layer in d.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.data = turn(layer.weight.data).contiguous()
    torch.testing.assert_close(d(turn(images)), expected)


def test_classes_replace_the_last_convolution_by_two_linear_layers() -> None:
    """Paper 4.6: 256 x 9 x 9 = 20,736 numbers to one and to three."""
    last = 256 * 36
    assert parameters(cnn.Discriminator(Leads(), classes=3)) == 1_486_848 - last + linear(20_736, 1) + linear(20_736, 3)
    assert parameters(fcn.Discriminator(Leads(), classes=3)) == linear(2025, 1024, 512, 256, 1) + linear(256, 3)
    plain, told = signal.Discriminator(Leads()), signal.Discriminator(Leads(), classes=3)
    assert parameters(told) == parameters(plain) + linear(plain.logit.in_features, 3)


FULLY_CONNECTED = [
    ("fcn", Leads(), (2025, 1024, 512, 256, 1), (100, 256, 512, 1024, 2025)),
    ("fcn_image", IRIS, (76_800, 2048, 1024, 512, 256, 1), (100, 256, 512, 1024, 2048, 76_800)),
    ("fcn_image", FINGERPRINT, (110_000, 2048, 1024, 512, 256, 1), (100, 256, 512, 1024, 2048, 110_000)),
    ("fcn_thyroid", THYROID, (49, 64, 1), (5, 64, 49)),
]


@pytest.mark.parametrize(("architecture", "arrangement", "of_d", "of_g"), FULLY_CONNECTED)
def test_fully_connected_networks_have_the_sizes_of_the_documents(
    architecture: str, arrangement: Arrangement, of_d: tuple[int, ...], of_g: tuple[int, ...]
) -> None:
    networks = architecture_of(architecture)
    with META:
        g, d = built(networks, arrangement)
        assert (parameters(d), parameters(g)) == (linear(*of_d), linear(*of_g))
        images = g(torch.randn(2, networks.noise))
        assert images.shape == (2, *arrangement.shape)
        assert d(images).shape == (2,)


def test_the_fingerprint_networks_have_456_million_parameters() -> None:
    with META:
        networks = built(architecture_of("fcn_image"), FINGERPRINT)
    assert sum(parameters(n) for n in networks) == 228_036_609 + 228_171_952


def test_layers_of_listing_8_1() -> None:
    def kinds(network: nn.Module) -> list[tuple[str, float]]:
        numbers = {nn.LeakyReLU: "negative_slope", nn.Dropout: "p"}
        return [(type(m).__name__, getattr(m, numbers[type(m)])) for m in network.layers if type(m) in numbers]

    assert kinds(fcn.Discriminator(THYROID)) == [("LeakyReLU", 0.2), ("Dropout", 0.3)] * 3
    assert kinds(fcn.Generator(THYROID)) == [("LeakyReLU", 0.2)] * 3


def test_parameters_and_sizes_of_table_8_1() -> None:
    with META:
        d, g = cnn_iris.Discriminator(IRIS), cnn_iris.Generator(IRIS)
        of_d = sizes(d, torch.randn(2, 1, 240, 320))
        of_g = sizes(g, torch.randn(2, 100))
    assert of_d == [(120, 160), (60, 80), (30, 40), (14, 19)]
    assert of_g == [(6, 8), (26, 34), (81, 105), (240, 320)]
    assert parameters(d) == convolutions((1, 64, 16), (64, 128, 16), (128, 256, 16), (256, 1, 16), normed=(128, 256))
    assert parameters(g) == convolutions(
        *((100, 256, 64), (256, 128, 64), (128, 64, 64), (64, 1, 64)), normed=(256, 128, 64)
    )
    assert (parameters(d), parameters(g)) == (661_248, 4_264_832)


def test_parameters_and_sizes_of_the_iris_notebook() -> None:
    with META:
        d, g = cnn_iris_notebook.Discriminator(IRIS), cnn_iris_notebook.Generator(IRIS)
        of_d = sizes(d, torch.randn(2, 1, 240, 320))
        of_g = sizes(g, torch.randn(2, 100))
    assert of_d == [(120, 160), (60, 80), (30, 40), (15, 20), (12, 17)]
    assert of_g == [(4, 5), (9, 11), (26, 34), (80, 106), (240, 320)]
    assert parameters(d) == convolutions(
        *((1, 64, 16), (64, 128, 16), (128, 256, 16), (256, 512, 16), (512, 1, 16)), normed=(128, 256, 512)
    )
    assert parameters(g) == convolutions(
        *((100, 512, 20), (512, 256, 25), (256, 128, 24), (128, 64, 35), (64, 1, 35)), normed=(512, 256, 128, 64)
    )
    assert (parameters(d), parameters(g)) == (2_763_520, 5_378_112)


def test_parameters_and_sizes_of_the_convolutions_for_a_table() -> None:
    d, g = cnn_thyroid.Discriminator(THYROID), cnn_thyroid.Generator(THYROID)
    assert sizes(d, torch.randn(2, 1, 7, 7)) == [(7, 7), (4, 4), (1, 1)]
    assert sizes(g, torch.randn(2, 5)) == [(4, 4), (7, 7), (7, 7)]
    assert parameters(d) == convolutions((1, 32, 9), (32, 64, 9), (64, 1, 16), normed=(64,)) == 19_872
    assert parameters(g) == convolutions((5, 64, 16), (64, 32, 9), (32, 1, 9), normed=(64, 32)) == 24_032


def test_a_map_larger_than_a_pixel_is_averaged() -> None:
    for network, shape in ((cnn, Leads()), (cnn_iris, IRIS), (cnn_iris_notebook, IRIS)):
        d = network.Discriminator(shape, width=0.0625)
        images = torch.randn(2, *shape.shape)
        last = max(k for k, layer in enumerate(d.layers) if isinstance(layer, nn.Conv2d))
        expected = d.layers[: last + 1](images).mean(dim=(1, 2, 3))
        torch.testing.assert_close(d(images), expected)


@pytest.mark.parametrize(
    ("make", "arrangement", "said"),
    [
        (cnn.Generator, THYROID, "architecture=cnn makes 45x45 images; this arrangement has 7x7"),
        (cnn.Discriminator, IRIS, "architecture=cnn makes 45x45 images; this arrangement has 240x320"),
        (cnn_iris.Generator, Leads(), "architecture=cnn_iris makes 240x320 images; this arrangement has 45x45"),
        (cnn_iris_notebook.Discriminator, FINGERPRINT, "architecture=cnn_iris_notebook makes 240x320 images"),
        (signal.Generator, THYROID, "this architecture makes leads of a recording"),
        (signal.Discriminator, THYROID, "this architecture makes leads of a recording"),
    ],
)
def test_images_that_a_network_is_not_for_are_refused(
    make: Callable[[Arrangement], Any], arrangement: Arrangement, said: str
) -> None:
    with pytest.raises(UserError, match=said) as refused:
        make(arrangement)
    assert "architecture=fcn accepts any" in str(refused.value)


@pytest.mark.parametrize(
    "turn", [lambda x: x.transpose(-1, -2), lambda x: x.flip(-1, -2)], ids=["transposed", "reversed"]
)
def test_transposed_and_reversed_are_reparametrisations_of_z(turn: Callable[[Tensor], Tensor]) -> None:
    """The same network with turned kernels: so any difference between these arrangements is seed noise."""
    torch.manual_seed(0)
    plain, turned = (cnn.Discriminator(Leads(), width=0.125).double().eval() for _ in range(2))
    weights = plain.state_dict()
    turned.load_state_dict({k: turn(w) if w.ndim == 4 else w for k, w in weights.items()})
    x = torch.randn(3, 1, 45, 45, dtype=torch.double)
    assert torch.allclose(turned(turn(x)), plain(x), atol=1e-12)
    ours, theirs = (cnn.Generator(Leads(), width=0.125).double().eval() for _ in range(2))
    theirs.load_state_dict({k: turn(w) if w.ndim == 4 else w for k, w in ours.state_dict().items()})
    noise = torch.randn(3, 100, dtype=torch.double)
    assert torch.allclose(theirs(noise), turn(ours(noise)), atol=1e-12)


def test_the_signal_network_sees_the_signal_under_every_arrangement() -> None:
    torch.manual_seed(0)
    under_z = signal.Discriminator(Leads(order=z))
    under_t = signal.Discriminator(Leads(order=transposed))
    under_t.load_state_dict(under_z.state_dict())
    x = torch.randn(4, 1, 2025)
    assert torch.allclose(under_z(Leads(order=z).encode(x)), under_t(Leads(order=transposed).encode(x)))
    made_z, made_t = signal.Generator(Leads(order=z)), signal.Generator(Leads(order=transposed))
    made_t.load_state_dict(made_z.state_dict())
    noise = torch.randn(2, 100)
    assert torch.allclose(made_z(noise).transpose(-1, -2), made_t(noise))


def test_resampling_keeps_what_an_ecg_holds_and_drops_what_the_quarter_rate_cannot() -> None:
    resampling = Resampling(2025)
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
