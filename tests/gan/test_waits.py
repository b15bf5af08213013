"""No step waits for the device, but where a trick has to decide: what would wait is counted while steps run."""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch.optim import Adam
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader

from ganlab.dataset.samples import Batch
from ganlab.gan.gan import GAN
from ganlab.loss.base import Loss
from ganlab.loss.bce import BCE
from ganlab.loss.rpgan import RpGAN
from ganlab.stopping.steps import Steps
from ganlab.trainer.health import Health
from ganlab.trainer.progress import Progress
from ganlab.trick.base import Trick
from ganlab.trick.d_threshold import DThreshold
from ganlab.trick.ema import EMA
from ganlab.trick.label_smoothing import LabelSmoothing
from ganlab.trick.spread_loss import SpreadLoss
from tests.gan.test_gan import batches, game

WAITS = ("aten._local_scalar_dense.default", "aten.nonzero.default", "aten.equal.default", "aten.is_nonzero.default")
"""What brings a value from the device: item(), float(), bool(), indexing with booleans."""


class Counting(TorchDispatchMode):
    """Counts them while it is on."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if str(func) in WAITS:
            self.seen[str(func)] += 1
        return func(*args, **(kwargs or {}))


class From(Callback):
    """From the second step on, which logs nothing and is not looked at."""

    def __init__(self, counting: Counting) -> None:
        self.counting = counting

    def on_train_batch_end(self, trainer: Trainer, pl_module: GAN, *_: object) -> None:
        if pl_module.steps == 1:
            self.counting.__enter__()
        if pl_module.steps == 5:
            self.counting.__exit__(None, None, None)


def waits(loss: Loss, tricks: Mapping[str, Trick], **settings: bool) -> Counter[str]:
    """During four steps."""
    adam = partial(Adam, fused=True)
    counting, gan = Counting(), game(loss, tricks, optimizer_g=adam, optimizer_d=adam, **settings)
    data = [Batch(x, *(torch.zeros(6, dtype=torch.long),) * 2) for x in batches(6)]
    callbacks = [Steps(6), Progress(6, bar=False), Health(100), From(counting)]
    off = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    Trainer(accelerator="cpu", max_epochs=-1, log_every_n_steps=100, callbacks=callbacks, **off).fit(
        gan, DataLoader(data, batch_size=None)
    )
    assert gan.steps == 6
    return counting.seen


@pytest.mark.parametrize(
    ("loss", "tricks", "settings"),
    [
        (BCE(), {"smooth": LabelSmoothing(), "ema": EMA(), "spread": SpreadLoss()}, {}),
        (BCE(), {}, {"reuse_fakes": True}),
        (RpGAN(), {"ema": EMA()}, {}),
    ],
    ids=["bce", "reuse_fakes", "rpgan"],
)
def test_no_step_waits_for_the_device(loss: Loss, tricks: dict[str, Trick], settings: dict[str, bool]) -> None:
    assert not waits(loss, tricks, **settings)


def test_d_threshold_waits_once_a_step() -> None:
    assert waits(BCE(), {"rest": DThreshold()}).total() == 4
