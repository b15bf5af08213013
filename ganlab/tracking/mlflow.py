"""The MLflow store: made once however many jobs begin with it, and what a run puts there."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock
from mlflow import MlflowClient
from pytorch_lightning.loggers import Logger, MLFlowLogger

EXPERIMENT = "ganlab"
LONGEST_NAME = 250
"""Characters that every database of MLflow takes."""


def store_uri(uri: str | None, outputs: Path) -> str:
    """The given URI, or that of the environment (which may hold a password), or a sqlite file under `outputs`."""
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{outputs.resolve() / 'mlflow.db'}"


def open_store(uri: str, outputs: Path, experiment: str = EXPERIMENT) -> tuple[MlflowClient, str]:
    """A client of the store, and the id of the experiment, which is made if it is missing.

    Processes that meet an empty sqlite file together would each create its tables and ruin it: one does, under a lock.
    """
    outputs.mkdir(parents=True, exist_ok=True)
    with FileLock(outputs / ".mlflow.lock"):
        client = MlflowClient(uri)
        found = client.get_experiment_by_name(experiment)
        if found is not None:
            return client, found.experiment_id
        local = uri.startswith("sqlite:")
        location = (outputs.resolve() / "mlartifacts").as_uri() if local else None
        return client, client.create_experiment(experiment, artifact_location=location)


def mlflow_logger(
    uri: str,
    outputs: Path,
    experiment: str,
    run_name: str,
    tags: Mapping[str, str],
    run_id: str | None = None,
) -> MLFlowLogger:
    """Lightning's logger on that store; with `run_id` it goes on in that run."""
    client, _ = open_store(uri, outputs, experiment)
    if run_id:
        client.update_run(run_id, status="RUNNING")
    return MLFlowLogger(experiment_name=experiment, tracking_uri=uri, run_name=run_name, tags=dict(tags), run_id=run_id)


def log_start(loggers: Iterable[Logger], parameters: dict[str, Any], files: Iterable[Path]) -> None:
    """Parameters of a run that has none yet (MLflow refuses to change them), and its files."""
    for logger in _mlflow(loggers):
        if not logger.experiment.get_run(logger.run_id).data.params:
            logger.log_hyperparams(parameters)
        _log_files(logger, files)


def finish(loggers: Iterable[Logger], measured: Mapping[str, Any], files: Iterable[Path], step: int) -> None:
    """What was measured at the end as metrics of the run, its files, and that it is finished."""
    loggers = list(loggers)
    for logger in _mlflow(loggers):
        for name, row in measured.items():
            if row["synthetic"] is not None:
                logger.experiment.log_metric(logger.run_id, name, float(row["synthetic"]), step=step)
        _log_files(logger, files)
    terminate(loggers, "FINISHED")


def terminate(loggers: Iterable[Logger], status: str) -> None:
    """Close the run as FINISHED, FAILED or KILLED."""
    for logger in _mlflow(loggers):
        logger.experiment.set_terminated(logger.run_id, status)


def _mlflow(loggers: Iterable[Logger]) -> list[MLFlowLogger]:
    return [logger for logger in loggers if isinstance(logger, MLFlowLogger) and logger.run_id]


def _log_files(logger: MLFlowLogger, files: Iterable[Path]) -> None:
    for file in files:
        if file.is_file():
            logger.experiment.log_artifact(logger.run_id, str(file))
