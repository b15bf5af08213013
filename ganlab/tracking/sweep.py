"""A parent run in MLflow for each sweep, made before its jobs begin, and the page that sums it up when they end.

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
    """Writes the parent's id to `mlflow_parent` in the sweep's folder, where its jobs read it, and `summary.html`."""

    close: Callable[[str], None] | None = None

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Create the parent run where MLflow is wanted, and see to it that the sweep is closed however it ends."""
        # Imported now: Hydra may close the sweep when the interpreter ends, which is too late to import much.
        from ganlab.report.summary import write_summary

        folder = Path(config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        tell = _create_parent(config, folder) if config.tracking.mlflow else None
        self.close = partial(_close, folder, write_summary, tell)
        # Hydra ends without calling on_multirun_end where a job failed.
        atexit.register(self.close, "FAILED")

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Sum up the jobs and close the parent run."""
        if self.close is not None:
            atexit.unregister(self.close)
            self.close("FINISHED")


def _create_parent(config: DictConfig, folder: Path) -> Callable[[str, Path | None], None]:
    """Open the store and create the parent run; what is returned closes it."""
    from ganlab.tracking.mlflow import LONGEST_NAME, open_store, store_uri

    outputs = Path(config.outputs)
    client, experiment = open_store(store_uri(config.tracking.uri, outputs), outputs, config.tracking.experiment)
    name = " ".join(config.hydra.overrides.task) or "sweep"
    run = client.create_run(experiment, run_name=name[:LONGEST_NAME], tags={"hydra.sweep_dir": str(folder)})
    (folder / PARENT_FILE).write_text(run.info.run_id)
    return partial(_close_parent, client, experiment, run.info.run_id)


def _close(
    folder: Path,
    write_summary: Callable[[Path], Path],
    tell: Callable[[str, Path | None], None] | None,
    status: str,
) -> None:
    summary = _summarized(folder, write_summary)
    if tell is not None:
        tell(status, summary)


def _summarized(folder: Path, write_summary: Callable[[Path], Path]) -> Path | None:
    """The page's path. A page that cannot be written takes nothing from the runs: a warning says why."""
    try:
        summary = write_summary(folder)
    except Exception as error:
        again = f"python -m ganlab.summary sweep={folder}"
        log.warning("no summary of the sweep: %s: %s. To try again: %s", type(error).__name__, error, again)
        return None
    log.info("summary of the sweep: %s", summary)
    return summary


def _close_parent(client: Any, experiment: str, parent: str, status: str, summary: Path | None) -> None:
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
    if summary is not None:
        client.log_artifact(parent, str(summary))
