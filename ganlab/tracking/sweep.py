"""A parent run in MLflow for each sweep, made before its jobs begin.

Hydra imports this at start: nothing heavy outside the methods.
"""

import logging
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

log = logging.getLogger(__name__)

PARENT_FILE = "mlflow_parent"


class Sweep(Callback):
    """Writes the parent's id to `mlflow_parent` in the sweep's folder; its jobs read it there."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Open the store and create the parent run."""
        folder = Path(config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        if not config.tracking.mlflow:
            return
        from ganlab.tracking.mlflow import open_store, store_uri

        outputs = Path(config.outputs)
        uri = store_uri(config.tracking.uri, outputs)
        client = open_store(uri, outputs, config.tracking.experiment)
        experiment = client.get_experiment_by_name(config.tracking.experiment)
        name = " ".join(config.hydra.overrides.task) or "sweep"
        run = client.create_run(experiment.experiment_id, run_name=name[:250], tags={"hydra.sweep_dir": str(folder)})
        (folder / PARENT_FILE).write_text(run.info.run_id)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Close the parent run: failed where one of its jobs is not finished."""
        file = Path(config.hydra.sweep.dir) / PARENT_FILE
        if not file.is_file():
            return
        from ganlab.tracking.mlflow import open_store, store_uri

        outputs = Path(config.outputs)
        client = open_store(store_uri(config.tracking.uri, outputs), outputs, config.tracking.experiment)
        experiment = client.get_experiment_by_name(config.tracking.experiment)
        parent = file.read_text()
        jobs = client.search_runs([experiment.experiment_id], f"tags.mlflow.parentRunId = '{parent}'")
        unfinished = [job.info.run_name for job in jobs if job.info.status != "FINISHED"]
        client.set_terminated(parent, "FAILED" if unfinished or not jobs else "FINISHED")
        log.info("sweep in %s: %d jobs, %d not finished %s", file.parent, len(jobs), len(unfinished), unfinished or "")
