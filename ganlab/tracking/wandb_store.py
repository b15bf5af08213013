"""A project of Weights & Biases as a store: the calls that `ganlab.tracking.mlflow` makes, written to W&B's files.

So W&B gets the same parameters, metrics and texts as MLflow, without the same names and paths. W&B's own collection
of facts about the machine, the code and the console is off.
"""

import importlib.util
import json
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

from ganlab.core.errors import UserError
from ganlab.tracking.store import Store

log = logging.getLogger(__name__)

MODES = ("offline", "online")
ANSWER_S = 10.0
"""Seconds that the server has to take a new run; after that the run is written to files."""
NOBODY = "-"
"""In the place of host, user and program."""
QUIET: Mapping[str, Any] = {
    **{"x_disable_meta": True, "x_disable_stats": True, "x_disable_machine_info": True, "x_save_requirements": False},
    **{"disable_git": True, "disable_code": True, "save_code": False, "console": "off", "silent": True},
    **{"host": NOBODY, "username": NOBODY, "email": NOBODY, "program": NOBODY, "program_relpath": NOBODY},
    **{"symlink": False, "init_timeout": ANSWER_S, "login_timeout": ANSWER_S},
}
"""Settings of W&B: nothing about the machine, and no wait for a server that does not answer."""


@dataclass(frozen=True)
class WandbStore:
    """A project of W&B. `mode` is offline, files that `wandb sync` sends, or online, sent while the run goes on.

    A folder keeps its client, also after an error: W&B opens a run once in a process.
    """

    project: str
    mode: str = "offline"
    patience_s: float = 30.0
    patient_ids: bool = False
    clients: dict[Path, "Client"] = field(default_factory=dict, compare=False, repr=False)
    service = "W&B"

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UserError(f"tracking.wandb={self.mode}: accepted are {', '.join(MODES)} and null.")

    @classmethod
    def of(cls, tracking: Mapping[str, Any]) -> Self:
        """Return the store of the configuration's group `tracking`."""
        ids = tracking.get("patient_ids", False)
        return cls(str(tracking["experiment"]), str(tracking["wandb"]), tracking["patience_s"], ids)

    @property
    def key(self) -> str:
        """The store's name among those that `tracking.json` has."""
        return f"wandb {self.project}"

    def check(self) -> None:
        """Raise UserError where W&B is not installed."""
        if importlib.util.find_spec("wandb") is None:
            raise UserError(f'tracking.wandb={self.mode} needs W&B: pip install "ganlab[wandb]", or tracking=both.')

    def open(self, folder: Path) -> tuple["Client", str]:
        """Return what writes a run's folder to W&B, and the project."""
        self.check()
        return self.clients.setdefault(folder, Client(self, folder)), self.project


AnyStore = Store | WandbStore
"""What a run is brought to."""


class Client:
    """The calls of MLflow's client that a run's folder needs, for one run of W&B."""

    def __init__(self, store: WandbStore, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self._opened: Any = None

    def _run(self, run: str, **about: Any) -> Any:
        """Return W&B's run, which goes on where it has this id. A server that does not answer costs the run nothing."""
        import wandb

        for mode in dict.fromkeys((self.store.mode, "offline")):
            if self._opened is not None:
                break
            settings = wandb.Settings(
                **QUIET, base_url=wandb.setup().settings.base_url, finish_timeout=self.store.patience_s
            )
            about |= {"id": run, "project": self.store.project, "resume": "allow", "reinit": "create_new"}
            about |= {"dir": str(self.folder), "mode": mode, "settings": settings}
            try:
                self._opened = wandb.init(**about)
                self._opened.define_metric("*", step_metric="step")
            except wandb.Error as error:
                if mode == "offline":
                    raise
                log.warning("W&B does not answer (%s). The run is written to files.", str(error).splitlines()[0])
                wandb.teardown()  # its service would go on to hold the run's id
        return self._opened

    def search_runs(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Return nothing: a run has the id that ganlab gave it."""
        return []

    def create_run(self, project: str, run_name: str, tags: Mapping[str, str], **times: Any) -> SimpleNamespace:
        """Begin a run. A sweep is a group of W&B, which has no run of its own."""
        run = tags.get("ganlab.id", run_name)
        if "ganlab.id" in tags:
            own = {key: value for key, value in tags.items() if not key.startswith("mlflow.")}
            group, notes = tags.get("mlflow.parentRunId"), tags.get("mlflow.note.content")
            self._run(run, name=run_name, group=group, notes=notes).config.update({"tags": own})
        return SimpleNamespace(info=SimpleNamespace(run_id=run))

    def get_run(self, run: str) -> SimpleNamespace:
        """Return a run with no parameters yet, whose files lie in the folder that W&B sends."""
        files = "" if self._opened is None else self._opened.dir
        info = SimpleNamespace(lifecycle_stage="active", artifact_uri=files)
        return SimpleNamespace(info=info, data=SimpleNamespace(params={}))

    def log_batch(self, run: str, metrics: Sequence[Any] = (), params: Sequence[Any] = ()) -> None:
        """Write parameters, and metrics by their steps."""
        own = self._run(run)
        if params:
            own.config.update({param.key: param.value for param in params}, allow_val_change=True)
        for (step, _), row in groupby(metrics, lambda metric: (metric.step, metric.timestamp)):
            own.log({**{metric.key: metric.value for metric in row}, "step": step})

    def log_inputs(self, run: str, inputs: Sequence[Any]) -> None:
        """Write name, hash and counts of the data sets."""
        data = [{"name": each.dataset.name, "digest": each.dataset.digest} for each in inputs]
        parts = [json.loads(each.dataset.profile) for each in inputs]
        config = {"data": [one | {"parts": part} for one, part in zip(data, parts, strict=True)]}
        self._run(run).config.update(config, allow_val_change=True)

    def log_image(self, run: str, image: Any, key: str, step: int) -> None:
        """Write an image of a step."""
        import wandb

        self._run(run).log({key: wandb.Image(image), "step": step})

    def log_text(self, run: str, text: str, name: str) -> None:
        """Write a text as a file of the run."""
        self._save(run, name).write_text(text, encoding="utf-8")

    def log_artifact(self, run: str, file: str, folder: str = "") -> None:
        """Copy a file to the run's files."""
        shutil.copy(file, self._save(run, str(Path(folder) / Path(file).name)))

    def _save(self, run: str, name: str) -> Path:
        own = self._run(run)
        path = Path(own.dir) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        own.save(str(path), base_path=own.dir, policy="end")
        return path

    def create_registered_model(self, name: str) -> None:
        """Do nothing: W&B makes a model with its first version."""

    def create_model_version(self, name: str, source: str, run: str) -> SimpleNamespace:
        """Write the exported generator as an artifact of the type `model`.

        Its files stay where they are in the run's folder; those of a run of files are named from the working folder.
        """
        import wandb

        own, artifact = self._run(run), wandb.Artifact(name, type="model")
        for file in sorted(Path(source).iterdir()):
            place = os.path.relpath(file) if own.offline else str(file)
            artifact.add_file(place, policy="immutable", skip_cache=True)
        own.log_artifact(artifact)
        return SimpleNamespace(version="latest")

    def update_run(self, run: str, status: str) -> None:
        """Do nothing: W&B itself sees that a run goes on."""

    def set_terminated(self, run: str, status: str) -> None:
        """End the run; a run of files says how they are sent."""
        own, self._opened = self._run(run), None
        own.finish(exit_code=int(status != "FINISHED"))
        if own.offline:
            log.info("W&B: this run is in files; to send them: wandb sync %s", Path(own.dir).parent)
