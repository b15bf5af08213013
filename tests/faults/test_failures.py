"""F3, F15, F16, F18, F20: what fails is named, ends with a code that is not 0, and takes nothing else with it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from ganlab.tracking.checkpoints import checkpoint_in
from tests.conftest import ROOT, TINY
from tests.faults.conftest import SMALL, Record
from tests.faults.process import Commands, Started
from tests.faults.test_checkpoints import same
from tests.faults.test_signals import statuses


@pytest.mark.parametrize(
    ("options", "said"),
    [("size=2m", "its checkpoints need about"), ("size=2m,ro", "cannot be written")],
    ids=["too small", "read-only"],
)
def test_f3_a_disk_that_cannot_take_the_run(
    commands: Commands, mounted: object, record: Record, options: str, said: str
) -> None:
    folder = mounted(options)  # type: ignore[operator]
    started = commands.begin(*SMALL, f"outputs={folder}/outputs", "architecture.width=1", "cache=cache")
    assert started.ended() not in (0, None)
    assert said in started.said
    assert "Traceback" not in started.said
    assert not list(folder.glob("**/*.ckpt"))
    record("F3", f"outputs on a disk that is {options.replace('=', ' ')}", 1, "refused before training", "so, exit 2")


def test_f18_a_loss_that_is_no_number(commands: Commands, rounds: int, record: Record) -> None:
    for _ in range(rounds):
        settings = [o for o in SMALL if not o.startswith("tracking")]
        settings += ["tracking=mlflow", "check_every=1", "gan.optimizer_g.lr=1e30", "gan.optimizer_d.lr=1e30"]
        done = commands.run(*settings, code=2)
        said, run = done.said, done.run
        assert "at step" in said
        assert "a lower gan.optimizer_g.lr" in said
        assert "Traceback" not in said
        facts = json.loads((run / "run.json").read_text())
        assert facts["status"] == "FAILED"
        assert "Diverged" in facts["error"]
        for path in (run / "checkpoints").glob("*.ckpt"):
            weights = torch.load(path, weights_only=True)["state_dict"]
            assert all(torch.isfinite(value).all() for value in weights.values() if value.is_floating_point())
    assert set(statuses(commands.folder / "outputs")) == {"FAILED"}
    record(
        "F18",
        "a learning rate of 1e30",
        rounds,
        "the error names the loss; exit code 2; FAILED; checkpoints finite",
        "as expected",
    )


def builder(started: list[Started], cache: Path, timeout: float = 120) -> Started:
    """The process that writes the recordings of a cache, once it does."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        for one in started:
            if any(path.is_relative_to(cache) and path.name == "signal.i16" for path in open_files(one)):
                return one
    raise AssertionError("nobody builds the cache")


def open_files(one: Started) -> list[Path]:
    try:
        return [link.readlink() for link in Path(f"/proc/{one.process.pid}/fd").iterdir()]
    except OSError:
        return []


@pytest.mark.slow
def test_f15_eight_processes_on_an_empty_cache_one_killed(commands: Commands, rounds: int, record: Record) -> None:
    call = [o for o in SMALL if not o.startswith(("dataset", "tracking", "trainer.max"))]
    call += ["dataset.patients=24", "dataset.seconds=30", "trainer.limit_train_batches=1", "trainer.max_epochs=1"]
    for number in range(rounds):
        cache, outputs = commands.folder / f"cache{number}", commands.folder / f"outputs{number}"
        ours = (*call, f"cache={cache}", f"outputs={outputs}", "tracking=mlflow", "tracking.patience_s=200")
        started = [commands.begin(*ours) for _ in range(8)]
        builder(started, cache).told(signal.SIGKILL)
        codes = sorted(one.ended(300) for one in started)
        assert codes == [-signal.SIGKILL] + [0] * 7, "".join(one.said for one in started)
        assert len([path for path in cache.glob("*ptbdb_sim*") if path.is_dir()]) == 1
        assert statuses(outputs) == ["FINISHED"] * 7
    record(
        "F15",
        "eight runs on an empty cache and an empty store; the one that builds the cache is killed",
        rounds,
        "one cache, seven runs finished, no error",
        "as expected",
    )


@pytest.mark.slow
def test_f16_a_sweep_goes_on_past_its_failures_and_does_what_is_missing(tmp_path: Path, record: Record) -> None:
    call = [sys.executable, "-m", "ganlab.run", "--multirun", *TINY, "hydra.sweep.dir=sweep"]
    call += ["arrangement.leads=[v9],[v2],[v3]"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    first = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert first.returncode != 0
    jobs = sorted(path for path in (tmp_path / "sweep").iterdir() if path.is_dir())
    assert [(job / "report.html").is_file() for job in jobs] == [False, True, True]
    assert "v9" in json.loads((jobs[0] / "failed.json").read_text())["error"]
    assert f"job {jobs[0].name} failed: UserError" in first.stdout
    assert "Failed or unfinished: 1 run" in (tmp_path / "sweep" / "summary.html").read_text()
    assert sorted(statuses(tmp_path / "outputs")) == ["FAILED", "FINISHED", "FINISHED"]
    reports = {job: (job / "report.html").stat().st_mtime_ns for job in jobs[1:]}
    for file in jobs[2].glob("metrics.json"):
        file.unlink()
    (jobs[2] / "run.json").write_text((jobs[2] / "run.json").read_text().replace('"FINISHED"', '"KILLED"'))
    second = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert second.stdout.count("which has finished: nothing to do") == 1
    assert (jobs[1] / "report.html").stat().st_mtime_ns == reports[jobs[1]]
    assert (jobs[2] / "report.html").stat().st_mtime_ns > reports[jobs[2]]
    assert json.loads((jobs[2] / "run.json").read_text())["status"] == "FINISHED"
    record(
        "F16",
        "a sweep with a failing and a killed job; then the same command again",
        1,
        "the others finish and failures are listed; the second command runs only what is missing",
        "so",
    )


@pytest.mark.fault
def test_f17_a_sweeps_worker_that_is_killed(tmp_path: Path, record: Record) -> None:
    """joblib ends the whole sweep then. Started again, it goes on with what had not ended."""
    settings = [o for o in SMALL if not o.startswith(("trainer.max", "checkpoint_minutes"))]
    call = [sys.executable, "-m", "ganlab.run", "--multirun", *settings, "trainer.max_epochs=2,120"]
    call += ["hydra.sweep.dir=sweep", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    first = subprocess.Popen(call, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    short, long, end = Path(), Path(), time.monotonic() + 120
    while not ((short / "report.html").is_file() and [*(long / "checkpoints").glob("step_*.ckpt")]):
        assert time.monotonic() < end, "one has to end while the other trains"
        time.sleep(0.01)
        short, long = (next(tmp_path.glob(f"sweep/{number}_*"), Path()) for number in (0, 1))
    os.kill(json.loads((long / "run.json").read_text())["pid"], signal.SIGKILL)
    said = first.communicate(timeout=60)[0]
    assert first.returncode == 1
    assert f"job {long.name} failed: it was stopped, or its process killed" in said
    assert short.name not in said.partition("failed: ")[2]
    reported = (short / "report.html").stat().st_mtime_ns
    subprocess.run(call, cwd=tmp_path, env=environment, check=True)
    assert (short / "report.html").stat().st_mtime_ns == reported
    facts = json.loads((long / "run.json").read_text())
    assert (facts["status"], facts["steps"], len(facts["resumed"])) == ("FINISHED", 480, 1)
    record(
        "F17",
        "a worker of a sweep under joblib killed; then the same command again",
        1,
        "exit code 1; the error names the job; the second command runs only what is missing",
        "so",
    )


@pytest.mark.fault
def test_f20_a_strange_environment(commands: Commands, whole: Path, record: Record) -> None:
    strange = Commands(commands.folder / f"a b ü {'x' * 120}")
    strange.folder.mkdir()
    environment = {"TZ": "Asia/Kathmandu", "LC_ALL": "tr_TR.UTF-8", "HOME": "/nonexistent", "TERM": "dumb"}
    before = os.umask(0o077)
    try:
        run = strange.run(*SMALL, env=environment).run
    finally:
        os.umask(before)
    assert same(run, whole)
    assert (run / "report.html").is_file()
    assert checkpoint_in(run).is_file()
    record(
        "F20",
        "a folder with blanks, umlauts and 120 letters, umask 077, Turkish, Kathmandu's time, no home",
        1,
        "the same bits",
        "so",
    )
