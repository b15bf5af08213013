"""The training of a run, from its last checkpoint where it has one."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning import Trainer

from ganlab.compose import Experiment
from ganlab.core.files import write_whole
from ganlab.core.words import counted, number
from ganlab.gan.gan import GAN
from ganlab.generator.trained import check_weights, restore, state_in
from ganlab.tracking import facts as run_facts
from ganlab.tracking.checkpoints import CHOSEN, checkpoint_in, newest_checkpoint
from ganlab.trainer.build import fit
from ganlab.trainer.processes import together

log = logging.getLogger(__name__)


def data_line(counts: Mapping[str, Any]) -> str:
    """Return the counts of the data in `run.json` as a sentence for the log."""
    noun = counts["noun"]
    parts = [
        f"{name} {number(part['samples'])} of {number(part['patients'])}" for name, part in counts["parts"].items()
    ]
    classes = [f"{name} {number(count)}" for name, count in counts["classes"].items()]
    left_out = [f"{key} {number(len(counts[key]))}" for key in ("skipped", "doubtful") if counts[key]]
    whole = f"{counted(counts['samples'], noun)} of {counted(counts['patients'], 'patient')}"
    lists = (("", parts), ("classes: ", classes), ("records: ", left_out))
    return "; ".join([whole, *(f"{title}{', '.join(each)}" for title, each in lists if each)])


def start_of(gan: GAN, folder: Path, strict: bool) -> Path | None:
    """Return the checkpoint from which a run goes on; None where it has written none. Raises UserError for a misfit.

    With `strict` a damaged last checkpoint is an error instead of falling back to the one before it.
    """
    start = newest_checkpoint(folder, strict)
    if start is not None:
        check_weights(gan, start, state_in(start)["state_dict"])
    return start


def train(
    experiment: Experiment, trainer: Trainer, folder: Path, facts: dict[str, Any], began: float, start: Path | None
) -> None:
    """Train, and load the checkpoint that is measured: the chosen one where stopping=rule chose, else the last.

    `facts` are those of `run.json`, which is written again. `began` is the monotonic time of the run's start, in
    seconds. `start` is the checkpoint to go on from.
    """
    gan = experiment.gan
    write_whole(folder / "config.yaml", experiment.config_yaml)
    log.info("run folder: %s", folder)
    log.info("data: %s", data_line(facts["data"]))
    log.info("device: %s, precision %s", trainer.strategy.root_device, trainer.precision)
    settings = {**experiment.config["trainer"], "precision": trainer.precision}
    with together(trainer, folder, start, {**experiment.config, "trainer": settings}):
        fit(trainer, gan, experiment.data, start)
    facts["steps"] = gan.steps
    facts["epochs"] = trainer.current_epoch
    facts["device"] = str(trainer.strategy.root_device)
    facts["devices"] = trainer.world_size
    facts["seconds"] = round(facts.get("seconds", 0) + time.monotonic() - began, 1)
    run_facts.write(folder, facts)
    chosen = checkpoint_in(folder, name=None)
    if chosen.name == CHOSEN:
        restore(gan, chosen)
    facts |= gan.facts() | experiment.stopping.facts() | {"checkpoint": chosen.stem}
    run_facts.write(folder, facts)
