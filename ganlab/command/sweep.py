"""Hydra's callback for a sweep: which jobs failed and why, a summary page, and a run of the sweep in MLflow.

Hydra imports this at start: nothing heavy is imported outside the methods.
"""

import atexit
import json
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from ganlab.core.masking import masked
from ganlab.core.settings import check_writable
from ganlab.tracking.search import name_best

log = logging.getLogger(__name__)

FAILED = "failed.json"
"""In the folder of a job that failed: its error."""
GOES_ON = "another process is running it and continues"
STOPPED = (
    "it was stopped, or its process killed, before it ended (the system kills where memory is short). The same command "
    "with hydra.sweep.dir={} runs what is missing, including jobs that had not started"
)


class Sweep(Callback):
    """Writes `summary.html` in the sweep's folder, and in that of a job that failed why."""

    close: Callable[[str], None] | None = None

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """End the program where a folder that was named cannot be written: Hydra would end in a traceback there."""
        overrides = [*config.hydra.overrides.hydra, *config.hydra.overrides.task]
        for name, _, folder in (override.partition("=") for override in overrides):
            if name in ("hydra.run.dir", "resume"):
                check_writable(folder.strip("'\""), name)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Arrange that the sweep is closed however it ends."""
        # Imported now: Hydra may close the sweep when the interpreter ends, which is too late to import much.
        from ganlab.report.summary import write_summary

        _check_search(config)
        _name_by_what_is_swept(config)
        folder = Path(config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        self.close = partial(_close, folder, write_summary, _closing(config, folder))
        # Hydra ends without calling on_multirun_end where a job failed.
        atexit.register(self.close, "FAILED")

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remove the error of an earlier try of the job, and credentials from Hydra's record of the sweep."""
        record = Path(config.hydra.runtime.output_dir).parent / "multirun.yaml"
        if record.is_file() and (text := record.read_text()) != masked(text):
            record.write_text(masked(text))
        (Path(config.hydra.runtime.output_dir) / FAILED).unlink(missing_ok=True)

    def on_job_end(self, config: DictConfig, job_return: Any, **kwargs: Any) -> None:
        """Write the error of a job that failed to its folder, unless that belongs to another process."""
        from ganlab.tracking.owner import FolderInUse

        try:
            job_return.return_value  # noqa: B018
        except FolderInUse:
            return
        except Exception as error:
            file = Path(config.hydra.runtime.output_dir) / FAILED
            file.write_text(json.dumps({"error": masked(f"{type(error).__name__}: {error}")}))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Name the best run of a search, write the summary and close the sweep's run in MLflow."""
        folder, objective = Path(config.hydra.sweep.dir), OmegaConf.select(config, "metrics.objective")
        if objective and (best := name_best(folder, objective)):
            log.info("best run: %s. To export it: python -m ganlab.export_generator run=%s", best, folder)
        if self.close is not None:
            atexit.unregister(self.close)
            self.close("FINISHED")


def _name_by_what_is_swept(config: DictConfig) -> None:
    """Leave out of the jobs' folder names what is the same for all of them, so that what was swept is not cut off."""
    overrides = OverridesParser.create().parse_overrides([str(each) for each in config.hydra.overrides.task])
    same = [each.get_key_element() for each in overrides if not each.is_sweep_override()]
    if same and len(same) < len(overrides):
        keys = ",".join(f"'{key}'" for key in same)  # quoted: a key such as ~metrics.measures.signal is no plain word
        config.hydra.overrides.hydra.append(f"hydra.job.config.override_dirname.exclude_keys=[{keys}]")


def _check_search(config: DictConfig) -> None:
    """End the program where a search cannot work: Hydra makes a warning of errors here."""
    if OmegaConf.select(config, "hydra.sweeper.n_trials") is None:
        return
    if config.metrics.objective is None:
        raise SystemExit(
            "hydra/sweeper=optuna minimizes metrics.objective, which is not set: metrics.objective=distribution/kid, "
            "or another number of a run's metrics.json."
        )
    if (storage := config.hydra.sweeper.storage) is not None:
        raise SystemExit(
            f"hydra.sweeper.storage={storage}: accepted is null. The folders of the runs store the results: started "
            "again with the same hydra.sweep.dir, the search continues."
        )


def _closing(config: DictConfig, folder: Path) -> Callable[[str, Path | None], None] | None:
    """Return the function that closes the sweep's run in MLflow; None without MLflow."""
    if not config.tracking.mlflow:
        return None
    from ganlab.tracking.mlflow_follower import close_sweep
    from ganlab.tracking.store import Store

    store = Store.of(config.tracking, Path(config.outputs))
    return partial(close_sweep, folder, store, config.tracking.patience_s)


def _close(
    folder: Path,
    write_summary: Callable[[Path], Path],
    close_run: Callable[[str, Path | None], None] | None,
    status: str,
) -> None:
    failed = _failures(folder)
    for name, error in failed.items():
        log.error("job %s failed: %s", name, error)
    summary = _summarized(folder, write_summary)
    if close_run is not None:
        close_run("FAILED" if failed else status, summary)


def _failures(folder: Path) -> dict[str, str]:
    """Return the errors by job; a job that began, and neither failed nor ended, was stopped."""
    from ganlab.report.content import read_mapping
    from ganlab.tracking.owner import lives

    failures = {}
    for job in sorted(path.parent for path in folder.glob("*/.hydra")):
        if lives(job):
            failures[job.name] = GOES_ON
        elif (job / FAILED).is_file():
            failures[job.name] = str(read_mapping(job / FAILED, []).get("error", "for an unknown reason"))
        elif _stopped(job):
            failures[job.name] = STOPPED.format(folder)
    return failures


def _stopped(job: Path) -> bool:
    from ganlab.report.content import read_mapping

    trouble: list[str] = []
    status = read_mapping(job / "run.json", trouble).get("status")
    return bool(trouble) or not (job / "run.json").is_file() or status in ("RUNNING", "KILLED")


def _summarized(folder: Path, write_summary: Callable[[Path], Path]) -> Path | None:
    """Return the summary page's path; None with a warning where it cannot be written, since the runs are complete."""
    try:
        summary = write_summary(folder)
    except Exception as error:
        again = f"python -m ganlab.summary sweep={folder}"
        log.warning("no summary of the sweep: %s: %s. To try again: %s", type(error).__name__, error, again)
        return None
    log.info("summary of the sweep: %s", summary)
    return summary
