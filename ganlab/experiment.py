"""One experiment from configuration to report: what `python -m ganlab.run` does."""

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

from ganlab.command import build
from ganlab.compose import Composed, compose, plain_values
from ganlab.errors import UserError
from ganlab.evaluation import evaluate
from ganlab.evidence import check_measures
from ganlab.metrics.base import Measure
from ganlab.resume import with_overrides
from ganlab.stopping.base import Stopping
from ganlab.tracking import facts as run_facts
from ganlab.tracking.checkpoints import CHOSEN, AtomicCheckpointIO, Checkpoints, checkpoint_in, newest_checkpoint
from ganlab.tracking.diversity import Diversity
from ganlab.tracking.grids import Grids
from ganlab.tracking.jsonl import JSONLines
from ganlab.tracking.mlflow import LONGEST_NAME, finish, log_start, mlflow_logger, store_uri, terminate
from ganlab.tracking.progress import Progress
from ganlab.trained import check_weights, restore

log = logging.getLogger(__name__)
GROUPS = (
    *("dataset", "split", "standardization", "arrangement", "architecture", "gan", "loss", "trick", "metrics"),
    *("stopping", "experiment", "size"),
)
for chatty in ("pytorch_lightning", "mlflow", "alembic"):
    logging.getLogger(chatty).setLevel(logging.WARNING)
warnings.filterwarnings("ignore", message=".*(in eval mode|does not have many workers|on_after_batch_transfer).*")
warnings.filterwarnings("ignore", message=".*(LeafSpec|TreeSpec|smaller than the logging interval).*")


def run(cfg: DictConfig) -> float | None:
    """Train what the configuration says in Hydra's run folder, measure it, and write the report.

    Returns the number that sweepers optimize, if `metrics.objective` names one.
    Raises UserError for what cannot work, before any data is read where possible.
    """
    began = time.monotonic()
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    resumed = cfg.resume is not None
    if resumed:
        cfg = with_overrides(folder, cfg, hydra.overrides.task)
    composed = compose(cfg)
    measures: dict[str, Measure] = {name: build(node) for name, node in cfg.metrics.measures.items()}
    check_measures(measures, cfg.metrics.objective, composed.data.kind)
    stopping: Stopping = build(cfg.stopping)
    stopping.check(composed.data.kind)
    trainer = _trainer(cfg, folder, stopping)
    composed.data.prepare_data()
    composed.data.setup()
    facts = run_facts.begin(_call(cfg), folder, composed)
    run_facts.store_split(folder, composed.data)
    trainer.loggers = loggers = _loggers(cfg, folder, facts)
    try:
        _train(cfg, folder, composed, facts, trainer, began)
        facts |= composed.gan.facts() | stopping.facts()
        facts["checkpoint"] = checkpoint_in(folder, name=None).stem
        run_facts.write(folder, facts)
        if facts["checkpoint"] == Path(CHOSEN).stem:
            restore(composed.gan, checkpoint_in(folder, name=None))
        found = evaluate(folder, composed, measures, plain_values(cfg.metrics), Path(cfg.cache))
        facts |= composed.gan.codec.counts()
        facts["not_measured"] = found.left_out
        run_facts.write(folder, facts)
    except BaseException as error:
        terminate(loggers, "KILLED" if isinstance(error, KeyboardInterrupt | SystemExit) else "FAILED")
        if isinstance(error, MisconfigurationException):
            raise UserError(f"The trainer's settings do not fit: {error}") from error
        raise
    files = [folder / name for name in ("report.html", "metrics.json", "metrics.jsonl", "run.json")]
    if cfg.tracking.upload_checkpoints:
        files.append(checkpoint_in(folder, name=None))
    finish(loggers, found.rows, files, composed.gan.steps)
    return _objective(cfg.metrics.objective, found.rows)


def _objective(name: str | None, rows: Mapping[str, Any]) -> float | None:
    """What a sweeper optimizes; NaN where it could not be measured."""
    if name is None:
        return None
    value = rows.get(name, {}).get("synthetic")
    return math.nan if value is None else float(value)


def _call(cfg: DictConfig) -> run_facts.Call:
    hydra = HydraConfig.get()
    chosen = OmegaConf.to_container(hydra.runtime.choices)
    assert isinstance(chosen, dict)
    return run_facts.Call(
        overrides=list(hydra.overrides.task),
        choices={group: chosen.get(group) for group in GROUPS} | {"trick": list(cfg.trick) or ["none"]},
        seed=cfg.seed,
        reduced=cfg.reduced,
        in_sweep=hydra.mode == RunMode.MULTIRUN,
    )


def _train(
    cfg: DictConfig, folder: Path, composed: Composed, facts: dict[str, Any], trainer: Trainer, began: float
) -> None:
    run_facts.write(folder, facts)
    OmegaConf.save(OmegaConf.create(plain_values(cfg)), folder / "config.yaml")
    log.info("run folder: %s", folder)
    log.info("data: %s", facts["data"])
    log_start(trainer.loggers, plain_values(cfg), [folder / "config.yaml", folder / "split.json"])
    start = newest_checkpoint(folder)
    if start is not None:
        check_weights(composed.gan, start)
    trainer.fit(composed.gan, datamodule=composed.data, ckpt_path=start, weights_only=True)
    facts["steps"] = composed.gan.steps
    facts["epochs"] = trainer.current_epoch
    facts["device"] = str(trainer.strategy.root_device)
    facts["seconds"] = round(facts.get("seconds", 0) + time.monotonic() - began, 1)
    run_facts.write(folder, facts)


def _trainer(cfg: DictConfig, folder: Path, stopping: Stopping) -> Trainer:
    callbacks: list[Callback] = [
        stopping,
        Progress(cfg.batch_size, bar=cfg.trainer.enable_progress_bar),
        Grids(folder, cfg.grids_every),
        Diversity(cfg.diversity.images, cfg.diversity.every_n_steps),
        Checkpoints(folder, cfg.checkpoint_minutes, cfg.grids_every),
    ]
    try:
        return build(cfg.trainer)(
            enable_progress_bar=False,
            logger=False,
            callbacks=callbacks,
            plugins=[AtomicCheckpointIO()],
            enable_checkpointing=False,
            default_root_dir=str(folder),
        )
    except (MisconfigurationException, ValueError) as error:
        raise UserError(f"The trainer's settings do not fit: {error}") from error


def _loggers(cfg: DictConfig, folder: Path, facts: dict[str, Any]) -> list[Logger]:
    loggers: list[Logger] = [JSONLines(folder)]
    if cfg.tracking.tensorboard:
        loggers.append(TensorBoardLogger(str(folder), name="tensorboard", version=""))
    if cfg.tracking.mlflow:
        outputs = Path(cfg.outputs)
        logger = mlflow_logger(
            store_uri(cfg.tracking.uri, outputs),
            outputs,
            cfg.tracking.experiment,
            (",".join(facts["overrides"]) or "defaults")[:LONGEST_NAME],
            run_facts.tags(facts, folder),
            run_id=facts.get("mlflow_run"),
        )
        facts["mlflow_run"] = logger.run_id
        loggers.append(logger)
    return loggers
