"""`python -m ganlab.run` in processes that begin with everything imported, so that faults can be injected often."""

import multiprocessing
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PRELOADED = [
    *(
        "ganlab.command.run",
        "ganlab.command.sample",
        "ganlab.evaluation.reference",
        "ganlab.report.summary",
        "mlflow",
        "tensorboard.compat.proto",
    ),
    *(
        "ganlab.dataset.ptbdb_sim",
        "ganlab.dataset.windows",
        "ganlab.metrics.privacy.copies",
        "ganlab.metrics.distribution",
    ),
    *("ganlab.metrics.ecg.physiology", "ganlab.stopping.epochs", "mlflow.store.tracking.sqlalchemy_store"),
    "tests.conftest",
]


Before = Callable[[], object]
"""What a process does first; a function of a module, since another process imports it."""


def _main(
    cwd: str, name: str, overrides: Sequence[str], env: Mapping[str, str], log: str, file_limit: int, before: Before
) -> None:
    os.chdir(cwd)
    os.environ.update(env)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv = [f"ganlab.{name}", *overrides]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run behind a shell's `&`
    if file_limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    import torch
    from matplotlib.figure import Figure

    from tests.conftest import save_pixel

    torch.set_num_threads(1)
    before()
    Figure.savefig = save_pixel  # type: ignore[assignment,method-assign]
    __import__(f"ganlab.{name}", fromlist=["main"]).main()


def in_forks(arguments: Sequence[str]) -> None:
    """Run commands in turn, each in a fork of this process once all is imported; `--` stands between two of them.

    Ends with the exit code of the first that fails. The process has the locale that it was started with.
    """
    for module in PRELOADED:
        __import__(module)
    calls = "\0".join(arguments).split("\0--\0")
    for name, *overrides in (call.split("\0") for call in calls):
        if (child := os.fork()) == 0:
            _main(".", name, overrides, {}, "forked.txt", 0, list)
            os._exit(0)
        if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            sys.exit(code)


class Started:
    """A command that runs."""

    def __init__(self, process: multiprocessing.process.BaseProcess, log: Path, runs: Path) -> None:
        self.process = process
        self.log = log
        self._runs = runs
        self._before = self._folders()

    def _folders(self) -> set[Path]:
        return set(self._runs.iterdir()) if self._runs.is_dir() else set()

    @property
    def run(self) -> Path:
        """The run folder that it has begun; a path to nothing until then."""
        return next(iter(self._folders() - self._before), Path("not begun"))

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.is_file() else ""

    def told(self, number: signal.Signals) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def ended(self, timeout: float = 120) -> int:
        """Its exit code; the number of the signal that killed it below 0."""
        self.process.join(timeout)
        assert self.process.exitcode is not None, f"hangs:\n{self.said}"
        return self.process.exitcode

    def until(self, happens: Callable[[], object], timeout: float = 120) -> None:
        """Wait until a callable is true."""
        end = time.monotonic() + timeout
        while not happens():
            assert self.process.is_alive(), f"ended with {self.process.exitcode} before:\n{self.said}"
            assert time.monotonic() < end, f"did not happen:\n{self.said}"
            time.sleep(0.002)


class Commands:
    """Begins commands in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(PRELOADED)
        self.count = 0
        self.random = random.Random(0)

    def begin(
        self,
        *overrides: str,
        name: str = "run",
        env: Mapping[str, str] | None = None,
        file_limit: int = 0,
        before: Before = list,
    ) -> Started:
        self.count += 1
        log = self.folder / f"log{self.count}.txt"
        given = {"MLFLOW_TRACKING_URI": "", **(env or {})}
        arguments = (str(self.folder), name, overrides, given, str(log), file_limit, before)
        process = self.context.Process(target=_main, args=arguments)
        started = Started(process, log, self.folder / "outputs" / "runs")
        process.start()
        return started

    def run(self, *overrides: str, name: str = "run", code: int = 0, **settings: object) -> Started:
        """Begin one and wait for its end."""
        started = self.begin(*overrides, name=name, **settings)  # type: ignore[arg-type]
        assert started.ended() == code, started.said
        return started
