"""F14: a signal at any moment of a run, once and twice."""

import json
import signal
from pathlib import Path

import pytest
from mlflow import MlflowClient

from ganlab.tracking.checkpoints import checkpoint_in
from tests.faults.conftest import SMALL, Record
from tests.faults.process import Commands, Started
from tests.faults.test_checkpoints import same

LONG = [o for o in SMALL if not o.startswith(("trainer.max", "tracking"))]
LONG += ["trainer.max_epochs=2000", "tracking=mlflow", "tracking.every_s=0.2", "checkpoint_minutes=15"]


def statuses(outputs: Path) -> list[str]:
    client = MlflowClient(f"sqlite:///{outputs / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("ganlab")
    return [run.info.status for run in client.search_runs([experiment.experiment_id])]


def trains(started: Started) -> bool:
    file = started.run / "metrics.jsonl"
    return file.is_file() and "loss/G" in file.read_text()


@pytest.mark.parametrize(
    "told",
    [signal.SIGTERM, *(pytest.param(told, marks=pytest.mark.fault) for told in (signal.SIGUSR1, signal.SIGHUP))],
    ids=lambda told: told.name,
)
def test_f14_a_machine_that_is_wanted_back(
    commands: Commands, rounds: int, record: Record, told: signal.Signals
) -> None:
    for _ in range(rounds):
        started = commands.begin(*LONG)
        started.until(lambda started=started: trains(started))
        started.told(told)
        assert started.ended() == 143, started.said
        run = started.run
        facts = json.loads((run / "run.json").read_text())
        assert facts["status"] == "KILLED"
        logged = (run / "metrics.jsonl").read_text().count('"loss/G"')
        saved = int(checkpoint_in(run).stem.partition("_")[2])
        assert saved >= logged, "the step at which it stopped is saved"
        assert set(statuses(commands.folder / "outputs")) == {"KILLED"}
    record("F14", f"{told.name} while training", rounds, "saved after the step, exit code 143, KILLED", "as expected")


def test_f14_ctrl_c(commands: Commands, rounds: int, record: Record) -> None:
    for _ in range(rounds):
        started = commands.begin(*LONG)
        started.until(lambda started=started: trains(started))
        started.told(signal.SIGINT)
        assert started.ended() == 130, started.said
        run = started.run
        assert (run / "report.html").is_file()
        assert (run / "metrics.json").is_file()
        assert json.loads((run / "run.json").read_text())["status"] == "KILLED"
        assert f"resume={run.resolve()}" in started.said
    record("F14", "Ctrl-C while training", rounds, "saved, measured, reported, exit code 130", "as expected")


def test_f14_twice(commands: Commands, rounds: int, record: Record) -> None:
    for number in range(rounds):
        told = (signal.SIGTERM, signal.SIGINT)[number % 2]
        started = commands.begin(*LONG)
        started.until(lambda started=started: trains(started))
        started.told(told)
        started.told(told)
        assert started.ended() in (143, 130), started.said
        run = started.run
        assert json.loads((run / "run.json").read_text())["status"] == "KILLED"
    record("F14", "SIGTERM or Ctrl-C twice", rounds, "ends at once, KILLED", "as expected")


def test_f14_at_any_moment(commands: Commands, whole: Path, rounds: int, record: Record) -> None:
    """From the first file of the run on: setup, training, checkpoints, evaluation. What is resumed is the same."""
    moments = ("split.json", "config.yaml", "checkpoints", "checkpoints/step_0000024.ckpt", "metrics.json")
    for number in range(max(rounds, len(moments))):
        moment = moments[number % len(moments)]
        started = commands.begin(*SMALL)
        started.until(lambda started=started, moment=moment: (started.run / moment).exists())
        started.told(signal.SIGTERM)
        code = started.ended()
        broken = started.run
        assert code == 143 or (code == 0 and moment == "metrics.json"), started.said
        if (broken / "config.yaml").is_file():
            commands.run(f"resume={broken}")
            assert same(broken, whole)
    record(
        "F14",
        f"SIGTERM as soon as there is {', '.join(moments)}",
        max(rounds, len(moments)),
        "exit code 143 at once or after the step; after resuming, the same bits",
        "as expected",
    )


def test_a_job_that_slurm_queues_again_goes_on(commands: Commands, whole: Path, record: Record, tmp_path: Path) -> None:
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    scontrol.chmod(0o755)
    slurm = {"SLURM_JOB_ID": "42", "SLURM_NTASKS": "1", "SLURM_JOB_NAME": "ganlab", "PATH": f"{scontrol.parent}:/bin"}
    slurm |= {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_NNODES": "1"}
    call = (*SMALL, "hydra.run.dir=outputs/runs/job42")
    job = tmp_path / "outputs" / "runs" / "job42"
    started = commands.begin(*call, env=slurm)
    started.until((job / "checkpoints" / "step_0000005.ckpt").is_file)
    started.told(signal.SIGUSR1)
    assert started.ended() == 143, started.said
    assert (tmp_path / "asked").read_text() == "requeue 42\n"
    commands.run(*call, env=slurm)
    assert same(job, whole)
    done = commands.run(*call, env=slurm)
    assert "which has finished: nothing to do" in done.said
    other = commands.run(*call, "seed=1", code=2)
    assert "seed: 0 there, 1 here" in other.said
    record("F14", "SIGUSR1 under Slurm, then the same job again", 1, "queued again, continues in its folder", "so")
