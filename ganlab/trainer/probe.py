"""trainer.precision=auto: bf16 where this device calculates a step faster with it; weights and updates stay float32.

Two seconds of steps of these very networks decide, on noise in the place of data. The result is in `run.json`, and a
resumed run keeps it.
"""

import logging
import time
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from typing import Any

import torch

from ganlab.dataset.samples import Batch
from ganlab.dataset.source import Source
from ganlab.gan.gan import GAN

log = logging.getLogger(__name__)

SECONDS = 2.0
"""Time of the steps that are compared; steps that are longer are taken twice each."""
LEAST = 2
FASTER = 1.1
"""Ratio of their times from which bf16 is taken: less is not worth its digits."""
FULL, HALF = "32-true", "bf16-mixed"


def faster_precision(gan: GAN, source: Source, batch_size: int, accelerator: str) -> dict[str, Any]:
    """Return which precision is `chosen`, and the seconds of a step in each. The networks are not changed."""
    on_gpu = torch.cuda.is_available() and accelerator != "cpu"
    if not on_gpu and accelerator not in ("auto", "cpu"):
        return {"chosen": FULL, "seconds_a_step": {}}
    seconds = step_seconds(gan, source, batch_size, torch.device("cuda" if on_gpu else "cpu"))
    chosen = HALF if seconds[FULL] >= FASTER * seconds[HALF] else FULL
    log.info(
        "trainer.precision=auto takes %s: a step takes %.3g ms in %s and %.3g ms in %s",
        *(chosen, 1000 * seconds[FULL], FULL, 1000 * seconds[HALF], HALF),
    )
    return {"chosen": chosen, "seconds_a_step": {name: float(f"{value:.4g}") for name, value in seconds.items()}}


def step_seconds(gan: GAN, source: Source, batch_size: int, device: torch.device) -> dict[str, float]:
    """Return the seconds of a step in each precision, measured in turns on copies of the networks."""
    with torch.random.fork_rng():
        trials = {name: _Trial(gan, source, batch_size, device, name) for name in (FULL, HALF)}
        for trial in trials.values():
            trial.step()
        seconds, count = dict.fromkeys(trials, 0.0), 0
        while count < LEAST or sum(seconds.values()) < SECONDS:
            for name, trial in trials.items():
                seconds[name] += trial.step()
            count += 1
    return {name: value / count for name, value in seconds.items()}


class _Trial:
    """Networks that train on noise."""

    def __init__(self, gan: GAN, source: Source, batch_size: int, device: torch.device, name: str) -> None:
        self.gan = deepcopy(gan).to(device)
        self.optimizers = self.gan.configure_optimizers()
        images = torch.rand(batch_size, *gan.codec.arrangement.shape, device=device) * 2 - 1
        number = torch.zeros(batch_size, dtype=torch.long, device=device)
        label = torch.zeros(batch_size, len(source.classes), dtype=torch.bool, device=device)
        attributes = torch.zeros(batch_size, len(source.attribute_names), device=device)
        self.batch = Batch(images, label if source.many_labels else number, number, attributes=attributes)
        self.name = name

    def step(self) -> float:
        """Return the seconds of a step of both networks."""
        began = self._now()
        with self._casting():
            self.gan.step(self.batch, *self.optimizers)
        return self._now() - began

    def _casting(self) -> AbstractContextManager[object]:
        return torch.autocast(self.gan.device.type, torch.bfloat16) if self.name == HALF else nullcontext()

    def _now(self) -> float:
        if self.gan.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()
