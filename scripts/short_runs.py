"""What scripts that compare trainings of equal processor time share: one training, without Lightning's loop.

Configurations, networks, losses, tricks, codecs, data and metrics are those of `python -m ganlab.run`; Lightning's loop
takes longer than steps as small as these.
"""

import time
from collections.abc import Sequence
from typing import Any

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
