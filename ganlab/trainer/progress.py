"""The progress of a run: a bar in a terminal, elsewhere a line a minute, and at first an estimate of its time."""

import logging
import time
from datetime import timedelta
from statistics import mean
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from tqdm import tqdm

from ganlab.core.progress import EVERY_S
from ganlab.core.words import duration
from ganlab.gan.gan import GAN
from ganlab.trainer.together import MOST, until

log = logging.getLogger(__name__)

WARM_UP = 2
"""First steps, slower than the others: memory is allocated, kernels are chosen."""
TIMED_STEPS = 8
"""Twice as many as lie between two penalties of R1 and R2."""
LONG_RUN = 200
"""Steps from which the estimate is logged."""
REFRESH_STEPS = 10


class Progress(Callback):
    """Shows a bar over all steps of the run with losses and time left, or logs a line of these a minute.

    Logs the duration of a long run at its start, in any case.
    """

    def __init__(self, batch_size: int, bar: bool = True) -> None:
        self.batch_size = batch_size
        self.show_bar = bar
        self.bar: tqdm | None = None
        self._times: list[float] = []
        self._began = 0.0
        self._logged = self._started = 0.0
        self._first = 0

    @property
    def _timing(self) -> bool:
        return len(self._times) < WARM_UP + TIMED_STEPS

    def on_train_start(self, trainer: Trainer, pl_module: GAN) -> None:
        """Draw the bar."""
        self._logged = self._started = time.monotonic()
        self._first = pl_module.steps
        if self.show_bar and trainer.is_global_zero:
            self.bar = tqdm(total=pl_module.planned_steps or None, initial=pl_module.steps, unit="step", disable=None)

    def idle_steps(self, trainer: Trainer, pl_module: GAN) -> int:
        """Return 1 while steps are timed, then how many lie before the bar shows losses."""
        if self._timing:
            return 1
        return until(pl_module.steps, REFRESH_STEPS) if self.bar is not None and not self.bar.disable else MOST

    def on_train_batch_start(self, trainer: Trainer, pl_module: GAN, batch: Any, batch_idx: int) -> None:
        """Note the time at which one of the first steps begins."""
        if self._timing:
            self._began = _now(pl_module)

    def on_train_batch_end(self, trainer: Trainer, pl_module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Move the bar, whose losses are read every few steps, or log a line where the last is a minute old."""
        if self._timing:
            self._times.append(_now(pl_module) - self._began)
            if not self._timing:
                self._log_estimate(pl_module)
        if self.bar is not None and not self.bar.disable:
            self.bar.update(pl_module.steps - self.bar.n)
            if pl_module.steps % REFRESH_STEPS == 0:
                self.bar.set_postfix({"epoch": trainer.current_epoch + 1, **_losses(pl_module)})
        elif time.monotonic() - self._logged >= EVERY_S:
            self._logged = time.monotonic()
            self._log_line(trainer.current_epoch + 1, pl_module)

    def _log_line(self, epoch: int, module: GAN) -> None:
        done, planned = module.steps - self._first, module.planned_steps
        left = (planned - module.steps) * (time.monotonic() - self._started) / max(1, done)
        log.info(
            "step %d%s, epoch %d: %s",
            module.steps,
            f" of {planned}, about {duration(left)} left" if planned else "",
            epoch,
            ", ".join(f"{name} {loss}" for name, loss in _losses(module).items()),
        )

    def _log_estimate(self, module: GAN) -> None:
        left, seconds = module.planned_steps - module.steps, mean(self._times[WARM_UP:])
        if left + len(self._times) >= LONG_RUN:
            log.info(
                "%d steps of %d images on %s are left: about %s (%.0f images/s)",
                left,
                self.batch_size,
                module.device,
                timedelta(seconds=round(left * seconds)),
                self.batch_size / seconds,
            )

    def on_train_end(self, trainer: Trainer, pl_module: GAN) -> None:
        """Close the bar."""
        if self.bar is not None:
            self.bar.close()

    def on_exception(self, trainer: Trainer, pl_module: GAN, exception: BaseException) -> None:
        """Close the bar, so that the error stands below it."""
        self.on_train_end(trainer, pl_module)


def _losses(module: GAN) -> dict[str, str]:
    return {name: f"{float(value):.3f}" for name, value in module.last.items() if name.startswith("loss/")}


def _now(module: GAN) -> float:
    if module.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
