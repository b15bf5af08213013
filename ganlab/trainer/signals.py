"""What a run does at a signal: it stops after the current step, with a checkpoint; a second signal ends it at once.

Where steps are taken together (`ganlab.trainer.together`), it stops after those of a tenth of a second.

SIGTERM, SIGUSR1 and SIGHUP (a preempted machine, a time limit, a closed terminal): checkpoint, exit 143; under Slurm
SIGUSR1 also queues the job again (`#SBATCH --signal=USR1@90`). Where submitit runs the job, its own signal (SIGUSR2)
and its own requeueing follow the checkpoint. Ctrl-C: the trained state is saved, evaluated and reported, exit 130; also
where it comes during the evaluation.
"""

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.plugins.environments import SLURMEnvironment

from ganlab.core.errors import PREEMPTED
from ganlab.gan.gan import GAN
from ganlab.trainer.ddp import of_first

log = logging.getLogger(__name__)

REACTS_S = 0.1
"""Seconds within which steps are taken together: after them a signal is acted on."""
HEARD = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGINT)


class Signals(Callback):
    """A context around a whole run, and the callback that acts on a signal between two of its steps.

    `save` writes a checkpoint. Outside training there is nothing to save: a signal ends the run at once, but for the
    first Ctrl-C of the evaluation. `cut_short` is whether Ctrl-C has stopped the training.
    """

    def __init__(self, save: Callable[[Trainer, GAN], None]) -> None:
        self.save = save
        self.received: signal.Signals | None = None
        self.cut_short = False
        self._clock = 0.0, 0
        self._training = False
        self._evaluating = False
        self._before: dict[signal.Signals, Any] = {}

    @property
    def interrupted(self) -> bool:
        """Whether there was a Ctrl-C."""
        return self.received == signal.SIGINT

    def __enter__(self) -> Self:
        """Install the handlers in the main thread; elsewhere Python knows no signals."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.getsignal(number) for number in HEARD}
            self._install()
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def on_train_start(self, trainer: Trainer, pl_module: GAN) -> None:
        """Install the handlers again: Lightning has replaced them by its own."""
        self._install()
        self._training = True

    def idle_steps(self, trainer: Trainer, pl_module: GAN) -> int:
        """Return how many steps fit into `REACTS_S`, if they take as long as those since the last call."""
        now = time.monotonic()
        seconds, steps = now - self._clock[0], pl_module.steps - self._clock[1]
        self._clock = now, pl_module.steps
        return int(REACTS_S * steps / max(seconds, 1e-6))

    def on_train_batch_end(self, trainer: Trainer, pl_module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Stop where this process, or the first of several, has received a signal."""
        received = of_first(trainer, int(self.received or 0))
        self.received = signal.Signals(received) if received else None
        if self.received is None or self.interrupted:
            self.cut_short = self.interrupted
            trainer.should_stop = trainer.should_stop or self.cut_short
            return
        self.save(trainer, pl_module)
        log.warning("%s: step %d is saved, the run ends", self.received.name, pl_module.steps)
        self._hand_over(self.received)

    def on_train_end(self, trainer: Trainer, pl_module: GAN) -> None:
        """Act on a signal received since the last step; from here on there is nothing to save."""
        self._training, self._evaluating = False, True
        if self.received is not None and not self.interrupted:
            self._hand_over(self.received)

    def on_exception(self, trainer: Trainer, pl_module: GAN, exception: BaseException) -> None:
        """Note that training has ended."""
        self._training = False

    def _install(self) -> None:
        for number, before in self._before.items():
            # SIGUSR2 has no meaning here unless somebody, such as submitit, has given it one.
            if number != signal.SIGUSR2 or callable(before):
                signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        received = signal.Signals(number)
        if received != self.received and self._training:
            self.received = received
            outcome = "saved, measured and reported" if self.interrupted else "saved"
            log.warning(
                "%s: the training so far is %s after this step; a second signal ends it at once", received.name, outcome
            )
        elif received != self.received and self._evaluating and received == signal.SIGINT:
            self.received = received
            log.warning("SIGINT: the training so far is saved, measured and reported; a second signal ends it at once")
        elif received == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            self._hand_over(received)

    def _hand_over(self, received: signal.Signals) -> None:
        """Call the handler of before, which may want the run to go on; else requeue where asked for, and exit."""
        self.received = None
        before = self._before.get(received)
        if callable(before):
            before(received, None)
            return
        if received == signal.SIGUSR1 and SLURMEnvironment.detect():
            requeue()
        raise SystemExit(PREEMPTED)


def requeue() -> None:
    """Ask Slurm to queue this job, or this task of an array, again; it then resumes in its folder."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    job = f"{array}_{task}" if array else os.environ["SLURM_JOB_ID"]
    try:
        subprocess.run(["scontrol", "requeue", job], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        log.error("job %s was not queued again: %s. Queue it by hand: scontrol requeue %s", job, error, job)
    else:
        log.info("job %s is queued again", job)
