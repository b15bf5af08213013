"""F12, F13: a tracking server that is dead, failing or silent costs no training, and misses nothing for good."""

import json
import statistics
from pathlib import Path

import pytest
from mlflow import MlflowClient

from ganlab.tracking.mlflow import Sent
from ganlab.tracking.store import Store
from tests.faults.conftest import SMALL, Record
from tests.faults.process import Commands
from tests.tracking.test_mlflow import Stub, log_steps, write_run

LONG = [o for o in SMALL if not o.startswith(("trainer.max", "tracking", "checkpoint", "batch_size"))]
LONG += ["batch_size=64", "architecture.width=1", "trainer.log_every_n_steps=1"]

SLOWER = 1.5
"""Limit of the time with a server that does not answer, as a ratio to the time without: of the best of up to three
short runs, because another process may slow one of them, or of the median of many long ones."""


def seconds(run: Path) -> float:
    """Between the first and the last step that was logged."""
    times = [json.loads(line)["time"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    return times[-1] - times[0]


@pytest.mark.parametrize(
    "server", ["silent", *(pytest.param(server, marks=pytest.mark.fault) for server in ("dead", "failing"))]
)
def test_f12_a_server_that_does_not_track(commands: Commands, rounds: int, record: Record, server: str) -> None:
    stub = Stub(hangs=server == "silent")
    uri = f"http://127.0.0.1:{stub.server_address[1]}"
    if server == "dead":
        stub.stop()
    env = {"MLFLOW_TRACKING_URI": uri}
    ratios, run = [], Path()
    once = rounds == 1
    settings = (*LONG, f"trainer.max_epochs={10 if once else 60}")
    try:
        for _ in range(3 if once else rounds):
            alone = seconds(commands.run(*settings, "tracking=none").run)
            done = commands.run(*settings, "tracking=mlflow", "tracking.every_s=0.2", "tracking.patience_s=1", env=env)
            run = done.run
            assert f"python -m ganlab.sync run={run}" in done.said
            ratios.append(seconds(run) / alone)
            if once and ratios[-1] < SLOWER:
                break
    finally:
        stub.stop()
    assert json.loads((run / "run.json").read_text())["status"] == "FINISHED"
    assert (min if once else statistics.median)(ratios) < SLOWER
    commands.run(f"run={run}", name="sync")
    outputs = commands.folder / "outputs"
    sent = Sent.read(run, Store(f"sqlite:///{outputs / 'mlflow.db'}", Path("outputs")))
    assert sent.run is not None
    client = MlflowClient(f"sqlite:///{outputs / 'mlflow.db'}")
    logged = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    expected = [(row["step"], row["loss/G"]) for row in logged if "loss/G" in row]
    assert [(p.step, p.value) for p in client.get_metric_history(sent.run, "loss/G")] == expected
    assert client.get_run(sent.run).info.status == "FINISHED"
    record(
        "F12",
        f"MLflow server {server} from start to end",
        rounds,
        "training time within 5 %; `ganlab.sync` uploads everything",
        f"time {statistics.median(ratios):.3f} of the time without tracking ({min(ratios):.3f} to {max(ratios):.3f}); "
        f"{len(expected)} rows uploaded afterwards",
    )


def _bring(number: int, folder: str) -> None:
    from ganlab.tracking.mlflow import bring

    store = Store(f"sqlite:///{folder}/mlflow.db", Path(folder))
    bring(Path(folder) / f"run{number}", store)


@pytest.mark.fault
def test_f13_eight_processes_write_one_store(commands: Commands, rounds: int, record: Record) -> None:
    lost = 0
    for number in range(rounds):
        folder = commands.folder / f"store{number}"
        for job in range(8):
            log_steps(write_run(folder / f"run{job}", id=f"job{job}"), *range(300))
        writers = [commands.context.Process(target=_bring, args=(job, str(folder))) for job in range(8)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(120)
        assert [writer.exitcode for writer in writers] == [0] * 8
        client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
        (experiment,) = [e for e in client.search_experiments() if e.name == "ganlab"]
        runs = client.search_runs([experiment.experiment_id])
        assert len(runs) == 8
        lost += sum(300 - len(client.get_metric_history(run.info.run_id, "loss/G")) for run in runs)
    assert lost == 0
    record("F13", "eight processes on an empty sqlite store", rounds, "eight runs, all rows", "as expected", lost)
