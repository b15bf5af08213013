"""The MLflow store: made once however many jobs begin with it, and what a run puts there."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock
from mlflow import MlflowClient
from pytorch_lightning.loggers import MLFlowLogger

log = logging.getLogger(__name__)

EXPERIMENT = "ganlab"


def store_uri(uri: str | None, outputs: Path) -> str:
    """The given URI, or that of a sqlite file under `outputs`."""
    return uri or f"sqlite:///{outputs.resolve() / 'mlflow.db'}"


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


def log_files(logger: MLFlowLogger, *files: Path) -> None:
    """Files of a run folder as artifacts."""
    for file in files:
        if file.is_file():
            logger.experiment.log_artifact(logger.run_id, str(file))


def log_final(logger: MLFlowLogger, metrics: Mapping[str, Any], step: int) -> None:
    """The numbers measured at the end, as metrics of the run."""
    for name, value in metrics.items():
        number = value["synthetic"] if isinstance(value, Mapping) else value
        if number is not None:
            logger.experiment.log_metric(logger.run_id, name, float(number), step=step)
