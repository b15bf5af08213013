"""Training is, step by step and to 1e-10 in float64, what loops do that are written here from the documents.

The GANs are those of conf, with its optimizers; the networks are small and have no dropout.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus
from torch.utils.data import DataLoader

from ganlab.architecture.base import LayeredDiscriminator
from ganlab.arrangement.leads import Leads
from ganlab.codec import Codec
from ganlab.core.instantiate import build
from ganlab.dataset.samples import Batch
from ganlab.gan.gan import GAN
from ganlab.gan.projection import Projection
from ganlab.standardization.fixed_range import FixedRange
from tests.gan.test_gan import SHAPE, batches, fit
from tests.test_conf import composed

NOISE, CLASSES, STEPS = 4, ("top", "middle", "bottom"), 5


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Networks as small as these are slower with two."""
    torch.set_num_threads(1)


def game(*overrides: str, normed: bool = True) -> GAN:
    """What a run with these overrides trains, but for its networks; `normed` ones have batch norms."""
    cfg = composed("trick=none", *overrides)
    make = build(cfg.gan)
    classes = CLASSES if make.func.conditional else ()
    torch.manual_seed(0)
    norm = nn.BatchNorm1d if normed else nn.Identity
    generator = nn.Sequential(
        *(nn.Linear(NOISE + len(classes), 8, bias=not normed), norm(8), nn.ReLU()),
        *(nn.Linear(8, 9), nn.Tanh(), nn.Unflatten(1, SHAPE)),
    )
    hidden = [nn.Flatten(), nn.Linear(9, 8, bias=not normed), norm(8), nn.LeakyReLU(0.2)]
    discriminator = LayeredDiscriminator(hidden, [nn.Linear(8, 1), nn.Flatten(0)], features=8, classes=len(classes))
    tricks = {name: build(node) for name, node in cfg.trick.items()}
    codec = Codec(FixedRange(), Leads(side=3))
    return make(generator, discriminator, codec, build(cfg.loss), tricks, noise=NOISE, seed=0, classes=classes)


def data() -> list[Batch]:
    labels = [torch.randint(3, (6,), generator=torch.Generator().manual_seed(k)) for k in range(STEPS)]
    return [Batch(x.double(), of, torch.zeros_like(of)) for x, of in zip(batches(STEPS), labels, strict=True)]


class Adam:
    """Algorithm 1 of Kingma and Ba 2015 (arXiv 1412.6980); a weight that the loss does not reach stays."""

    def __init__(self, network: nn.Module, rate: float = 2e-4, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self.weights, self.rate, self.betas = list(network.parameters()), rate, betas
        self.state = [(0, torch.zeros_like(w), torch.zeros_like(w)) for w in self.weights]

    def step(self, loss: Tensor) -> None:
        gradients = torch.autograd.grad(loss, self.weights, allow_unused=True)
        for k, g in enumerate(gradients):
            if g is not None:
                (t, m, v), (b1, b2) = self.state[k], self.betas
                t, m, v = t + 1, b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
                self.state[k] = t, m, v
                self.weights[k].data -= self.rate * (m / (1 - b1**t)) / ((v / (1 - b2**t)).sqrt() + 1e-8)


def cross_entropy(source: Tensor, target: float) -> Tensor:
    p = source.sigmoid()
    return -(target * p.log() + (1 - target) * (1 - p).log()).mean()


def misjudged(told: Tensor | None, label: Tensor) -> Tensor | float:
    """Cross entropy of the classes, none where D tells none."""
    return 0.0 if told is None else -told.log_softmax(1)[torch.arange(len(label)), label].mean()


def squared_gradient(logits: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Of D to its images, summed over pixels: the mean over images."""
    images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(logits(images).sum(), images, create_graph=True)
    return (gradient**2).sum(dim=(1, 2, 3)).mean()


def by_hand(
    of: GAN,
    pairs: bool = False,
    penalty: tuple[float, int] | None = None,
    reuse_fakes: bool = False,
    real_target: float = 1.0,
    threshold: float = 0.0,
) -> tuple[nn.Module, nn.Module]:
    """Thesis listing 6.1, with classes the paper's 4.6; with `pairs` and `penalty` Huang et al. 2024.

    A projection adds the logit of the image's class to the source's; generated images have the real ones' classes.
    `threshold` is the adversarial loss of D below which it is taken away, `penalty` its weight and how seldom it comes.
    """
    generator, discriminator = deepcopy(of.generator).double(), deepcopy(of.discriminator).double()
    g, d = Adam(generator), Adam(discriminator)
    projects = isinstance(of, Projection)

    def draw(label: Tensor) -> tuple[Tensor, Tensor]:
        noise = torch.randn(len(label), NOISE, dtype=torch.float64)
        if not discriminator.classes:
            return noise, torch.zeros(0)
        asked = torch.randint(discriminator.classes, (len(label),))
        asked = label if projects else asked
        return torch.cat([noise, one_hot(asked, discriminator.classes)], dim=1), asked

    def judge(images: Tensor, label: Tensor) -> tuple[Tensor, Tensor | None]:
        source, told = discriminator.discriminate(images) if discriminator.classes else (discriminator(images), None)
        return (
            (source + told[torch.arange(len(label)), label], None) if projects and told is not None else (source, told)
        )

    for step, (x, label, *_) in enumerate(data()):
        torch.manual_seed(hash((0, step)) % 2**63)
        real = ((x.clamp(-2, 2) + 2) / 4 * 255).floor().view(-1, *SHAPE) * 2 / 255 - 1
        noise, asked = draw(label)
        fake = generator(noise)
        (on_real, told_real), (on_fake, told_fake) = judge(real, label), judge(fake.detach(), asked)
        if pairs:
            loss = softplus(on_fake - on_real).mean()
        else:
            loss = cross_entropy(on_real, real_target) + cross_entropy(on_fake, 0.0)
        rests = bool(loss < threshold)
        if penalty is not None and step % penalty[1] == 0:
            logits = [lambda images, of=of: judge(images, of)[0] for of in (label, asked)]
            norms = sum(map(squared_gradient, logits, (real, fake)))
            loss = loss + penalty[1] * penalty[0] / 2 * norms
        of_classes = misjudged(told_real, label) + misjudged(told_fake, asked)
        if told_real is not None or not rests:
            d.step(of_classes if rests else loss + of_classes)
        if not reuse_fakes:
            noise, asked = draw(label)
            fake = generator(noise)
        on_fake, told_fake = judge(fake, asked)
        loss = softplus(judge(real, label)[0] - on_fake).mean() if pairs else cross_entropy(on_fake, 1.0)
        g.step(loss + misjudged(told_fake, asked))
    return generator, discriminator


def trained(gan: GAN) -> GAN:
    fit(gan, DataLoader(data(), batch_size=None), precision="64-true")
    assert gan.steps == STEPS
    return gan


def apart(ours: Sequence[nn.Module], theirs: Sequence[nn.Module]) -> float:
    """The largest difference of a weight."""
    return _largest([[dict(network.named_parameters()) for network in pair] for pair in zip(ours, theirs, strict=True)])


def statistics_apart(ours: Sequence[nn.Module], theirs: Sequence[nn.Module]) -> float:
    """The largest difference of a running mean, a running variance or a number of batches."""
    return _largest([[dict(network.named_buffers()) for network in pair] for pair in zip(ours, theirs, strict=True)])


def _largest(pairs: Sequence[Sequence[Mapping[str, Tensor]]]) -> float:
    assert all(a.keys() == b.keys() for a, b in pairs)
    return max(float((a[key] - b[key]).abs().max()) for a, b in pairs for key in b)


@pytest.mark.parametrize("gan", ["gan", "acgan", "projection"])
@pytest.mark.parametrize(
    ("overrides", "settings"),
    [
        ([], {}),
        (["gan.reuse_fakes=true"], {"reuse_fakes": True}),
        (["trick=label_smoothing"], {"real_target": 0.9}),
        (["trick=d_threshold", "trick.d_threshold.threshold=1.415"], {"threshold": 1.415}),
    ],
    ids=["plain", "reuse_fakes", "label_smoothing", "d_threshold"],
)
def test_training_is_the_documents_listing_step_by_step(
    gan: str, overrides: list[str], settings: Mapping[str, Any]
) -> None:
    ours = game(f"gan={gan}", *overrides)
    theirs, plain = by_hand(ours, **settings), by_hand(ours)
    start = deepcopy((ours.generator, ours.discriminator))
    trained(ours)
    assert apart((ours.generator, ours.discriminator), theirs) < 1e-10
    assert statistics_apart((ours.generator, ours.discriminator), theirs) < 1e-10
    assert apart(start, theirs) > 1e-4
    assert not settings or apart(theirs, plain) > 1e-6, "the setting makes no difference here, so this shows nothing"
    assert 0 < ours.counts().get("d_threshold/rested", 0.5) < 1, "D always does the same"


@pytest.mark.parametrize("gan", ["gan", "acgan", "projection"])
@pytest.mark.parametrize("reuse_fakes", [False, True])
def test_training_with_penalties_is_theirs_step_by_step(gan: str, reuse_fakes: bool) -> None:
    """Relativistic pairing with R1 and R2, these every second step and twice as strong."""
    lazy = ("trick=r1_r2", "trick.r1_r2.gamma=0.5", "trick.r1_r2.every=2")
    ours = game(f"gan={gan}", "loss=rpgan", *lazy, f"gan.reuse_fakes={reuse_fakes}", normed=False)
    theirs = by_hand(ours, pairs=True, penalty=(0.5, 2), reuse_fakes=reuse_fakes)
    for other in (None, (0.5, 1), (0.25, 2)):
        assert apart(by_hand(ours, pairs=True, penalty=other, reuse_fakes=reuse_fakes), theirs) > 1e-6
    trained(ours)
    assert apart((ours.generator, ours.discriminator), theirs) < 1e-10
