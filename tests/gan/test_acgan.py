"""The auxiliary classifier: what D and G learn of the classes, on a toy whose classes are rows of a 3x3 image."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Trainer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Adam
from torch.utils.data import DataLoader

from ganlab.architecture.base import LayeredDiscriminator
from ganlab.arrangement.leads import Leads
from ganlab.codec import Codec
from ganlab.core.errors import UserError
from ganlab.dataset.samples import Batch
from ganlab.gan.acgan import ACGAN
from ganlab.gan.conditional import Conditional
from ganlab.gan.projection import Projection
from ganlab.loss.base import Loss
from ganlab.loss.bce import BCE
from ganlab.loss.rpgan import RpGAN
from ganlab.standardization.fixed_range import FixedRange
from ganlab.trick.base import Trick
from ganlab.trick.d_threshold import DThreshold
from ganlab.trick.ema import EMA
from ganlab.trick.label_smoothing import LabelSmoothing
from ganlab.trick.r1_r2 import R1R2


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Networks as small as these are slower with two."""
    torch.set_num_threads(1)


NOISE, CLASSES = 4, ("top", "middle", "bottom")


def adam(parameters: object) -> Adam:
    return Adam(parameters, lr=5e-3)  # type: ignore[arg-type]


def game(
    loss: Loss | None = None,
    tricks: Mapping[str, Trick] | None = None,
    kind: type[Conditional] = ACGAN,
    **settings: object,
) -> Conditional:
    torch.manual_seed(0)
    generator = nn.Sequential(
        nn.Linear(NOISE + len(CLASSES), 32), nn.ReLU(), nn.Linear(32, 9), nn.Tanh(), nn.Unflatten(1, (1, 3, 3))
    )
    hidden = [nn.Flatten(), nn.Linear(9, 32), nn.LeakyReLU(0.2)]
    discriminator = LayeredDiscriminator(hidden, [nn.Linear(32, 1), nn.Flatten(0)], features=32, classes=len(CLASSES))
    settings = {"noise": NOISE, "classes": CLASSES, "optimizer_g": adam, "optimizer_d": adam, **settings}
    made = kind(generator, discriminator, Codec(FixedRange(), Leads(side=3)), loss or BCE(), tricks or {}, **settings)
    made.manual_backward = lambda value: value.backward()
    return made


def windows(labels: Tensor, seed: int = 0) -> Tensor:
    """mV `(B, 1, 9)`: row `label` is high, the others low."""
    noise = 0.1 * torch.randn(len(labels), 3, 3, generator=torch.Generator().manual_seed(seed))
    rows = nn.functional.one_hot(labels, 3)[:, :, None].expand(-1, -1, 3)
    return (2.0 * rows - 1 + noise).view(-1, 1, 9)


def batches(count: int, size: int = 24) -> list[Batch]:
    labels = [torch.randint(3, (size,), generator=torch.Generator().manual_seed(k)) for k in range(count)]
    return [Batch(windows(of, seed), of, torch.zeros_like(of)) for seed, of in enumerate(labels)]


def images(labels: Tensor) -> Tensor:
    return Codec(FixedRange(), Leads(side=3)).encode(windows(labels))[0]


def trainer(**settings: object) -> Trainer:
    off = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    return Trainer(accelerator="cpu", **dict.fromkeys(off, False), **settings)


def train(gan: Conditional, steps: int, epochs: int = 1) -> Conditional:
    trainer(max_epochs=epochs, log_every_n_steps=1).fit(gan, DataLoader(batches(steps), batch_size=None))
    return gan


LABEL = torch.tensor([0, 1, 2, 0, 1, 0])


def step_of_d(gan: Conditional) -> dict[str, Tensor]:
    """One step of D on the toy, with the gradients left in place."""
    torch.manual_seed(3)
    return gan.step_discriminator(images(LABEL), LABEL, gan.configure_optimizers()[1])


def gradients(network: nn.Module) -> dict[str, Tensor | None]:
    return {name: None if p.grad is None else p.grad.clone() for name, p in network.named_parameters()}


class Fixed(nn.Module):
    """A D that says the same of every image."""

    def __init__(self) -> None:
        super().__init__()
        self.source = nn.Parameter(torch.tensor(0.3))
        self.label = nn.Parameter(torch.tensor([2.0, 0.0, -1.0]))

    def discriminate(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return self.source.expand(len(image)), self.label.expand(len(image), 3)


@pytest.mark.parametrize("on_synthetic", [True, False])
def test_the_class_losses_are_one_softmaxs_cross_entropies(on_synthetic: bool) -> None:
    """-log p, and for each logit the gradient p minus the share of its class, times the weight."""
    gan = game(class_weight=0.5, class_on_synthetic=on_synthetic)
    gan.discriminator = fixed = Fixed()
    logs = step_of_d(gan)
    torch.manual_seed(3)
    asked = gan.labels_of(gan.draw_noise(len(LABEL)))
    p = torch.tensor([2.0, 0.0, -1.0]).exp() / torch.tensor([2.0, 0.0, -1.0]).exp().sum()
    torch.testing.assert_close(logs["loss/class_real"], -p[LABEL].log().mean())
    torch.testing.assert_close(logs["loss/class_synthetic"], -p[asked].log().mean())
    real, synthetic = (p - torch.bincount(of, minlength=3) / len(of) for of in (LABEL, asked))
    torch.testing.assert_close(fixed.label.grad, 0.5 * (real + synthetic if on_synthetic else real))
    assert logs["accuracy/class_real"] == 0.5
    assert logs["accuracy/class_synthetic"] == (asked == 0).float().mean()
    q = torch.tensor(0.3).sigmoid()
    torch.testing.assert_close(logs["loss/D"], -q.log() - (1 - q).log())


def test_gs_loss_is_the_adversarial_one_and_its_classes_as_d_tells_them() -> None:
    gan = game(class_weight=0.7)
    torch.manual_seed(3)
    logs = gan.step_generator(images(LABEL), LABEL, gan.configure_optimizers()[0])
    ours = gradients(gan.generator)
    by_hand = game()
    torch.manual_seed(3)
    noise = by_hand.draw_noise(len(LABEL))
    source, label = by_hand.discriminator.discriminate(by_hand.generator(noise))
    adversarial = nn.functional.softplus(-source).mean()
    (adversarial + 0.7 * cross_entropy(label, noise[:, NOISE:].argmax(1))).backward()
    torch.testing.assert_close(ours, gradients(by_hand.generator))
    torch.testing.assert_close(logs["loss/G"], adversarial)


def test_while_d_rests_its_class_head_and_trunk_go_on_and_its_source_head_does_not() -> None:
    resting = game(tricks={"d_threshold": DThreshold(1e9)})
    weights = resting.discriminator.heads.source.weight.detach().clone()
    step_of_d(resting)
    assert resting.counts()["d_threshold/rested"] == 1
    rested = gradients(resting.discriminator)
    assert rested["heads.source.weight"] is None
    assert torch.equal(resting.discriminator.heads.source.weight, weights)
    assert rested["layers.1.weight"].abs().max() > 1e-4
    assert rested["heads.label.weight"].abs().max() > 1e-4
    stepping, classless = game(tricks={"d_threshold": DThreshold(0.0)}), game(class_weight=0.0)
    step_of_d(stepping)
    step_of_d(classless)
    both, adversarial = gradients(stepping.discriminator), gradients(classless.discriminator)
    torch.testing.assert_close(both["layers.1.weight"] - adversarial["layers.1.weight"], rested["layers.1.weight"])
    assert adversarial["heads.source.weight"].abs().max() > 1e-4


def test_label_smoothing_smooths_the_source_and_not_the_classes() -> None:
    smooth, plain = game(tricks={"label_smoothing": LabelSmoothing(0.9)}), game()
    ours, theirs = step_of_d(smooth), step_of_d(plain)
    assert ours["loss/D"] != theirs["loss/D"]
    assert ours["loss/class_real"] == theirs["loss/class_real"]
    of_label = "heads.label.weight"
    torch.testing.assert_close(gradients(smooth.discriminator)[of_label], gradients(plain.discriminator)[of_label])


@pytest.mark.parametrize(
    ("loss", "tricks"),
    [(RpGAN(), {"r1_r2": R1R2(), "ema": EMA()}), (BCE(), {"rest": DThreshold(1.3), "smooth": LabelSmoothing()})],
    ids=["rpgan", "bce"],
)
def test_it_goes_with_either_loss_and_its_tricks_and_logs_the_classes(loss: Loss, tricks: dict[str, Trick]) -> None:
    gan = train(game(loss, tricks), 5)
    assert all(p.isfinite().all() for p in gan.parameters())
    names = {
        *("loss/D", "loss/G", "loss/class_real", "loss/class_synthetic", "accuracy/real", "accuracy/synthetic"),
        *("accuracy/class_real", "accuracy/class_synthetic"),
    }
    assert names | {f"epoch/{name}" for name in names} <= gan.trainer.logged_metrics.keys()


def test_noise_is_normal_numbers_with_a_class_beside_them() -> None:
    gan = game()

    def drawn(label: int | None = None, seed: int = 0) -> Tensor:
        return gan.draw_noise(600, torch.Generator().manual_seed(seed), label)

    assert (gan.conditional, gan.latent, drawn().shape) == (True, 7, (600, 7))
    assert torch.equal(drawn(), drawn())
    assert not torch.equal(drawn(), drawn(seed=1))
    assert torch.equal(drawn()[:, NOISE:].sum(1), torch.ones(600))
    assert torch.bincount(gan.labels_of(drawn())).min() > 150
    for label in range(3):
        assert (gan.labels_of(drawn(label)) == label).all()
        assert torch.equal(drawn(label)[:, :NOISE], drawn()[:, :NOISE])
    torch.manual_seed(5)
    of_training = gan.draw_noise(600)
    assert torch.bincount(gan.labels_of(of_training)).min() > 150


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_that_is_no_class_is_refused_with_those_that_are(label: int) -> None:
    with pytest.raises(UserError, match=rf"label={label}: accepted are 0 \(top\), 1 \(middle\), 2 \(bottom\)"):
        game().sample(1, label=label)


@pytest.mark.parametrize("classes", [(), ("all",)])
@pytest.mark.parametrize(("kind", "name"), [(ACGAN, "acgan"), (Projection, "projection")])
def test_data_without_two_classes_are_refused(kind: type[Conditional], name: str, classes: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match=rf"gan={name} needs data with two or more classes.*gan=gan"):
        game(kind=kind, classes=classes)


@pytest.mark.parametrize("kind", [ACGAN, Projection])
def test_a_resumed_run_draws_what_an_unbroken_one_would_have(kind: type[Conditional], tmp_path: Path) -> None:
    whole = train(game(tricks={"ema": EMA()}, kind=kind), 3, epochs=2)
    first = train(game(tricks={"ema": EMA()}, kind=kind), 3)
    first.trainer.save_checkpoint(tmp_path / "half.ckpt")
    second = game(tricks={"ema": EMA()}, kind=kind)
    loader = DataLoader(batches(3), batch_size=None)
    trainer(max_epochs=2, log_every_n_steps=1).fit(second, loader, ckpt_path=tmp_path / "half.ckpt", weights_only=True)
    assert second.steps == whole.steps == 6
    ours, theirs = (gan.trainer.logged_metrics for gan in (second, whole))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert not torch.equal(first.generator[0].weight, whole.generator[0].weight)
    for key, value in whole.state_dict().items():
        assert torch.equal(second.state_dict()[key], value), key


def test_it_recognizes_three_separable_classes() -> None:
    gan = train(game(), 50)
    real = torch.arange(3).repeat(30)
    told = gan.discriminate(gan.codec.encode(windows(real, seed=99))[0]).label.argmax(1)
    assert (told == real).float().mean() > 0.95


def without_momentum(parameters: object) -> Adam:
    return Adam(parameters, lr=5e-3, betas=(0.0, 0.95))  # type: ignore[arg-type]


MODERN = {"tricks": {"r1_r2": R1R2(0.5)}, "optimizer_g": without_momentum, "optimizer_d": without_momentum}


@pytest.mark.parametrize(
    ("kind", "loss", "settings"), [(ACGAN, BCE(), {}), (Projection, RpGAN(), MODERN)], ids=["acgan", "projection"]
)
def test_images_are_of_the_class_that_was_asked_for(
    kind: type[Conditional], loss: Loss, settings: dict[str, object]
) -> None:
    gan = train(game(loss, kind=kind, **settings), 50, epochs=6)
    for label in range(3):
        made = gan.sample(90, seed=1, label=label)
        assert made.shape == (90, 1, 9)
        brightest = made.view(-1, 3, 3).mean(2).argmax(1)
        assert (brightest == label).float().mean() > 0.9
        assert torch.equal(made, gan.sample(90, seed=1, label=label))
        assert not torch.equal(made, gan.sample(90, seed=2, label=label))
