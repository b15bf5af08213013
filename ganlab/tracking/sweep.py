"""A parent run in MLflow for each sweep, made before its jobs begin.

Hydra imports this at start: nothing heavy outside the methods.
"""

import atexit
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

log = logging.getLogger(__name__)

PARENT_FILE = "mlflow_parent"


class Sweep(Callback):
    """Writes the parent's id to `mlflow_parent` in the sweep's folder; its jobs read it there."""

    close: Callable[[str], None] | None = None

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Open the store and create the parent run."""
        folder = Path(config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        if not config.tracking.mlflow:
            return
        from ganlab.tracking.mlflow import LONGEST_NAME, open_store, store_uri

        outputs = Path(config.outputs)
        client, experiment = open_store(store_uri(config.tracking.uri, outputs), outputs, config.tracking.experiment)
        name = " ".join(config.hydra.overrides.task) or "sweep"
        run = client.create_run(experiment, run_name=name[:LONGEST_NAME], tags={"hydra.sweep_dir": str(folder)})
        (folder / PARENT_FILE).write_text(run.info.run_id)
        # Hydra ends without calling on_multirun_end where a job failed.
        self.close = partial(_close, client, experiment, run.info.run_id)
        atexit.register(self.close, "FAILED")

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Close the parent run."""
        if self.close is not None:
            atexit.unregister(self.close)
            self.close("FINISHED")


def _close(client: Any, experiment: str, parent: str, status: str) -> None:
    jobs = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent}'")
    unfinished = [job.info.run_name for job in jobs if job.info.status != "FINISHED"]
    client.set_terminated(parent, "FAILED" if unfinished else status)
    log.info(
        "sweep %s: %d jobs tracked, %d of them not finished %s",
        status,
        len(jobs),
        len(unfinished),
        unfinished or "",
    )
