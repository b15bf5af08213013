"""stopping=class_accuracy: the epoch with the greatest accuracy of D on the class is chosen (paper 4.7).

The accuracy is the mean of that on real and on generated images, over the steps of an epoch. It is what the paper
proposes, and no measure of fidelity: one image a class that D recognizes reaches 100 %. `stopping=rule` sees that.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning import Trainer

from ganlab.core.errors import UserError
from ganlab.core.values import check_whole
from ganlab.gan.acgan import ACGAN
from ganlab.gan.gan import GAN
from ganlab.stopping.epochs import Epochs
from ganlab.tracking.checkpoints import CHOSEN

log = logging.getLogger(__name__)
ACCURACIES = ("epoch/accuracy/class_real", "epoch/accuracy/class_synthetic")


class ClassAccuracy(Epochs):
    """Keeps the checkpoint of the best epoch, and ends training after `patience` epochs without a better one.

    Without `patience` all of `trainer.max_epochs` are trained. The earliest of equal epochs is chosen.
    """

    def __init__(self, patience: int | None = None) -> None:
        if patience is not None:
            check_whole("stopping.patience", patience)
        self.patience = patience
        self.best: dict[str, float] = {}

    def on_train_start(self, trainer: Trainer, pl_module: GAN) -> None:
        """Plan the steps. Raises UserError for a D that predicts no classes."""
        super().on_train_start(trainer, pl_module)
        if not isinstance(pl_module, ACGAN) or not pl_module.classes:
            raise UserError("stopping=class_accuracy needs a D that predicts classes: gan=acgan, or another stopping.")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: GAN) -> None:
        """Keep the checkpoint of an epoch that is better than all before."""
        means = pl_module.means.means()
        if set(ACCURACIES) - set(means):
            return
        accuracy = sum(float(means[name]) for name in ACCURACIES) / len(ACCURACIES)
        epoch = trainer.current_epoch + 1
        if accuracy > self.best.get("accuracy", -1.0):
            self.best = {"accuracy": accuracy, "epoch": epoch, "step": pl_module.steps}
            path = Path(trainer.default_root_dir) / "checkpoints" / CHOSEN
            trainer.save_checkpoint(path, weights_only=False)
        elif self.patience is not None and epoch - self.best["epoch"] >= self.patience:
            trainer.should_stop = True

    def on_train_end(self, trainer: Trainer, pl_module: GAN) -> None:
        """Log which epoch is chosen."""
        if self.best and trainer.is_global_zero:
            log.info("stopping=class_accuracy: %s", self._why())

    def facts(self) -> dict[str, Any]:
        """Return which step is chosen, and why."""
        return {"stopping": {"chosen_step": self.best["step"], "why": self._why()}} if self.best else {}

    def _why(self) -> str:
        accuracy, epoch = self.best["accuracy"], int(self.best["epoch"])
        return (
            f"epoch {epoch} has the greatest accuracy of the class, {100 * accuracy:.1f} % on real and generated images"
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the best epoch so far, for the checkpoint."""
        return {"best": dict(self.best)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the best epoch."""
        self.best = dict(state_dict["best"])
