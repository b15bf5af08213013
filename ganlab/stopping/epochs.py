"""Stop after `trainer.max_epochs`, as the documents did."""

from pytorch_lightning import Trainer

from ganlab.gan.gan import GAN
from ganlab.stopping.base import Stopping


class Epochs(Stopping):
    """Leaves the end to Lightning and sets the module's planned steps."""

    def on_train_start(self, trainer: Trainer, pl_module: GAN) -> None:
        """Plan epochs times batches; 0 where there is no end."""
        epochs = trainer.max_epochs or -1
        pl_module.planned_steps = max(0, epochs) * int(trainer.num_training_batches)
