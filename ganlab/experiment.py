"""One experiment from configuration to report: what `python -m ganlab.run` does."""

import logging
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import Logger, TensorBoardLogger

from ganlab.command import build
from ganlab.compose import Composed, compose, plain_values
from ganlab.errors import UserError
from ganlab.evaluation import evaluate
from ganlab.resume import with_overrides
from ganlab.tracking.checkpoints import AtomicCheckpointIO, Checkpoints, checkpoint_in
from ganlab.tracking.facts import begin, earlier, store_split, tags, write
from ganlab.tracking.grids import Grids
from ganlab.tracking.jsonl import JSONLines
from ganlab.tracking.mlflow import finish, log_start, mlflow_logger, store_uri, terminate
from ganlab.tracking.progress import Progress

log = logging.getLogger(__name__)
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
    folder = Path(HydraConfig.get().runtime.output_dir)
    resumed = cfg.resume is not None
    if resumed:
        cfg = with_overrides(folder, cfg, HydraConfig.get().overrides.task)
    composed = compose(cfg)
    composed.data.prepare_data()
    composed.data.setup()
    facts = begin(cfg, folder, composed)
    store_split(folder, composed.data)
    loggers = _loggers(cfg, folder, facts)
    try:
        _train(cfg, folder, composed, facts, loggers, resumed, began)
        measured = evaluate(cfg, folder, composed)
    except BaseException as error:
        terminate(loggers, "KILLED" if isinstance(error, KeyboardInterrupt | SystemExit) else "FAILED")
        raise
    files = [folder / name for name in ("report.html", "metrics.json", "metrics.jsonl", "run.json")]
    if cfg.tracking.upload_checkpoints:
        files.append(checkpoint_in(folder))
    finish(loggers, measured, files, composed.gan.steps)
    return _objective(cfg, measured)


def _train(
    cfg: DictConfig,
    folder: Path,
    composed: Composed,
    facts: dict[str, Any],
    loggers: list[Logger],
    resumed: bool,
    began: float,
) -> None:
    OmegaConf.save(OmegaConf.create(plain_values(cfg)), folder / "config.yaml")
    write(folder, facts)
    log.info("run folder: %s", folder)
    log.info("data: %s", facts["data"])
    log_start(loggers, None if resumed else plain_values(cfg), [folder / "config.yaml", folder / "split.json"])
    trainer = _trainer(cfg, folder, loggers)
    start = str(checkpoint_in(folder)) if resumed else None
    trainer.fit(composed.gan, datamodule=composed.data, ckpt_path=start, weights_only=True)
    facts["steps"] = composed.gan.steps
    facts["epochs"] = trainer.current_epoch
    facts["device"] = str(trainer.strategy.root_device)
    facts["seconds"] = round(facts.get("seconds", 0) + time.monotonic() - began, 1)
    facts["saturated_share"] = composed.gan.counts()["saturated"]
    facts["checkpoint"] = checkpoint_in(folder).stem
    write(folder, facts)


def _trainer(cfg: DictConfig, folder: Path, loggers: list[Logger]) -> Trainer:
    callbacks: list[Callback] = [
        build(cfg.stopping),
        Progress(bar=cfg.trainer.enable_progress_bar),
        Grids(folder, cfg.grids_every),
        Checkpoints(folder, cfg.checkpoint_minutes, cfg.grids_every),
    ]
    return build(cfg.trainer)(
        enable_progress_bar=False,
        logger=loggers,
        callbacks=callbacks,
        plugins=[AtomicCheckpointIO()],
        enable_checkpointing=False,
        default_root_dir=str(folder),
    )


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
            ",".join(facts["overrides"]) or "defaults",
            tags(facts, folder),
            run_id=earlier(folder).get("mlflow_run"),
        )
        facts["mlflow_run"] = logger.run_id
        loggers.append(logger)
    return loggers


def _objective(cfg: DictConfig, measured: Mapping[str, Any]) -> float | None:
    name = cfg.metrics.objective
    if name is None:
        return None
    if name not in measured:
        raise UserError(f"metrics.objective={name}: measured were {', '.join(measured) or 'none'}.")
    return float(measured[name]["synthetic"])
