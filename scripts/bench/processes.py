"""Commands as a user gives them, timed from outside until they are over or until a step of a run."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SMALL = ("metrics=paper", "trainer.enable_progress_bar=false", "tracking.patience_s=120")
"""Of runs that are not timed by what follows their training."""


def ganlab(command: str, *overrides: str, **settings: Any) -> float:
    """Seconds of `python -m ganlab.<command>`; raises with the end of what it said where it fails."""
    return seconds("-m", f"ganlab.{command}", *overrides, **settings)


def seconds(*arguments: str, **settings: Any) -> float:
    """Seconds of `python` with these arguments, from its start to its end."""
    began = time.monotonic()
    output(*arguments, **settings)
    return time.monotonic() - began


def output(*arguments: str, environment: Mapping[str, str] | None = None, folder: Path | None = None) -> str:
    """What `python` with these arguments prints. Raises RuntimeError where it fails."""
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    known = {**os.environ, "PYTHONPATH": paths, **(environment or {})}
    done = subprocess.run(
        [sys.executable, *arguments], env=known, cwd=folder or outputs(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)[:200]}: exit code {done.returncode}: {done.stderr[-600:]}")
    return done.stdout


def steps(overrides: Sequence[str], count: int) -> dict[str, float]:
    """What `probe.py` says of the first `count` steps of a run with these overrides."""
    said = output(str(HERE / "probe.py"), str(count), str(time.monotonic()), *overrides, f"outputs={outputs()}")
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


@cache
def outputs() -> Path:
    """A folder for everything that is written, with an MLflow store; it goes when the benchmark ends."""
    import atexit

    folder = Path(tempfile.mkdtemp(prefix="ganlab_bench_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def warm_outputs() -> Path:
    """The same after a short run: its store and the cache of the default cohort are there."""
    ganlab("run", "experiment=laptop", "stopping.steps=1", *SMALL, f"outputs={outputs()}")
    return outputs()
