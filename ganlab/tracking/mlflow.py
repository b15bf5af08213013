"""MLflow follows a run's folder: what the folder has and the store has not is brought there, now or later.

The folder is the record: `config.yaml`, `metrics.jsonl`, `grids`, `run.json`, `metrics.json`, `report.html`. A thread
beside the training brings them to the store every few seconds, so that a store that is slow, failing or gone costs the
training nothing; what is missing at the end, `python -m ganlab.sync` brings. What is there already stands in
`tracking.json`. Metrics carry the time at which they were logged, so that MLflow knows those that it has.
"""

import hashlib
import json
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from filelock import FileLock, Timeout
from PIL import Image
from pytorch_lightning.loggers import Logger

from ganlab.core.errors import UserError
from ganlab.core.files import write_whole
from ganlab.tracking.facts import end_if_dead
from ganlab.tracking.history import read_history

log = logging.getLogger(__name__)

EXPERIMENT = "ganlab"
LONGEST_NAME = 250
LONGEST_VALUE = 250
"""Characters that every database of MLflow takes."""
BATCH = 1000, 100
"""Metrics and parameters that MLflow takes in one request."""
STATE = "tracking.json"
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
"""MLflow's own waits two minutes for an answer, and asks eight times; whoever set them keeps them."""
LONGEST_WAIT_S = 60.0


def store_uri(uri: str | None, outputs: Path) -> str:
    """The given URI, or that of the environment (which may hold a password), or a sqlite file under `outputs`."""
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{outputs.resolve() / 'mlflow.db'}"


@dataclass(frozen=True)
class Store:
    """An MLflow store, and the experiment in it; `outputs` is where a local one keeps its files."""

    uri: str
    outputs: Path
    experiment: str = EXPERIMENT

    @property
    def key(self) -> str:
        """A name for it that tells no password."""
        return hashlib.sha256(f"{self.uri} {self.experiment}".encode()).hexdigest()[:16]

    def open(self) -> tuple[Any, str]:
        """A client, and the id of the experiment, which is made if it is missing.

        Processes that meet an empty sqlite file together would each create its tables and ruin it: one does, under a
        lock.
        """
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        # It warns of every try; what is of use is said once.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
        from mlflow import MlflowClient

        self.outputs.mkdir(parents=True, exist_ok=True)
        with FileLock(self.outputs / ".mlflow.lock"):
            client = MlflowClient(self.uri)
            found = client.get_experiment_by_name(self.experiment)
            if found is not None:
                return client, found.experiment_id
            local = self.uri.startswith("sqlite:")
            location = (self.outputs.resolve() / "mlartifacts").as_uri() if local else None
            return client, client.create_experiment(self.experiment, artifact_location=location)


@dataclass
class Sent:
    """What a store has of a run's folder."""

    run: str | None = None
    """Its id in the store."""
    bytes: int = 0
    """Of `metrics.jsonl`."""
    files: dict[str, str] = field(default_factory=dict)
    """Hashes of the files that were brought."""
    status: str = "RUNNING"

    @classmethod
    def read(cls, folder: Path, store: Store) -> "Sent":
        """Nothing where nothing was brought."""
        file = folder / STATE
        known = json.loads(file.read_text()) if file.is_file() else {}
        return cls(**known.get(store.key, {}))

    def write(self, folder: Path, store: Store) -> None:
        """Beside what other stores have."""
        file = folder / STATE
        known = json.loads(file.read_text()) if file.is_file() else {}
        write_whole(file, json.dumps(known | {store.key: vars(self)}, indent=1))


def bring(folder: Path, store: Store, opened: tuple[Any, str] | None = None) -> Sent:
    """Bring to the store what a run's folder has and it has not. Raises what MLflow raises; nothing is lost then.

    Calls for one folder come one after another: filelock.Timeout where another is at it.
    """
    client, experiment = opened or store.open()
    with FileLock(folder / ".tracking.lock", timeout=0):
        facts = json.loads((folder / "run.json").read_text())
        sent = Sent.read(folder, store)
        if sent.run is None or client.get_run(sent.run).info.lifecycle_stage == "deleted":
            sent = Sent(_create(client, experiment, folder, facts, store))
            sent.write(folder, store)
        _parameters(client, folder, sent, store)
        _metrics(client, folder, sent, store)
        _files(client, folder, sent, store, facts)
        if facts["status"] != sent.status:
            client.update_run(sent.run, status=facts["status"])
            if facts["status"] != "RUNNING":
                client.set_terminated(sent.run, facts["status"])
            sent.status = facts["status"]
            sent.write(folder, store)
    return sent


def _create(client: Any, experiment: str, folder: Path, facts: Mapping[str, Any], store: Store) -> str:
    """The run in the store; where a process died before it wrote down its id, that one."""
    found = client.search_runs([experiment], f"tags.`ganlab.id` = '{facts['id']}'", max_results=1)
    if found:
        return str(found[0].info.run_id)
    tags = dict(facts["tags"]) | {"ganlab.id": facts["id"]}
    if facts["in_sweep"]:
        tags["mlflow.parentRunId"] = parent_of(folder.parent, client, experiment, store)
    began = int(1000 * datetime.fromisoformat(facts["started"]).timestamp())
    name = ",".join(facts["overrides"]) or "defaults"
    return str(client.create_run(experiment, start_time=began, tags=tags, run_name=name[:LONGEST_NAME]).info.run_id)


def parent_of(sweep: Path, client: Any, experiment: str, store: Store) -> str:
    """The id of a sweep's own run, which the first of its jobs to come here makes."""
    with FileLock(sweep / ".tracking.lock"):
        sent = Sent.read(sweep, store)
        if sent.run is None:
            file = sweep / "multirun.yaml"
            called = yaml.safe_load(file.read_text())["hydra"]["overrides"]["task"] if file.is_file() else []
            name = " ".join(map(str, called)) or "sweep"
            tags = {"hydra.sweep_dir": str(sweep)}
            sent.run = client.create_run(experiment, run_name=name[:LONGEST_NAME], tags=tags).info.run_id
            sent.write(sweep, store)
    assert sent.run is not None
    return sent.run


def _parameters(client: Any, folder: Path, sent: Sent, store: Store) -> None:
    from mlflow.entities import Param

    if "parameters" in sent.files or not (folder / "config.yaml").is_file():
        return
    text = (folder / "config.yaml").read_text()
    flat = [Param(key, str(value)[:LONGEST_VALUE]) for key, value in _flat(yaml.safe_load(text))]
    known = client.get_run(sent.run).data.params
    flat = [param for param in flat if param.key not in known]
    for start in range(0, len(flat), BATCH[1]):
        client.log_batch(sent.run, params=flat[start : start + BATCH[1]])
    sent.files["parameters"] = hashlib.sha256(text.encode()).hexdigest()
    sent.write(folder, store)


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}/")
        else:
            yield f"{above}{key}", value


def _metrics(client: Any, folder: Path, sent: Sent, store: Store) -> None:
    """Whole lines beyond those that were brought, in batches; the place of each batch is written down behind it."""
    file = folder / "metrics.jsonl"
    if not file.is_file():
        return
    with file.open("rb") as lines:
        lines.seek(sent.bytes)
        batch: list[Any] = []
        for line in lines:
            if not line.endswith(b"\n"):
                break
            found = _entities(line)
            if batch and len(batch) + len(found) > BATCH[0]:
                client.log_batch(sent.run, metrics=batch)
                batch = []
                sent.write(folder, store)
            batch += found
            sent.bytes += len(line)
        if batch:
            client.log_batch(sent.run, metrics=batch)
        sent.write(folder, store)


def _entities(line: bytes) -> list[Any]:
    from mlflow.entities import Metric

    try:
        row = json.loads(line)
        step, when = int(row.pop("step") or 0), int(1000 * row.pop("time"))
    except (ValueError, KeyError, TypeError, AttributeError):
        log.warning("a line of metrics.jsonl is no row of metrics and is not tracked: %r", line[:80])
        return []
    return [
        Metric(re.sub(r"[^\w/. -]", "", key), float("nan") if value is None else float(value), when, step)
        for key, value in row.items()
    ]


def _files(client: Any, folder: Path, sent: Sent, store: Store, facts: Mapping[str, Any]) -> None:
    """Grids as images with a slider, the settings as soon as they are there, the rest once the run has ended."""
    ended = facts["status"] != "RUNNING"

    def draw(grid: Path) -> None:
        epoch = int(grid.stem.partition("_")[2])
        step = read_history(folder / "metrics.jsonl").step_of(epoch)
        client.log_image(sent.run, np.asarray(Image.open(grid).convert("RGB")), key="grids", step=step or 0)

    def copy(file: Path) -> None:
        client.log_artifact(sent.run, str(file))

    for grid in sorted((folder / "grids").glob("epoch_*.png")):
        _once(folder, grid, sent, store, draw)
    names = ["config.yaml", "split.json"]
    if ended:
        names += ["report.html", "metrics.json", "metrics.jsonl", "run.json"]
        if facts.get("upload_checkpoint") and "checkpoint" in facts:
            names.append(f"checkpoints/{facts['checkpoint']}.ckpt")
        _measured(client, folder, sent, store, int(facts.get("steps", 0)))
    for name in names:
        _once(folder, folder / name, sent, store, copy)


def _measured(client: Any, folder: Path, sent: Sent, store: Store, step: int) -> None:
    """The numbers that a run ends with."""
    from mlflow.entities import Metric

    def log_numbers(file: Path) -> None:
        rows, when = json.loads(file.read_text()), int(1000 * file.stat().st_mtime)
        known = {name: row["synthetic"] for name, row in rows.items() if row["synthetic"] is not None}
        numbers = [Metric(name, float(value), when, step) for name, value in known.items()]
        for start in range(0, len(numbers), BATCH[0]):
            client.log_batch(sent.run, metrics=numbers[start : start + BATCH[0]])

    _once(folder, folder / "metrics.json", sent, store, log_numbers, "measured")


def _once(
    folder: Path, file: Path, sent: Sent, store: Store, act: Callable[[Path], None], name: str | None = None
) -> None:
    """Do what brings a file that is there, unless this content was brought."""
    if not file.is_file():
        return
    name = name or file.relative_to(folder).as_posix()
    now = hashlib.sha256(file.read_bytes()).hexdigest()
    if sent.files.get(name) != now:
        act(file)
        sent.files[name] = now
        sent.write(folder, store)


class MLflow(Logger):
    """Follows a run's folder from a thread of its own; logs nothing itself, and never raises for the store's sake.

    `patience_s` is how long the end of a run waits for what is still to be brought.
    """

    name = None
    version = None

    def __init__(self, folder: Path, store: Store, every_s: float = 5.0, patience_s: float = 30.0) -> None:
        super().__init__()
        self.folder = folder
        self.store = store
        self.every_s = every_s
        self.patience_s = patience_s
        self._ends = threading.Event()
        self._brought = threading.Event()
        self._given_up = threading.Event()
        self._failed: str | None = None
        self._thread = threading.Thread(target=self._follow, name="mlflow", daemon=True)
        self._thread.start()

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Nothing: `metrics.jsonl` has them."""

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing: `config.yaml` has them."""

    def close(self) -> bool:
        """Bring the rest, for `patience_s` at most; whether all is there. What is not, the log says how to bring."""
        self._ends.set()
        if not self._brought.wait(self.patience_s):
            self._given_up.set()
            log.warning(
                "MLflow has not all of this run (%s). Nothing is lost: python -m ganlab.sync run=%s",
                self._failed or f"it takes longer than {self.patience_s:g} s",
                self.folder,
            )
        return self._brought.is_set()

    def _follow(self) -> None:
        wait, opened, told = self.every_s, None, False
        while True:
            ends = self._ends.wait(wait)
            try:
                opened = opened or self.store.open()
                bring(self.folder, self.store, opened)
            except Timeout:
                wait = self.every_s
            except Exception as error:
                self._failed = _in_short(error)
                if not told:
                    log.warning("MLflow does not take this run now: %s. Training goes on.", self._failed)
                told, opened, wait = True, None, min(2 * wait, LONGEST_WAIT_S)
                if self._given_up.wait(1.0 if ends else 0.0):
                    return
            else:
                if told:
                    log.info("MLflow takes this run again")
                told, wait = False, self.every_s
                if ends:
                    self._brought.set()
                    return


def _in_short(error: Exception) -> str:
    said = str(error).strip().splitlines() or ["no reason given"]
    return f"{type(error).__name__}: {said[0][:200]}"


def close_sweep(sweep: Path, store: Store, patience_s: float, status: str, summary: Path | None) -> None:
    """Tell MLflow how a sweep ended, with its page; waits `patience_s` at most, and raises nothing."""

    def tell() -> None:
        try:
            client, experiment = store.open()
            parent = parent_of(sweep, client, experiment, store)
            client.set_terminated(parent, status)
            if summary is not None:
                client.log_artifact(parent, str(summary))
            log.info("sweep %s: %s in MLflow", sweep, status)
        except Exception as error:
            log.warning("MLflow does not know how the sweep ended (%s): %s", type(error).__name__, error)

    thread = threading.Thread(target=tell, name="mlflow-sweep", daemon=True)
    thread.start()
    thread.join(patience_s)


def sync(run: str | None, store: Store) -> int:
    """Bring a run's folder, or each run of a folder of runs such as a sweep's, to the store; returns how many runs.

    Raises UserError where there is no run, or where the store does not take it.
    """
    if not run or not Path(run).is_dir():
        raise UserError(f"run={run}: no such folder. Runs lie in outputs/runs, sweeps in outputs/sweeps.")
    found = (
        [Path(run)] if (Path(run) / "run.json").is_file() else sorted(p.parent for p in Path(run).glob("*/run.json"))
    )
    if not found:
        raise UserError(f"run={run}: no run lies there (none has a run.json).")
    try:
        opened = store.open()
        for folder in found:
            end_if_dead(folder)
            sent = bring(folder, store, opened)
            log.info("%s: run %s, %s", folder, sent.run, sent.status)
    except Timeout as error:
        raise UserError(f"{error.lock_file} is held: the run is still going on and is being tracked.") from error
    except Exception as error:
        raise UserError(
            f"The MLflow store does not take it ({_in_short(error)}). "
            "See tracking.uri=..., or the variable MLFLOW_TRACKING_URI; what was brought stays, and nothing is lost."
        ) from error
    return len(found)
