"""An MLflow store: where it is, whether its experiment can take runs, and how it is opened."""

import hashlib
import logging
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

import requests
from filelock import FileLock

from ganlab.core.errors import UserError
from ganlab.tracking.mlflow_card import KIND, MACHINE_LEARNING
from ganlab.tracking.mlflow_moved import bring_along

EXPERIMENT = "ganlab"
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
"""MLflow's own defaults wait two minutes for an answer and ask eight times; values in the environment win."""
ANSWER_S = 3.0
"""Seconds that a server has to say whether the experiment was deleted; a run does not wait longer."""
ESCAPED: Mapping[str, str] = {"%": "%25", "?": "%3F", "#": "%23"}
"""Characters of a path that mean something else in the address of a database."""


def store_uri(uri: str | None, outputs: Path) -> str:
    """Return the given URI, or that of the environment (which may hold a password), or a sqlite file in `outputs`."""
    path = "".join(ESCAPED.get(character, character) for character in str(outputs.resolve() / "mlflow.db"))
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{path}"


def sqlite_file(uri: str) -> Path:
    """Return the file of a sqlite store."""
    return Path(unquote(uri.partition(":///")[2].partition("?")[0]))


@dataclass(frozen=True)
class Store:
    """An MLflow store and the experiment in it; a local store keeps its files in `outputs`.

    Raises UserError for an experiment without a name.
    """

    uri: str
    outputs: Path
    experiment: str = EXPERIMENT
    patient_ids: bool = False
    service = "MLflow"

    def __post_init__(self) -> None:
        object.__setattr__(self, "experiment", str(self.experiment).strip())
        if not self.experiment:
            raise UserError("tracking.experiment is empty; accepted is a name, such as tracking.experiment=ganlab.")

    @classmethod
    def of(cls, tracking: Mapping[str, Any], outputs: Path) -> Self:
        """Return the store of the configuration's group `tracking`."""
        uri = store_uri(tracking["uri"], outputs)
        return cls(uri, outputs, tracking["experiment"], tracking.get("patient_ids", False))

    @property
    def key(self) -> str:
        """A name of the store that reveals no password."""
        return hashlib.sha256(f"{self.uri} {self.experiment}".encode()).hexdigest()[:16]

    def check(self) -> None:
        """Raise UserError where the experiment was deleted. A store that does not answer is waited for later."""
        if self.uri.startswith("sqlite:"):
            with suppress(sqlite3.Error):
                file = sqlite_file(self.uri).absolute()
                with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=ANSWER_S)) as connection:
                    self._refuse_deleted(
                        *connection.execute(
                            "SELECT lifecycle_stage, experiment_id FROM experiments WHERE name = ?", (self.experiment,)
                        ).fetchone()
                        or ("", "")
                    )
        elif self.uri.startswith("http"):
            user = os.environ.get("MLFLOW_TRACKING_USERNAME")
            login = (user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None
            with suppress(requests.RequestException, ValueError, KeyError, TypeError):
                address = f"{self.uri.rstrip('/')}/api/2.0/mlflow/experiments/get-by-name"
                answer = requests.get(
                    address, params={"experiment_name": self.experiment}, auth=login, timeout=ANSWER_S
                ).json()["experiment"]
                self._refuse_deleted(answer["lifecycle_stage"], answer["experiment_id"])

    def _refuse_deleted(self, stage: str, number: object) -> None:
        if stage == "deleted":
            raise UserError(
                f"tracking.experiment={self.experiment}: it was deleted in MLflow, which takes no run into it. Two "
                "possibilities: another name, tracking.experiment=<name>; or restore it: mlflow experiments restore "
                f"--experiment-id {number} (with MLFLOW_TRACKING_URI naming the store)."
            )

    def open(self, folder: Path | None = None) -> tuple[Any, str]:
        """Return a client, and the id of the experiment, which is created if it is missing.

        A lock lets one process at a time do so: together, processes that find an empty sqlite file would each create
        its tables and ruin it. Raises UserError for an experiment that was deleted.
        """
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        # It warns of every try; what is of use is logged once.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
        from mlflow import MlflowClient

        self.outputs.mkdir(parents=True, exist_ok=True)
        with FileLock(self.outputs / ".mlflow.lock"):
            client = MlflowClient(self.uri)
            experiment = client.get_experiment_by_name(self.experiment)
            local = self.uri.startswith("sqlite:")
            if local:
                _remove_made_by_mistake(self.uri)
            location = (self.outputs.resolve() / "mlartifacts").as_uri() if local else None
            if experiment is not None:
                self._refuse_deleted(experiment.lifecycle_stage, experiment.experiment_id)
                if location is not None and sqlite_file(self.uri).is_file():
                    bring_along(sqlite_file(self.uri), experiment.artifact_location, location)
                if KIND not in experiment.tags:
                    client.set_experiment_tag(experiment.experiment_id, KIND, MACHINE_LEARNING)
                return client, experiment.experiment_id
            tags = {KIND: MACHINE_LEARNING}
            return client, client.create_experiment(self.experiment, artifact_location=location, tags=tags)


def _remove_made_by_mistake(uri: str) -> None:
    """Remove the empty folder that MLflow makes where it takes a path with escaped characters literally."""
    literal = Path(uri.partition(":///")[2]).parent
    if literal != sqlite_file(uri).parent:
        with suppress(OSError):
            os.removedirs(literal)
