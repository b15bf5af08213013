"""Stop and choose by how far generated windows are from those of validation persons (ours; design: science, section 4).

At evaluations through training the sampling generator's windows are scored (`ganlab.stopping.score`). A checkpoint is
eligible where its guards hold. Diversity: coverage is at least half of what real persons have, and the mean distance of
two windows 0.7 to 1.3 of that of training windows. Memorisation: D does not put validation windows apart from training
windows by 60 % of what it puts between training and generated ones, and generated windows are no nearer to training
windows than validation windows are, by three standard deviations. Health: numbers that are numbers, and a D that is not
mostly at rest.

Of the eligible ones the earliest is chosen whose Q is within one standard error of the least: earlier is less learned
by heart. Training ends when there was no new least Q beyond one standard error for `patience` evaluations, with a
quarter of the budget used; or with a collapse, which marks the run.
"""

import json
import logging
import math
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Trainer
from torch import Tensor

from ganlab.core.errors import UserError
from ganlab.core.kind import Kind
from ganlab.dataset.module import Data
from ganlab.evaluation.reference import real_sets
from ganlab.gan.gan import GAN
from ganlab.gan.means import EpochMeans
from ganlab.metrics.base import Real, SampleSet
from ganlab.stopping.base import Stopping
from ganlab.stopping.score import Scale, check
from ganlab.tracking.checkpoints import CHOSEN
from ganlab.tracking.collapse import CONSECUTIVE, THRESHOLD

log = logging.getLogger(__name__)

NOISE_SEED = 2023
FILE = "stopping.json"

LEAST_COVERAGE = 0.5
"""Of the floor's coverage."""
PAIRWISE = (0.7, 1.3)
MOST_MEMORY = 0.6
LEAST_COPYING = -3.0
MOST_RESTED = 0.95
"""Share of the steps in which D rested."""
COLLAPSED_COVERAGE = 0.25
"""Of the floor's coverage: less, three times in a row after it had been more, is a collapse."""
MOST_TIME = 0.05
"""Share of the training's time that evaluations should not exceed."""
LOSSES = ("loss/D", "loss/G", "accuracy/class_real", "accuracy/class_synthetic")
"""What the documents looked at, kept beside Q: means since the evaluation before."""
BATCH = 64
DIVERSITY = ("coverage", "pairwise")
GUARDS = ("health", *DIVERSITY, "memory", "copying")


@dataclass
class Evaluation:
    """A look at the generator after `step` steps; `guards` say which hold. What is no number is None."""

    step: int
    q: float | None
    error: float | None
    guards: dict[str, bool]
    z: dict[str, float] = field(default_factory=dict)
    coverage: float | None = None
    pairwise: float | None = None
    copying: float | None = None
    memory: float | None = None
    class_accuracy: float | None = None
    beside: dict[str, float] = field(default_factory=dict)

    @property
    def eligible(self) -> bool:
        """Whether it may be chosen."""
        return self.q is not None and all(self.guards.values())

    @property
    def provisional(self) -> bool:
        """Whether it may be chosen while none is eligible: only its diversity is wanting, which training may bring."""
        return self.q is not None and all(held for name, held in self.guards.items() if name not in DIVERSITY)

    @property
    def limit(self) -> float:
        """One standard error above Q."""
        assert self.q is not None
        return self.q + (self.error or 0.0)


def candidates(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Those that may be chosen, now or later, from the earliest, which is chosen now.

    Of the eligible ones; where there is none, of the provisional ones. Each had a lower Q than all before, and none
    was ever more than a standard error above the least: only these are kept on disk.
    """
    eligible = [each for each in evaluations if each.eligible]
    kept: list[Evaluation] = []
    for each in eligible or [each for each in evaluations if each.provisional]:
        if not kept or each.q < kept[-1].q:  # type: ignore[operator]
            kept.append(each)
            kept = [one for one in kept if one.q <= each.limit]  # type: ignore[operator]
    return kept


def waited(evaluations: Sequence[Evaluation]) -> int:
    """Evaluations since the last eligible one whose Q was a standard error below the least before it."""
    best, at = None, -1
    for place, each in enumerate(evaluations):
        if each.eligible and (best is None or each.limit < best):
            best, at = each.q, place
    return len(evaluations) - 1 - at if best is not None else 0


def collapsed(evaluations: Sequence[Evaluation], floor: float) -> bool:
    """Whether the mean distance fell below 0.3, or the coverage below a quarter of the floor's, three times in a row.

    A start with too little, as every generator has, does not count, however long it is.
    """
    by_distance = _fallen([each.pairwise for each in evaluations], THRESHOLD)
    return by_distance or _fallen([each.coverage for each in evaluations], COLLAPSED_COVERAGE * floor)


def _fallen(values: Sequence[float | None], limit: float) -> bool:
    low = [value < limit for value in values if value is not None]
    return all(low[-CONSECUTIVE:]) and not all(low)


class Rule(Stopping):
    """Evaluates, chooses, stops. All that it decides goes into the checkpoint; nothing of the training is changed.

    Arguments:
        steps: The budget, updates of both networks; None for trainer.max_epochs.
        evaluations: Over the budget, at most.
        least_steps: Between two of them, at least, so that a short training is not spent on evaluations.
        windows: Generated for each, and validation windows that they are compared with, at most.
        train: Training windows at most, in which floors are learned and copies looked for.
        draws: Of persons, for deviations and standard errors.
        patience: Evaluations without a new least Q after which training ends.
        least_share: Of the budget, before which it does not.
    """

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
        if min(evaluations, least_steps, patience) < 1 or (steps is not None and steps < 1):
            raise UserError("stopping.steps, evaluations, least_steps and patience: accepted is 1 or more.")
        self.steps, self.asked, self.least_steps = steps, evaluations, least_steps
        self.windows, self.train, self.draws = windows, train, draws
        self.patience, self.least_share = patience, least_share
        self.evaluations: list[Evaluation] = []
        self.beside = EpochMeans()
        self.ended: str | None = None
        self.seconds = {"evaluations": 0.0, "training": 0.0}
        self._since = time.monotonic()

    def check(self, kind: Kind) -> None:
        """Raise UserError for anything but windows that can be measured."""
        check(kind)

    def on_train_start(self, trainer: Trainer, pl_module: GAN) -> None:
        """Learn the floors. Raises UserError without validation persons, or without an end."""
        self._since = began = time.monotonic()
        self.folder = Path(trainer.default_root_dir)
        self.budget = self._budget(trainer)
        pl_module.planned_steps = self.budget
        self.every = max(self.least_steps, math.ceil(self.budget / self.asked))
        self._stop_if_done(trainer, pl_module)
        if not trainer.is_global_zero:
            return
        data: Data = trainer.datamodule  # type: ignore[attr-defined]
        if not len(data.part("validation")):
            raise UserError(
                "stopping=rule compares with validation persons, and this split keeps none apart: split=patient, or "
                "stopping=epochs."
            )
        side = data.arrangement.side
        real = real_sets(data, "validation", self.windows, self.train, side)
        self.scale = Scale(real, self.windows, self.draws)
        self.images = self._images(pl_module, real)
        self.noise = pl_module.draw_noise(self.windows, torch.Generator().manual_seed(NOISE_SEED))
        self.seconds["evaluations"] += time.monotonic() - began
        if self.scale.left_out:
            log.warning("stopping=rule: real windows have no %s, so it is no part of Q", ", ".join(self.scale.left_out))
        log.info("stopping=rule: an evaluation every %d of %d steps", self.every, self.budget)

    def _budget(self, trainer: Trainer) -> int:
        within = int(trainer.num_training_batches) * (trainer.max_epochs or -1)
        if self.steps is None and within <= 0:
            raise UserError("stopping=rule needs a budget: stopping.steps, or trainer.max_epochs.")
        return min(self.steps or within, within) if within > 0 else int(self.steps or 0)

    def on_train_batch_end(self, trainer: Trainer, pl_module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Evaluate where one is due, and stop where there is a reason."""
        logged = {name: value for name, value in pl_module.last.items() if name in LOSSES}
        self.beside.add(len(self.evaluations), logged, 1)
        if pl_module.steps % self.every == 0 or pl_module.steps == self.budget:
            self.evaluate(trainer, pl_module)
        self._stop_if_done(trainer, pl_module)

    def evaluate(self, trainer: Trainer, pl_module: GAN) -> None:
        """Score the generator, keep its checkpoint if it may be chosen, log, and see whether training goes on."""
        began = time.monotonic()
        if trainer.is_global_zero:
            self.evaluations.append(self._look(pl_module))
            self.ended = self._reason()
        self.evaluations, self.ended = trainer.strategy.broadcast((self.evaluations, self.ended))
        self._keep(trainer)
        spent = time.monotonic() - began
        self.seconds["evaluations"] += spent
        self._clock()
        for logger in trainer.loggers:
            logger.log_metrics(self._logged() | {"epoch": trainer.current_epoch}, step=pl_module.steps - 1)
        if trainer.is_global_zero:
            self._write()

    def _look(self, pl_module: GAN) -> Evaluation:
        fakes = [pl_module.generate(part) for part in self.noise.split(BATCH)]
        fake = torch.cat(fakes)
        windows = self.codec.decode(fake).cpu().numpy()
        whole = np.isfinite(windows).reshape(len(windows), -1).all(axis=1)
        finite = bool(whole.all()) and all(bool(p.isfinite().all()) for p in pl_module.parameters())
        rested = max((share for name, share in pl_module.counts().items() if name.endswith("/rested")), default=0.0)
        health = finite and rested < MOST_RESTED
        beside = {name.removeprefix("epoch/"): float(mean) for name, mean in self.beside.means().items()}
        if not finite:
            return Evaluation(pl_module.steps, None, None, {"health": False}, beside=beside)
        score = self.scale(SampleSet(windows))
        memory = self._memory(pl_module, fake)
        guards = {
            "health": health,
            "coverage": score.coverage >= LEAST_COVERAGE * self.scale.coverage,
            "pairwise": PAIRWISE[0] <= score.pairwise <= PAIRWISE[1],
            "memory": memory is None or memory < MOST_MEMORY,
            "copying": score.copying > LEAST_COPYING,
        }
        return Evaluation(
            pl_module.steps,
            score.q,
            score.error,
            guards,
            score.z,
            score.coverage,
            score.pairwise,
            score.copying,
            memory,
            self._class_accuracy(pl_module, fake),
            beside,
        )

    def _images(self, pl_module: GAN, real: Real) -> dict[str, Tensor]:
        """Training and validation windows as D sees them, in an order that mixes persons; nothing is counted."""
        self.codec = deepcopy(pl_module.codec)
        rng = np.random.default_rng(NOISE_SEED)
        found = {}
        for name, samples in (("train", real.train), ("validation", real.reference)):
            chosen = rng.permutation(len(samples))[: self.windows]
            sample = torch.from_numpy(samples.values[chosen]).to(pl_module.device)
            found[name] = self.codec.picture(sample)
        return found

    @torch.inference_mode()
    def _memory(self, pl_module: GAN, fake: Tensor) -> float | None:
        """How far D puts validation windows from training ones, over how far it puts generated ones from these.

        None where it does not put these apart in the right direction.
        """
        train, validation, generated = (
            float(torch.cat([_judged(pl_module, part).source for part in images.split(BATCH)]).mean())
            for images in (self.images["train"], self.images["validation"], fake)
        )
        return (train - validation) / (train - generated) if train > generated else None

    @torch.inference_mode()
    def _class_accuracy(self, pl_module: GAN, fake: Tensor) -> float | None:
        """How often D tells the class that G was asked for; None for a GAN without classes."""
        asked = pl_module.labels_of(self.noise)
        if asked is None:
            return None
        told = [_judged(pl_module, part).label for part in fake.split(BATCH)]
        return float((torch.cat([each for each in told if each is not None]).argmax(dim=1) == asked).float().mean())

    def _reason(self) -> str | None:
        """Why training ends now; None where it goes on."""
        last = self.evaluations[-1]
        if collapsed(self.evaluations, self.scale.coverage):
            return f"collapsed at step {last.step}"
        if waited(self.evaluations) >= self.patience and last.step >= self.least_share * self.budget:
            return f"no new least Q for {waited(self.evaluations)} evaluations at step {last.step}"
        return None

    def _keep(self, trainer: Trainer) -> None:
        """Write the checkpoint if it may be chosen, bring the choice up to date, take away what no longer may be."""
        kept, before = candidates(self.evaluations), candidates(self.evaluations[:-1])
        newest = self.evaluations[-1]
        if newest in kept:
            trainer.save_checkpoint(self._candidate(newest), weights_only=False)
        if not trainer.is_global_zero:
            return
        if kept and (not before or kept[0].step != before[0].step):
            self._choose(trainer, kept[0])
        for gone in before:
            if gone not in kept:
                trainer.strategy.checkpoint_io.remove_checkpoint(self._candidate(gone))

    def _choose(self, trainer: Trainer, chosen: Evaluation) -> None:
        io, source = trainer.strategy.checkpoint_io, self._candidate(chosen)
        if not source.is_file():
            log.warning("%s is gone: a run that was killed had taken it away, and chooses again", source)
            return
        io.save_checkpoint(io.load_checkpoint(source, weights_only=True), self.folder / "checkpoints" / CHOSEN)

    def _candidate(self, evaluation: Evaluation) -> Path:
        return self.folder / "candidates" / f"step_{evaluation.step:07d}.ckpt"

    def _logged(self) -> dict[str, float]:
        last, kept = self.evaluations[-1], candidates(self.evaluations)
        numbers = {
            **{name: getattr(last, name) for name in ("q", "error", "coverage", "pairwise", "copying", "memory")},
            **{f"z_{name}": value for name, value in last.z.items()},
            "class_accuracy": last.class_accuracy,
            "eligible": float(last.eligible),
            "chosen": kept[0].step if kept else None,
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
        """Say what was chosen and why, and what it cost; the checkpoints that were not chosen go."""
        self._clock()
        if not trainer.is_global_zero:
            return
        for each in candidates(self.evaluations):
            trainer.strategy.checkpoint_io.remove_checkpoint(self._candidate(each))
        if (self.folder / "candidates").is_dir():
            (self.folder / "candidates").rmdir()
        self._write()
        log.info("stopping=rule: %s", self._why())
        if self._share_of_time() > MOST_TIME and self.evaluations:
            log.warning(
                "stopping=rule: evaluations took %.0f %% of the training's time; fewer: stopping.least_steps=%d",
                100 * self._share_of_time(),
                math.ceil(self.every * self._share_of_time() / MOST_TIME),
            )

    def _why(self) -> str:
        kept = candidates(self.evaluations)
        eligible = [each for each in self.evaluations if each.eligible]
        if not kept:
            held = {name: sum(e.guards.get(name, False) for e in self.evaluations) for name in GUARDS}
            told = ", ".join(f"{name} {count}" for name, count in held.items())
            return (
                f"none of {len(self.evaluations)} evaluations passed the guards of health, memory and copying (passed: "
                f"{told}), so the last checkpoint stands"
            )
        pool = eligible or [each for each in self.evaluations if each.provisional]
        chosen, best = kept[0], min(pool, key=lambda each: each.q or 0.0)
        failed = " and ".join(name for name in DIVERSITY if not chosen.guards[name])
        return (
            f"step {chosen.step} is chosen: Q {chosen.q:.3f} is the earliest of {len(pool)} "
            f"{'eligible' if eligible else 'provisional'} evaluations (of {len(self.evaluations)}) within a standard "
            f"error ({best.error:.3f}) of the least, {best.q:.3f} at step {best.step}"
            + ("" if eligible else f"; none passed all guards, and this one fails those of diversity: {failed}")
        )

    def facts(self) -> dict[str, Any]:
        """What was chosen and why, why training ended, and the share of its time that evaluations took."""
        kept = candidates(self.evaluations)
        return {
            "stopping": {
                "chosen_step": kept[0].step if kept else None,
                "why": self._why(),
                "ended": self.ended or "the budget was used",
                "collapsed": bool(self.ended and self.ended.startswith("collapsed")),
                "evaluations": len(self.evaluations),
                "eligible": sum(each.eligible for each in self.evaluations),
                "seconds": round(self.seconds["evaluations"], 1),
                "share_of_time": round(self._share_of_time(), 4),
            }
        }

    def _write(self) -> None:
        """`stopping.json`: floors, limits, evaluations and the choice, for the report."""
        kept = candidates(self.evaluations)
        written = {
            "budget": self.budget,
            "windows": self.windows,
            "persons": self.scale.persons,
            "floors": {name: asdict(floor) for name, floor in self.scale.floors.items()},
            "limits": {
                "coverage": LEAST_COVERAGE * self.scale.coverage,
                "pairwise": PAIRWISE,
                "memory": MOST_MEMORY,
                "copying": LEAST_COPYING,
            },
            "chosen_step": kept[0].step if kept else None,
            "why": self._why(),
            "evaluations": [asdict(each) | {"eligible": each.eligible} for each in self.evaluations],
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / FILE).write_text(json.dumps(written, indent=1))

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {
            "evaluations": [asdict(each) for each in self.evaluations],
            "beside": self.beside.state_dict(),
            "ended": self.ended,
            "seconds": dict(self.seconds),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """And back."""
        self.evaluations = [Evaluation(**each) for each in state_dict["evaluations"]]
        self.beside.load_state_dict(state_dict["beside"])
        self.ended = state_dict["ended"]
        self.seconds = dict(state_dict["seconds"])


def _judged(pl_module: GAN, images: Tensor) -> Any:
    """D's verdict in evaluation mode."""
    was_training = pl_module.discriminator.training
    pl_module.discriminator.eval()
    verdict = pl_module.discriminate(images.to(pl_module.dtype))
    pl_module.discriminator.train(was_training)
    return verdict
