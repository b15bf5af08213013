"""Stop after a number of steps, each an update of the generator and (unless it rests) of the discriminator."""

from typing import Any

from pytorch_lightning import Trainer

from ganlab.core.values import check_whole
from ganlab.gan.gan import GAN
from ganlab.stopping.base import Stopping


class Steps(Stopping):
    """Counts batches, where Lightning's own `max_steps` counts the updates of both networks."""

    def __init__(self, steps: int) -> None:
        check_whole("stopping.steps", steps)
        self.steps = steps

    def on_train_start(self, trainer: Trainer, pl_module: GAN) -> None:
        """Set the planned steps; a run that has done them already stops at once."""
        within = int(trainer.num_training_batches) * (trainer.max_epochs or -1)
        pl_module.planned_steps = min(self.steps, within) if within > 0 else self.steps
        trainer.should_stop |= pl_module.steps >= self.steps

    def idle_steps(self, trainer: Trainer, pl_module: GAN) -> int:
        """Return how many steps are left."""
        return self.steps - pl_module.steps

    def on_train_batch_end(self, trainer: Trainer, pl_module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Stop within the epoch."""
        trainer.should_stop |= pl_module.steps >= self.steps
