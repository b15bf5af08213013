"""The folder of a run while a command works in it: it belongs to this process, and a refused run leaves none behind."""

import logging
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import chdir, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from ganlab.core.errors import PREEMPTED, UserError
from ganlab.core.settings import HYDRA
from ganlab.tracking.owner import LOCK, FolderInUse, owned

log = logging.getLogger(__name__)

RECORD = ("run.json", "config.yaml")
"""Files that show that a run has begun in a folder."""


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Own a run's folder. Where the run is refused before it begins, what Hydra wrote for this call is removed.

    Relative paths begin where the command was given, also under `hydra.job.chdir=true`. The folder of a sweep's job
    stays, since it holds the job's error. Raises FolderInUse where another process works there.
    """
    hydra, before = HydraConfig.get(), _record(folder)
    if hydra.job.chdir:
        log.warning("hydra.job.chdir=true changes nothing: paths begin in %s", hydra.runtime.cwd)
    try:
        with _ended_by_signals(), chdir(hydra.runtime.cwd), owned(folder):
            yield
    except (UserError, KeyboardInterrupt, SystemExit) as refusal:
        in_use = isinstance(refusal, FolderInUse)
        if hydra.mode == RunMode.RUN and (in_use or _record(folder) == before):
            forget_call(folder, f"{hydra.job.name}.log", in_use)
        raise


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End as Python does at an exit, also before the training listens to signals; who listens already goes on to."""
    numbers = [signal.SIGTERM, signal.SIGHUP] if threading.current_thread() is threading.main_thread() else []
    unheard = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    for number in unheard:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in unheard:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    log.warning("%s: the run ends", signal.Signals(number).name)
    raise SystemExit(PREEMPTED)


def _record(folder: Path) -> list[bytes | None]:
    return [file.read_bytes() if (file := folder / name).is_file() else None for name in RECORD]


def forget_call(folder: Path, log_file: str, in_use: bool) -> None:
    """Remove what Hydra wrote for a call that was refused: its record, and the folder where no run has begun.

    Another process that is at work there (`in_use`) keeps its files, and a run that began earlier all but this record.
    """
    for record in sorted((folder / HYDRA).glob("resumed_*"))[-1:]:
        shutil.rmtree(record, ignore_errors=True)
    if in_use or any(_record(folder)):
        return
    shutil.rmtree(folder / HYDRA, ignore_errors=True)
    for name in (log_file, LOCK):
        (folder / name).unlink(missing_ok=True)
    # A folder that holds more is not only of this call.
    with suppress(OSError):
        folder.rmdir()
