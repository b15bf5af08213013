"""A run whose losses or weights are not finite ends with an error, before a checkpoint of them is written."""

from typing import Any

import torch
from pytorch_lightning import Callback, Trainer

from ganlab.core.errors import UserError
from ganlab.gan.gan import GAN
from ganlab.trainer.together import until

WAYS_ON = (
    "The checkpoints before it are kept. What to do: a lower gan.optimizer_g.lr and gan.optimizer_d.lr, another loss "
    "or trick, another seed; trainer.detect_anomaly=true says where it begins."
)


class Diverged(UserError):
    """NaN or infinity in a loss or a weight."""


class Health(Callback):
    """Checks the losses every `every_n_steps` steps and after each epoch; each check waits for the device."""

    def __init__(self, every_n_steps: int = 10) -> None:
        self.every_n_steps = every_n_steps

    def idle_steps(self, trainer: Trainer, pl_module: GAN) -> int:
        """Return how many steps lie before the next check."""
        return until(pl_module.steps, self.every_n_steps)

    def on_train_batch_end(self, trainer: Trainer, pl_module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Raise Diverged where a loss of this step is not finite."""
        if pl_module.steps % self.every_n_steps == 0:
            self.on_train_epoch_end(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: GAN) -> None:
        """Raise Diverged where a loss of the last step is not finite."""
        losses = {name: value for name, value in pl_module.last.items() if name.startswith("loss/")}
        bad = [f"{name} is {float(value)}" for name, value in losses.items() if not torch.isfinite(value)]
        if bad:
            place = f"step {pl_module.steps} (epoch {trainer.current_epoch + 1})"
            raise Diverged(f"{', '.join(bad)} at {place}. {WAYS_ON}")


def check_weights_finite(module: GAN) -> None:
    """Raise Diverged where a weight or a buffer of the networks, averages or tricks is not finite."""
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            share = float((~torch.isfinite(tensor)).float().mean())
            raise Diverged(f"{name}: {share:.0%} of its values are NaN or infinite at step {module.steps}. {WAYS_ON}")
