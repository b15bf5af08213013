"""What scripts that compare trainings of equal processor time share: one training, without Lightning's loop.

Configurations, networks, losses, tricks, codecs, data and metrics are those of `python -m ganlab.run`; Lightning's loop
takes longer than steps as small as these.
"""

import argparse
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from study import batches, update

from ganlab.compose import Experiment, compose
from ganlab.core.settings import CONF
from ganlab.gan.gan import GAN

LONG = 1_000_000
"""Parts of a training of known time in which the learning rate falls."""


def opened(overrides: Sequence[str]) -> Experiment:
    """Return an experiment with its data read and split."""
    with initialize_config_dir(CONF, version_base="1.3"):
        experiment = compose(hydra_compose("config", overrides=list(overrides)))
    experiment.data.prepare_data()
    experiment.data.setup()
    return experiment


def options(description: str | None, seeds: int, seconds: float) -> argparse.ArgumentParser:
    """Return the options that a script of short trainings has, with its own `seeds` and `seconds`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--seconds", type=float, default=seconds, help="of processor time, for each training")
    parser.add_argument("--only", nargs="+", help="names of what is trained; all where none is named")
    parser.add_argument("--set", nargs="*", default=[], help="more overrides, such as dataset.root=DIR")
    parser.add_argument("--report", type=Path, help="a PNG file: print and draw only")
    return parser


def one_thread_and_log(log: logging.Logger) -> None:
    """Take one thread, as the comparisons of processor time need, and show what the script logs."""
    logging.basicConfig(level=logging.ERROR, format="%(asctime)s %(message)s")
    log.setLevel(logging.INFO)
    torch.set_num_threads(1)


def begin(gan: GAN, experiment: Experiment) -> list[Any]:
    """Fit what is fitted before training, and return the optimizers of G and D."""
    gan.manual_backward = lambda loss: loss.backward()  # type: ignore[method-assign]
    gan.fit(experiment.data.train)
    return gan.configure_optimizers()


def train_for(experiment: Experiment, seconds: float, steps: int = LONG) -> dict[str, float]:
    """Train for so many seconds of processor time, the fit among them, or so many `steps`; return what was spent."""
    gan, began = experiment.gan, time.process_time()
    gan.planned_steps = steps
    optimizers = begin(gan, experiment)
    fit = time.process_time() - began
    for batch in batches(experiment, LONG):
        share = (time.process_time() - began) / seconds
        if share >= 1 or gan.steps >= steps:
            break
        update(gan, batch, optimizers, int(LONG * share), LONG)
    spent = time.process_time() - began
    return {"steps": gan.steps, "fit_seconds": round(fit, 2), "training_processor_seconds": round(spent, 2)}
