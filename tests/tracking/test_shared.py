"""What leaves a run's folder names no patient, record, machine, path or password, unless it is asked for."""

import getpass
import hashlib
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ganlab.core.errors import UserError
from ganlab.core.settings import plain
from ganlab.tracking import facts, mlflow_follower
from ganlab.tracking.mlflow import Sent, _create, _Upload, bring, parent_of
from ganlab.tracking.mlflow_card import data_set
from ganlab.tracking.mlflow_follower import close_sweep
from ganlab.tracking.shared import Shared, counts_of, nameless, requested
from ganlab.tracking.store import Store

PICTURE = "data:image/png;base64,AAAA/planted/run+/=="


class Client:
    """Takes texts and files in the place of MLflow."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def log_text(self, run: str, text: str, name: str) -> None:
        self.texts[name] = text

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    skipped = [
        {"record": "PLANTED-1/s0015lre", "reason": "s0015lre.dat is damaged", "count": 1, "noun": None},
        {"record": "PLANTED-2/s0016lre", "reason": "s0016lre.dat is damaged", "count": 1, "noun": None},
        {"record": "PLANTED-3/s0017lre", "reason": "s0017lre.dat is damaged", "count": 3, "noun": None},
        {"record": "flat segments", "reason": "3 windows", "count": 3, "noun": "window", "names": "PLANTED-4: flat"},
        {"record": "beyond limits", "reason": "too high", "count": 163, "noun": None},
    ]
    about = {
        **{"id": "a", "status": "FAILED", "host": "planted-host", "pid": 4711, "working_folder": "/planted/run"},
        **{"overrides": ["dataset.root=/planted/a & co/ptb"], "error": "BadRecord: PLANTED-1/s0015lre: damaged"},
        **{"data": {"skipped": skipped, "doubtful": []}, "steps": 3},
    }
    (folder / "run.json").write_text(json.dumps(about))
    (folder / "split.json").write_text(json.dumps({"name": "s", "seed": 0, "parts": {"train": ["PLANTED-1", "P2"]}}))
    (folder / "config.yaml").write_text("dataset: {root: /planted/a & co/ptb}\nuri: http://me:pw@host\n")
    (folder / "report.html").write_text(f"<p>/planted/a &amp; co/ptb {PICTURE} /planted/run/x</p>")
    return folder


def sent(folder: Path, patient_ids: bool) -> dict[str, str]:
    client, store = Client(), Store("sqlite:///x", folder, "e", patient_ids)
    upload = _Upload(client, folder, Sent("run", files={"parameters": "x"}), store)
    upload.everything(json.loads((folder / "run.json").read_text()))
    return client.texts


def test_a_store_gets_counts_and_no_machine(folder: Path) -> None:
    texts = sent(folder, patient_ids=False)
    assert set(texts) == {"config.yaml", "split_counts.json", "report.html", "run.json"}
    for word in ("PLANTED", "s0015lre", "planted-host", "4711", "/planted/a", "pw", "/planted/run/x"):
        assert not any(word in text for text in texts.values()), word
    assert json.loads(texts["split_counts.json"])["patients"] == {"train": 2}
    shared = json.loads(texts["run.json"])
    assert shared["error"] == "BadRecord"
    counts = [(one["record"], one["count"]) for one in shared["data"]["skipped"]]
    assert counts == [("record", 5), ("flat segments", 3), ("beyond limits", 163)]
    assert PICTURE in texts["report.html"]
    assert ".../ptb" in texts["report.html"]


def test_ids_are_sent_where_they_are_asked_for(folder: Path) -> None:
    texts = sent(folder, patient_ids=True)
    assert json.loads(texts["split.json"])["parts"] == {"train": ["PLANTED-1", "P2"]}
    assert "PLANTED-1/s0015lre" in texts["run.json"]


def test_a_file_that_lies_elsewhere_is_not_sent(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.html"
    secret.write_text("secret")
    (folder / "report.html").unlink()
    (folder / "report.html").symlink_to(secret)
    assert "report.html" not in sent(folder, patient_ids=False)


@pytest.mark.parametrize("name", ["config.yaml", "metrics.jsonl", "metrics.json", "split.json", "tracking.json"])
def test_no_file_is_read_that_lies_elsewhere(
    folder: Path, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "hosts.yml"
    secret.write_text('{"oauth_token": "hush", "step": 1, "time": 1}\n')
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(secret)
    monkeypatch.setattr(_Upload, "_log", lambda upload, kind, batch: pytest.fail(f"sent {batch}"))
    store = Store("sqlite:///x", folder, "e")
    assert Sent.read(folder, store) == Sent()
    about = json.loads((folder / "run.json").read_text())
    _Upload(Client(), folder, Sent("run", files={"parameters": "x"}), store).everything(about)
    assert f"{name} is outside its folder and is not read" in caplog.text
    (folder / "run.json").rename(tmp_path / "run.json")
    (folder / "run.json").symlink_to(tmp_path / "run.json")
    with pytest.raises(UserError, match=r"run\.json is a link"):
        bring(folder, store, (Client(), "0"))


def test_a_folder_adds_no_tags(folder: Path) -> None:
    created: dict[str, Any] = {}

    class Tagged(Client):
        def create_run(self, experiment: str, **values: Any) -> Any:
            created.update(values)
            return SimpleNamespace(info=SimpleNamespace(run_id="1"))

    tags = {"dataset": "of /planted/a & co/ptb", "seed": "3", "mlflow.user": "root", "mlflow.parentRunId": "x"}
    about = {"id": "a", "tags": tags, "in_sweep": False, "started": "2026-01-01T00:00:00", "overrides": []}
    _create(Tagged(), "0", folder, about, Store("sqlite:///x", folder, "e"))
    assert created["run_name"] == "of .../ptb seed 3"
    assert created["tags"].pop("mlflow.note.content").startswith("GAN on `of .../ptb`")
    assert created["tags"].pop("mlflow.user") == os.environ.get("MLFLOW_TRACKING_USERNAME", getpass.getuser())
    assert created["tags"] == {
        **{"dataset": "of .../ptb", "seed": "3", "ganlab.id": "a", "hydra.output_dir": "one"},
        **{"mlflow.source.name": "ganlab run", "mlflow.source.type": "LOCAL"},
    }


def test_a_path_is_shortened_by_its_parts() -> None:
    shared = Shared(["/data/a", "/mnt"])
    texts = {
        "root: /data/a, /data/a/x and '/data/a'.": "root: .../a, .../a/x and '.../a'.",
        "/data/ab /data/a-b /data/a.csv /srv/data/a ./mnt": "/data/ab /data/a-b /data/a.csv /srv/data/a ./mnt",
        "sqlite:////data/a/x.db file:///mnt/x": "sqlite:///.../a/x.db file://.../mnt/x",
    }
    assert {text: shared.text(text) for text in texts} == texts


def test_paths_are_masked_however_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/planted/home")
    settings = [
        "dataset.root=~/hosp/a",
        "+dataset.file='../hosp/b.csv'",
        "dataset.people=hosp/c.csv",
        "dataset.unit=x/y",
    ]
    settings += ["tracking.uri=sqlite:////hosp/store.db", "cache=/h\u00f6sp/d", "seed=1", "trick=[a,b]"]
    shared = Shared.of(tmp_path / "runs" / "one", {"overrides": settings, "working_folder": "/planted/place"})
    texts = [each.partition("=")[2] for each in settings] + ["/planted/home/hosp/a/x", "/planted/hosp/b.csv"]
    texts += ["/planted/place/hosp/c.csv", json.dumps("/h\u00f6sp/d"), "/h%C3%B6sp/d", "file:///planted/place/x"]
    assert [shared.text(text) for text in texts] == [
        *(".../a", "'.../b.csv'", ".../c.csv", "x/y", "sqlite:///.../store.db", ".../d", "1", "[a,b]"),
        *(".../a/x", ".../b.csv", ".../c.csv", '".../d"', ".../d", "file://.../place/x"),
    ]


def test_the_data_set_arrives_with_the_first_record_that_has_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs: list[Any] = []
    monkeypatch.setattr(Client, "log_inputs", lambda client, run, data: inputs.extend(data), raising=False)
    monkeypatch.setattr(
        Client, "get_run", lambda client, run: SimpleNamespace(data=SimpleNamespace(params={})), raising=False
    )
    about = {"tags": {"dataset": "ptbdb"}, "overrides": []}
    upload = _Upload(Client(), folder, Sent("run"), Store("sqlite:///x", folder, "e"))
    for data in ({}, {"data": {"parts": {"train": {"samples": 3, "patients": 2}}}}, {}):
        upload.parameters(about | data)
    assert [each.dataset.name for each in inputs] == ["ptbdb"]


def test_the_name_of_a_sweep_has_no_path(tmp_path: Path) -> None:
    overrides = ["dataset.root=/srv/hospital/a,/srv/hospital/b", "dataset.people='/srv/list.csv'"]
    (tmp_path / "multirun.yaml").write_text(json.dumps({"hydra": {"overrides": {"task": overrides}}}))
    names: list[str] = []

    def create_run(experiment: str, run_name: str, tags: dict[str, str]) -> SimpleNamespace:
        names.append(run_name)
        assert {"mlflow.user", "mlflow.source.name"} < tags.keys()
        assert "hospital" not in str(tags)
        return SimpleNamespace(info=SimpleNamespace(run_id="x"))

    parent_of(tmp_path, SimpleNamespace(create_run=create_run), "0", Store("sqlite:///x", tmp_path, "e"))
    assert names == ["dataset.root=.../a,.../b"]
    assert (
        plain("dataset.root=/srv/hospital/a,seed=1,dataset.file=hospital/b") == "dataset.root-a-seed-1-dataset.file-b"
    )
    shared = Shared.of(tmp_path, {"overrides": ["tracking.uri=https://me:word@host/x"]})
    assert shared.text("tracking.uri=https://me:word@host/x") == "tracking.uri=https://***@host/x"


def test_the_page_of_a_sweep_names_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep, client = tmp_path / "sweep", Client()
    sweep.mkdir()
    swept = ["dataset.root='~/hosp/a','./hosp/b',/hosp/c"]
    (sweep / "multirun.yaml").write_text(json.dumps({"hydra": {"overrides": {"task": swept}}}))
    (sweep / "summary.html").write_text("<p>~/<wbr>hosp/<wbr>a ./hosp/b /<wbr>hosp/<wbr>c</p>")
    monkeypatch.setattr(Store, "open", lambda store: (client, "0"))
    monkeypatch.setattr(mlflow_follower, "parent_of", lambda *given: "1")
    close_sweep(sweep, Store("sqlite:///x", sweep, "e"), 10, "FINISHED", sweep / "summary.html")
    assert client.texts == {"summary.html": "<p>.../a .../b .../c</p>"}


@pytest.mark.parametrize("text", ["a: !!python/object/apply:os.mkdir [x]", "[]", "hydra: 5", "{", "a: &a [x]\nb: *a"])
def test_a_sweep_and_a_run_with_a_damaged_configuration_are_no_reason_to_stop(folder: Path, text: str) -> None:
    (folder / "multirun.yaml").write_text(text)
    assert requested(folder) == []
    (folder / "config.yaml").write_text("a: !!python/object/apply:os.mkdir [x]")
    with pytest.raises(UserError, match=r"config\.yaml is damaged"):
        Shared.of(folder, {})


def test_odd_facts_and_splits_are_no_trouble() -> None:
    assert counts_of({"parts": []})["patients"] == {}
    assert nameless(["x", {"count": "many"}]) == [{"record": "–", "reason": "–", "count": 1, "noun": None}]
    assert Shared(()).facts({"data": 3}) == {"data": 3}


def test_a_machine_has_a_pseudonym(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts.socket, "gethostname", lambda: "planted-host")
    own = facts.host_name()
    assert "planted" not in own
    assert own == facts.host_name()
    assert own != hashlib.sha256(b"planted-host").hexdigest()[:16], "a list of names would undo it"
    monkeypatch.setattr(facts.uuid, "getnode", lambda: 1 << 40 | 5)
    monkeypatch.setattr(Path, "is_file", lambda path: False)
    assert facts.host_name() == ""


def test_a_record_without_the_patients_of_a_part_is_sent() -> None:
    pytest.importorskip("mlflow")
    facts = {"tags": {}, "data": {"parts": {"train": {"samples": 3}}}}
    sent = data_set(facts)
    assert json.loads(sent.dataset.profile) == {"train": {"samples": 3, "patients": 0}}
