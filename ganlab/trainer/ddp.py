"""trainer=ddp: several devices of one machine train as one, each in a process of its own.

A step's batch is the same as on one device. Each process takes its slice of it (see `ganlab.dataset.batch_slice`) and
of the step's noise, and the module averages gradients, losses and logs (`ganlab.core.collective`). So the weights
are those of one process, but for rounding, however many there are. Two things are each process's own: dropout, and what
a relativistic loss calls real in its accuracy. Counts of saturated values are those of the first process's rows.

The first process is the run: it alone writes, measures and reports. The others (`ganlab.command.rank`) read the
configuration from the run's folder, train with it and end. No launcher of Hydra is asked to run a job twice, nothing is
left in the environment, and a run goes on with any number of devices.
"""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.plugins.environments import ClusterEnvironment
from pytorch_lightning.strategies import DDPStrategy, SingleDeviceStrategy
from torch import distributed

from ganlab.core.errors import UserError
from ganlab.gan.gan import GAN
from ganlab.tracking import facts
from ganlab.trick.base import refuse_combinations, traits_of

log = logging.getLogger(__name__)

TRAIT = "several_devices"
"""What tricks that need the whole batch in one process refuse."""
HOST = "127.0.0.1"
LOG = "rank_{}.log"
"""In the run's folder: what another process said, if it said anything."""
LAST_WORDS = 400
"""Characters of it in an error."""
PATIENCE_S = 60.0
"""How long an end of training waits for the other processes' ends."""
GRACE_S = 20.0
"""How long this process may be stuck after another one failed: NCCL does not say that a process is gone."""


class Ranks(DDPStrategy):
    """Lightning's strategy without its wrapper, which would send both networks' gradients at each backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.decisions: distributed.ProcessGroup | None = None

    def _configure_launcher(self) -> None:
        """None: `Together` begins the other processes."""

    def configure_ddp(self) -> None:
        """Nothing wraps the module: it averages its own gradients."""

    def first_says(self, value: int) -> int:
        """What the first process says, to all of them. The devices go on meanwhile."""
        told = torch.tensor([value])
        distributed.broadcast(told, src=0, group=self.decisions)
        return int(told)


def first_says(trainer: Trainer, value: int) -> int:
    """What the first process says where several train, else `value`: all of them must ask at the same step."""
    return trainer.strategy.first_says(value) if isinstance(trainer.strategy, Ranks) else value


class OneMachine(ClusterEnvironment):
    """One process a device of this machine; `Together` begins them, whatever started the first one (Slurm, a shell)."""

    creates_processes_externally = True
    main_address = HOST
    main_port = 0
    """Not used: the processes meet before Lightning asks."""

    def __init__(self, rank: int = 0) -> None:
        self.rank = rank
        self.world = 1

    @staticmethod
    def detect() -> bool:
        """Never of itself."""
        return False

    def world_size(self) -> int:
        """How many processes."""
        return self.world

    def set_world_size(self, size: int) -> None:
        """Lightning counts the devices."""
        self.world = size

    def global_rank(self) -> int:
        """Number of this one."""
        return self.rank

    def set_global_rank(self, rank: int) -> None:
        """It is known already."""

    def local_rank(self) -> int:
        """The same: there is one machine."""
        return self.rank

    def node_rank(self) -> int:
        """The first machine."""
        return 0


def check(trainer: Trainer, settings: Mapping[str, Any], gan: GAN) -> None:
    """Raise UserError for devices, networks and tricks that cannot train together. Before any data is read.

    `settings` are those that the trainer was made with.
    """
    strategy = trainer.strategy
    if not isinstance(strategy, Ranks):
        if not isinstance(strategy, SingleDeviceStrategy) or trainer.world_size > 1:
            raise UserError(
                f"trainer.devices={trainer.num_devices} with trainer.strategy={type(strategy).__name__}: several "
                "devices train with trainer=ddp; other strategies are not known here."
            )
        return
    if trainer.num_nodes > 1:
        raise UserError(
            f"trainer.num_nodes={trainer.num_nodes}: one run trains on the devices of one machine. Several machines "
            "share a sweep: --multirun hydra/launcher=submitit_slurm."
        )
    if trainer.world_size == 1:
        return
    refuse_combinations({TRAIT: "trainer=ddp"}, dict(zip(gan.tricks, gan.tricks.each(), strict=True)))
    if settings["overfit_batches"]:
        raise UserError("trainer.overfit_batches takes one process: trainer.devices=1.")
    if "batch_norm" in [*traits_of(gan.generator), *traits_of(gan.discriminator)]:
        _check_batch_norm(trainer, bool(settings["sync_batchnorm"]))


def _check_batch_norm(trainer: Trainer, synchronized: bool) -> None:
    if trainer.strategy.root_device.type == "cpu":
        raise UserError(
            "trainer=ddp on a CPU: these networks have batch norm, which torch computes over several processes on GPUs "
            "alone; each would have the statistics of its part. Take architecture=signal or fcn, or trainer.devices=1."
        )
    if not synchronized:
        raise UserError("trainer=ddp with batch norm needs trainer.sync_batchnorm=true.")


class RankFailed(RuntimeError):
    """Another process of this run ended before its time."""


class Together:
    """A context around training in which the other processes run too; nothing of it is left behind.

    `start` is the checkpoint that training goes on from. Raises RankFailed where one of them fails.
    """

    def __init__(self, trainer: Trainer, folder: Path, start: Path | None) -> None:
        self.trainer = trainer
        self.folder = folder
        self.start = start
        self.others: list[subprocess.Popen[bytes]] = []
        self._over = threading.Event()

    def __enter__(self) -> Self:
        world = self.trainer.world_size
        self._threads = torch.get_num_threads()
        torch.set_num_threads(max(1, self._threads // world))
        store = distributed.TCPStore(HOST, 0, world, is_master=True, wait_for_workers=False)
        try:
            self.others = [self._begin(rank, world, store.port) for rank in range(1, world)]
            self._wait_until_ready(store)
            join(self.trainer, store, 0)
        except BaseException:
            self._end()
            raise
        threading.Thread(target=self._watch, name="ranks", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                self._wait()
            elif isinstance(error, RuntimeError):
                # A process that is gone is an error of the connection here.
                self._raise_failure(patience=5.0, of=error)
        finally:
            self._end()

    def _begin(self, rank: int, world: int, port: int) -> subprocess.Popen[bytes]:
        call = {"folder": str(self.folder), "rank": rank, "world": world, "port": port}
        call |= {"start": str(self.start) if self.start else None, "threads": torch.get_num_threads()}
        command = [sys.executable, "-m", "ganlab.command.rank", json.dumps(call)]
        with self._log(rank).open("wb") as said:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)

    def _log(self, rank: int) -> Path:
        return self.folder / LOG.format(rank)

    def _wait_until_ready(self, store: distributed.Store) -> None:
        """They read their data first; whoever fails there would be waited for in vain."""
        while not store.check([f"ready_{rank}" for rank in range(1, len(self.others) + 1)]):
            self._raise_failure()
            time.sleep(0.05)

    def _raise_failure(self, patience: float = 0.0, of: BaseException | None = None) -> None:
        end = time.monotonic() + patience
        while not (failed := [rank for rank, other in enumerate(self.others, 1) if other.poll()]):
            if time.monotonic() >= end:
                return
            time.sleep(0.05)
        code, said = self.others[failed[0] - 1].returncode, self._log(failed[0])
        words = said.read_text(errors="replace").strip()[-LAST_WORDS:] or "nothing"
        raise RankFailed(
            f"process {failed[0]} of {len(self.others) + 1} ended with {code}; {said} ends: {words}"
        ) from of

    def _wait(self) -> None:
        end = time.monotonic() + PATIENCE_S
        while any(other.poll() is None for other in self.others) and time.monotonic() < end:
            self._raise_failure()
            time.sleep(0.05)
        self._raise_failure()

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            if any(other.poll() for other in self.others):
                if not self._over.wait(GRACE_S):
                    log.critical("another process failed and this one is stuck: it ends")
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
        part()
        torch.set_num_threads(self._threads)


def join(trainer: Trainer, store: distributed.Store, rank: int) -> None:
    """Meet the other processes: NCCL between GPUs, gloo between processes on a CPU and for decisions."""
    strategy = trainer.strategy
    assert isinstance(strategy, Ranks)
    on_gpu = strategy.root_device.type == "cuda"
    distributed.init_process_group(
        "nccl" if on_gpu else "gloo",
        store=store,
        rank=rank,
        world_size=trainer.world_size,
        device_id=strategy.root_device if on_gpu else None,
    )
    strategy.decisions = distributed.new_group(backend="gloo")


def part() -> None:
    """Leave them."""
    if distributed.is_initialized():
        with suppress(RuntimeError):
            distributed.destroy_process_group()


@contextmanager
def together(trainer: Trainer, folder: Path, start: Path | None) -> Iterator[None]:
    """`Together` where several devices train; nothing where one does."""
    if not isinstance(trainer.strategy, Ranks):
        yield
        return
    with Together(trainer, folder, start):
        yield
