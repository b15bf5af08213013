"""One store however many processes begin with it."""

import multiprocessing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from ganlab.tracking.mlflow import open_store, store_uri


def _open(outputs: Path) -> str:
    return open_store(store_uri(None, outputs), outputs)[1]


def test_processes_that_meet_an_empty_store_make_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with multiprocessing.get_context("fork").Pool(4) as pool:
        ids = pool.map(_open, [tmp_path / "outputs"] * 4, chunksize=1)
    assert len(set(ids)) == 1
    experiment = MlflowClient(store_uri(None, tmp_path / "outputs")).get_experiment_by_name("ganlab")
    assert experiment.experiment_id == ids[0]
    assert Path(experiment.artifact_location.removeprefix("file://")).parent == (tmp_path / "outputs").resolve()


def test_the_uri_is_the_configured_one_then_the_environments_then_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert store_uri("sqlite:///given.db", tmp_path) == "sqlite:///given.db"
    assert store_uri(None, tmp_path) == "http://127.0.0.1:5000"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert store_uri(None, tmp_path) == f"sqlite:///{tmp_path / 'mlflow.db'}"
