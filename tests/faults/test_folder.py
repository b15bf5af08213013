"""F27 to F29 and F31: a run's folder belongs to its run, can move, and its record is guarded."""

import json
import shutil
import signal
import socket
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.faults.conftest import SMALL, Record
from tests.faults.process import Commands, Started
from tests.faults.test_checkpoints import same
from tests.faults.test_signals import trains

pytestmark = pytest.mark.fault

SLOW = [o for o in SMALL if not o.startswith("trainer.max")] + ["trainer.max_epochs=2000"]
ROWS = (
    *("dataset=table", "dataset.columns={x: {}, y: {}}", "standardization=min_max", "arrangement=table"),
    *("arrangement.columns=[x,y]", "architecture=cnn_thyroid", "architecture.width=0.1", "batch_size=8"),
    *("trainer.max_epochs=8", "trainer.enable_progress_bar=false", "metrics=paper", "tracking=none"),
    *("checkpoint_minutes=0", "trainer.log_every_n_steps=1"),
)


def quick() -> None:
    """Heartbeats five times a second."""
    from ganlab.tracking import owner

    owner.BEAT_S, owner.SILENT_S = 0.2, 3.0


def elsewhere() -> None:
    """As a machine that shares the disk, where a lock of the first is not noticed."""
    from filelock import FileLock

    quick()
    socket.gethostname = lambda: "another-machine"  # type: ignore[assignment]
    FileLock.acquire = lambda self, **values: self  # type: ignore[assignment,method-assign]


@pytest.mark.parametrize("second", [quick, elsewhere], ids=["this machine", "another machine"])
def test_f27_a_second_process(commands: Commands, rounds: int, record: Record, second: object) -> None:
    for number in range(rounds):
        first = commands.begin(*SLOW, before=quick)
        first.until(lambda first=first: trains(first))
        own = (*SLOW, f"hydra.run.dir={first.run}") if number % 2 else (f"resume={first.run}",)
        refused = commands.run(*own, code=2, before=second)
        assert "which is still using it" in refused.said
        assert "Traceback" not in refused.said
        assert not [*(first.run / ".hydra").glob("resumed_*")]
        first.told(signal.SIGKILL)
        assert first.ended() == -signal.SIGKILL
        after = commands.begin(f"resume={first.run}", before=second)
        after.until(lambda after=after: "device: cpu" in after.said, 120)
        after.told(signal.SIGTERM)
        assert after.ended() == 143, after.said
    where = "by lock" if second is quick else "by heartbeat"
    record(
        "F27",
        f"a second process on a run's folder, {where}; then the first killed",
        rounds,
        "refused, exit code 2, nothing changed; after the kill the second continues",
        "as expected",
    )


def test_f28_a_run_moved(commands: Commands, rounds: int, record: Record) -> None:
    """Killed, then the project goes to one folder and the data to another."""
    text = "x,y\n" + "".join(f"{n},{n * n % 7}\n" for n in range(60))
    (commands.folder / "rows.csv").write_text(text)
    whole = commands.run(*ROWS, "dataset.file=rows.csv").run
    for number in range(rounds):
        project = commands.folder / f"p{number}"
        (project / "outputs").mkdir(parents=True)
        (project / "data").mkdir()
        (project / "data" / "rows.csv").write_text(text)
        there = Commands(project)
        started = there.begin(*ROWS, "dataset.file=data/rows.csv")
        at = commands.random.randrange(1, 20)
        started.until(lambda run=started, at=at: (run.run / "checkpoints" / f"step_{at:07d}.ckpt").is_file())
        started.told(signal.SIGKILL)
        started.ended()
        moved = commands.folder / f"m{number}"
        shutil.move(project, moved)
        shutil.move(moved / "data", commands.folder / f"d{number}")
        broken = moved / "outputs" / "runs" / started_name(moved)
        data = commands.folder / f"d{number}" / "rows.csv"
        data.write_text(text.replace("\n3,2\n", "\n3,6\n"))
        refused = commands.run(f"resume={broken}", f"dataset.file={data}", code=2)
        assert "the data are not those that this run began with" in refused.said
        data.write_text(text)
        commands.run(f"resume={broken}", f"dataset.file={data}")
        assert same(broken, whole)
        if number < 2:
            alone = shutil.copytree(whole, commands.folder / f"from_anna{number}")
            again = (f"run={alone}", f"dataset.file={data}", f"out={commands.folder / f'again{number}'}")
            assert "the same, bit for bit" in commands.run(*again, name="reproduce").said
    record(
        "F28",
        "killed, then project and data moved to other folders",
        rounds,
        "other data are refused; with the same data the same bits; reproduced from a copy of the folder",
        "as expected",
    )


def started_name(project: Path) -> str:
    return next((project / "outputs" / "runs").iterdir()).name


def test_f29_a_kill_while_measuring_with_mlflow(commands: Commands, rounds: int, record: Record) -> None:
    settings = [o for o in SMALL if not o.startswith(("metrics", "tracking", "trainer.max"))]
    settings += ["trainer.max_epochs=2", "tracking=mlflow", "tracking.every_s=0.1", "metrics=ecg"]
    settings += ["metrics.samples=8", "metrics.draws=20", "~metrics.measures.clinical", "~metrics.measures.copies"]
    whole = commands.run(*settings).run
    expected = json.loads((whole / "metrics.json").read_text())
    for _ in range(rounds):
        started = commands.begin(*settings)
        started.until(lambda started=started: measures(started))
        pause(commands)
        started.told(signal.SIGKILL)
        assert started.ended() == -signal.SIGKILL
        commands.run(f"resume={started.run}")
        assert json.loads((started.run / "metrics.json").read_text()) == expected
        assert same(started.run, whole)
    client = MlflowClient(f"sqlite:///{commands.folder / 'outputs' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("ganlab")
    runs = client.search_runs([experiment.experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED"] * (rounds + 1)
    steps = {len(client.get_metric_history(run.info.run_id, "loss/G")) for run in runs}
    assert len(steps) == 1
    record(
        "F29",
        "SIGKILL during the evaluation, with MLflow",
        rounds,
        "after resuming, the same bits and numbers; one run with all rows in MLflow",
        "as expected",
    )


def measures(started: Started) -> bool:
    """Whether the training has ended."""
    file = started.run / "run.json"
    return file.is_file() and "checkpoint" in json.loads(file.read_text())


def pause(commands: Commands, longest_s: float = 0.5) -> None:
    import time

    time.sleep(commands.random.random() * longest_s)


def test_f31_a_record_that_is_cut_or_edited(commands: Commands, rounds: int, record: Record) -> None:
    run = commands.run(*SMALL, "trainer.max_epochs=2").run
    for number in range(rounds):
        for name in ("run.json", "split.json", "config.yaml"):
            folder = Path(shutil.copytree(run, commands.folder / f"{name}{number}"))
            content = (folder / name).read_text()
            (folder / name).write_text(content[: commands.random.randrange(len(content) - 1)])
            for call, over in (("run", f"resume={folder}"), ("evaluate", f"synthetic={folder}")):
                refused = commands.run(
                    over, "metrics=paper" if call == "evaluate" else "strict=true", name=call, code=2
                )
                assert f"{name} " in refused.said
                assert "Traceback" not in refused.said
        folder = Path(shutil.copytree(run, commands.folder / f"edited{number}"))
        split = json.loads((folder / "split.json").read_text())
        split["parts"]["test"].append(split["parts"]["train"].pop())
        (folder / "split.json").write_text(json.dumps(split, indent=1))
        refused = commands.run(f"synthetic={folder}", "metrics=paper", name="evaluate", code=2)
        assert "split.json was changed since the run wrote it" in refused.said
        (folder / "split.json").write_bytes((run / "split.json").read_bytes())
        with (folder / "metrics.jsonl").open("a") as lines:
            lines.write('{"step": 99, "ti')
        assert "the incomplete last line" in commands.run(f"resume={folder}", "trainer.max_epochs=3").said
    record(
        "F31",
        "run.json, split.json or config.yaml cut at any place; a patient moved from train to test; an incomplete "
        "row in the log",
        rounds,
        "the error names the file and what to do, exit code 2; the incomplete row is dropped and counted",
        "as expected",
    )
