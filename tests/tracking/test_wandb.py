"""W&B gets what MLflow gets, in files of the run's folder, without patients, machine, paths and passwords."""

import json
from pathlib import Path

import numpy as np
import pytest

from ganlab.core.errors import UserError
from ganlab.plot.figure import png_bytes
from ganlab.tracking import facts as run_facts
from ganlab.tracking.mlflow import bring
from ganlab.tracking.mlflow_follower import Follower, follows
from ganlab.tracking.wandb_store import Client, WandbStore
from tests.tracking.test_shared import folder

wandb = pytest.importorskip("wandb")
__all__ = ["folder"]
PLANTED = ("PLANTED", "s0015lre", "planted-host", "4711", "/planted/a", ":pw@", "/planted/run/x")


def contents(run: Path) -> bytes:
    """What `wandb sync` sends of all files of a run; `logs` stay."""
    files = [file for file in (run / "wandb").rglob("*") if file.is_file() and file.parent.name != "logs"]
    return b"\n".join(file.read_bytes() for file in files)


def test_a_run_goes_to_files_without_what_was_planted(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0123456789planted-key-planted-key0123456")
    caplog.set_level("INFO", "ganlab")
    facts = json.loads((folder / "run.json").read_text())
    facts |= {"status": "RUNNING", "in_sweep": False, "started": "2026-01-01T00:00:00+00:00", "tags": {"dataset": "x"}}
    facts["data"]["parts"] = {"train": {"samples": 1234, "patients": 2}}
    overrides = ["seed=7", "gan.lr=0.125", "uri=http://me:pw@host"]
    run_facts.write(folder, facts | {"overrides": overrides, "register": "model"})
    row = {"step": 0, "time": 1000.0, "loss/G": 0.25}
    (folder / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    (folder / "grids").mkdir()
    (folder / "grids" / "epoch_0001.png").write_bytes(png_bytes(np.zeros((8, 8, 3), np.uint8)))
    (folder / "wandb").mkdir()
    (folder / "wandb" / "settings").write_text("[default]\nproject = elsewhere\n")
    (folder / "generator").mkdir()
    (folder / "generator" / "generator.json").write_text("{}")
    monkeypatch.chdir(folder.parent)
    store = WandbStore("ward")
    follower = Follower(folder, store, every_s=0.05, patience_s=60)
    (folder / "metrics.jsonl").open("a").write(json.dumps(row | {"step": 1, "loss/late": 0.5}) + "\n")
    run_facts.end(folder, "FINISHED")
    assert follower.close(), "the rest is written at the end"
    (made,) = (folder / "wandb").glob("offline-run-*")
    assert f"wandb sync {made}" in caplog.text
    sent = contents(folder)
    for word in (b"loss/G", b"loss/late", b"one/wandb/", b"gan/lr", b"0.125", b"ward", b"split_counts", b"1234"):
        assert word in sent, word
    names = {"config.yaml", "metrics.jsonl", "report.html", "run.json", "split_counts.json"}
    assert {file.name for file in (made / "files").iterdir() if file.is_file()} == names, "nothing of the machine"
    for word in (*PLANTED, "planted-key", "elsewhere/", str(folder.parent), str(Path.home()), "staging"):
        assert word.encode() not in sent, word
    bring(folder, store)
    assert [*(folder / "wandb").glob("offline-run-*")] == [made], "nothing is written twice"
    facts = json.loads((folder / "run.json").read_text())
    run_facts.write(folder, facts | {"status": "RUNNING"})
    (folder / "metrics.jsonl").open("a").write(json.dumps(row | {"step": 2, "loss/resumed": 0.5}) + "\n")
    bring(folder, store)
    run_facts.end(folder, "FINISHED")
    bring(folder, store)
    assert b"loss/resumed" in contents(folder)


def test_a_server_that_does_not_answer_leaves_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    modes: list[str] = []

    class Run:
        def define_metric(self, name: str, step_metric: str) -> None:
            pass

    def init(mode: str, **about: object) -> Run:
        modes.append(mode)
        if mode == "online":
            raise wandb.errors.CommError("no answer\nmore")
        return Run()

    monkeypatch.setattr(wandb, "init", init)
    monkeypatch.setattr(wandb, "teardown", lambda: None)
    client = Client(WandbStore("ward", "online"), tmp_path)
    assert client._run("id") is client._run("id")
    assert modes == ["online", "offline"]
    assert "W&B does not answer (no answer). The run is written to files." in caplog.text


def test_only_modes_that_exist_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"tracking\.wandb=on: accepted are offline, online and null"):
        WandbStore("ward", "on")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'needs W&B: pip install "ganlab\[wandb\]"'):
        WandbStore("ward").check()
    tracking = {"mlflow": False, "experiment": "ward", "every_s": 1.0, "patience_s": 2.0}
    assert follows({"tracking": tracking, "outputs": "o"}) == []
    (follow,) = follows({"tracking": tracking | {"wandb": "online"}, "outputs": "o"})
    assert follow.keywords["store"] == WandbStore("ward", "online", 2.0)
