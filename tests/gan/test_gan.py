"""What a step moves, makes and logs; samples are reproducible. tests/gan/test_reference.py has what it computes."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace

import pytest
import torch
from pytorch_lightning import Callback, LightningDataModule, Trainer
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ganlab.arrangement.colour import Lab
from ganlab.arrangement.leads import Leads
from ganlab.codec import Codec
from ganlab.core import collective
from ganlab.core.errors import UserError
from ganlab.dataset.samples import Batch, BatchSlice
from ganlab.gan.gan import GAN
from ganlab.gan.optimization import Optimization
from ganlab.loss.base import Loss
from ganlab.loss.bce import BCE
from ganlab.loss.rpgan import RpGAN
from ganlab.standardization.fixed_range import FixedRange
from ganlab.stopping.steps import Steps
from ganlab.trick.base import Trick
from ganlab.trick.d_threshold import DThreshold
from ganlab.trick.ema import EMA

SHAPE = (1, 3, 3)


def game(loss: Loss | None = None, tricks: Mapping[str, Trick] | None = None, **settings: float) -> GAN:
    torch.manual_seed(0)
    generator = nn.Sequential(
        nn.Linear(4, 8, bias=False),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Linear(8, 9),
        nn.Tanh(),
        nn.Unflatten(1, SHAPE),
    )
    discriminator = nn.Sequential(
        nn.Flatten(),
        nn.Linear(9, 8, bias=False),
        nn.BatchNorm1d(8),
        nn.LeakyReLU(0.2),
        nn.Linear(8, 1),
        nn.Flatten(0),
    )
    codec = Codec(FixedRange(), Leads(side=3))
    return GAN(generator, discriminator, codec, loss or BCE(), tricks or {}, noise=4, **settings)


def batches(count: int) -> list[Tensor]:
    draw = torch.Generator().manual_seed(1)
    return [torch.randn(6, 1, 9, generator=draw) for _ in range(count)]


def train(gan: GAN, steps: int, **settings: object) -> GAN:
    data = [Batch(x, torch.zeros(6, dtype=torch.long), torch.zeros(6, dtype=torch.long)) for x in batches(steps)]
    return fit(gan, DataLoader(data, batch_size=None), **settings)


def fit(gan: GAN, data: DataLoader | LightningDataModule, **settings: object) -> GAN:
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    Trainer(accelerator="cpu", **{"max_epochs": 1} | quiet | settings).fit(gan, data)
    return gan


def test_samples_are_encoded_for_each_step_alone_since_roundings_depend_on_their_number() -> None:
    arrangement = Lab(("i", "ii", "iii"), side=2)
    codec, x = Codec(FixedRange(), arrangement), torch.rand(120, 3, 4, generator=torch.Generator().manual_seed(0))
    gan = GAN(nn.Linear(1, 1), nn.Linear(1, 1), codec, BCE())
    alone = torch.cat([codec.encode(part)[0] for part in x.split(7)])
    label = torch.zeros(120, dtype=torch.long)
    assert torch.equal(gan.on_after_batch_transfer(Batch(x, label, label, each=7), 0).sample, alone)
    assert not torch.equal(codec.encode(x)[0], alone)


@pytest.mark.parametrize("reuse_fakes", [False, True])
def test_images_that_are_reused_are_made_once(reuse_fakes: bool) -> None:
    gan, calls = game(reuse_fakes=reuse_fakes), []
    gan.generator.register_forward_hook(lambda *_: calls.append(1))
    train(gan, 3)
    assert len(calls) == (3 if reuse_fakes else 6)


@pytest.mark.parametrize("loss", [BCE(), RpGAN()], ids=["bce", "rpgan"])
def test_each_step_moves_its_own_network_alone(loss: Loss) -> None:
    gan = game(loss)
    gan.manual_backward = lambda loss: loss.backward()
    optimizer_g, optimizer_d = gan.configure_optimizers()
    real, label = torch.randn(6, *SHAPE), torch.zeros(6, dtype=torch.long)

    def moved(step: Callable) -> set[str]:
        before = {name: value.clone() for name, value in gan.named_parameters()}
        step()
        gan.zero_grad()
        return {name.split(".")[0] for name, value in gan.named_parameters() if not torch.equal(value, before[name])}

    assert moved(lambda: gan.step_discriminator(real, label, optimizer_d)) == {"discriminator"}
    assert moved(lambda: gan.step_generator(real, label, optimizer_g)) == {"generator"}


def test_learning_rate_falls_linearly_to_its_share() -> None:
    gan = game(lr_end=0.1)
    rates = []

    class Noting(Optimization):
        def set_rates(self, step: int, planned_steps: int, *optimizers) -> None:
            super().set_rates(step, planned_steps, *optimizers)
            rates.append([o.param_groups[0]["lr"] for o in optimizers])

    gan.optimization = Noting(lr_end=0.1)
    train(gan, 10, callbacks=[Steps(10)], max_epochs=-1)
    expected = [2e-4 * (1 - 0.9 * k / 10) for k in range(10)]
    assert torch.allclose(torch.tensor(rates), torch.tensor(expected)[:, None].expand(-1, 2))


def test_steps_stop_within_an_epoch_and_count_batches() -> None:
    gan = train(game(), 10, callbacks=[Steps(13)], max_epochs=-1)
    assert gan.steps == 13


def test_samples_are_those_of_the_seed_whatever_the_batch_size_and_leave_the_weights_alone() -> None:
    gan = train(game(tricks={"ema": EMA(0.9)}), 3)
    before = {k: v.clone() for k, v in gan.named_parameters()}
    one = gan.sample(10, seed=3, batch_size=10)
    assert torch.allclose(gan.sample(10, seed=3, batch_size=3), one, atol=1e-6)
    assert not torch.allclose(gan.sample(10, seed=4), one)
    assert one.shape == (10, 1, 9)
    assert all(torch.equal(v, before[k]) for k, v in gan.named_parameters())


def test_samples_come_from_the_averaged_weights() -> None:
    gan = train(game(tricks={"ema": EMA(0.9)}), 5)
    noise = gan.draw_noise(4, torch.Generator().manual_seed(0))
    assert not torch.allclose(gan.generate(noise), gan.generator.eval()(noise))
    assert torch.allclose(gan.generate(noise), gan.tricks["ema"].average(noise))


def test_a_gan_without_classes_makes_no_class_and_says_so() -> None:
    gan = game()
    noise = gan.draw_noise(5)
    assert (gan.conditional, gan.latent, noise.shape, gan.labels_of(noise)) == (False, 4, (5, 4), None)
    with pytest.raises(UserError, match=r"label=1.*gan=acgan"):
        gan.sample(5, label=1)


@pytest.mark.parametrize("needs", [True, False])
def test_a_codec_that_needs_it_is_fitted_to_samples_from_all_over_the_training_data(
    needs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Codec, "fitted", needs)

    class Data(LightningDataModule):
        train = SimpleNamespace(to_fit=lambda: torch.full((2, 1, 9), 7.0))

        def train_dataloader(self) -> DataLoader:
            return DataLoader([], batch_size=None)

    gan, fitted = game(), []
    gan.codec.fit = fitted.append
    fit(gan, Data())
    assert [x.unique().item() for x in fitted] == [7.0] * needs


def test_each_epoch_logs_the_means_of_its_steps() -> None:
    gan, steps, step = game(), [], GAN.step_discriminator
    gan.step_discriminator = lambda *args: steps.append(step(gan, *args)) or steps[-1]
    train(gan, 4, max_epochs=2, log_every_n_steps=1)
    logged = gan.trainer.logged_metrics
    for name in ("loss/D", "accuracy/real"):
        values = torch.stack([logs[name] for logs in steps])
        torch.testing.assert_close(logged[f"epoch/{name}"], values[-4:].mean())
        assert logged[name] == values[-1]
    assert {"epoch/loss/G", "epoch/accuracy/synthetic"} < logged.keys()


@pytest.mark.parametrize(("every", "logged"), [(1, [0, 1, 2, 3, 4, 5]), (3, [2, 5]), (4, [3, 5])])
def test_steps_are_logged_every_few_and_the_last_one_with_its_own_losses(every: int, logged: list[int]) -> None:
    gan, seen, lasts = game(), {}, []

    class Log(CSVLogger):
        def log_metrics(self, metrics: dict, step: int | None = None) -> None:
            if "loss/G" in metrics:
                seen[step] = metrics["loss/G"]

    class Last(Callback):
        def on_train_batch_end(self, trainer: Trainer, pl_module: GAN, *_: object) -> None:
            lasts.append(float(pl_module.last["loss/G"]))

    train(gan, 6, logger=Log("."), log_every_n_steps=every, callbacks=[Last(), Steps(6)], max_epochs=-1)
    assert seen == {step: pytest.approx(lasts[step]) for step in logged}


def test_bf16_trains_on_a_cpu() -> None:
    gan = train(game(), 2, precision="bf16-mixed")
    assert all(p.isfinite().all() for p in gan.parameters())


def test_d_rests_by_the_loss_of_all_processes_not_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own is above the threshold here, that of all is 0."""
    gan = game(tricks={"d_threshold": DThreshold(0.1)})
    gan.draws.slice, gan.draws.generator = BatchSlice(0, 6, 12, 1.0), torch.Generator()
    asked = []

    def mean(values: Tensor, weight: float) -> Tensor:
        asked.append(weight)
        return torch.zeros_like(values)

    monkeypatch.setattr(collective, "mean", mean)
    before = {name: tensor.clone() for name, tensor in gan.discriminator.named_parameters()}
    real = torch.randn(6, *SHAPE)
    gan.step_discriminator(real, torch.zeros(6, dtype=torch.long), gan.configure_optimizers()[1])
    assert asked == [1.0]
    assert int(gan.tricks["d_threshold"].rested) == 1
    assert all(torch.equal(tensor, before[name]) for name, tensor in gan.discriminator.named_parameters())
