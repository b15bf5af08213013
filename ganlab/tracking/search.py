"""The best run of a search with `hydra/sweeper=optuna`, named in the results that the sweeper leaves in its folder."""

import json
import logging
from pathlib import Path
from typing import Any

import yaml

from ganlab.core.errors import UserError, file_errors
from ganlab.core.plain_yaml import Error, read_yaml

log = logging.getLogger(__name__)

RESULTS = "optimization_results.yaml"
"""What the sweeper writes to the sweep's folder: the best parameters, and the objective that they reached."""
BEST = "best_run"
"""Key under which the folder of the run that reached it is added, relative to the sweep's folder."""


def name_best(folder: Path, objective: str) -> Path | None:
    """Write the best run's folder to the results of a search, and return it; None where there is no such run."""
    if not (folder / RESULTS).is_file():
        return None
    results = read_yaml(folder / RESULTS)
    for file in sorted(folder.glob("*/metrics.json")):
        try:
            reached = json.loads(file.read_text()).get(objective, {}).get("synthetic")
        except (OSError, ValueError, AttributeError) as error:
            log.warning("%s is damaged and is left out of the search for the best run: %s", file, error)
            continue
        if reached == results.get("best_value"):
            (folder / RESULTS).write_text(yaml.safe_dump({**results, BEST: file.parent.name}, sort_keys=False))
            return file.parent
    return None


def run_or_best(run: str | Path | None) -> Any:
    """Return a run's folder as it was named, or the best run of a search where the search's folder was.

    Raises UserError for the folder of a sweep that names no best run, with the runs in it.
    """
    folder = Path(str(run))
    with file_errors("run", run):
        if run is None or (folder / "config.yaml").is_file():
            return run
        try:
            results = read_yaml(folder / RESULTS) if (folder / RESULTS).is_file() else {}
        except Error as error:
            raise UserError(f"{folder / RESULTS} is damaged: {error}. Name the run instead.") from error
        if isinstance(results, dict) and BEST in results:
            return folder / Path(str(results[BEST])).name
        if runs := sorted(file.parent.name for file in folder.glob("*/run.json")):
            raise UserError(
                f"{run} is a sweep of {len(runs)} runs, and no {RESULTS} there names the best. Name one of them, such "
                f"as {folder / runs[0]}."
            )
        return run
