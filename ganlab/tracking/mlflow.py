"""What of a run's folder is written to MLflow: parameters, metrics, grids, files and status, each only once.

The folder is the record: `config.yaml`, `metrics.jsonl`, `grids`, `run.json`, `metrics.json`, `report.html`.
`tracking.json` notes what a store has already; metrics carry the time at which they were logged, so MLflow recognizes
those that it has. `ganlab.tracking.mlflow_follower` brings a folder to the store while its run goes on.
"""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from PIL import Image

from ganlab.core.errors import UserError
from ganlab.core.files import inside, write_whole
from ganlab.tracking.history import read_history
from ganlab.tracking.mlflow_card import data_set, origin, parameters, run_name, swept, tags_of
from ganlab.tracking.record import read_facts, read_scores
from ganlab.tracking.shared import Shared, counts_of, parsed_json, requested
from ganlab.tracking.wandb_store import AnyStore

log = logging.getLogger(__name__)

LONGEST_NAME = LONGEST_VALUE = 250
"""Characters that every database of MLflow takes."""
BATCH = 1000, 100
"""Metrics and parameters that MLflow takes in one request."""
STATE = "tracking.json"
EXPORT = "generator"
"""Folder of the exported generator, in the run's folder and among the artifacts, with a folder for each version."""
MEASURED = "measured/"
"""Before the names of what was measured at the end: MLflow shows them apart from the curves of the training."""


@dataclass
class Sent:
    """What a store has of a run's folder: the run's id in it, bytes of `metrics.jsonl`, hashes of files, the status."""

    run: str | None = None
    bytes: int = 0
    files: dict[str, str] = field(default_factory=dict)
    status: str = "RUNNING"

    @classmethod
    def read(cls, folder: Path, store: AnyStore) -> "Sent":
        """Return what `tracking.json` notes for this store; nothing is sent where there is none."""
        return cls(**_state(folder).get(store.key, {}))

    def write(self, folder: Path, store: AnyStore) -> None:
        """Write it to `tracking.json`, which may hold what other stores have."""
        write_whole(folder / STATE, json.dumps(_state(folder) | {store.key: vars(self)}, indent=1))


def _state(folder: Path) -> dict[str, Any]:
    file = folder / STATE
    try:
        state = json.loads(file.read_text()) if inside(file, folder) else {}
        return {key: vars(Sent(**sent)) for key, sent in state.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        log.warning("%s is damaged: the store is asked what it already has", file)
        return {}


def bring(folder: Path, store: AnyStore, opened: tuple[Any, str] | None = None) -> Sent:
    """Bring to the store what it lacks of a run's folder; return what it has now.

    Raises what the store raises, which loses nothing, and filelock.Timeout where another call has the folder for long.
    """
    client, experiment = opened or store.open(folder)
    with FileLock(folder / ".tracking.lock", timeout=1.0):
        if (folder / "run.json").is_file() and not inside(folder / "run.json", folder):
            raise UserError(f"{folder / 'run.json'} is a link that points outside its run: copy the complete folder.")
        facts = read_facts(folder, "id", "status", "started", "tags", "overrides", "in_sweep")
        sent = Sent.read(folder, store)
        if sent.run is None or client.get_run(sent.run).info.lifecycle_stage == "deleted":
            sent = Sent(_create(client, experiment, folder, facts, store))
            sent.write(folder, store)
        _Upload(client, folder, sent, store).everything(facts)
    return sent


def _create(client: Any, experiment: str, folder: Path, facts: Mapping[str, Any], store: AnyStore) -> str:
    """The id of the run in the store; of an earlier process's run where that died before it noted the id."""
    runs = client.search_runs([experiment], f"tags.`ganlab.id` = '{facts['id']}'", max_results=1)
    if runs:
        return str(runs[0].info.run_id)
    shared = Shared.of(folder, facts)
    tags = tags_of(facts, folder, shared)
    if facts["in_sweep"]:
        tags["mlflow.parentRunId"] = parent_of(folder.parent, client, experiment, store)
    began = int(1000 * datetime.fromisoformat(facts["started"]).timestamp())
    name = shared.text(run_name(facts, folder))
    return str(client.create_run(experiment, start_time=began, tags=tags, run_name=name[:LONGEST_NAME]).info.run_id)


def parent_of(sweep: Path, client: Any, experiment: str, store: AnyStore) -> str:
    """Return the id of a sweep's own run, which the first of its jobs creates."""
    with FileLock(sweep / ".tracking.lock"):
        sent = Sent.read(sweep, store)
        if sent.run is None:
            overrides = requested(sweep)
            name = Shared.of(sweep, {"overrides": overrides}).text(" ".join(swept(overrides))) or "sweep"
            tags = {**origin(), "hydra.sweep_dir": sweep.name, "mlflow.note.content": f"Sweep over `{name}`."}
            sent.run = client.create_run(experiment, run_name=name[:LONGEST_NAME], tags=tags).info.run_id
            sent.write(sweep, store)
    assert sent.run is not None
    return sent.run


@dataclass
class _Upload:
    """One visit to the store, which notes after each step what the store has."""

    client: Any
    folder: Path
    sent: Sent
    store: AnyStore
    shared: Shared = field(default_factory=lambda: Shared(()))

    def everything(self, facts: Mapping[str, Any]) -> None:
        """Parameters, metrics and grids at any time; most files, the results and the status once the run has ended."""
        status, names = facts["status"], ["config.yaml", "split.json"]
        self.shared = Shared.of(self.folder, facts)
        self.parameters(facts)
        self.metrics()
        for grid in sorted((self.folder / "grids").glob("epoch_*.png")):
            self._once(grid, self._grid)
        if status != "RUNNING":
            names += ["report.html", "metrics.json", "metrics.jsonl", "run.json"]
            if facts.get("upload_checkpoint") and "checkpoint" in facts:
                checkpoint = self.folder / "checkpoints" / f"{facts['checkpoint']}.ckpt"
                self._once(checkpoint, lambda file: self.client.log_artifact(self.sent.run, str(file)))
            if status == "FINISHED" and facts.get("register"):
                self._register(str(facts["register"]))
            step = int(facts.get("steps", 0))
            self._once(self.folder / "metrics.json", lambda file: self._results(file, step), "measured")
        for name in names:
            self._once(self.folder / name, self._text)
        if status != self.sent.status:
            self.client.update_run(self.sent.run, status=status)
            if status != "RUNNING":
                self.client.set_terminated(self.sent.run, status)
            self.sent.status = status
            self._note()

    def parameters(self, facts: Mapping[str, Any]) -> None:
        """What a person chose and set, and the data set, unless they were written before."""
        from mlflow.entities import Param

        if "parameters" in self.sent.files:
            return
        chosen = parameters(facts, self.shared)
        flat = [Param(key, value[:LONGEST_VALUE]) for key, value in cleaned(chosen).items()]
        present = self.client.get_run(self.sent.run).data.params
        for params in _batches([param for param in flat if param.key not in present], BATCH[1]):
            self._log("params", params)
        if (data := data_set(facts)) is not None:
            self.client.log_inputs(self.sent.run, [data])
            self.sent.files["parameters"] = hashlib.sha256(json.dumps(chosen).encode()).hexdigest()
        self._note()

    def metrics(self) -> None:
        """Whole lines of `metrics.jsonl` that the store lacks; the position is noted after each batch."""
        file = self.folder / "metrics.jsonl"
        if not inside(file, self.folder):
            return
        with file.open("rb") as lines:
            lines.seek(self.sent.bytes)
            batch: list[Any] = []
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                metrics = _metrics_of(line)
                if batch and len(batch) + len(metrics) > BATCH[0]:
                    self._log("metrics", batch)
                    batch = []
                    self._note()
                batch += metrics
                self.sent.bytes += len(line)
            if batch:
                self._log("metrics", batch)
            self._note()

    def _text(self, file: Path) -> None:
        """Send a text as it may leave the folder: of `split.json` the counts, of `run.json` what is of no machine."""
        name, text = file.name, file.read_text(encoding="utf-8", errors="replace")
        if name == "split.json" and not self.store.patient_ids:
            name, text = "split_counts.json", json.dumps(counts_of(parsed_json(file, text)), indent=1)
        elif name == "run.json" and not self.store.patient_ids:
            text = json.dumps(self.shared.facts(parsed_json(file, text)), indent=1)
        self.client.log_text(self.sent.run, self.shared.text(text), name)

    def _register(self, name: str) -> None:
        """Send the exported generator, tensors and JSON, and make it the newest version of a registered model."""
        from mlflow.exceptions import MlflowException

        files = [file for file in sorted((self.folder / EXPORT).glob("*")) if inside(file, self.folder)]
        content = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
        if not files or content == self.sent.files.get("registered"):
            return
        for file in files:
            self.client.log_artifact(self.sent.run, str(file), f"{EXPORT}/{content[:8]}")
        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"{self.client.get_run(self.sent.run).info.artifact_uri}/{EXPORT}/{content[:8]}"
        version = self.client.create_model_version(name, source, self.sent.run).version
        log.info("%s: the generator is version %s of the model %s", self.store.service, version, name)
        self.sent.files["registered"] = content
        self._note()

    def _grid(self, grid: Path) -> None:
        """An image that MLflow shows with a slider over the steps."""
        step = read_history(self.folder / "metrics.jsonl").step_of(int(grid.stem.partition("_")[2]))
        image = np.asarray(Image.open(grid).convert("RGB"))
        self.client.log_image(self.sent.run, image, key="grids", step=step or 0)

    def _results(self, file: Path, step: int) -> None:
        """The scores of `metrics.json`, as metrics of the last step."""
        from mlflow.entities import Metric

        rows, when = read_scores(file.parent), int(1000 * file.stat().st_mtime)
        measured = {name: row["synthetic"] for name, row in rows.items() if row.get("synthetic") is not None}
        scores = cleaned({f"{MEASURED}{name}": score for name, score in measured.items()})
        for batch in _batches([Metric(name, float(score), when, step) for name, score in scores.items()], BATCH[0]):
            self._log("metrics", batch)

    def _log(self, kind: str, batch: Sequence[Any]) -> None:
        """Bring metrics or parameters; what the store refuses of them is logged and left out, the others arrive."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.log_batch(self.sent.run, **{kind: batch})
        except MlflowException as error:
            if error.error_code != "INVALID_PARAMETER_VALUE":
                raise
            if len(batch) == 1:
                log.warning(
                    "MLflow refuses %s, which is missing in MLflow: %s", batch[0].key, str(error).splitlines()[0]
                )
            else:
                for one in batch:
                    self._log(kind, [one])

    def _once(self, file: Path, act: Callable[[Path], None], name: str | None = None) -> None:
        """Bring a file, where there is one, unless the store has this content of it."""
        if not inside(file, self.folder):
            return
        name = name or file.relative_to(self.folder).as_posix()
        now = hashlib.sha256(file.read_bytes()).hexdigest()
        if self.sent.files.get(name) != now:
            act(file)
            self.sent.files[name] = now
            self._note()

    def _note(self) -> None:
        self.sent.write(self.folder, self.store)


def cleaned(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values by names that MLflow takes: letters, digits and `_-. :` in parts joined by `/`.

    Two names that would become the same get a number.
    """
    by_name: dict[str, Any] = {}
    for key, value in values.items():
        parts = [part.strip() for part in re.sub(r"[^\w/.: -]", "", key).split("/")]
        name = "/".join(part if part.strip(".") else "_" for part in parts)[: LONGEST_NAME - 4]
        numbered = (f"{name} {number}" for number in count(2))
        by_name[next(free for free in chain([name], numbered) if free not in by_name)] = value
    return by_name


def _batches(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _metrics_of(line: bytes) -> list[Any]:
    from mlflow.entities import Metric

    try:
        row = json.loads(line)
        step, when = int(row.pop("step") or 0), int(1000 * row.pop("time"))
    except (ValueError, KeyError, TypeError, AttributeError):
        log.warning("a line of metrics.jsonl is not a row of metrics and is not tracked: %r", line[:80])
        return []
    return [
        Metric(key, float("nan") if value is None else float(value), when, step) for key, value in cleaned(row).items()
    ]
