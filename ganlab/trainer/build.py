"""Lightning's trainer for a run folder, with all that a run logs and keeps."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pytorch_lightning import Callback, LightningDataModule, Trainer
from pytorch_lightning.loggers import Logger, TensorBoardLogger
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from ganlab.core.errors import UserError
from ganlab.core.values import check_whole
from ganlab.dataset.module import Data
from ganlab.gan.gan import GAN
from ganlab.stopping.base import Stopping
from ganlab.tracking.checkpoints import SealedCheckpointIO
from ganlab.tracking.jsonl import JSONLines
from ganlab.trainer.checkpoints import Checkpoints
from ganlab.trainer.ddp import OneMachine
from ganlab.trainer.diversity import Diversity
from ganlab.trainer.grids import Grids
from ganlab.trainer.health import Health
from ganlab.trainer.progress import Progress
from ganlab.trainer.signals import Signals
from ganlab.trainer.together import steps_together

# Lightning's warnings that do not apply, in every process that trains.
warnings.filterwarnings("ignore", message=".*(in eval mode|does not have many workers|on_after_batch_transfer).*")
warnings.filterwarnings("ignore", message=".*sync_dist=True.*")  # the module itself averages
warnings.filterwarnings("ignore", message=".*(LeafSpec|TreeSpec|smaller than the logging interval).*")


AUTO = "auto"
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "64-true", AUTO, "32", "bf16", "16", "64")
"""Accepted precisions, then Lightning's short names for them; for `AUTO` see `ganlab.trainer.probe`."""
TRAINING = {
    "max_epochs": "accepted is a whole number from 1, or -1 for no end",
    "max_steps": "accepted is -1 for no limit; stopping=steps stopping.steps=900 counts steps",
    "limit_train_batches": "accepted is a whole number of batches from 1, a share of an epoch such as 0.5, or null",
}
"""What some settings accept in place of 0."""


@dataclass(frozen=True)
class Schedule:
    """How often a run logs and keeps what: the values of that name at the top of `conf/config.yaml`.

    `check_every` and `diversity_every_n_steps` count steps, `checkpoint_every` and `grids_every` epochs,
    `checkpoint_minutes` minutes. `diversity_images` is how many images of each kind are compared.
    """

    batch_size: int
    progress_bar: bool
    tensorboard: bool
    check_every: int
    checkpoint_every: int
    checkpoint_minutes: float
    grids_every: int
    diversity_images: int
    diversity_every_n_steps: int | None

    def __post_init__(self) -> None:
        """Raise UserError for values with which nothing would be logged or kept."""
        for name in ("check_every", "checkpoint_every", "grids_every"):
            check_whole(name, getattr(self, name))
        check_whole("diversity.images", self.diversity_images, least=2)
        if self.diversity_every_n_steps is not None:
            check_whole("diversity.every_n_steps", self.diversity_every_n_steps)
        if isinstance(self.checkpoint_minutes, bool | str) or not self.checkpoint_minutes >= 0:
            raise UserError(f"checkpoint_minutes={self.checkpoint_minutes}: accepted is a number of minutes from 0.")

    def checkpoints(self, folder: Path) -> Checkpoints:
        """Return the callback that writes checkpoints to a run folder."""
        return Checkpoints(folder, self.checkpoint_minutes, self.grids_every, self.checkpoint_every)

    def watching(self, folder: Path) -> list[Callback]:
        """Return the callbacks that only the first of several processes needs."""
        return [
            Progress(self.batch_size, bar=self.progress_bar),
            Grids(folder, self.grids_every),
            Diversity(self.diversity_images, self.diversity_every_n_steps),
        ]

    def loggers(self, folder: Path) -> list[Logger]:
        """Return the loggers of a run folder."""
        loggers: list[Logger] = [JSONLines(folder)]
        if self.tensorboard:
            from tensorboard.summary.writer import event_file_writer

            # The names of its files would hold the name of this machine.
            event_file_writer.socket = SimpleNamespace(gethostname=lambda: "machine")
            loggers.append(TensorBoardLogger(str(folder), name="tensorboard", version=""))
        return loggers


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raise UserError for values that Lightning takes, and that train nothing or nothing usable."""
    precision = settings.get("precision")
    if str(precision) not in PRECISIONS and precision is not None:
        raise UserError(
            f"trainer.precision={precision}: accepted are {', '.join(PRECISIONS[:5])}. Weights of 16 bits alone lose "
            "the small updates of Adam."
        )
    if isinstance(settings.get("max_time"), int | float):
        raise UserError(f"trainer.max_time={settings['max_time']}: accepted is DD:HH:MM:SS, such as 00:01:30:00.")
    for name in ("max_epochs", "max_steps", "limit_train_batches"):
        if settings.get(name) == 0:
            raise UserError(f"trainer.{name}=0 trains nothing: {TRAINING[name]}.")


def make_trainer(
    trainer: Callable[..., Trainer],
    folder: Path,
    schedule: Schedule,
    stopping: Stopping,
    checkpoints: Checkpoints,
    signals: Signals,
    rank: int = 0,
) -> Trainer:
    """Return Lightning's trainer for a run folder; `trainer` is its class with the values of the configuration.

    A process other than the first (`rank`) logs nothing. Raises UserError for settings that do not fit together, or
    that this machine has no devices for.
    """
    first = rank == 0
    try:
        return trainer(
            enable_progress_bar=False,
            logger=schedule.loggers(folder) if first else [],
            callbacks=[
                stopping,
                *(schedule.watching(folder) if first else []),
                Health(schedule.check_every),
                checkpoints,
                signals,
            ],
            # Lightning's own ways under Slurm would start other processes, and requeue without the run's folder.
            plugins=[SealedCheckpointIO(), OneMachine(rank)],
            enable_checkpointing=False,
            default_root_dir=str(folder),
        )
    except (MisconfigurationException, ValueError) as error:
        raise UserError(f"The trainer's settings do not fit: {error}") from error


def fit(trainer: Trainer, gan: GAN, data: LightningDataModule, start: Path | str | None) -> None:
    """Train, from the checkpoint `start` if there is one."""
    if trainer.precision == "64-true":
        # Lightning would do so after it has read a checkpoint, and half of its digits would be lost.
        gan.double()
    if isinstance(data, Data):
        data.together = partial(steps_together, trainer, gan)
    trainer.fit(gan, datamodule=data, ckpt_path=start, weights_only=True)
