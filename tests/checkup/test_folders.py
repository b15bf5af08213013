"""Folders that cannot be written, full disks, locks, and what a kill left behind."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from ganlab.checkup.folders import left_behind, locks, room, writable

NOBODY = 65534


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """That another user may enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_folder_that_can_be_written_is_right_and_left_as_it_was(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "to" / "be" / "made"):
        (finding,) = writable(folder, "outputs")
        assert finding.state == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_for_reading_alone_is_wrong(open_folder: Path) -> None:
    inner = open_folder / "outputs"
    inner.mkdir()
    inner.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)  # nothing is for reading alone to root
    try:
        (finding,) = writable(inner / "runs", "outputs")
    finally:
        if user == 0:
            os.seteuid(0)
    assert finding.state == "wrong"
    assert str(inner) in finding.message
    assert "Permission denied" in finding.message
    assert "outputs=<folder>" in finding.advice


def test_a_file_in_the_place_of_a_folder_is_wrong(tmp_path: Path) -> None:
    (finding,) = writable(Path("/proc/self/nothing"), "cache")
    assert finding.state == "wrong"


def test_a_disk_with_room_is_right_and_a_full_one_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=5e9))
    (finding,) = room(tmp_path / "new", "cache", 2)
    assert finding.state == "ok"
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=4e7))
    (finding,) = room(tmp_path / "new", "cache", 2)
    assert finding.state == "wrong"
    assert "0.04 GB are free" in finding.message
    monkeypatch.undo()
    (finding,) = room(tmp_path, "cache", 1e9)
    assert finding.state == "wrong", "of this machine's own disk"
    real = os.statvfs(tmp_path)
    space = {name: getattr(real, name) for name in ("f_blocks", "f_bavail", "f_bfree", "f_frsize")}
    full = SimpleNamespace(f_files=real.f_files or 1, f_favail=0, **space)
    monkeypatch.setattr(os, "statvfs", lambda path: full)
    (finding,) = room(tmp_path, "cache", 0)
    assert "no inodes are left" in finding.message


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """Another process that holds the lock `a.lock`."""
    code = (
        "import sys, time, filelock\nwith filelock.FileLock(sys.argv[1]):\n print('held', flush=True)\n time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "a.lock")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_lock_that_is_held_is_told_with_who_holds_it(tmp_path: Path, holder: subprocess.Popen) -> None:
    (finding,) = locks([tmp_path / "a.lock"])
    assert finding.state == "note"
    assert f"held by process {holder.pid}" in finding.message
    nobody = tmp_path / "locks"
    nobody.write_text("1: FLOCK  ADVISORY  WRITE 1 00:00:1 0 EOF\n")
    (finding,) = locks([tmp_path / "a.lock"], held_by=nobody)
    assert finding.state == "wrong"
    assert f"rm '{tmp_path / 'a.lock'}'" in finding.advice
    holder.kill()
    holder.wait()
    (finding,) = locks([tmp_path / "a.lock", tmp_path / "none.lock"])
    assert finding.state == "ok", "a file that a dead process left is no lock"
    assert "1 lock files" in finding.message


def test_another_user_s_lock_file_is_wrong(open_folder: Path) -> None:
    lock = open_folder / "a.lock"
    lock.touch(mode=0o600)
    if os.geteuid() != 0:
        lock.chmod(0o000)
        (finding,) = locks([lock])
    else:
        os.seteuid(NOBODY)
        try:
            (finding,) = locks([lock])
        finally:
            os.seteuid(0)
    assert finding.state == "wrong"
    assert "Permission denied" in finding.message


def test_what_a_kill_left_behind_is_noted(tmp_path: Path) -> None:
    cache, outputs = tmp_path / "cache", tmp_path
    run = outputs / "runs" / "a"
    (cache / "ptbdb-0123").mkdir(parents=True)
    (run / "checkpoints").mkdir(parents=True)
    (run / "checkpoints" / f".step_0000002.ckpt.{os.getpid()}").touch()
    (run / ".hydra").mkdir()
    assert [finding.state for finding in left_behind(outputs, cache)] == ["ok"]
    (cache / ".ptbdb-0123.x8y2").mkdir()
    (cache / ".ptbdb-0123.x8y2" / "signal.i16").write_bytes(bytes(20_000_000))
    dead = subprocess.Popen(["true"])
    dead.wait()
    (run / "checkpoints" / f".step_0000001.ckpt.{dead.pid}").touch()
    (finding,) = left_behind(outputs, cache)
    assert finding.state == "note"
    assert "2 unfinished (0.02 GB)" in finding.message


def test_a_cache_that_is_being_built_is_not_left_behind(tmp_path: Path, holder: subprocess.Popen) -> None:
    (tmp_path / ".a.x8y2").mkdir()
    (tmp_path / ".ptbdb-0123.x8y2").mkdir()
    (tmp_path / "a.lock").rename(tmp_path / "ptbdb-0123.lock")
    assert [finding.state for finding in left_behind(tmp_path, tmp_path)] == ["ok"]
