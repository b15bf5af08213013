"""Diversity through real trainings, small ones: collapsed and healthy generators are told apart, and left alone."""

import json
import logging
import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.utils.data import DataLoader

from ganlab.dataset.samples import Place, Samples
from ganlab.tracking.collapse import Collapse, CollapseRate, collapse, collapse_rate
from ganlab.tracking.history import History, read_history
from ganlab.tracking.jsonl import JSONLines
from ganlab.trainer.diversity import Diversity, spread_by_class

EPOCH = 40
"""Steps."""
TURN = 7
"""Epochs after which some are made to collapse."""
BATCH = 32


class Waves(Samples):
    """Noisy waves of any phase as rows of 16 values; `flat` ones are all the same."""

    def __init__(self, count: int = EPOCH * BATCH, flat: bool = False) -> None:
        rng = np.random.default_rng(0)
        phases = rng.uniform(0, 2 * math.pi, (count, 1))
        waves = np.sin(np.arange(16) / 16 * 2 * math.pi + phases) + 0.1 * rng.normal(size=(count, 16))
        self.waves = np.tanh(0 * waves if flat else waves).astype(np.float32)
        labels = (np.arange(count) % 10 == 0).astype(np.int64)
        super().__init__(labels, np.array(["somebody"] * count))

    def read(self, places: Sequence[Place]) -> NDArray[np.float32]:
        return self.waves[[place.number for place in places]]

    def of(self, people: Collection[str]) -> Self:
        return self


class Data(LightningDataModule):
    def __init__(self, flat: bool = False) -> None:
        super().__init__()
        self.train = Waves(flat=flat)

    def train_dataloader(self) -> DataLoader:
        return DataLoader(torch.from_numpy(self.train.waves), batch_size=BATCH, shuffle=True)  # type: ignore[arg-type]


class Encoded(NamedTuple):
    image: Tensor
    low: None


class Counting(nn.Module):
    """A codec: rows to 4x4 images."""

    encoded: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("encoded", torch.zeros((), dtype=torch.long))

    def encode(self, x: Tensor) -> Encoded:
        self.encoded += x.numel()
        return Encoded(self.picture(x), None)

    def picture(self, x: Tensor) -> Tensor:
        return x.view(-1, 1, 4, 4)

    def cut(self, images: Tensor) -> dict[str, float]:
        return {"saturated/generated": float((images.abs() > 1).float().mean())}


class Toy(LightningModule):
    """A GAN of small linear layers. From `turn` on `deaf` makes G ignore its noise, and `unopposed` lets D rest while
    G makes four steps a batch.
    """

    def __init__(self, seed: int, deaf: bool = False, unopposed: bool = False, turn: int = TURN * EPOCH) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.automatic_optimization = False
        self.generator = nn.Sequential(
            *(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 16), nn.Tanh()),
            nn.Unflatten(1, (1, 4, 4)),
        )
        self.discriminator = nn.Sequential(
            *(nn.Flatten(), nn.Linear(16, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2)),
            nn.Linear(32, 1),
        )
        self.codec = Counting()
        self.deaf, self.unopposed, self.turn = deaf, unopposed, turn
        self.steps = 0

    def configure_optimizers(self) -> Any:
        networks = (self.generator, self.discriminator)
        return [torch.optim.Adam(network.parameters(), lr=3e-3, betas=(0.5, 0.9)) for network in networks]

    def draw_noise(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        return torch.randn(count, 4, generator=generator)

    def labels_of(self, noise: Tensor) -> Tensor | None:
        return None

    def made(self, noise: Tensor) -> Tensor:
        return self.generator(0 * noise if self.deaf and self.steps >= self.turn else noise)

    @torch.inference_mode()
    def generate(self, noise: Tensor) -> Tensor:
        self.generator.eval()
        images = self.made(noise)
        self.generator.train()
        return images

    def training_step(self, batch: Tensor, batch_idx: int) -> None:
        of_g, of_d = self.optimizers()  # type: ignore[attr-defined]
        alone = self.unopposed and self.steps >= self.turn
        if not alone:
            fake = self.made(self.draw_noise(BATCH)).detach()
            real = self.codec.encode(batch).image
            self.update(of_d, softplus(-self.discriminator(real)).mean() + softplus(self.discriminator(fake)).mean())
        for _ in range(4 if alone else 1):
            loss = softplus(-self.discriminator(self.made(self.draw_noise(BATCH)))).mean()
            self.update(of_g, loss)
        self.steps += 1

    def update(self, optimizer: Any, loss: Tensor) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()


class Asked(Toy):
    """The same with the class in the noise; from the turn on the images of class 1 are alike."""

    def draw_noise(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        noise = super().draw_noise(count, generator)
        noise[:, 0] = noise[:, 0].sign()
        return noise

    def labels_of(self, noise: Tensor) -> Tensor | None:
        return (noise[:, 0] > 0).long()

    def made(self, noise: Tensor) -> Tensor:
        images = self.generator(noise)
        alike = self.steps >= self.turn
        return torch.where(alike & (noise[:, 0] > 0).view(-1, 1, 1, 1), 0 * images, images)


def train(module: LightningModule, folder: Path, epochs: int = 1, flat: bool = False, **settings: Any) -> History:
    callbacks: list[Callback] = settings.pop("callbacks", [Diversity()])
    folder.mkdir(exist_ok=True)
    quiet = {"enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    torch.manual_seed(0)
    loggers = settings.pop("logger", [JSONLines(folder)])
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        callbacks=callbacks,
        logger=loggers,
        log_every_n_steps=1,
        **quiet,
        **settings,
    )
    trainer.fit(module, datamodule=Data(flat))
    return read_history(folder / "metrics.jsonl")


@pytest.mark.parametrize("seed", range(3))
def test_healthy_runs_and_two_kinds_of_collapse_are_told_apart(seed: int, tmp_path: Path) -> None:
    healthy = collapse(train(Toy(seed), tmp_path / "healthy", epochs=9).rows)
    assert str(healthy) == "healthy"
    assert healthy.evaluations == 9
    deaf = collapse(train(Toy(seed, deaf=True), tmp_path / "deaf", epochs=9).rows)
    assert (deaf.state, deaf.epoch, deaf.step) == ("collapsed", TURN, TURN * EPOCH - 1)
    unopposed = collapse(train(Toy(seed, unopposed=True), tmp_path / "unopposed", epochs=11).rows)
    assert unopposed.state == "collapsed"
    assert unopposed.epoch is not None
    assert unopposed.epoch > TURN


def test_training_goes_on_as_if_nobody_had_looked(tmp_path: Path) -> None:
    def trained(name: str, *callbacks: Callback) -> tuple[dict[str, Tensor], Tensor]:
        module = Toy(0)
        module.generator.insert(1, nn.BatchNorm1d(32))
        module.generator.insert(3, nn.Dropout(0.2))
        train(module, tmp_path / name, callbacks=list(callbacks), limit_train_batches=12)
        return module.state_dict(), torch.get_rng_state()

    looked, state = trained("looked", Diversity(every_n_steps=5))
    alone, state_alone = trained("alone")
    assert int(looked["codec.encoded"]) == 12 * BATCH * 16
    assert all(torch.equal(value, alone[name]) for name, value in looked.items())
    assert torch.equal(state, state_alone)


def test_between_epochs_every_logger_is_told_at_the_number_of_the_step_and_only_once(tmp_path: Path) -> None:
    others = tmp_path / "other"
    others.mkdir()
    loggers = [JSONLines(tmp_path), JSONLines(others)]
    settings = {"callbacks": [Diversity(every_n_steps=5)], "limit_train_batches": 10, "logger": loggers}
    history = train(Toy(0), tmp_path, epochs=2, **settings)
    assert history.resumed == []
    assert history.series("diversity/ratio")[0].tolist() == [4, 9, 14, 19]
    assert [row["epoch"] for row in history.rows if "diversity/ratio" in row] == [1, 1, 2, 2]
    assert read_history(others / "metrics.jsonl").series("diversity/ratio")[0].tolist() == [4, 9, 14, 19]
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert sum("diversity/ratio" in line for line in lines) == 4


def test_the_noise_and_the_real_images_stay_the_same(tmp_path: Path) -> None:
    class Idle(Toy):
        def update(self, optimizer: Any, loss: Tensor) -> None:
            pass

    values = train(Idle(0), tmp_path, epochs=3, limit_train_batches=2).series("diversity/ratio")[1]
    assert len(values) == 3
    assert len(set(values)) == 1


def test_a_collapsed_class_counts_though_the_images_of_all_classes_differ(tmp_path: Path) -> None:
    history = train(Asked(0, turn=5 * EPOCH), tmp_path, epochs=8)
    (_, ratio), (_, least) = history.series("diversity/ratio"), history.series("diversity/class_min")
    assert (ratio[4:] > 0.3).all()
    assert (least[4:] == 0).all()
    assert str(collapse(history.rows)) == "collapsed at epoch 5"


def test_classes_are_drawn_equally_however_rare_they_are() -> None:
    batch = spread_by_class(Waves(), 40)
    assert torch.bincount(batch.label).tolist() == [20, 20]
    assert torch.bincount(spread_by_class(Waves(count=11), 40).label).tolist() == [9, 2]


def test_real_images_that_do_not_differ_are_said_and_nothing_is_judged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    history = train(Toy(0), tmp_path, epochs=4, flat=True, limit_train_batches=2)
    assert "do not differ" in caplog.text
    assert collapse(history.rows) == Collapse("not judged", 0)


def test_classes_that_cannot_be_judged_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Third(Asked):
        def labels_of(self, noise: Tensor) -> Tensor | None:
            return (noise[:, 0] > 0).long() * 2

    caplog.set_level(logging.WARNING)
    history = train(Third(0), tmp_path, limit_train_batches=2)
    assert "classes [1, 2]" in caplog.text
    assert math.isfinite(history.series("diversity/class_min")[1][0])


def rows(*ratios: float | None, name: str = "diversity/ratio") -> list[dict[str, float]]:
    found = []
    for epoch, ratio in enumerate(ratios, start=1):
        found.append({"step": 10 * epoch - 5, "epoch": epoch, "loss/G": 1.0})
        found.append({"step": 10 * epoch, "epoch": epoch, name: math.nan if ratio is None else ratio})
    return found


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        ([], "not decided: fewer than 3 evaluations"),
        ([0.9, 0.9], "not decided: fewer than 3 evaluations"),
        ([0.9, 0.9, 0.9], "healthy"),
        ([0.1, 0.1, 0.1, 0.1, 0.3, 0.9], "healthy"),
        ([0.9, 0.1, 0.1, 0.9, 0.1, 0.1, 0.9], "healthy"),
        ([0.9, 0.1, 0.1], "healthy"),
        ([0.9, 0.3, 0.29, 0.1, 0.1, 0.1], "collapsed at epoch 3"),
        ([0.1, 0.1, 0.9, 0.1, 0.1, 0.1], "collapsed at epoch 4"),
        ([0.9, 0.1, 0.1, 0.1, 0.5], "little diversity from epoch 2, more again later"),
        ([0.1, 0.2, 0.1], "collapsed at epoch 1"),
        ([0.9, 0.1, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1, 0.1], "collapsed at epoch 6"),
        ([0.9, 0.1, 0.1, 0.1, None], "collapsed at epoch 2"),
        ([0.9, 0.1, 0.1, 0.1, None, None, 0.1], "collapsed at epoch 2"),
        ([0.9, 0.1, None, 0.1, 0.1, None], "collapsed at epoch 2"),
        ([0.9, 0.1, 0.1, 0.1, 0.9, None], "failed at epoch 6: its images are NaN or infinite"),
        ([0.9, 0.1, 0.1, None], "failed at epoch 4: its images are NaN or infinite"),
        ([None, 0.1, 0.1, 0.1, 0.9], "healthy"),
        ([0.9, 0.1, None, None, None], "failed at epoch 3: its images are NaN or infinite"),
        ([None], "failed at epoch 1: its images are NaN or infinite"),
        ([0.9, None, 0.9, 0.9], "healthy"),
    ],
)
def test_verdicts(ratios: list[float | None], said: str) -> None:
    assert str(collapse(rows(*ratios))) == said


def test_the_least_diverse_class_is_what_counts() -> None:
    both = [row | {"diversity/ratio": 0.9} for row in rows(0.8, 0.1, 0.1, 0.1, name="diversity/class_min")]
    assert str(collapse(both[1::2])) == "collapsed at epoch 2"


@pytest.mark.parametrize(
    ("collapsed", "judged", "said"),
    [
        (0, 5, "0 of 5 (0–52 %)"),
        (2, 5, "2 of 5 (5–85 %)"),
        (5, 5, "5 of 5 (48–100 %)"),
        (0, 10, "0 of 10 (0–31 %)"),
        (0, 0, "no run"),
    ],
)
def test_rates_have_the_exact_interval(collapsed: int, judged: int, said: str) -> None:
    assert str(CollapseRate(collapsed, judged)) == said


def test_the_dead_and_those_that_were_not_judged_are_counted_apart() -> None:
    runs = [[0.9, 0.1, 0.1, 0.1], [0.9, 0.9, 0.9], [0.9, 0.1, 0.1, 0.1, 0.9], [0.9, 0.9, None], [0.9]]
    found = collapse_rate(collapse(rows(*ratios)) for ratios in runs)
    assert found == CollapseRate(collapsed=1, judged=3, recovered=1, dead=1, not_judged=1)
    assert str(found) == "1 of 3 (1–91 %), 1 recovered, 1 dead, 1 not judged"
