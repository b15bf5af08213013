"""A store, MLflow's or W&B's, follows a run's folder: what the folder has and it lacks is brought there, now or later.

A thread beside the training does so every few seconds, so a store that is slow, failing or gone costs the training
nothing; `python -m ganlab.sync` brings what is missing at the end.
"""

import logging
import re
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from filelock import Timeout
from pytorch_lightning.loggers import Logger

from ganlab.core.errors import UserError
from ganlab.core.masking import masked
from ganlab.tracking.facts import end_if_dead
from ganlab.tracking.mlflow import bring, parent_of
from ganlab.tracking.shared import Shared, requested
from ganlab.tracking.store import Store
from ganlab.tracking.wandb_store import AnyStore, WandbStore

log = logging.getLogger(__name__)

LONGEST_WAIT_S = 60.0


class Follower(Logger):
    """Follows a run's folder from its own thread; logs nothing itself, and never raises because of the store.

    `patience_s` is how long the end of a run waits for what is still to be brought.
    """

    name = None
    version = None

    def __init__(self, folder: Path, store: AnyStore, every_s: float = 5.0, patience_s: float = 30.0) -> None:
        super().__init__()
        self.folder = folder
        self.store = store
        self.every_s = every_s
        self.patience_s = patience_s
        self._ends = threading.Event()
        self._brought = threading.Event()
        self._given_up = threading.Event()
        self._failed: str | None = None
        threading.Thread(target=self._follow, name=f"to {store.service}", daemon=True).start()

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Do nothing: `metrics.jsonl` has them."""

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: `config.yaml` has them."""

    def close(self) -> bool:
        """Bring the rest within `patience_s`; return whether all is there. If not, the log says how to bring it."""
        self._ends.set()
        if not self._brought.wait(self.patience_s):
            self._given_up.set()
            log.warning(
                "%s does not have all of this run (%s). Nothing is lost; upload the rest with python -m ganlab.sync "
                "run=%s",
                self.store.service,
                self._failed or f"it takes longer than {self.patience_s:g} s",
                self.folder,
            )
        return self._brought.is_set()

    def _follow(self) -> None:
        wait, opened, warned, service = self.every_s, None, False, self.store.service
        while True:
            ends = self._ends.wait(wait)
            try:
                opened = opened or self.store.open(self.folder)
                bring(self.folder, self.store, opened)
            except Timeout:
                wait = self.every_s
            except Exception as error:
                self._failed = _in_short(error)
                if not warned:
                    log.warning("%s does not accept this run now: %s. Training continues.", service, self._failed)
                warned, opened, wait = True, None, min(2 * wait, LONGEST_WAIT_S)
                if self._given_up.wait(1.0 if ends else 0.0):
                    return
            else:
                if warned:
                    log.info("%s accepts this run again", service)
                warned, wait = False, self.every_s
                if ends:
                    self._brought.set()
                    return


def _in_short(error: Exception) -> str:
    lines = str(error).strip().splitlines() or ["no reason given"]
    return masked(f"{type(error).__name__}: {lines[0][:200]}")


Follow = partial[Follower]
"""What begins to follow a run's folder; its keyword `store` is the store."""


def stores(tracking: Mapping[str, Any], outputs: Path) -> list[AnyStore]:
    """Return the stores that the configuration's group `tracking` names. Raises UserError for values out of range."""
    named: list[AnyStore] = [Store.of(tracking, outputs)] if tracking["mlflow"] else []
    return [*named, WandbStore.of(tracking)] if tracking.get("wandb") is not None else named


def follows(config: Mapping[str, Any]) -> list[Follow]:
    """Return what follows a run of this configuration, one for each store."""
    tracking = config["tracking"]
    if re.search("[/:]", name := str(tracking.get("register") or "")):
        raise UserError(f"tracking.register={name}: accepted is a name without / and :, such as ecg_generator.")
    times = {name: tracking[name] for name in ("every_s", "patience_s")}
    return [partial(Follower, store=store, **times) for store in stores(tracking, Path(config["outputs"]))]


def close_sweep(sweep: Path, store: Store, patience_s: float, status: str, summary: Path | None) -> None:
    """Write to MLflow how a sweep ended, with its page; wait `patience_s` at most, and raise nothing."""

    def close() -> None:
        try:
            client, experiment = store.open()
            parent = parent_of(sweep, client, experiment, store)
            client.set_terminated(parent, status)
            # The page of a sweep gives the errors of jobs that failed, which may name records.
            if summary is not None and (status == "FINISHED" or store.patient_ids):
                shared = Shared.of(sweep, {"overrides": requested(sweep), "working_folder": str(Path.cwd())})
                client.log_text(parent, shared.text(summary.read_text(encoding="utf-8")), summary.name)
            log.info("sweep %s: %s in MLflow", sweep, status)
        except Exception as error:
            log.warning("MLflow was not told how the sweep ended (%s): %s", type(error).__name__, error)

    thread = threading.Thread(target=close, name="mlflow-sweep", daemon=True)
    thread.start()
    thread.join(patience_s)


def sync(run: str | None, store: AnyStore) -> int:
    """Bring a run's folder, or every run of a folder such as a sweep's, to the store; return how many runs.

    Raises UserError where there is no run, or where the store does not take it.
    """
    if not run or not Path(run).is_dir():
        raise UserError(f"run={run}: no such folder. Runs are in outputs/runs, sweeps in outputs/sweeps.")
    alone = (Path(run) / "run.json").is_file()
    folders = [Path(run)] if alone else sorted(file.parent for file in Path(run).glob("*/run.json"))
    damaged = 0
    if not folders:
        raise UserError(f"run={run}: it contains no run (none has a run.json).")
    try:
        for folder in folders:
            try:
                end_if_dead(folder)
                sent = bring(folder, store)
            except UserError as error:
                # A damaged run does not cost the others.
                if alone:
                    raise
                damaged += 1
                log.error("%s is left out: %s", folder, error)
                continue
            log.info("%s: run %s, %s", folder, sent.run, sent.status)
    except UserError:
        raise
    except Timeout as error:
        raise UserError(f"{error.lock_file} is held: the run is still running and is being tracked.") from error
    except Exception as error:
        raise UserError(
            f"{store.service} does not accept it ({_in_short(error)}). See tracking.uri=..., or the variable "
            "MLFLOW_TRACKING_URI; what was uploaded stays, and nothing is lost."
        ) from error
    if damaged:
        raise UserError(f"{damaged} of {len(folders)} runs were left out, as listed above; the others are there.")
    return len(folders)
