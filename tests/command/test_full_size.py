"""The documents' networks at full size take a step on a CPU, at the documents' batch size."""

import subprocess
import sys
from collections.abc import Sequence
from typing import Self

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningDataModule, Trainer
from torch.utils.data import DataLoader

from ganlab.compose import compose_networks
from ganlab.core.kind import Image, Kind, Row
from ganlab.dataset.samples import Batch, Place, Samples
from tests.conftest import ROOT
from tests.test_conf import composed

SHAPES = {
    "thesis/iris_fcn": (1, 240, 320),
    "thesis/iris_cnn": (1, 240, 320),
    "thesis/iris_cnn_notebook": (1, 240, 320),
    "thesis/thyroid_fcn": (1, 7, 7),
    "thesis/thyroid_cnn": (1, 7, 7),
    "thesis/cardio_fcn": (1, 45, 45),
    "thesis/cardio_cnn": (1, 45, 45),
    "paper/adapted_range": (1, 45, 45),
    "paper/transposed": (1, 45, 45),
    "paper/reversed": (1, 45, 45),
    "paper/rgb_collapse": (3, 45, 45),
    "paper/rgb": (3, 45, 45),
    "paper/rgb_label_smoothing": (3, 45, 45),
    "paper/six_channels": (6, 45, 45),
    "paper/acgan_collapse": (1, 45, 45),
    "paper/acgan_imbalanced": (1, 45, 45),
    "paper/acgan": (1, 45, 45),
}
FINGERPRINT = "thesis/fingerprint_fcn"
GIB = 2**30


class Noise(Samples):
    """A batch of the kind's shape and of three classes, of values that every standardization keeps."""

    def __init__(self, kind: Kind, count: int) -> None:
        super().__init__(np.arange(count) % 3, np.arange(count).astype(str))
        self.kind = kind

    def read(self, places: Sequence[Place]) -> NDArray[np.float32]:
        rng = np.random.default_rng(0)
        if isinstance(self.kind, Row):
            rows = [[(c.low or 0, c.high or 1)[rng.integers(2)] for c in self.kind.columns] for _ in places]
            return np.array(rows, np.float32)
        if isinstance(self.kind, Image):
            return rng.integers(0, 256, (len(places), *self.kind.shape)).astype(np.float32)
        shape = (len(places), len(self.kind.leads), self.kind.samples)
        return rng.normal(scale=0.3, size=shape).astype(np.float32)

    def of(self, people: object) -> Self:
        return self


class OneBatch(LightningDataModule):
    def __init__(self, train: Samples) -> None:
        super().__init__()
        self.train = train

    def train_dataloader(self) -> DataLoader[Batch]:
        return DataLoader(self.train, batch_size=len(self.train), collate_fn=lambda batch: batch)


def step(experiment: str) -> tuple[int, ...]:
    """Take one step as a run does; the shape of what the generator then makes."""
    cfg = composed(f"experiment={experiment}")
    networks = compose_networks(cfg)
    before = [p.detach().flatten()[:9].clone() for p in networks.gan.parameters()]
    data = OneBatch(Noise(networks.kind, cfg.batch_size))
    trainer = Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    trainer.fit(networks.gan, data)
    assert networks.gan.steps == 1
    after = [p.detach().flatten()[:9] for p in networks.gan.parameters()]
    assert sum(not torch.equal(a, b) for a, b in zip(before, after, strict=True)) > len(before) * 3 / 4
    images = networks.gan.generate(networks.gan.draw_noise(2))
    decoded = networks.gan.codec.decode(images)
    assert decoded.isfinite().all()
    return tuple(images.shape[1:])


@pytest.mark.parametrize("experiment", SHAPES)
def test_every_experiment_takes_a_step_at_full_size(experiment: str) -> None:
    assert step(experiment) == SHAPES[experiment]


@pytest.mark.slow
def test_the_fingerprint_networks_take_one_in_less_than_12_gib() -> None:
    code = (
        "import resource\n"
        "from tests.command.test_full_size import FINGERPRINT, step\n"
        "print(*step(FINGERPRINT), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    *shape, peak = map(int, done.stdout.splitlines()[-1].split())
    assert shape == [1, 400, 275]
    assert peak * 1024 < 12 * GIB, f"{peak / 2**20:.1f} GiB"
    assert peak * 1024 > 7 * GIB, "456 million parameters, their gradients and Adam's two averages take more"
