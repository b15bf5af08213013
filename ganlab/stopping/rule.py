"""stopping=rule: evaluate through training, choose a checkpoint, and stop (ours; design: science, section 4).

Evaluations score windows of the sampling generator (`ganlab.stopping.score`): how far are they from windows of
validation patients? A checkpoint is eligible where its guards hold (`ganlab.stopping.examiner`). Diversity: coverage is
at least half of that of real patients, and the mean distance of two windows 0.7 to 1.3 of that of training windows.
Memory: the discriminator's gap between training and validation windows is below 60 % of its gap between training and
generated ones. Copying: generated windows are not nearer to training windows than validation windows are, by three
standard deviations. Health: finite numbers, and a discriminator that is updated in at least 5 % of the steps.

`ganlab.stopping.choice` chooses among the eligible ones. Training ends where no new least Q beyond one standard error
came for `patience` evaluations and a quarter of the budget is used, or at a collapse, which marks the run.
"""

import json
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytorch_lightning import Trainer

from ganlab.core.errors import UserError
from ganlab.core.files import write_whole
from ganlab.core.kind import Kind
from ganlab.core.values import check_whole
from ganlab.dataset.module import Data
from ganlab.evaluation.reference import real_sets
from ganlab.gan.gan import GAN
from ganlab.gan.means import EpochMeans
from ganlab.stopping.base import Stopping
from ganlab.stopping.choice import Evaluation, candidates, collapsed, reason, waited
from ganlab.stopping.examiner import Examiner
from ganlab.stopping.score import check
from ganlab.tracking.checkpoints import CHOSEN

log = logging.getLogger(__name__)

FILE = "stopping.json"
MOST_TIME = 0.05
"""Share of the training's time above which evaluations are warned of."""
LOSSES = ("loss/D", "loss/G", "accuracy/class_real", "accuracy/class_synthetic")
"""What the documents looked at, kept with Q: means since the evaluation before."""


class Rule(Stopping):
    """Evaluates, chooses, stops. All its decisions go into the checkpoint; the training is not changed.

    The budget is `steps` updates of both networks, those of trainer.max_epochs for None. Over it there are at most as
    many `evaluations`, at least `least_steps` apart, so that a short training is not spent on them. Each has as many
    generated `windows`, and at most as many validation windows to compare them with; at most `train` training windows
    serve for reference ranges and the search for copies, `draws` of patients for deviations and standard errors.
    Training ends after `patience` evaluations without a new least Q, but not before `least_share` of the budget.
    """

    chooses_by = "validation"
    examiner: Examiner
    """Made when training starts, in the first process only."""

    def __init__(
        self,
        steps: int | None = None,
        evaluations: int = 40,
        least_steps: int = 200,
        windows: int = 200,
        train: int = 1000,
        draws: int = 50,
        patience: int = 8,
        least_share: float = 0.25,
    ) -> None:
        whole = {"evaluations": evaluations, "least_steps": least_steps, "windows": windows, "train": train}
        for name, value in {
            **whole,
            "draws": draws,
            "patience": patience,
            "steps": 1 if steps is None else steps,
        }.items():
            check_whole(f"stopping.{name}", value)
        self.steps, self.most_evaluations, self.least_steps = steps, evaluations, least_steps
        self.windows, self.train, self.draws = windows, train, draws
        self.patience, self.least_share = patience, least_share
        self.evaluations: list[Evaluation] = []
        self.losses = EpochMeans()
        self.ended: str | None = None
        self.seconds = {"evaluations": 0.0, "training": 0.0}
        self._since = time.monotonic()

    def check(self, kind: Kind) -> None:
        """Raise UserError for samples that are no windows, or windows that cannot be scored."""
        check(kind)

    def on_train_start(self, trainer: Trainer, pl_module: GAN) -> None:
        """Learn the reference ranges. Raises UserError without validation patients, or without a budget."""
        self._since = began = time.monotonic()
        self.folder = Path(trainer.default_root_dir)
        within = int(trainer.num_training_batches) * (trainer.max_epochs or -1)
        if self.steps is None and within <= 0:
            raise UserError("stopping=rule needs a budget: stopping.steps, or trainer.max_epochs.")
        self.budget = min(self.steps or within, within) if within > 0 else int(self.steps or 0)
        pl_module.planned_steps = self.budget
        self.every = max(self.least_steps, math.ceil(self.budget / self.most_evaluations))
        self._stop_if_done(trainer, pl_module)
        if not trainer.is_global_zero:
            return
        data: Data = trainer.datamodule  # type: ignore[attr-defined]
        if not len(data.part("validation")):
            raise UserError(
                "stopping=rule compares with validation patients, and this split has none: split=patient, or "
                "stopping=epochs."
            )
        real = real_sets(data, "validation", self.windows, self.train, data.arrangement.side)
        self.examiner = Examiner(pl_module, real, self.windows, self.draws)
        self.seconds["evaluations"] += time.monotonic() - began
        if missing := self.examiner.scale.left_out:
            log.warning("stopping=rule: real windows have no %s, so Q does not include it", ", ".join(missing))
        log.info("stopping=rule: an evaluation every %d of %d steps", self.every, self.budget)

    def on_train_batch_end(self, trainer: Trainer, pl_module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Evaluate where an evaluation is due, and stop where there is a reason."""
        logged = {name: value for name, value in pl_module.last.items() if name in LOSSES}
        self.losses.add(len(self.evaluations), logged, 1)
        if pl_module.steps % self.every == 0 or pl_module.steps == self.budget:
            self.evaluate(trainer, pl_module)
        self._stop_if_done(trainer, pl_module)

    def evaluate(self, trainer: Trainer, pl_module: GAN) -> None:
        """Evaluate the generator, keep its checkpoint if it may be chosen, log, and decide whether training goes on."""
        began = time.monotonic()
        if trainer.is_global_zero:
            losses = {name.removeprefix("epoch/"): float(mean) for name, mean in self.losses.means().items()}
            self.evaluations.append(self.examiner(losses))
            self.ended = self._end()
        self.evaluations, self.ended = trainer.strategy.broadcast((self.evaluations, self.ended))
        self._keep(trainer)
        self.seconds["evaluations"] += time.monotonic() - began
        self._clock()
        for logger in trainer.loggers:
            logger.log_metrics(self._logged() | {"epoch": trainer.current_epoch}, step=pl_module.steps - 1)
        if trainer.is_global_zero:
            self._write()

    def _end(self) -> str | None:
        """Return why training ends now; None where it goes on."""
        step, since = self.evaluations[-1].step, waited(self.evaluations)
        if collapsed(self.evaluations, self.examiner.scale.coverage):
            return f"collapsed at step {step}"
        if since >= self.patience and step >= self.least_share * self.budget:
            return f"no lower Q for {since} evaluations at step {step}"
        return None

    def _keep(self, trainer: Trainer) -> None:
        """Write the new checkpoint if it may be chosen, update the choice, remove what may no longer be chosen."""
        kept, before = candidates(self.evaluations), candidates(self.evaluations[:-1])
        newest = self.evaluations[-1]
        if newest in kept:
            trainer.save_checkpoint(self._candidate(newest), weights_only=False)
        if not trainer.is_global_zero:
            return
        if kept and (not before or kept[0].step != before[0].step):
            io, source = trainer.strategy.checkpoint_io, self._candidate(kept[0])
            if source.is_file():
                io.save_checkpoint(io.load_checkpoint(source, weights_only=True), self.folder / "checkpoints" / CHOSEN)
            else:
                log.warning("%s is missing: a killed run removed it, and the rule chooses again", source)
        for gone in before:
            if gone not in kept:
                trainer.strategy.checkpoint_io.remove_checkpoint(self._candidate(gone))

    def _candidate(self, evaluation: Evaluation) -> Path:
        return self.folder / "candidates" / f"step_{evaluation.step:07d}.ckpt"

    @property
    def chosen_step(self) -> int | None:
        """Step of the evaluation that is chosen now, if there is one."""
        kept = candidates(self.evaluations)
        return kept[0].step if kept else None

    def _logged(self) -> dict[str, float]:
        last = self.evaluations[-1]
        names = ("q", "error", "coverage", "pairwise", "copying", "memory", "class_accuracy")
        numbers = {
            **{name: getattr(last, name) for name in names},
            **{f"z_{name}": value for name, value in last.z.items()},
            "eligible": float(last.eligible),
            "chosen": self.chosen_step,
            "share_of_time": self._share_of_time(),
        }
        return {f"stopping/{name}": float(value) for name, value in numbers.items() if value is not None}

    def _share_of_time(self) -> float:
        return self.seconds["evaluations"] / max(self.seconds["training"], 1e-9)

    def _clock(self) -> None:
        now = time.monotonic()
        self.seconds["training"] += now - self._since
        self._since = now

    def _stop_if_done(self, trainer: Trainer, pl_module: GAN) -> None:
        if self.ended is not None or pl_module.steps >= self.budget:
            trainer.should_stop = True

    def on_train_end(self, trainer: Trainer, pl_module: GAN) -> None:
        """Log what was chosen and why, and what it cost; remove the checkpoints that were not chosen."""
        self._clock()
        if not trainer.is_global_zero:
            return
        for each in candidates(self.evaluations):
            trainer.strategy.checkpoint_io.remove_checkpoint(self._candidate(each))
        if (self.folder / "candidates").is_dir():
            (self.folder / "candidates").rmdir()
        self._write()
        log.info("stopping=rule: %s", reason(self.evaluations))
        if self._share_of_time() > MOST_TIME and self.evaluations:
            log.warning(
                "stopping=rule: evaluations took %.0f %% of the training time; for fewer evaluations: "
                "stopping.least_steps=%d",
                100 * self._share_of_time(),
                math.ceil(self.every * self._share_of_time() / MOST_TIME),
            )

    def facts(self) -> dict[str, Any]:
        """Return what was chosen and why, why training ended, and the share of its time that evaluations took."""
        return {
            "stopping": {
                "chosen_step": self.chosen_step,
                "why": reason(self.evaluations),
                "ended": self.ended or "the budget was used",
                "collapsed": bool(self.ended and self.ended.startswith("collapsed")),
                "evaluations": len(self.evaluations),
                "eligible": sum(each.eligible for each in self.evaluations),
                "seconds": round(self.seconds["evaluations"], 1),
                "share_of_time": round(self._share_of_time(), 4),
            }
        }

    def _write(self) -> None:
        """Write `stopping.json` for the report: reference ranges, limits, evaluations and the choice."""
        scale = self.examiner.scale
        content = {
            "budget": self.budget,
            "windows": self.windows,
            "persons": scale.patients,
            "floors": {name: asdict(floor) for name, floor in scale.floors.items()},
            "limits": self.examiner.limits,
            "chosen_step": self.chosen_step,
            "why": reason(self.evaluations),
            "evaluations": [asdict(each) | {"eligible": each.eligible} for each in self.evaluations],
        }
        write_whole(self.folder / FILE, json.dumps(content, indent=1))

    def state_dict(self) -> dict[str, Any]:
        """Return the state for the checkpoint."""
        return {
            "evaluations": [asdict(each) for each in self.evaluations],
            "beside": self.losses.state_dict(),
            "ended": self.ended,
            "seconds": dict(self.seconds),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the state."""
        self.evaluations = [Evaluation(**each) for each in state_dict["evaluations"]]
        self.losses.load_state_dict(state_dict["beside"])
        self.ended = state_dict["ended"]
        self.seconds = dict(state_dict["seconds"])
