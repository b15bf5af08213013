"""When checkpoints are written: after epochs, by time within them, and where a run is stopped."""

import logging
import time
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, Trainer

from ganlab.core.files import remove_sealed, sweep_unfinished
from ganlab.gan.gan import GAN
from ganlab.tracking.checkpoints import KEPT, checkpoints_of, write_checkpoint
from ganlab.trainer.ddp import of_first
from ganlab.trainer.health import check_weights_finite
from ganlab.trainer.together import MOST

log = logging.getLogger(__name__)


class Checkpoints(Callback):
    """Writes `checkpoints/step_<n>.ckpt` and `generators/epoch_<n>.pt` in the run folder."""

    def __init__(
        self, folder: Path, every_minutes: float = 15, generator_every_n_epochs: int = 5, every_n_epochs: int = 1
    ) -> None:
        self.folder = folder
        self.every_n_epochs = every_n_epochs
        self.every_minutes = every_minutes
        self.generator_every_n_epochs = generator_every_n_epochs
        self._saved_at = time.monotonic()
        self._saved_step = 0

    def on_train_start(self, trainer: Trainer, pl_module: GAN) -> None:
        """Remove files that a killed process left unfinished, each with a warning."""
        if trainer.is_global_zero:
            for room in ("checkpoints", "generators"):
                for path in sweep_unfinished(self.folder / room):
                    log.warning("removed %s, which a process that was killed had not finished", path)

    def idle_steps(self, trainer: Trainer, pl_module: GAN) -> int:
        """Return as many steps as are ever taken together, for checkpoints come by time; 1 where each has one."""
        return MOST if self.every_minutes > 0 else 1

    def on_train_batch_end(self, trainer: Trainer, pl_module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Save where the last checkpoint is older than `every_minutes`."""
        if of_first(trainer, time.monotonic() - self._saved_at > 60 * self.every_minutes):
            self.save(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: GAN) -> None:
        """Save every `every_n_epochs` epochs, and the generator alone every `generator_every_n_epochs`."""
        epoch = trainer.current_epoch + 1
        if epoch % self.every_n_epochs == 0:
            self.save(trainer, pl_module)
        if epoch % self.generator_every_n_epochs == 0 and trainer.is_global_zero:
            weights = pl_module.sampling_generator.state_dict()
            write_checkpoint(weights, self.folder / "generators" / f"epoch_{epoch:04d}.pt")

    def on_train_end(self, trainer: Trainer, pl_module: GAN) -> None:
        """Save the last state, unless it is saved already."""
        if self._saved_step != pl_module.steps:
            self.save(trainer, pl_module)

    def save(self, trainer: Trainer, pl_module: GAN) -> None:
        """Write a checkpoint now and remove all but the last two.

        Raises UserError for weights that are not finite; the checkpoints before stay.
        """
        check_weights_finite(pl_module)
        path = self.folder / "checkpoints" / f"step_{pl_module.steps:07d}.ckpt"
        trainer.save_checkpoint(path, weights_only=False)
        if trainer.is_global_zero:
            for old in checkpoints_of(self.folder)[:-KEPT]:
                remove_sealed(old)
        self._saved_at = time.monotonic()
        self._saved_step = pl_module.steps
