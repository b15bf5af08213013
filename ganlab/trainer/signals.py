"""What a run does when it is told to stop: at the next step, with a checkpoint, and never twice asked.

SIGTERM, SIGUSR1 and SIGHUP (a machine that is wanted back, a time limit, a closed terminal): checkpoint, exit 143, and
under Slurm the job is queued again after SIGUSR1 (`#SBATCH --signal=USR1@90`). Where submitit runs the job its own
signal (SIGUSR2) and its own way to queue again are kept, behind the checkpoint. Ctrl-C: what is trained is saved,
measured and reported, and the run exits 130. A second signal ends the run at once.
"""

import logging
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.plugins.environments import SLURMEnvironment

from ganlab.gan.gan import GAN
from ganlab.trainer.ddp import first_says

log = logging.getLogger(__name__)

Handler = Callable[[int, FrameType | None], Any]

PREEMPTED, INTERRUPTED = 143, 130
"""Exit codes, as shells give them for SIGTERM and SIGINT."""
HEARD = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGINT)


class Signals(Callback):
    """A context around a whole run, and the callback that acts on a signal between two of its steps.

    `save` writes a checkpoint. Outside training there is nothing to save: a signal ends the run at once.
    """

    def __init__(self, save: Callable[[Trainer, GAN], None]) -> None:
        self.save = save
        self.received: signal.Signals | None = None
        self._training = False
        self._before: dict[signal.Signals, Any] = {}

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C has stopped the training."""
        return self.received == signal.SIGINT

    def __enter__(self) -> Self:
        """Listen, in the main thread; elsewhere Python knows no signals."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.getsignal(number) for number in HEARD}
            self._listen()
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def on_train_start(self, trainer: Trainer, pl_module: GAN) -> None:
        """Lightning has put its own handlers in place of these."""
        if self._before:
            self._listen()
        self._training = True

    def on_train_batch_end(self, trainer: Trainer, pl_module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Stop if told to, or if the first of several processes was."""
        told = first_says(trainer, int(self.received or 0))
        self.received = signal.Signals(told) if told else None
        if self.received is None or self.interrupted:
            trainer.should_stop = trainer.should_stop or self.interrupted
            return
        self.save(trainer, pl_module)
        log.warning("%s: step %d is saved, the run ends", self.received.name, pl_module.steps)
        self._hand_over(self.received)

    def on_train_end(self, trainer: Trainer, pl_module: GAN) -> None:
        """From here on there is nothing to save; what was heard since the last step is acted on."""
        self._training = False
        if self.received is not None and not self.interrupted:
            self._hand_over(self.received)

    def on_exception(self, trainer: Trainer, pl_module: GAN, exception: BaseException) -> None:
        """As at the end."""
        self._training = False

    def _listen(self) -> None:
        for number, before in self._before.items():
            # SIGUSR2 means nothing here unless somebody, such as submitit, has given it a meaning.
            if number != signal.SIGUSR2 or callable(before):
                signal.signal(number, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        heard = signal.Signals(number)
        if self._training and heard != self.received:
            self.received = heard
            said = "saved, measured and reported" if self.interrupted else "saved"
            log.warning("%s: what is trained is %s after this step; once more ends at once", heard.name, said)
        elif heard == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            self._hand_over(heard)

    def _hand_over(self, heard: signal.Signals) -> None:
        """To who listened before, who may want the run to go on; else queue again where that is asked for, and exit."""
        self.received = None
        before = self._before.get(heard)
        if callable(before):
            before(heard, None)
            return
        if heard == signal.SIGUSR1 and SLURMEnvironment.detect():
            requeue()
        raise SystemExit(PREEMPTED)


def requeue() -> None:
    """Ask Slurm to queue this job again, or this one of an array; it goes on in its folder when it starts."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    job = f"{array}_{task}" if array else os.environ["SLURM_JOB_ID"]
    try:
        subprocess.run(["scontrol", "requeue", job], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        log.error("job %s was not queued again: %s. Queue it by hand: scontrol requeue %s", job, error, job)
    else:
        log.info("job %s is queued again", job)
