"""The processes of trainer=ddp but the first: started around training, watched, and ended with it.

The first process is the run: it alone writes, evaluates and reports. The others (`ganlab.command.rank`) are given its
configuration, train with it and end. Hydra starts no job twice, nothing is left in the
environment, and a run can be resumed with any number of devices.
"""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Self

import torch
from pytorch_lightning import Trainer
from torch import distributed

from ganlab.tracking import facts
from ganlab.trainer.ddp import Ranks

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
LOG = "rank_{}.log"
"""Output of another process, in the run's folder; removed where it is empty."""
LAST_WORDS = 400
"""Characters of that output in an error."""
PATIENCE_S = 60.0
"""Seconds that the end of training waits for the other processes."""
GRACE_S = 20.0
"""Seconds this process may hang after another one failed: NCCL reports no lost process."""
POLL_S = 0.05


class RankFailed(RuntimeError):
    """Another process of this run ended before its time."""


class Together:
    """A context around training in which the other processes run; it leaves nothing behind.

    `start` is the checkpoint that training starts from, `config` the run's configuration, which may hold what
    `config.yaml` does not. Raises RankFailed where a process fails.
    """

    def __init__(self, strategy: Ranks, folder: Path, start: Path | None, config: Mapping[str, Any]) -> None:
        self.strategy = strategy
        self.folder = folder
        self.start = start
        self.config = config
        self.others: list[subprocess.Popen[bytes]] = []
        self._over = threading.Event()

    def __enter__(self) -> Self:
        world = self.strategy.world_size
        self._threads = torch.get_num_threads()
        torch.set_num_threads(max(1, self._threads // world))
        store = distributed.TCPStore(HOST, 0, world, is_master=True, wait_for_workers=False)
        try:
            self.others = [self._begin(rank, world, store.port) for rank in range(1, world)]
            # They read their data first; one that fails there would be waited for in vain.
            while not store.check([f"ready_{rank}" for rank in range(1, world)]):
                self._raise_failure()
                time.sleep(POLL_S)
            self.strategy.join(store, 0)
        except BaseException:
            self._end()
            raise
        threading.Thread(target=self._watch, name="ranks", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                end = time.monotonic() + PATIENCE_S
                while any(other.poll() is None for other in self.others) and time.monotonic() < end:
                    self._raise_failure()
                    time.sleep(POLL_S)
                self._raise_failure()
            elif isinstance(error, RuntimeError):
                # A lost process shows as an error of the connection in this one.
                self._raise_failure(patience=5.0, of=error)
        finally:
            self._end()

    def _begin(self, rank: int, world: int, port: int) -> subprocess.Popen[bytes]:
        call = {"folder": str(self.folder), "rank": rank, "world": world, "port": port}
        call |= {"start": str(self.start) if self.start else None, "threads": torch.get_num_threads()}
        # Modules come from where this process has them, not from the folder in which a run works.
        command = [sys.executable, "-P", "-m", "ganlab.command.rank", json.dumps(call)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with self._log(rank).open("wb") as output, TemporaryFile("w+") as config:
            json.dump(self.config, config)
            config.seek(0)
            return subprocess.Popen(command, stdin=config, stdout=output, stderr=output, env=environment)

    def _log(self, rank: int) -> Path:
        return self.folder / LOG.format(rank)

    def _raise_failure(self, patience: float = 0.0, of: BaseException | None = None) -> None:
        end = time.monotonic() + patience
        while not (failed := [rank for rank, other in enumerate(self.others, 1) if other.poll()]):
            if time.monotonic() >= end:
                return
            time.sleep(POLL_S)
        code, output = self.others[failed[0] - 1].returncode, self._log(failed[0])
        words = output.read_text(errors="replace").strip()[-LAST_WORDS:] or "nothing"
        raise RankFailed(
            f"process {failed[0]} of {len(self.others) + 1} ended with {code}; {output} ends: {words}"
        ) from of

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            if any(other.poll() for other in self.others):
                if not self._over.wait(GRACE_S):
                    log.critical("another process failed and this one hangs: it ends now")
                    facts.end(self.folder, "FAILED", RankFailed("another process failed; see rank_*.log"))
                    os._exit(1)
                return

    def _end(self) -> None:
        self._over.set()
        for rank, other in enumerate(self.others, 1):
            other.kill()
            other.wait()
            if not self._log(rank).stat().st_size:
                self._log(rank).unlink()
        leave_group()
        torch.set_num_threads(self._threads)


def leave_group() -> None:
    """Leave the group of processes, where there is one."""
    if distributed.is_initialized():
        with suppress(RuntimeError):
            distributed.destroy_process_group()


def together(
    trainer: Trainer, folder: Path, start: Path | None, config: Mapping[str, Any]
) -> AbstractContextManager[object]:
    """Return the context of the other processes around training where several devices train, else one of nothing."""
    if not isinstance(trainer.strategy, Ranks):
        return nullcontext()
    return Together(trainer.strategy, folder, start, config)
