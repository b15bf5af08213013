"""F32, F33: a folder that is shared executes nothing, and what leaves a run names nobody and no machine."""

import shutil
import socket
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganlab.core.errors import UserError
from ganlab.report.summary import summarize
from ganlab.tracking.mlflow import bring
from ganlab.tracking.store import Store
from tests.conftest import TINY, newest_run
from tests.dataset.hostile_sets import records
from tests.faults.conftest import Record
from tests.fuzz.test_record import Client
from tests.generator.hostile import CANARY, EXTRA, HOSTILE, TEXTS, with_value
from tests.generator.test_stored import COMMANDS, folder  # noqa: F401
from tests.generator.test_stored import command as with_folder

SECRETS = {"password": "p4nted-pw", "patient": "PLANTED-47", "host": "planted-host", "variable": "planted-value"}
NAMED_IN = {"split.json", "run.json", "run.log"}
"""Files of a run's folder that name patients or records, and stay in it."""


@pytest.mark.fault
def test_f32_a_folder_that_tries_everything(folder: Path, record: Record) -> None:  # noqa: F811
    file, tried = folder / "config.yaml", 0
    whole = file.read_text()
    texts = {name: with_value(whole, *each) for name, each in HOSTILE.items()}
    texts |= TEXTS | {name: whole + extra for name, extra in EXTRA.items()}
    for name, text in texts.items():
        file.write_bytes(text.encode(errors="surrogateescape"))
        before = set(folder.parent.rglob("*"))
        for each in COMMANDS:
            with pytest.raises(UserError, match=r"config\.yaml"):
                with_folder(each, folder, folder.parent / "out")
            tried += 1
        summarize(str(folder.parent))
        with suppress(UserError):  # a configuration that is none; nothing of another one is built
            bring(folder, Store("sqlite:///x", folder.parent, "e"), (Client(), "0"))
        made = {path.name for path in set(folder.parent.rglob("*")) - before}
        assert made <= {"summary.html", "tracking.json", ".tracking.lock"}, name
    assert not Path(CANARY).exists()
    record(
        "F32",
        f"a config.yaml that names {len(texts)} other things, read by {', '.join(COMMANDS)} summary and sync",
        tried,
        "each refused; the error names place and value; nothing is done",
        "as expected",
    )


def planted_images(root: Path) -> None:
    rng = np.random.default_rng(0)
    for patient in range(12):
        for number in range(3):
            file = root / f"{SECRETS['patient']}{patient:02}" / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (20, 30), np.uint8)).save(file)
    file.write_bytes(file.read_bytes()[:60])


def holding(place: Path, word: str) -> set[str]:
    """Names of the files whose name or content holds a word."""
    files = [path for path in (place, *place.rglob("*")) if path.is_file()]
    return {path.name for path in files if word in path.name or word.encode() in path.read_bytes()}


@pytest.mark.fault
def test_f33_a_run_with_secrets(
    command: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    rounds: int,
    record: Record,
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: SECRETS["host"])
    monkeypatch.setenv("PLANTED", SECRETS["variable"])
    root = Path.cwd()
    planted_images(root / "data")
    size = ("dataset.height=20", "dataset.width=30", "dataset.person=folder", "dataset.on_bad_record=skip")
    tiny = ("architecture=fcn_image", "architecture.width=0.05", "batch_size=8", "trainer.max_epochs=1", "trainer=cpu")
    call = (f"dataset.root={root}/data", *size, *tiny, "standardization=as_it_is", "arrangement=image", "metrics=paper")
    for _ in range(rounds):
        for name in ("outputs", "exported", "made"):
            shutil.rmtree(root / name, ignore_errors=True)
        for uri in (f"'http://me:{SECRETS['password']}@127.0.0.1:1/?token={SECRETS['password']}'", "null"):
            command(
                "run",
                "dataset=images",
                *call,
                f"tracking.uri={uri}",
                f"tracking.patience_s={1 if '@' in uri else 120}",
                "reported=${oc.env:PLANTED}",
            )
        run = newest_run(root)
        command("export_generator", f"run={run}", "out=exported", "trust=[oc.env:PLANTED]")
        command("sample", "run=exported", "n=2", "out=made")
        for word in ("password", "host", "variable"):
            assert holding(root, SECRETS[word]) == set(), word
        for place in (root / "exported", root / "made", root / "outputs" / "mlartifacts"):
            assert holding(place, SECRETS["patient"]) == set()
            assert holding(place, str(root)) == set()
        assert SECRETS["patient"].encode() not in (root / "outputs" / "mlflow.db").read_bytes()
        assert holding(run, SECRETS["patient"]) <= NAMED_IN
        assert {path.name for path in (root / "outputs" / "mlartifacts").rglob("*.json")} >= {"split_counts.json"}
    record(
        "F33",
        "a run with a known password, patient id, machine name and variable; all of its files are searched for them",
        rounds,
        "no file of run, export, samples and MLflow has them; patient ids only in split.json, run.json and run.log",
        "as expected",
    )


EXPORTS = ("csv", "npy", "wfdb", "edf", "parquet")


@pytest.mark.fault
@pytest.mark.usefixtures("blank_figures")
def test_f33_a_sweep_with_secrets_and_every_export(
    command: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, record: Record
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: SECRETS["host"])
    root = Path.cwd()
    monkeypatch.setenv("HOME", str(root))
    monkeypatch.setenv("PLANTED", f"me:{SECRETS['password']}")
    records(root / "hospital" / "ecgs", SECRETS["patient"], 12)
    shutil.copytree(root / "hospital" / "ecgs", root / "hospital" / "more")
    tiny = [each for each in TINY if not each.startswith(("dataset", "arch"))]
    call = (*tiny, "dataset=wfdb", "dataset.rate=100", "dataset.people=folder", "arrangement.side=20", "trainer=cpu")
    call += ("architecture=fcn", "architecture.width=0.05")
    dead = ("tracking.uri='http://${oc.env:PLANTED}@127.0.0.1:1/'", "tracking.patience_s=1")
    command("run", *call, *dead, "dataset.root=hospital/ecgs")
    run = newest_run(root)
    swept = "dataset.root='~/hospital/ecgs','./hospital/more'"
    command("run", "--multirun", *call, swept)
    (sweep,) = (root / "outputs" / "sweeps").iterdir()
    command("sync", f"run={run}", f"tracking.uri=sqlite:///{root}/outputs/mlflow.db")
    if find_spec("wandb"):
        command("sync", f"run={run}", "tracking=wandb")
        assert not holding(run / "wandb", str(root / "hospital"))
    command("export_generator", f"run={run}", "out=exported")
    for form in EXPORTS:
        command("sample", f"run={run}", "n=2", f"format={form}", f"out={form}")
    command("publish", f"run={run}", "n=2", "creator=Somebody", "out=published")
    for word in ("password", "host"):
        assert holding(root, SECRETS[word]) == set(), word
    for place in (*EXPORTS, "exported", "published", "outputs/mlartifacts", "outputs/mlflow.db"):
        for word in (SECRETS["patient"], str(root / "hospital"), "hospital/"):
            assert holding(root / place, word) == set(), (place, word)
    for made in (run, *(path for path in sweep.iterdir() if path.is_dir())):
        assert holding(made, SECRETS["patient"]) <= NAMED_IN
        assert {path.name for path in (root / "outputs" / "mlartifacts").rglob("*.json")} >= {"split_counts.json"}
    record(
        "F33",
        "the same planted in a run and a sweep on records, their MLflow store and W&B files, and exports: generator, "
        f"{', '.join(EXPORTS)}, published folder; relative and ~/ paths of the data",
        1,
        "exports and MLflow contain none of it, except the last part of a path; no password and no machine's name "
        "in any file",
        "so",
    )
