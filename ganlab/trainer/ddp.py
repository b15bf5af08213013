"""trainer=ddp: several devices of one machine train as one, each in a process of its own.

A step's batch is the same as on one device. Each takes its slice of it (`ganlab.dataset.samples`) and of the
step's noise, and the module averages gradients, losses and logged values (`ganlab.core.collective`). So the weights are
those of a single process, up to rounding, however many processes there are. Two things differ by process: dropout, and
the class boundary of a relativistic loss in its accuracy. Counts of saturated values are those of the first process.

`ganlab.trainer.processes` starts the other processes.
"""

from collections.abc import Mapping
from typing import Any

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.plugins.environments import LightningEnvironment
from pytorch_lightning.strategies import DDPStrategy, SingleDeviceStrategy
from torch import distributed

from ganlab.core.errors import UserError
from ganlab.gan.gan import GAN
from ganlab.trick.base import refuse_combinations, traits_of

TRAIT = "several_devices"
"""Refused by tricks that need the whole batch in one process."""


class Ranks(DDPStrategy):
    """Lightning's strategy without its wrapper, which would send both networks' gradients at each backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.decisions: distributed.ProcessGroup | None = None

    def setup(self, trainer: Trainer) -> None:
        """Set up; one process has no batch norm to synchronize, which torch refuses on a CPU."""
        if self.world_size == 1:
            self._layer_sync = None
        super().setup(trainer)

    def _configure_launcher(self) -> None:
        """Do nothing: `ganlab.trainer.processes` starts the other processes."""

    def configure_ddp(self) -> None:
        """Do nothing: the module averages its own gradients."""

    def join(self, store: distributed.Store, rank: int) -> None:
        """Meet the other processes: by NCCL between GPUs, by gloo between processes on a CPU and for decisions."""
        on_gpu = self.root_device.type == "cuda"
        distributed.init_process_group(
            "nccl" if on_gpu else "gloo",
            store=store,
            rank=rank,
            world_size=self.world_size,
            device_id=self.root_device if on_gpu else None,
        )
        self.decisions = distributed.new_group(backend="gloo")

    def of_first(self, value: int) -> int:
        """Return the first process's value; does not wait for the devices."""
        first = torch.tensor([value])
        distributed.broadcast(first, src=0, group=self.decisions)
        return int(first)


def of_first(trainer: Trainer, value: int) -> int:
    """Return the first process's value where several train, else `value`; all processes must call it at a step."""
    return trainer.strategy.of_first(value) if isinstance(trainer.strategy, Ranks) else value


class OneMachine(LightningEnvironment):
    """One process per device of this machine, whatever started the first one (Slurm, a shell)."""

    creates_processes_externally = True

    def __init__(self, rank: int = 0) -> None:
        super().__init__()
        self.rank = self._global_rank = rank

    @staticmethod
    def detect() -> bool:
        """Return False: Lightning must not choose this environment by itself."""
        return False

    def local_rank(self) -> int:
        """Return the number of this process."""
        return self.rank

    def node_rank(self) -> int:
        """Return 0: there is one machine."""
        return 0

    def teardown(self) -> None:
        """Leave the environment variables as they are."""


def check_devices(trainer: Trainer, settings: Mapping[str, Any], gan: GAN) -> None:
    """Raise UserError, before any data is read, for devices, networks and tricks that cannot train together.

    `settings` are those that the trainer was made with.
    """
    strategy = trainer.strategy
    if not isinstance(strategy, Ranks):
        if not isinstance(strategy, SingleDeviceStrategy) or trainer.world_size > 1:
            raise UserError(
                f"trainer.devices={trainer.num_devices} with trainer.strategy={type(strategy).__name__}: several "
                "devices need trainer=ddp; other strategies are not supported."
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
        raise UserError("trainer.overfit_batches needs a single process: trainer.devices=1.")
    if "batch_norm" in [*traits_of(gan.generator), *traits_of(gan.discriminator)]:
        _check_batch_norm(trainer, bool(settings["sync_batchnorm"]))


def _check_batch_norm(trainer: Trainer, synchronized: bool) -> None:
    if trainer.strategy.root_device.type == "cpu":
        raise UserError(
            "trainer=ddp on a CPU: these networks have batch norm, which torch synchronizes between processes only on "
            "GPUs. Use architecture=signal or fcn, or trainer.devices=1."
        )
    if not synchronized:
        raise UserError("trainer=ddp with batch norm needs trainer.sync_batchnorm=true.")
