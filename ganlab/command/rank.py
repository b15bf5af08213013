"""A process of a run on several devices that is not the first: started by `ganlab.trainer.processes` only.

It reads the run's configuration from its standard input and trains; it writes no file. It heeds no signal but SIGKILL:
the first process does, and tells the others. It ends with the first.
"""

import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """The call is a JSON object, as `Together` writes it."""
    from ganlab.trainer.signals import HEARD

    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    follow(**json.loads(sys.argv[1]), config=json.load(sys.stdin))


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def follow(
    folder: str, rank: int, world: int, port: int, start: str | None, threads: int, config: dict[str, Any]
) -> None:
    """Train as process `rank` of `world` of the run in `folder`, from the checkpoint `start` if there is one."""
    import torch
    from omegaconf import OmegaConf
    from torch import distributed

    from ganlab.compose import compose
    from ganlab.trainer.build import fit, make_trainer
    from ganlab.trainer.compiled import compile_networks
    from ganlab.trainer.ddp import Ranks
    from ganlab.trainer.processes import HOST, leave_group
    from ganlab.trainer.signals import Signals

    # What there is to say of the data the first process says.
    logging.getLogger("ganlab.dataset").setLevel(logging.ERROR)
    torch.set_num_threads(threads)
    experiment = compose(OmegaConf.create(config))
    compile_networks(experiment.gan, wanted=experiment.config.get("compile", False))
    schedule, stopping = experiment.schedule, experiment.stopping
    # All processes save at the same steps: Lightning lets them wait for one another there.
    checkpoints = schedule.checkpoints(Path(folder))
    signals = Signals(checkpoints.save)
    trainer = make_trainer(experiment.trainer, Path(folder), schedule, stopping, checkpoints, signals, rank)
    experiment.data.prepare_data()
    experiment.data.setup()
    store = distributed.TCPStore(HOST, port, world, is_master=False)
    store.set(f"ready_{rank}", "yes")
    assert isinstance(trainer.strategy, Ranks)
    trainer.strategy.join(store, rank)
    fit(trainer, experiment.gan, experiment.data, start)
    leave_group()


if __name__ == "__main__":
    main()
