"""How far a run is, and before it starts how long it will take on this device."""

import logging
import time
from copy import deepcopy
from datetime import timedelta
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor, nn
from tqdm import tqdm

from ganlab.gan.gan import GAN

log = logging.getLogger(__name__)

TIMED_STEPS = 4
"""As many as lie between two penalties of R1 and R2."""
LONG_RUN = 200
"""Steps from which a run is long enough to be told how long it will take."""
REFRESH_STEPS = 10


class Progress(Callback):
    """A bar over all steps of the run with the losses and the time left."""

    def __init__(self, batch_size: int, bar: bool = True) -> None:
        self.batch_size = batch_size
        self.show_bar = bar
        self.bar: tqdm | None = None

    def on_train_start(self, trainer: Trainer, pl_module: GAN) -> None:
        """Time a few steps on copies of the networks, say how long all of them will take, and draw the bar."""
        left = pl_module.planned_steps - pl_module.steps
        if left >= LONG_RUN:
            with trainer.strategy.precision_plugin.forward_context():
                seconds = seconds_per_step(pl_module, self.batch_size)
            log.info(
                "%d steps of %d images on %s: about %s (%.0f images/s)",
                left,
                self.batch_size,
                pl_module.device,
                timedelta(seconds=round(left * seconds)),
                self.batch_size / seconds,
            )
        if self.show_bar and trainer.is_global_zero:
            self.bar = tqdm(total=pl_module.planned_steps or None, initial=pl_module.steps, unit="step", disable=None)

    def on_train_batch_end(self, trainer: Trainer, pl_module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Move the bar; the losses are read every few steps."""
        if self.bar is None:
            return
        self.bar.update(1)
        if not self.bar.disable and pl_module.steps % REFRESH_STEPS == 0:
            shown = {k: f"{float(v):.3f}" for k, v in trainer.logged_metrics.items() if k.startswith("loss/")}
            self.bar.set_postfix({"epoch": trainer.current_epoch + 1, **shown})

    def on_train_end(self, trainer: Trainer, pl_module: GAN) -> None:
        """Close the bar."""
        if self.bar is not None:
            self.bar.close()

    def on_exception(self, trainer: Trainer, pl_module: GAN, exception: BaseException) -> None:
        """Close the bar, so that the error stands below it."""
        self.on_train_end(trainer, pl_module)


def seconds_per_step(module: GAN, batch: int) -> float:
    """Mean of a few updates of copies of both networks, with the penalties that tricks add, after a first one."""
    generator, discriminator = deepcopy(module.generator), deepcopy(module.discriminator)
    with torch.no_grad():
        real = generator(module.draw_noise(batch))
    for step in range(TIMED_STEPS + 1):
        if step == 1:
            start = _now(module)
        update(module, generator, discriminator, real, step)
    return (_now(module) - start) / TIMED_STEPS


def update(module: GAN, generator: nn.Module, discriminator: nn.Module, real: Tensor, step: int) -> None:
    """The arithmetic of one step of `module` on these networks: the gradients of both, without their optimizers."""
    with torch.no_grad():
        fake = generator(module.draw_noise(len(real)))
    loss = module.loss.discriminator(discriminator(real), discriminator(fake))
    penalties = [trick.penalty(discriminator, real, fake, step) for trick in module.all_tricks()]
    sum((p for p in penalties if p is not None), loss).backward()
    discriminator.requires_grad_(False)
    fake = discriminator(generator(module.draw_noise(len(real))))
    module.loss.generator(fake, discriminator(real) if module.loss.pairs else None).backward()
    discriminator.requires_grad_(True)


def _now(module: GAN) -> float:
    if module.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
