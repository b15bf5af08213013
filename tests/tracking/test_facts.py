"""What a run says of itself."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from ganlab.errors import UserError
from ganlab.split.base import Split
from ganlab.tracking import facts


def data(**parts: tuple[str, ...]) -> SimpleNamespace:
    return SimpleNamespace(split=Split("patient", 0, parts))


def test_patients_that_would_change_sides_stop_a_resumed_run(tmp_path: Path) -> None:
    facts.store_split(tmp_path, data(train=("a", "b"), validation=("c",)))
    facts.store_split(tmp_path, data(train=("a", "b"), validation=("c",)))
    before = (tmp_path / "split.json").read_text()
    with pytest.raises(UserError, match="no longer fits"):
        facts.store_split(tmp_path, data(train=("a", "c"), validation=("b",)))
    assert (tmp_path / "split.json").read_text() == before


def test_an_installed_copy_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "HERE", tmp_path / "ganlab")
    assert facts.git_commit() is None


def test_a_job_of_a_sweep_names_its_parent(tmp_path: Path) -> None:
    (tmp_path / "mlflow_parent").write_text("abc")
    run = {"choices": {"trick": ["ema", "r1_r2"]}, "seed": 3, "version": "1", "git_commit": None}
    alone = facts.tags(run | {"in_sweep": False}, tmp_path / "0_z")
    assert "mlflow.parentRunId" not in alone
    assert alone["trick"] == "ema,r1_r2"
    assert facts.tags(run | {"in_sweep": True}, tmp_path / "0_z")["mlflow.parentRunId"] == "abc"
