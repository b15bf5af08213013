"""trainer=ddp: two processes on a CPU train as one, leave one run, fail and stop together."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from ganlab.generator.load import load
from ganlab.trainer import processes
from tests.command.test_run import killed_at, lines, runs, weights
from tests.conftest import ROOT, TINY, newest_run
from tests.stopping.test_rule import RULED

__all__ = ["killed_at"]

Command = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("blank_figures")

NETWORK = ("architecture=fcn", "architecture.width=0.05", "architecture.discriminator.dropout=0")
"""Without batch norm and dropout."""
SMALL = (*(o for o in TINY if not o.startswith(("architecture", "trainer.max"))), "stopping=steps", "stopping.steps=5")
"""Five steps of 28 training windows."""
DDP = ("trainer=ddp", "trainer.accelerator=cpu")
LAPTOP = ("experiment=laptop", "architecture.width=0.1", "architecture.generator.fit_steps=3", "batch_size=20")
"""Twenty windows are five groups of four, which D judges together: two for one process, three for the other."""


def children() -> dict[str, str]:
    """Command lines of the processes that this one has begun, by their numbers."""
    task = Path(f"/proc/{os.getpid()}/task")
    found = [pid for thread in task.iterdir() for pid in (thread / "children").read_text().split()]
    lines = {pid: Path(f"/proc/{pid}/cmdline") for pid in found}
    return {pid: line.read_bytes().replace(b"\0", b" ").decode() for pid, line in lines.items() if line.is_file()}


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> Iterator[None]:
    environment, threads, before = dict(os.environ), torch.get_num_threads(), children()
    yield
    assert not [line for pid, line in children().items() if pid not in before and "ganlab" in line]
    names = {"RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "OMP_NUM_THREADS"}
    assert {name: os.environ.get(name) for name in names} == {name: environment.get(name) for name in names}
    assert not torch.distributed.is_initialized()
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    "overrides",
    [
        (*LAPTOP, "gan=projection"),
        (*NETWORK, "batch_size=9", "trick=[d_threshold,ema]", "trick.d_threshold.threshold=1.36"),
        (*NETWORK, "batch_size=9", "gan=acgan", "gan.reuse_fakes=true", "num_workers=1"),
    ],
    ids=[
        "laptop: rpgan, R1 and R2, groups, projection",
        "bce, D rests, a last batch of one",
        "acgan, reused fakes, a worker",
    ],
)
def test_two_processes_train_the_weights_of_one(command: Command, overrides: tuple[str, ...]) -> None:
    call = (*SMALL, *overrides, "stopping.steps=5", "trainer.precision=64-true", "tracking=none")
    one = newest_run(command("run", *call, "trainer=cpu"))
    two = newest_run(command("run", *call, *DDP))
    assert one != two
    ours, theirs = weights(two), weights(one)
    for name, tensor in theirs.items():
        if tensor.is_floating_point():
            assert (ours[name] - tensor).abs().max() <= 1e-8, name
        elif name.startswith("tricks"):
            assert ours[name] == tensor, name
    if "d_threshold" in overrides[-2]:
        assert 0 < theirs["tricks.d_threshold.rested"] < 5, "D always does the same here, so this shows nothing"
    for mine, other in zip(lines(two), lines(one), strict=True):
        losses = {name: value for name, value in other.items() if "loss" in name}
        assert {name: mine[name] for name in losses} == pytest.approx(losses, abs=1e-6)
    left = [{path.relative_to(run) for path in run.rglob("*") if path.name != "run.log"} for run in (one, two)]
    assert left[0] == left[1]
    assert json.loads((two / "run.json").read_text())["devices"] == 2


@pytest.mark.slow
def test_a_run_that_dies_goes_on_with_another_number_of_devices(
    command: Command, killed_at: Callable[[int | None], None]
) -> None:
    call = (*SMALL, *NETWORK, "batch_size=9", "trainer.precision=64-true", "tracking=none", "stopping.steps=11")
    whole = newest_run(command("run", *call, "trainer=cpu"))
    killed_at(6)
    with pytest.raises(SystemExit):
        command("run", *call, *DDP, "checkpoint_minutes=0")
    killed_at(None)
    stopped = newest_run(Path.cwd())
    assert load(stopped).steps == 6, "within the second epoch of four batches"
    command("run", f"resume={stopped}", "trainer.devices=3")
    assert load(stopped).steps == 11
    for name, tensor in weights(whole).items():
        if tensor.is_floating_point():
            assert (weights(stopped)[name] - tensor).abs().max() <= 1e-8, name


@pytest.mark.slow
def test_a_sweep_of_two_jobs_leaves_two_folders_and_two_runs_in_mlflow(command: Command) -> None:
    folder = command("run", "--multirun", *SMALL, *NETWORK, "seed=1,2", *DDP, "tracking=mlflow")
    (sweep,) = (folder / "outputs" / "sweeps").iterdir()
    jobs = sorted(path for path in sweep.iterdir() if path.is_dir() and path.name[0].isdigit())
    assert [path.name.partition("_")[0] for path in jobs] == ["0", "1"]
    assert all(json.loads((job / "run.json").read_text())["status"] == "FINISHED" for job in jobs)
    assert not torch.equal(*(weights(job)["generator.layers.0.weight"] for job in jobs))
    tracked = [run for run in runs(folder) if "mlflow.parentRunId" in run.data.tags]
    assert [run.info.status for run in tracked] == ["FINISHED", "FINISHED"]
    assert len(runs(folder)) == 3, "and the sweep's own"


def test_the_rule_stops_and_chooses_for_both(command: Command) -> None:
    call = [o for o in (*SMALL, *NETWORK) if not o.startswith(("stopping", "batch_size"))]
    run = newest_run(command("run", *call, *RULED, *DDP))
    facts = json.loads((run / "run.json").read_text())
    assert facts["stopping"]["evaluations"] > 1
    assert facts["status"] == "FINISHED"


def test_batch_norm_trains_in_one_process_on_a_cpu(command: Command) -> None:
    networks = ("architecture=cnn_slim", "architecture.width=0.05", "stopping.steps=1", "tracking=none")
    run = newest_run(command("run", *SMALL, *networks, *DDP, "trainer.devices=1"))
    assert json.loads((run / "run.json").read_text())["steps"] == 1


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([*DDP, "architecture=cnn_slim"], ["batch norm", "trainer.devices=1"]),
        ([*DDP, "trick=spread_loss"], ["spread_loss", "trainer=ddp", "whole batch"]),
        ([*DDP, "trick=dp_sgd", "standardization=fixed_range"], ["dp_sgd", "devices=1"]),
        ([*DDP, "trainer.num_nodes=2"], ["num_nodes=2", "submitit_slurm"]),
        ([*DDP, "trainer.overfit_batches=1"], ["overfit_batches"]),
        (["trainer=cpu", "trainer.devices=2"], ["trainer.devices=2", "trainer=ddp"]),
        (["trainer=cpu", "trainer.devices=2", "trainer.strategy=ddp_spawn"], ["trainer=ddp"]),
    ],
)
def test_what_cannot_train_on_several_devices_is_refused_before_data_is_read(
    command: Command, capsys: pytest.CaptureFixture[str], overrides: list[str], said: list[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        command("run", *SMALL, *NETWORK[:2], "tracking=none", *overrides)
    assert stopped.value.code == 2
    shown = "".join(capsys.readouterr())
    for word in said:
        assert word in shown
    assert not (Path("outputs") / "cache").exists()


class Live:
    """A run of two processes that goes on until it is told to stop."""

    def __init__(self, folder: Path) -> None:
        overrides = [o for o in (*SMALL, *NETWORK) if not o.startswith("stopping.steps")]
        call = [sys.executable, "-m", "ganlab.run", *overrides, "stopping.steps=100000", "hydra.run.dir=run"]
        call += [*DDP, "tracking=none"]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self.run = folder / "run"
        self.first = subprocess.Popen(
            call, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.until(lambda: (self.run / "metrics.jsonl").is_file() and len(lines(self.run)) > 3)
        self.second = int(Path(f"/proc/{self.first.pid}/task/{self.first.pid}/children").read_text().split()[0])

    def until(self, happens: Callable[[], bool]) -> None:
        end = time.monotonic() + 180
        while not happens():
            assert self.first.poll() is None, self.first.communicate()
            assert time.monotonic() < end
            time.sleep(0.05)

    def ended(self) -> str:
        """Wait for the ends of both, and return what the first said."""
        said, _ = self.first.communicate(timeout=60)
        end = time.monotonic() + 10
        while Path(f"/proc/{self.second}").exists():
            assert time.monotonic() < end, "the other process hangs"
            time.sleep(0.05)
        return said

    @property
    def facts(self) -> dict:
        return json.loads((self.run / "run.json").read_text())


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    run = Live(tmp_path)
    yield run
    run.first.kill()


@pytest.mark.parametrize(("told", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_to_both_saves_once_and_ends_both(live: Live, told: signal.Signals, code: int) -> None:
    """As a terminal and a cluster tell all processes of a job."""
    for process in (live.second, live.first.pid):
        os.kill(process, told)
    said = live.ended()
    assert live.first.returncode == code, said
    assert live.facts["status"] == "KILLED"
    logged = len([row for row in lines(live.run) if "loss/G" in row])
    assert load(live.run).steps in (logged, logged + 1)
    assert said.count(f"{told.name}:") == (3 if told == signal.SIGTERM else 1)
    assert (live.run / "report.html").is_file() == (told == signal.SIGINT)


def test_a_process_that_fails_takes_the_run_with_it(live: Live) -> None:
    os.kill(live.second, signal.SIGKILL)
    said = live.ended()
    assert live.first.returncode == 1
    assert "process 1 of 2 ended with -9" in said
    assert live.facts["status"] == "FAILED"
    assert "process 1 of 2" in live.facts["error"]


def test_a_first_process_that_is_killed_takes_the_other_with_it(live: Live) -> None:
    live.first.kill()
    live.ended()


def test_a_process_that_fails_before_they_meet_is_not_waited_for(tmp_path: Path) -> None:
    together = processes.Together(SimpleNamespace(world_size=2), tmp_path / "no run", None, {})
    (tmp_path / "no run").mkdir()
    with pytest.raises(processes.RankFailed, match=r"process 1 of 2 ended with 1"), together:
        pass


@pytest.mark.slow
def test_a_process_that_is_stuck_after_another_failed_ends(tmp_path: Path) -> None:
    """As NCCL leaves it: nothing is raised."""
    (tmp_path / "run.json").write_text('{"status": "RUNNING"}')
    code = (
        "import subprocess, sys, threading, time\n"
        "from pathlib import Path\n"
        "from ganlab.trainer import processes\n"
        "processes.GRACE_S = 0.5\n"
        f"together = processes.Together(None, Path({str(tmp_path)!r}), None, {{}})\n"
        "together.others = [subprocess.Popen([sys.executable, '-c', 'raise SystemExit(3)'])]\n"
        "threading.Thread(target=together._watch, daemon=True).start()\n"
        "time.sleep(60)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=50)
    assert done.returncode == 1
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "FAILED"


@pytest.mark.slow
def test_both_save_after_the_same_epochs(command: Command) -> None:
    epochs = ("trainer.max_epochs=5", "checkpoint_every=2", "stopping.steps=20", "tracking=none")
    call = (*SMALL, *NETWORK, *epochs)
    one, two = newest_run(command("run", *call, "trainer=cpu")), newest_run(command("run", *call, *DDP))
    ours, theirs = weights(two), weights(one)
    trained = [name for name, tensor in theirs.items() if tensor.is_floating_point()]
    assert all((ours[name] - theirs[name]).abs().max() <= 1e-4 for name in trained)
