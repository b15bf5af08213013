"""F20 and F30: signals outside of training, and surroundings that a user has not chosen."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ganlab.tracking.checkpoints import checkpoint_in
from tests.conftest import ROOT
from tests.faults.conftest import SMALL, Record
from tests.faults.process import Commands
from tests.faults.test_checkpoints import same
from tests.faults.test_folder import measures, pause

pytestmark = pytest.mark.fault

LONG_DATA = [o for o in SMALL if not o.startswith("dataset")] + ["dataset.patients=60", "dataset.seconds=100"]
MEASURED = [o for o in SMALL if not o.startswith(("metrics", "trainer.max"))]
MEASURED += ["metrics=ecg", "trainer.max_epochs=1", "metrics.draws=40", "metrics.samples=24"]
MEASURED += [f"~metrics.measures.{name}" for name in ("clinical", "distribution", "copies")]


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM], ids=lambda told: told.name)
def test_f30_while_preparing(commands: Commands, rounds: int, record: Record, told: signal.Signals) -> None:
    for number in range(rounds):
        started = commands.begin(*LONG_DATA, f"cache=cache{number}")
        started.until(lambda started=started: (started.run / ".owner.json").is_file())
        pause(commands, 0.3)
        started.told(told)
        assert started.ended() == {signal.SIGINT: 130, signal.SIGTERM: 143}[told], started.said
        assert "Traceback" not in started.said
        assert not [*(commands.folder / "outputs" / "runs").iterdir()]
    record("F30", f"{told.name} while preparing", rounds, "ends at once, no folder, no traceback", "as expected")


def test_f30_while_measuring(commands: Commands, rounds: int, record: Record) -> None:
    for twice in (False, True) * rounds:
        started = commands.begin(*MEASURED)
        started.until(lambda started=started: measures(started))
        pause(commands, 0.2)
        started.told(signal.SIGINT)
        if twice:
            started.until(lambda started=started: "a second signal ends it at once" in started.said)
            started.told(signal.SIGINT)
        assert started.ended() == 130, started.said
        assert "Traceback" not in started.said
        run = started.run
        assert json.loads((run / "run.json").read_text())["status"] == ("KILLED" if twice else "FINISHED")
        assert (run / "report.html").is_file() != twice
        if twice:
            commands.run(f"resume={run}")
            assert (run / "report.html").is_file()
    record(
        "F30",
        "Ctrl-C once during the evaluation, and twice in another run",
        rounds,
        "once: measured, reported, exit code 130; twice: ends at once, exit code 130, and `resume=` measures",
        "as expected",
    )


def test_f30_other_commands(commands: Commands, whole: Path, rounds: int, record: Record) -> None:
    calls = (
        ("sample", f"run={whole}", "n=400000", "format=csv"),
        ("evaluate", f"synthetic={whole}", "metrics=ecg", "metrics.draws=3000"),
    )
    for number in range(rounds):
        for name, *overrides in calls:
            out = commands.folder / f"{name}{number}"
            started = commands.begin(*overrides, f"out={out}", name=name)
            started.until(lambda name=name, started=started: begun(commands.folder, name, started.said))
            pause(commands, 0.2)
            started.told(signal.SIGINT)
            assert started.ended() == 130, started.said
            assert "Traceback" not in started.said
            assert not [*out.glob("*.csv"), *out.glob("metrics.json"), *out.glob("report.html")]
            assert not [*commands.folder.glob(".sample*")]
    record(
        "F30",
        "Ctrl-C while sampling and in ganlab.evaluate",
        rounds,
        "exit code 130, no traceback, no partial samples or numbers",
        "as expected",
    )


def begun(folder: Path, name: str, log: str) -> bool:
    """Whether samples are being written beside their place, or measured."""
    return "are taken" in log if name == "evaluate" else bool([*folder.glob(".sample*")])


def clock_goes_back() -> None:
    """Each look at the clock is an hour before the last."""
    hours = iter(range(10**9))
    now = time.time
    time.time = lambda: now() - 3600 * next(hours)  # type: ignore[assignment]


def closed() -> None:
    for number in (0, 1, 2):
        os.close(number)
    sys.stdin = sys.stdout = sys.stderr = None  # type: ignore[assignment]


def test_f20_a_clock_that_goes_back_and_closed_streams(
    commands: Commands, whole: Path, rounds: int, record: Record
) -> None:
    for _ in range(rounds):
        for before in (clock_goes_back, closed):
            done = commands.run(*SMALL, before=before)
            assert same(done.run, whole)
            assert (done.run / "report.html").is_file()
    record("F20", "a clock that goes back; stdin, stdout and stderr closed", rounds, "the same bits", "as expected")


def test_f20_an_ascii_locale(commands: Commands, whole: Path, rounds: int, record: Record) -> None:
    folder = commands.folder / "ü b"
    folder.mkdir()
    strange = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "OMP_NUM_THREADS": "1"}
    environment = {**os.environ, **strange, "PYTHONPATH": str(ROOT)}
    calls: list[str] = []
    for number in range(rounds):
        calls += ["run", *SMALL, f"hydra.run.dir='{folder}/{number}'", "--"]
        calls += ["sample", f"run='{folder}/{number}'", "n=2", f"out='{folder}/ü{number}'", "--"]
    program = "import sys; from tests.faults.process import in_forks; in_forks(sys.argv[1:])"
    call = [sys.executable, "-c", program, *calls[:-1]]
    done = subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr + (folder / "forked.txt").read_text(errors="replace")
    for number in range(rounds):
        assert same(folder / str(number), whole)
        assert (folder / f"ü{number}" / "RECORDS").is_file()
    record("F20", "an ASCII locale, and ü in every path", rounds, "the same bits", "as expected")


def test_f20_full_and_read_only_folders(
    commands: Commands,
    whole: Path,
    rounds: int,
    record: Record,
    mounted: object,
) -> None:
    small = mounted("size=64k")  # type: ignore[operator]
    (small / "full").write_bytes(bytes(60 << 10))
    for _ in range(rounds):
        assert same(commands.run(*SMALL, env={"TMPDIR": str(small)}).run, whole)
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    for overrides in ((f"outputs={small}/outputs",), (f"cache={small}/cache",), (f"hydra.run.dir={small}/run",)):
        refused = commands.begin(*SMALL, *overrides)
        assert refused.ended() != 0
        assert "Read-only file system" in refused.said
        assert "Traceback" not in refused.said
    record(
        "F20",
        "TMPDIR on a full disk; outputs, cache, run folder read-only",
        rounds,
        "the same bits, or an error that names the folder",
        "as expected",
    )


def little_memory() -> None:
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + (192 << 20),) * 2)


def test_f20_little_memory(commands: Commands, rounds: int, record: Record) -> None:
    for _ in range(rounds):
        wide = [o for o in SMALL if not o.startswith("architecture.width")]
        refused = commands.begin(*wide, "architecture.width=8", before=little_memory)
        assert refused.ended() == 2, refused.said
        assert "Memory is short" in refused.said
        assert "Traceback" not in refused.said
    record("F20", "an address space that is too small (RLIMIT_AS)", rounds, "named, exit 2", "as expected")


def test_f20_files_that_may_not_grow(commands: Commands, rounds: int, record: Record) -> None:
    """From a limit that no file fits to one that most fit."""
    for number in range(rounds):
        limit = 512 << number % 10
        done = commands.begin(*SMALL, "trainer.max_epochs=2", file_limit=limit)
        assert done.ended() in (0, 2), done.said
        assert "Traceback" not in done.said
        assert done.process.exitcode == 0 or "cannot be written" in done.said
        for path in commands.folder.glob("outputs/runs/*/checkpoints"):
            assert not [*path.glob(".*")]
            checkpoint_in(path.parent)
    record(
        "F20",
        "files limited to 0.5 kB to 256 kB (RLIMIT_FSIZE)",
        rounds,
        "the error names the file; exit code 2; no partial file",
        "as expected",
    )
