"""One experiment from configuration to report: what `python -m ganlab.run` does."""

import json
import logging
import math
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import Logger, TensorBoardLogger
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from ganlab.command.resume import check_same, with_overrides
from ganlab.compose import Composed, compose, plain_values
from ganlab.core.errors import UserError
from ganlab.core.files import write_whole
from ganlab.core.instantiate import build
from ganlab.core.words import REDUCED
from ganlab.evaluation.attack_sets import check_attackable
from ganlab.evaluation.evidence import check_measures
from ganlab.generator.trained import check_weights, restore, state_in
from ganlab.metrics.base import Metric
from ganlab.stopping.base import Stopping
from ganlab.tracking import facts as run_facts
from ganlab.tracking.checkpoints import (
    CHOSEN,
    SealedCheckpointIO,
    check_room,
    checkpoint_in,
    newest_checkpoint,
)
from ganlab.tracking.jsonl import JSONLines
from ganlab.tracking.mlflow import MLflow, Store, store_uri
from ganlab.tracking.provenance import provenance
from ganlab.trainer import ddp
from ganlab.trainer.checkpoints import Checkpoints
from ganlab.trainer.compiled import compile_networks
from ganlab.trainer.ddp import OneMachine
from ganlab.trainer.diversity import Diversity
from ganlab.trainer.grids import Grids
from ganlab.trainer.health import Health
from ganlab.trainer.processes import together
from ganlab.trainer.progress import Progress
from ganlab.trainer.signals import INTERRUPTED, Signals

log = logging.getLogger(__name__)
GROUPS = (
    *("dataset", "split", "standardization", "arrangement", "architecture", "gan", "loss", "trick", "metrics"),
    *("stopping", "experiment", "size"),
)
for chatty in ("pytorch_lightning", "mlflow", "alembic"):
    logging.getLogger(chatty).setLevel(logging.WARNING)
warnings.filterwarnings("ignore", message=".*(in eval mode|does not have many workers|on_after_batch_transfer).*")
warnings.filterwarnings("ignore", message=".*sync_dist=True.*")  # the module itself averages
warnings.filterwarnings("ignore", message=".*(LeafSpec|TreeSpec|smaller than the logging interval).*")


def run(cfg: DictConfig) -> float | None:
    """Train what the configuration says in Hydra's run folder, measure it, and write the report.

    Returns the number that sweepers optimize, if `metrics.objective` names one. In a folder that holds this run already
    it goes on, and does nothing where the run has ended: so a job that is queued again and a sweep that is started
    again do what is missing. Raises UserError for what cannot work, before any data is read where possible.
    """
    began = time.monotonic()
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    strict, resumed = bool(cfg.strict), cfg.resume is not None
    if resumed:
        cfg = with_overrides(folder, cfg, hydra.overrides.task)
    composed = compose(cfg)
    if not resumed and _finished(folder, cfg):
        return _objective(cfg.metrics.objective, json.loads((folder / "metrics.json").read_text()))
    measures: dict[str, Metric] = {name: build(node) for name, node in cfg.metrics.measures.items()}
    check_measures(measures, cfg.metrics.objective, composed.data.kind)
    stopping: Stopping = build(cfg.stopping)
    stopping.check(composed.data.kind)
    checkpoints = Checkpoints(folder, cfg.checkpoint_minutes, cfg.grids_every, cfg.checkpoint_every)
    with Signals(checkpoints.save) as signals:
        trainer = make_trainer(cfg, folder, stopping, checkpoints, signals)
        ddp.check(trainer, cfg.trainer, composed.gan)
        compile_networks(composed.gan, wanted=cfg.get("compile", False))
        composed.data.prepare_data()
        composed.data.setup()
        assert composed.data.split is not None
        check_attackable(composed.data.split, measures, plain_values(cfg.metrics))
        check_room(folder, composed.gan.parameters())
        facts = run_facts.begin(_call(cfg), folder, _content(cfg, composed))
        facts["upload_checkpoint"] = cfg.tracking.upload_checkpoints
        run_facts.store_split(folder, composed.data)
        run_facts.write(folder, facts)
        tracked = _tracked(cfg, folder)
        try:
            _train(cfg, folder, composed, facts, trainer, began, strict)
            facts |= composed.gan.facts() | stopping.facts() | _chosen(folder, composed)
            run_facts.write(folder, facts)
            # What only the end of a run needs, such as its report, does not keep its first step waiting.
            from ganlab.command.finish import evaluate

            found = evaluate(folder, composed, measures, plain_values(cfg.metrics), Path(cfg.cache))
            run_facts.write(folder, facts | composed.gan.codec.counts() | {"not_measured": found.left_out})
            run_facts.end(folder, "KILLED" if signals.interrupted else "FINISHED")
        except BaseException as error:
            run_facts.end(folder, "KILLED" if isinstance(error, KeyboardInterrupt | SystemExit) else "FAILED", error)
            if isinstance(error, MisconfigurationException):
                raise UserError(f"The trainer's settings do not fit: {error}") from error
            if signals.interrupted:
                raise SystemExit(INTERRUPTED) from error
            raise
        finally:
            if tracked is not None:
                tracked.close()
        if signals.interrupted:
            log.warning("stopped after %d steps; to go on: python -m ganlab.run resume=%s", composed.gan.steps, folder)
            raise SystemExit(INTERRUPTED)
    return _objective(cfg.metrics.objective, found.rows)


def _finished(folder: Path, cfg: DictConfig) -> bool:
    """Whether the folder holds this run already, to its end. Raises UserError where it holds another one."""
    if not (folder / "config.yaml").is_file():
        return False
    check_same(folder, plain_values(cfg))
    finished = run_facts.earlier(folder).get("status") == "FINISHED"
    if finished:
        log.info("%s holds this run already, finished: nothing is done", folder)
    return finished


def _objective(name: str | None, rows: Mapping[str, Any]) -> float | None:
    """What a sweeper optimizes; None where it could not be measured, which a search takes for a trial that failed."""
    value = None if name is None else rows.get(name, {}).get("synthetic")
    return None if value is None or not math.isfinite(value) else float(value)


def _call(cfg: DictConfig) -> run_facts.Call:
    hydra = HydraConfig.get()
    chosen = OmegaConf.to_container(hydra.runtime.choices)
    assert isinstance(chosen, dict)
    return run_facts.Call(
        overrides=list(hydra.overrides.task),
        choices={group: chosen.get(group) for group in GROUPS} | {"trick": list(cfg.trick) or ["none"]},
        seed=cfg.seed,
        in_sweep=hydra.mode == RunMode.MULTIRUN,
    )


def _content(cfg: DictConfig, composed: Composed) -> run_facts.Content:
    networks = {"generator": composed.gan.generator, "discriminator": composed.gan.discriminator}
    return run_facts.Content(
        data=composed.data.counts(),
        batch_size=composed.data.batch_size,
        parameters={name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()},
        provenance=provenance(plain_values(cfg), composed.data),
        left_out=_left_out(cfg.reduced, composed),
    )


def _left_out(reduced: bool, composed: Composed) -> list[str]:
    reasons = []
    if reduced:
        reasons.append(REDUCED)
    if composed.data.source.simulated:
        reasons.append(
            f"Real data: {composed.data.source.name} is simulated. What this page calls real are its "
            f"{composed.data.kind.noun}s; no person stands behind them."
        )
    if composed.data.judged_part == "train":
        reasons.append(
            "Comparison with other persons: this split has no validation patients, so the real "
            f"{composed.data.kind.noun}s beside the generated ones are training data. A generator that copied them "
            "would look perfect. "
            "split=patient keeps persons apart."
        )
    return reasons


def _train(
    cfg: DictConfig,
    folder: Path,
    composed: Composed,
    facts: dict[str, Any],
    trainer: Trainer,
    began: float,
    strict: bool,
) -> None:
    write_whole(folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(plain_values(cfg))))
    log.info("run folder: %s", folder)
    log.info("data: %s", facts["data"])
    log.info("device: %s, precision %s", trainer.strategy.root_device, trainer.precision)
    start = newest_checkpoint(folder, strict)
    if start is not None:
        check_weights(composed.gan, start, state_in(start)["state_dict"])
    with together(trainer, folder, start):
        fit(trainer, composed, start)
    facts["steps"] = composed.gan.steps
    facts["epochs"] = trainer.current_epoch
    facts["device"] = str(trainer.strategy.root_device)
    facts["devices"] = trainer.world_size
    facts["seconds"] = round(facts.get("seconds", 0) + time.monotonic() - began, 1)
    run_facts.write(folder, facts)


def fit(trainer: Trainer, composed: Composed, start: Path | str | None) -> None:
    """Train, from the checkpoint `start` if there is one."""
    if trainer.precision == "64-true":
        # Lightning would do so after it has read a checkpoint, and half of its digits would be lost.
        composed.gan.double()
    trainer.fit(composed.gan, datamodule=composed.data, ckpt_path=start, weights_only=True)


def _chosen(folder: Path, composed: Composed) -> dict[str, str]:
    """Which checkpoint is measured: where stopping=rule chose one, that one, which is loaded."""
    path = checkpoint_in(folder, name=None)
    if path.name == CHOSEN:
        restore(composed.gan, path)
    return {"checkpoint": path.stem}


def make_trainer(
    cfg: DictConfig, folder: Path, stopping: Stopping, checkpoints: Checkpoints, signals: Signals, rank: int = 0
) -> Trainer:
    """Lightning's, with what a run logs and keeps; a process but the first (`rank`) does so only as far as it must.

    Raises UserError for settings that do not fit, or that this machine has no devices for.
    """
    watching: list[Callback] = [
        Progress(cfg.batch_size, bar=cfg.trainer.enable_progress_bar),
        Grids(folder, cfg.grids_every),
        Diversity(cfg.diversity.images, cfg.diversity.every_n_steps),
    ]
    loggers: list[Logger] = [JSONLines(folder)] if rank == 0 else []
    if cfg.tracking.tensorboard and rank == 0:
        loggers.append(TensorBoardLogger(str(folder), name="tensorboard", version=""))
    try:
        return build(cfg.trainer)(
            enable_progress_bar=False,
            logger=loggers,
            callbacks=[stopping, *(watching if rank == 0 else []), Health(cfg.check_every), checkpoints, signals],
            # Lightning's own ways under Slurm would start other processes, and requeue without the run's folder.
            plugins=[SealedCheckpointIO(), OneMachine(rank)],
            enable_checkpointing=False,
            default_root_dir=str(folder),
        )
    except (MisconfigurationException, ValueError) as error:
        raise UserError(f"The trainer's settings do not fit: {error}") from error


def _tracked(cfg: DictConfig, folder: Path) -> MLflow | None:
    """What follows this run for MLflow, from now on."""
    if not cfg.tracking.mlflow:
        return None
    outputs = Path(cfg.outputs)
    store = Store(store_uri(cfg.tracking.uri, outputs), outputs, cfg.tracking.experiment)
    return MLflow(folder, store, cfg.tracking.every_s, cfg.tracking.patience_s)
