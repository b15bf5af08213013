"""One experiment from configuration to report: what `python -m ganlab.run` does."""

import json
import logging
import subprocess
import time
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger

from ganlab import __version__
from ganlab.command import build
from ganlab.compose import Composed, compose, plain_values
from ganlab.errors import UserError
from ganlab.metrics.base import Measure
from ganlab.report.run import write_report
from ganlab.resume import with_overrides
from ganlab.settings import HERE
from ganlab.tracking.checkpoints import AtomicCheckpointIO, Checkpoints, checkpoint_in
from ganlab.tracking.grids import Grids
from ganlab.tracking.jsonl import JSONLines
from ganlab.tracking.mlflow import log_files, log_final, mlflow_logger, store_uri
from ganlab.tracking.progress import Progress
from ganlab.tracking.sweep import PARENT_FILE

log = logging.getLogger(__name__)
for chatty in ("pytorch_lightning", "mlflow", "alembic"):
    logging.getLogger(chatty).setLevel(logging.WARNING)
warnings.filterwarnings(
    "ignore", message=".*(in eval mode|does not have many workers|on_after_batch_transfer|LeafSpec|TreeSpec).*"
)

GROUPS = (
    "dataset",
    "split",
    "standardization",
    "arrangement",
    "architecture",
    "gan",
    "loss",
    "trick",
    "size",
)
EVALUATION_SEED = 1


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
    facts = _facts(cfg, folder, composed)
    loggers = _loggers(cfg, folder, facts)
    _write_start(cfg, folder, composed, facts, loggers)
    trainer = _trainer(cfg, folder, loggers)
    try:
        start = str(checkpoint_in(folder)) if resumed else None
        trainer.fit(composed.gan, datamodule=composed.data, ckpt_path=start, weights_only=True)
        facts |= _outcome(composed, trainer, began)
        measured = _evaluate(cfg, folder, composed, facts)
    except BaseException as error:
        _end(loggers, "KILLED" if isinstance(error, KeyboardInterrupt | SystemExit) else "FAILED")
        raise
    _finish(cfg, folder, loggers, measured, composed.gan.steps)
    return _objective(cfg, measured)


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
            facts["name"],
            _tags(cfg, folder, facts),
            run_id=_earlier(folder).get("mlflow_run"),
        )
        facts["mlflow_run"] = logger.run_id
        loggers.append(logger)
    return loggers


def _tags(cfg: DictConfig, folder: Path, facts: Mapping[str, Any]) -> dict[str, str]:
    tags = {group: _said(choice) for group, choice in facts["choices"].items()}
    tags |= {
        "seed": str(cfg.seed),
        "version": facts["version"],
        "git_commit": facts["git_commit"] or "unknown",
        "hydra.output_dir": str(folder),
    }
    parent = folder.parent / PARENT_FILE
    if HydraConfig.get().mode == RunMode.MULTIRUN and parent.is_file():
        tags["mlflow.parentRunId"] = parent.read_text()
    return tags


def _said(choice: Any) -> str:
    return ",".join(map(str, choice)) if isinstance(choice, list) else str(choice)


def _earlier(folder: Path) -> dict[str, Any]:
    file = folder / "run.json"
    return json.loads(file.read_text()) if file.is_file() else {}


def _facts(cfg: DictConfig, folder: Path, composed: Composed) -> dict[str, Any]:
    """What run.json says of a run before it starts; of a resumed one, what it said at its first start."""
    earlier = _earlier(folder)
    overrides = list(HydraConfig.get().overrides.task)
    chosen = OmegaConf.to_container(HydraConfig.get().runtime.choices)
    assert isinstance(chosen, dict)
    fresh = {
        "name": ",".join(overrides) or "defaults",
        "overrides": overrides,
        "choices": {group: chosen.get(group) for group in GROUPS} | {"trick": list(cfg.trick) or ["none"]},
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "left_out": _left_out(cfg, composed),
    }
    facts = fresh | {key: earlier[key] for key in (*fresh, "mlflow_run", "seconds") if key in earlier}
    if earlier:
        facts["resumed"] = [*earlier.get("resumed", []), fresh["started"]]
    return facts | {
        "seed": cfg.seed,
        "batch_size": cfg.batch_size,
        "version": __version__,
        "git_commit": git_commit(),
        "data": composed.data.counts(),
        "parameters": {
            "generator": sum(p.numel() for p in composed.gan.generator.parameters()),
            "discriminator": sum(p.numel() for p in composed.gan.discriminator.parameters()),
        },
    }


def _left_out(cfg: DictConfig, composed: Composed) -> list[str]:
    reasons = []
    if cfg.reduced:
        reasons.append(
            "REDUCED: a part of the data and few epochs (size=reduced). To try the experiment, not to judge it."
        )
    if composed.data.judged_part == "train":
        reasons.append(
            "Comparison with other people's recordings: this split has no validation patients, so the real windows "
            "beside the generated ones are training windows. A generator that copied them would look perfect. "
            "split=patient keeps people apart."
        )
    return reasons


def git_commit() -> str | None:
    """Commit of the checkout that runs, marked where it was changed; none for an installed copy."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            cwd=HERE,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _write_start(
    cfg: DictConfig, folder: Path, composed: Composed, facts: Mapping[str, Any], loggers: list[Logger]
) -> None:
    split = composed.data.split
    assert split is not None
    stored = {"name": split.name, "seed": split.seed, "parts": {k: list(v) for k, v in split.parts.items()}}
    file = folder / "split.json"
    if file.is_file() and json.loads(file.read_text()) != stored:
        raise UserError(
            f"{file} no longer fits: the data set's patients have changed since this run began, and some of them "
            "would move between training and judging. Begin a new run, or restore the data."
        )
    file.write_text(json.dumps(stored, indent=1))
    OmegaConf.save(OmegaConf.create(plain_values(cfg)), folder / "config.yaml")
    (folder / "run.json").write_text(json.dumps(facts, indent=1))
    log.info("run folder: %s", folder)
    log.info(
        "data: %s",
        {key: facts["data"][key] for key in ("records", "patients", "windows", "classes", "parts")},
    )
    for logger in loggers:
        if isinstance(logger, MLFlowLogger):
            if "resumed" not in facts:
                logger.log_hyperparams(plain_values(cfg))
            log_files(logger, folder / "config.yaml", folder / "split.json")


def _outcome(composed: Composed, trainer: Trainer, began: float) -> dict[str, Any]:
    return {
        "steps": composed.gan.steps,
        "epochs": trainer.current_epoch,
        "device": str(trainer.strategy.root_device),
        "seconds": round(time.monotonic() - began, 1),
        "saturated_share": composed.gan.counts()["saturated"],
    }


def _evaluate(cfg: DictConfig, folder: Path, composed: Composed, facts: dict[str, Any]) -> dict[str, Any]:
    """Generated beside real windows: numbers in metrics.json, pictures in report.html."""
    real = composed.data.windows(composed.data.judged_part).spread(cfg.metrics.windows).numpy()
    synthetic = composed.gan.sample(cfg.metrics.windows, seed=EVALUATION_SEED).numpy()
    leads, rate = composed.arrangement.decoded_leads, composed.data.usable[0].rate
    measures = {name: build(node) for name, node in cfg.metrics.measures.items()}
    measured = side_by_side(measures, real, synthetic, leads, rate)
    facts |= {"checkpoint": checkpoint_in(folder).stem}
    (folder / "metrics.json").write_text(json.dumps(measured, indent=1))
    (folder / "run.json").write_text(json.dumps(facts, indent=1))
    report = write_report(folder, real=real, synthetic=synthetic, leads=leads, rate=rate)
    log.info("report: %s", report)
    return measured


def side_by_side(
    measures: Mapping[str, Measure],
    real: NDArray[np.floating],
    synthetic: NDArray[np.floating],
    leads: tuple[str, ...],
    rate: float,
) -> dict[str, Any]:
    """Each number of generated windows `(N, leads, samples)` in mV beside the same of real ones."""
    table: dict[str, Any] = {}
    for measure in measures.values():
        of_real, of_synthetic = measure(real, leads, rate), measure(synthetic, leads, rate)
        for name, value in of_synthetic.items():
            unit, meaning = measure.meaning[name]
            row = {
                "synthetic": _finite(value),
                "real": _finite(of_real[name]),
                "unit": unit,
                "meaning": meaning,
            }
            table[name] = row
    return table


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _finish(cfg: DictConfig, folder: Path, loggers: list[Logger], measured: Mapping[str, Any], step: int) -> None:
    files = [folder / name for name in ("report.html", "metrics.json", "metrics.jsonl", "run.json")]
    if cfg.tracking.upload_checkpoints:
        files.append(checkpoint_in(folder))
    for logger in loggers:
        if isinstance(logger, MLFlowLogger):
            log_final(logger, measured, step)
            log_files(logger, *files)
    _end(loggers, "FINISHED")


def _end(loggers: list[Logger], status: str) -> None:
    for logger in loggers:
        if isinstance(logger, MLFlowLogger) and logger.run_id:
            logger.experiment.set_terminated(logger.run_id, status)


def _objective(cfg: DictConfig, measured: Mapping[str, Any]) -> float | None:
    name = cfg.metrics.objective
    if name is None:
        return None
    if name not in measured:
        raise UserError(f"metrics.objective={name}: measured were {', '.join(measured) or 'none'}.")
    return float(measured[name]["synthetic"])
