"""How many steps are taken between two calls of Lightning's hooks.

Where a step takes a millisecond, the hooks around it take as long. So where nothing has to act between steps, those of
several batches are taken in one call: the same steps with the same draws. A callback's method
`idle_steps(trainer, gan)` returns after how many more steps it has to act; one that has a hook for each batch and not
this method acts after each.
"""

from typing import Any

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import Timer

from ganlab.gan.gan import GAN

MOST = 50
"""Steps that are taken at once at most: their samples lie in memory together."""
HOOKS = ("on_train_batch_start", "on_train_batch_end")


def steps_together(trainer: Any, gan: GAN) -> int:
    """Return how many steps come before something has to act, 1 where it acts after each of them."""
    loop: Any = trainer.fit_loop.epoch_loop
    if trainer.world_size > 1 or trainer.fast_dev_run or trainer.max_steps != -1 or gan.tricks.overriding("spent"):
        return 1
    left = trainer.num_training_batches - loop.batch_progress.current.ready
    idle = (_idle(callback, trainer, gan) for callback in trainer.callbacks)
    return int(max(1, min(MOST, left, until(gan.steps, trainer.log_every_n_steps), *idle)))


def _idle(callback: Callback, trainer: Trainer, gan: GAN) -> int:
    if idle := getattr(callback, "idle_steps", None):
        return idle(trainer, gan)
    if isinstance(callback, Timer):  # trainer.max_time ends training at a time, not at a step
        return MOST
    return 1 if any(getattr(type(callback), hook) is not getattr(Callback, hook) for hook in HOOKS) else MOST


def until(steps: int, every: int | None) -> int:
    """Return how many steps lie before the next multiple of `every`; `MOST` where there is none."""
    return every - steps % every if every else MOST
