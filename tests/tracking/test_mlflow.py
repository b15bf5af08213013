"""MLflow follows the folder of a run, and costs the run nothing when it does not."""

import json
import math
import multiprocessing
import shutil
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pytest
import requests
from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.tracking._tracking_service import utils
from mlflow.utils.validation import _validate_metric_name

from ganlab.core.errors import UserError
from ganlab.plot.figure import png_bytes
from ganlab.tracking import facts as run_facts
from ganlab.tracking.mlflow import Sent, bring, cleaned
from ganlab.tracking.mlflow_follower import Follower, sync
from ganlab.tracking.store import Store, sqlite_file, store_uri


def _open(outputs: Path) -> str:
    return Store(store_uri(None, outputs), outputs).open()[1]


def test_processes_that_meet_an_empty_store_make_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with multiprocessing.get_context("fork").Pool(4) as pool:
        ids = pool.map(_open, [tmp_path / "outputs"] * 4, chunksize=1)
    assert len(set(ids)) == 1
    experiment = MlflowClient(store_uri(None, tmp_path / "outputs")).get_experiment_by_name("ganlab")
    assert experiment.experiment_id == ids[0]
    assert Path(experiment.artifact_location.removeprefix("file://")).parent == (tmp_path / "outputs").resolve()


def test_a_store_is_looked_at_and_made_under_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        def __init__(self, uri: str) -> None:
            self.get_experiment_by_name("at once")

        def get_experiment_by_name(self, name: str) -> SimpleNamespace:
            with pytest.raises(Timeout):
                FileLock(tmp_path / ".mlflow.lock", timeout=0).acquire()
            return SimpleNamespace(experiment_id="7", lifecycle_stage="active", tags={"mlflow.experimentKind": "x"})

    monkeypatch.setattr(mlflow, "MlflowClient", Client)
    assert Store("sqlite:///mlflow.db", tmp_path).open()[1] == "7"


def test_the_uri_is_the_configured_one_then_the_environments_then_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert store_uri("sqlite:///given.db", tmp_path) == "sqlite:///given.db"
    assert store_uri(None, tmp_path) == "http://127.0.0.1:5000"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert store_uri(None, tmp_path) == f"sqlite:///{tmp_path / 'mlflow.db'}"


def test_a_path_with_characters_of_an_address_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    outputs = tmp_path / "a?b#c%20 ü" / "outputs"
    store = Store(store_uri(None, outputs), outputs)
    client, number = store.open()
    assert (outputs / "mlflow.db").is_file()
    assert sqlite_file(store.uri) == outputs / "mlflow.db"
    assert [path.name for path in tmp_path.iterdir()] == ["a?b#c%20 ü"]
    store.check()
    client.delete_experiment(number)
    for call in (store.check, store.open):
        with pytest.raises(UserError, match=rf"experiments restore --experiment-id {number}"):
            call()
    Store(store.uri, outputs, "another").check()
    client.restore_experiment(number)
    store.check()


def test_a_server_is_asked_whether_the_experiment_was_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([{"experiment": {"lifecycle_stage": "deleted", "experiment_id": "7"}}, {"error_code": "NONE"}])
    monkeypatch.setattr(requests, "get", lambda *a, **b: SimpleNamespace(json=lambda: next(answers)))
    store = Store("http://127.0.0.1:5000", tmp_path, "ward")
    with pytest.raises(UserError, match=r"tracking.experiment=ward: it was deleted .* 7"):
        store.check()
    store.check()


@pytest.mark.parametrize("name", ["", "  "])
def test_an_experiment_without_a_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"tracking.experiment is empty"):
        Store("sqlite:///x.db", tmp_path, name)


def test_names_are_cleaned_and_stay_apart() -> None:
    names = ["loss/D", "Age (years)", "Hb %", "Hb $", "Größe", "a//b/../c", "/x", "TSH [mU/l]", "%"]
    cleaned_names = list(cleaned(dict.fromkeys(names, 1)))
    assert cleaned_names == ["loss/D", "Age years", "Hb", "Hb 2", "Größe", "a/_/b/_/c", "_/x", "TSH mU/l", "_"]
    assert cleaned({"a": 1, "a 3": 2, "a!": 3, "a?": 4}) == {"a": 1, "a 3": 2, "a 2": 3, "a 4": 4}
    for name in cleaned_names:
        _validate_metric_name(name)


def test_one_refused_name_does_not_cost_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

    from ganlab.tracking.mlflow import _Upload

    arrived: list[str] = []

    class Client:
        def log_batch(self, run: str, metrics: list[Any]) -> None:
            if any(metric.key == "bad" for metric in metrics):
                raise MlflowException("bad is refused", INVALID_PARAMETER_VALUE)
            arrived.extend(metric.key for metric in metrics)

    upload = _Upload(Client(), tmp_path, Sent("run"), Store("sqlite:///x.db", tmp_path))
    upload._log("metrics", [SimpleNamespace(key=key) for key in ("a", "bad", "b")])
    assert arrived == ["a", "b"]
    assert "MLflow refuses bad" in caplog.text


FACTS = {
    "id": "0123abc",
    "status": "RUNNING",
    "in_sweep": False,
    "started": "2026-01-01T00:00:00+00:00",
    "overrides": ["seed=1"],
    "tags": {"dataset": "ptbdb_sim"},
}


def write_run(folder: Path, **facts: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    run_facts.write(folder, FACTS | facts)
    (folder / "config.yaml").write_text("seed: 1\ngan: {lr_end: 0.5, betas: [0, 1]}\n")
    return folder


def log_steps(folder: Path, *steps: int) -> None:
    with (folder / "metrics.jsonl").open("a") as file:
        for step in steps:
            row = {"step": step, "time": 1000.0 + step, "loss/G": 0.5 * step, "loss/D": None, "epoch": 1 + step // 10}
            file.write(json.dumps(row) + "\n")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Store:
    outputs = tmp_path_factory.mktemp("outputs")
    shutil.copy(empty_database, outputs)
    made = Store(f"sqlite:///{outputs / 'mlflow.db'}", outputs)
    made.open()
    return made


def history(store: Store, run: str, name: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in store.open()[0].get_metric_history(run, name)]


def test_what_a_folder_has_is_brought_once(store: Store, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", id="once")
    log_steps(folder, 0, 1)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "ti')
    first = bring(folder, store)
    assert first.run is not None
    assert history(store, first.run, "loss/G") == [(0, 0.0), (1, 0.5)]
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('me": 1002.0, "loss/G": 1.0}\nno row\n')
    log_steps(folder, 3)
    (folder / "grids").mkdir()
    (folder / "grids" / "epoch_0001.png").write_bytes(png_bytes(np.zeros((8, 8, 3), np.uint8)))
    (folder / "metrics.json").write_text(json.dumps({"a/b": {"synthetic": 0.25}, "a/c": {"synthetic": None}}))
    (folder / "report.html").write_text("page")
    run_facts.end(folder, "FINISHED")
    for _ in range(2):
        again = bring(folder, store)
    assert again.run == first.run
    assert again.bytes == (folder / "metrics.jsonl").stat().st_size, "what is there is not sent again"
    assert history(store, first.run, "loss/G") == [(0, 0.0), (1, 0.5), (2, 1.0), (3, 1.5)]
    assert all(math.isnan(value) for _, value in history(store, first.run, "loss/D"))
    client = store.open()[0]
    run = client.get_run(first.run)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["measured/a/b"] == 0.25
    assert "measured/a/c" not in run.data.metrics
    artifacts = {file.path for file in client.list_artifacts(first.run)}
    assert artifacts == {"config.yaml", "metrics.json", "metrics.jsonl", "report.html", "run.json", "images"}
    assert len([f for f in client.list_artifacts(first.run, "images") if f.path.endswith(".png")]) == 1


def test_a_process_that_died_behind_the_stores_answer_brings_nothing_twice(store: Store, tmp_path: Path) -> None:
    """Its notes are lost: the run is found by its own id, and MLflow knows the metrics by their times."""
    folder = write_run(tmp_path / "run", id="died")
    log_steps(folder, 0, 1, 2)
    first = bring(folder, store)
    (folder / "tracking.json").unlink()
    again = bring(folder, store)
    assert again.run == first.run
    assert first.run is not None
    assert [step for step, _ in history(store, first.run, "loss/G")] == [0, 1, 2]


def test_a_run_is_shown_by_what_a_person_chose(store: Store, tmp_path: Path) -> None:
    tags = {"dataset": "ptbdb_sim", "arrangement": "z", "trick": "label_smoothing,ema", "seed": "3", "split": "patient"}
    data = {"noun": "window", "parts": {"train": {"samples": 1200, "patients": 9}}}
    overrides = ["dataset=ptbdb_sim", "+gan.optimizer_g.lr=0.1", "outputs=/home/me/out", "~trick.ema", "seed=3"]
    provenance = {"data": {"values": "f" * 64}}
    folder = write_run(tmp_path / "run", id="shown", tags=tags, data=data, overrides=overrides, provenance=provenance)
    (folder / "config.yaml").write_text("outputs: /home/me/out")
    sent = bring(folder, store)
    client, experiment = store.open()
    run = client.get_run(sent.run)
    assert run.info.run_name == "ptbdb_sim z label_smoothing,ema seed 3"
    assert run.data.params == {**tags, "gan/optimizer_g/lr": "0.1", "outputs": ".../out"}
    (given,) = run.inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest, given.tags[0].value) == ("ptbdb_sim", "f" * 36, "training")
    assert json.loads(given.dataset.profile) == {"train": {"samples": 1200, "patients": 9}}
    assert run.data.tags["mlflow.source.name"] == "ganlab run"
    assert "Windows: train 1,200." in run.data.tags["mlflow.note.content"]
    assert "/home" not in str(run.data.tags)
    assert client.get_experiment(experiment).tags["mlflow.experimentKind"] == "custom_model_development"


def test_a_generator_is_registered_where_asked(store: Store, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", id="registered", status="FINISHED", register="ecg")
    (folder / "generator").mkdir()
    (folder / "generator" / "generator.json").write_text("{}")
    for _ in range(2):
        sent = bring(folder, store)
    client = store.open()[0]
    (version,) = client.search_model_versions("name='ecg'")
    assert (version.version, version.run_id) == (1, sent.run)
    (folder / "generator" / "generator.json").write_text('{"continued": true}')
    bring(folder, store)
    versions = {int(each.version): Path(each.source.removeprefix("file://")) for each in client.search_model_versions()}
    contents = {number: (place / "generator.json").read_text() for number, place in versions.items()}
    assert contents == {1: "{}", 2: '{"continued": true}'}, "each version keeps its own files"
    again = bring(write_run(tmp_path / "other", id="other", status="FINISHED", register="ecg"), store)
    assert again.run != sent.run
    assert len(client.search_model_versions("name='ecg'")) == 2


def test_jobs_of_a_sweep_share_one_parent(store: Store, tmp_path: Path) -> None:
    (tmp_path / "multirun.yaml").write_text("hydra: {overrides: {task: ['seed=1,2', 'batch_size=8', 'trick=[a,b]']}}")
    for number in range(2):
        bring(write_run(tmp_path / str(number), id=f"job{number}", in_sweep=True), store)
    client, experiment = store.open()
    parent = Sent.read(tmp_path, store).run
    assert parent is not None
    assert client.get_run(parent).info.run_name == "seed=1,2"
    found = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent}'")
    assert {run.data.tags["ganlab.id"] for run in found} == {"job0", "job1"}


class Stub(ThreadingHTTPServer):
    """A server that is no MLflow: answers 500, or nothing at all."""

    daemon_threads = True

    def __init__(self, hangs: bool) -> None:
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answers.asked += 1
                if hangs:
                    answers.released.wait(60)
                self.send_error(500)

            do_GET = do_POST

            def log_message(self, *arguments: object) -> None:
                pass

        self.asked = 0
        self.released = Event()
        super().__init__(("127.0.0.1", 0), Handler)
        Thread(target=self.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.released.set()
        self.shutdown()
        self.server_close()


@pytest.fixture(params=["dead", "fails", "hangs"])
def bad_uri(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    server = Stub(hangs=request.param == "hangs")
    port = server.server_address[1]
    if request.param == "dead":
        server.stop()
    yield f"http://127.0.0.1:{port}"
    server.stop()


def test_a_store_that_is_dead_failing_or_silent_is_waited_for_no_longer_than_said(
    bad_uri: str, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_run(tmp_path / "run", id=bad_uri)
    began = time.monotonic()
    logger = Follower(folder, Store(bad_uri, tmp_path), every_s=0.05, patience_s=1.0)
    log_steps(folder, *range(10))
    logger.log_metrics({"loss/G": 1.0}, step=1)
    assert time.monotonic() - began < 0.5
    run_facts.end(folder, "FINISHED")
    assert not logger.close()
    assert time.monotonic() - began < 3
    assert f"python -m ganlab.sync run={folder}" in caplog.text
    assert sync(str(folder), store) == 1
    run = Sent.read(folder, store).run
    assert run is not None
    assert [step for step, _ in history(store, run, "loss/G")] == list(range(10))
    assert store.open()[0].get_run(run).info.status == "FINISHED"


def test_a_store_that_comes_back_gets_what_it_missed(store: Store, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", id="back")
    log_steps(folder, 0)
    held = FileLock(folder / ".tracking.lock")
    held.acquire()
    logger = Follower(folder, store, every_s=0.05, patience_s=20)
    log_steps(folder, 1)
    time.sleep(0.2)
    assert Sent.read(folder, store).run is None
    held.release()
    run_facts.end(folder, "FINISHED")
    assert logger.close()
    run = Sent.read(folder, store).run
    assert run is not None
    assert [step for step, _ in history(store, run, "loss/G")] == [0, 1]


def test_a_store_that_fails_is_asked_again_and_complained_of_once(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "ganlab")
    folder = write_run(tmp_path / "run", id="again")
    opens, tries = Store.open, []

    def fails_twice(self: Store, folder: Path | None = None) -> tuple[Any, str]:
        tries.append(self)
        if len(tries) < 3:
            raise ConnectionError("not now")
        return opens(self, folder)

    monkeypatch.setattr(Store, "open", fails_twice)
    logger = Follower(folder, store, every_s=0.01, patience_s=20)
    log_steps(folder, 0)
    run_facts.end(folder, "FINISHED")
    assert logger.close()
    run = Sent.read(folder, store).run
    assert run is not None
    assert [step for step, _ in history(store, run, "loss/G")] == [0]
    said = "MLflow does not accept this run now: ConnectionError: not now. Training continues."
    assert caplog.text.count("does not accept this run") == caplog.text.count(said) == 1
    assert "MLflow accepts this run again" in caplog.text


def test_sync_says_what_is_wrong(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(UserError, match="no such folder"):
        sync(str(tmp_path / "none"), store)
    with pytest.raises(UserError, match="it contains no run"):
        sync(str(tmp_path), store)
    folder = write_run(tmp_path / "run", id="wrong")
    with pytest.raises(UserError, match=r"does not accept it .*tracking\.uri"):
        sync(str(folder), Store("http://127.0.0.1:9", tmp_path))
    with FileLock(folder / ".tracking.lock"), pytest.raises(UserError, match="still running"):
        sync(str(tmp_path), store)


def test_a_damaged_run_does_not_cost_the_others(store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, damaged in (("a", "metrics.json"), ("b", None), ("c", "split.json")):
        folder = write_run(tmp_path / "runs" / name, id=name)
        if damaged:
            (folder / damaged).write_text("{")
        run_facts.end(folder, "FINISHED")
    with pytest.raises(UserError, match="2 of 3 runs were left out"):
        sync(str(tmp_path / "runs"), store)
    assert Sent.read(tmp_path / "runs" / "b", store).status == "FINISHED"
    for name in ("a/metrics.json", "c/split.json"):
        assert f"{name} is damaged" in caplog.text


def test_a_store_that_moved_takes_artifacts_where_it_lies_now(tmp_path: Path, empty_database: Path) -> None:
    folder = tmp_path / "a b" / "outputs"
    folder.mkdir(parents=True)
    shutil.copy(empty_database, folder / "mlflow.db")
    bring(write_run(folder / "run"), Store(f"sqlite:///{folder}/mlflow.db", folder))
    moved = tmp_path / "moved" / "outputs"
    shutil.move(folder.parent, moved.parent)
    # As in another process.
    utils._artifact_repos_cache.clear()
    store = Store(f"sqlite:///{moved}/mlflow.db", moved)
    (moved / "run" / "config.yaml").write_text("seed: 2")
    sent = bring(moved / "run", store)
    client, experiment = store.open()
    assert [run.info.run_id for run in client.search_runs([experiment])] == [sent.run]
    assert client.get_run(sent.run).info.artifact_uri.startswith(moved.as_uri())
    assert [*moved.glob("mlartifacts/*/artifacts/config.yaml")]
    assert not folder.exists()
