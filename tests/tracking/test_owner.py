"""A run's folder belongs to one process while that lives, on this machine and on others."""

import json
import os
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from ganlab.tracking import owner
from ganlab.tracking.owner import LOCK, OWNER, FolderInUse, lives, owned, owner_of


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("BEAT_S", 0.02), ("SILENT_S", 0.3), ("POLL_S", 0.01), ("CHILDREN_S", 0.5)):
        monkeypatch.setattr(owner, name, seconds)


def write(folder: Path, **values: object) -> None:
    (folder / OWNER).write_text(json.dumps({"token": "other", "host": socket.gethostname(), "pid": 1, **values}))


def test_a_second_process_is_refused_while_the_first_lives_and_not_afterwards(tmp_path: Path) -> None:
    with owned(tmp_path):
        assert lives(tmp_path)
        with pytest.raises(FolderInUse, match=rf"belongs to process {os.getpid()} on {socket.gethostname()}"):
            owned(tmp_path).__enter__()
        assert owner_of(tmp_path)["pid"] == os.getpid()
    assert not lives(tmp_path)
    with owned(tmp_path):
        pass


def test_a_process_of_another_machine_counts_as_dead_when_its_heart_stands_still(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, host="another-machine", beat=7)
    with owned(tmp_path):
        assert owner_of(tmp_path)["host"] == socket.gethostname()
    assert "process on another-machine has ended" in caplog.text


def test_a_process_of_another_machine_lives_while_its_heart_beats(tmp_path: Path) -> None:
    write(tmp_path, host="another-machine", beat=7)
    beat = threading.Timer(0.05, lambda: write(tmp_path, host="another-machine", beat=8))
    beat.start()
    with pytest.raises(FolderInUse, match="process 1 on another-machine"):
        owned(tmp_path).__enter__()
    assert owner_of(tmp_path)["token"] == "other"


def test_the_heart_beats(tmp_path: Path) -> None:
    with owned(tmp_path):
        end = time.monotonic() + 5
        while owner_of(tmp_path).get("beat", 0) < 2:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_who_was_taken_over_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    ended = threading.Event()
    monkeypatch.setattr(owner.os, "_exit", lambda code: (codes.append(code), ended.set()))
    with owned(tmp_path):
        for _ in range(100):
            # A beat that was under way may come after it once.
            write(tmp_path, host="another-machine")
            if ended.wait(0.05):
                break
    assert codes[0] == 1


def test_children_of_a_killed_run_are_waited_for(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    write(tmp_path, pid=dead.pid)
    orphan = FileLock(tmp_path / LOCK, thread_local=False)
    orphan.acquire()
    threading.Timer(0.1, lambda: orphan.release(force=True)).start()
    with owned(tmp_path):
        assert owner_of(tmp_path)["pid"] == os.getpid()


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"host": 3, "pid": "x"}'])
def test_a_damaged_owner_stops_nobody(tmp_path: Path, content: str) -> None:
    (tmp_path / OWNER).write_text(content)
    with owned(tmp_path):
        assert lives(tmp_path)
