"""What a run says of itself."""

import os
import socket
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from ganlab.core.errors import UserError
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


def test_several_tricks_are_one_tag(tmp_path: Path) -> None:
    run = {"choices": {"trick": ["ema", "r1_r2"]}, "seed": 3, "version": "1", "git_commit": None}
    assert facts.tags(run, tmp_path / "0_z")["trick"] == "ema,r1_r2"


def test_the_end_is_written_with_its_reason_and_a_later_try_forgets_it(tmp_path: Path) -> None:
    facts.write(tmp_path, {"status": "RUNNING", "seed": 3})
    facts.end(tmp_path, "FAILED", UserError("no window"))
    assert facts.earlier(tmp_path) == {"status": "FAILED", "seed": 3, "error": "UserError: no window"}
    facts.end(tmp_path, "FINISHED")
    assert facts.earlier(tmp_path) == {"status": "FINISHED", "seed": 3}


def test_a_process_that_is_no_more_was_killed(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    states = {}
    for name, host, pid in [
        ("dead", socket.gethostname(), dead.pid),
        ("alive", socket.gethostname(), os.getpid()),
        ("elsewhere", "another-machine", dead.pid),
    ]:
        (tmp_path / name).mkdir()
        facts.write(tmp_path / name, {"status": "RUNNING", "host": host, "pid": pid})
        facts.end_if_dead(tmp_path / name)
        states[name] = facts.earlier(tmp_path / name)["status"]
    assert states == {"dead": "KILLED", "alive": "RUNNING", "elsewhere": "RUNNING"}
