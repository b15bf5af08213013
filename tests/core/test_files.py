"""A file is there whole or not at all, and known for what was written."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from ganlab.core import files
from ganlab.core.errors import UserError
from ganlab.core.files import DamagedFile, check_seal, is_unfinished, sealed, whole, whole_folder, write_whole


def seal(path: Path, content: bytes) -> None:
    with sealed(path) as file:
        file.write(content)


def test_a_file_takes_its_name_only_once_it_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, seen = tmp_path / "a.json", []
    flush = files.os.fsync

    def watched(descriptor: int) -> None:
        seen.append(sorted((p.name.split(".json")[0], p.read_bytes()) for p in tmp_path.iterdir()))
        flush(descriptor)

    monkeypatch.setattr(files.os, "fsync", watched)
    write_whole(path, "new")
    assert seen == [[(".a", b"new")], [("a", b"new")]]  # the file, then the folder that has its name


def test_what_fails_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "a.json", "old")

    def fails() -> None:
        with whole(path) as file:
            file.write(b"ne")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        fails()
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.json", "old")]


def test_a_seal_is_what_sha256sum_reads(tmp_path: Path) -> None:
    seal(tmp_path / "a.bin", b"content")
    check_seal(tmp_path / "a.bin")
    subprocess.run(["sha256sum", "--check", "--strict", "a.bin.sha256"], cwd=tmp_path, check=True)


@pytest.mark.parametrize("content", [b"", b"conten", b"Content", b"contents"])
def test_any_other_content_is_damaged(tmp_path: Path, content: bytes) -> None:
    seal(tmp_path / "a.bin", b"content")
    (tmp_path / "a.bin").write_bytes(content)
    with pytest.raises(DamagedFile, match=r"a\.bin is damaged: its SHA-256 is"):
        check_seal(tmp_path / "a.bin")


def test_a_file_without_a_seal_says_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"content")
    with pytest.raises(DamagedFile, match=r"sha256sum a\.bin > a\.bin\.sha256") as said:
        check_seal(tmp_path / "a.bin")
    subprocess.run(str(said.value).partition("whole: ")[2], shell=True, check=True)
    check_seal(tmp_path / "a.bin")


@pytest.mark.parametrize("at", range(1, 8))
def test_a_kill_at_any_moment_leaves_a_file_that_fits_its_seal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Each flush and each move is a moment at which the process may die."""
    path = tmp_path / "a.bin"
    seal(path, b"old")
    moments = 0

    def mortal(act):
        def wrapped(*arguments: object) -> object:
            nonlocal moments
            moments += 1
            if moments == at:
                raise SystemExit
            return act(*arguments)

        return wrapped

    monkeypatch.setattr(files.os, "fsync", mortal(files.os.fsync))
    monkeypatch.setattr(Path, "replace", mortal(Path.replace))
    with pytest.raises(SystemExit):
        seal(path, b"new")
    check_seal(path)
    assert path.read_bytes() in (b"old", b"new")


def test_the_seal_names_the_new_content_alone_once_it_is_there(tmp_path: Path) -> None:
    seal(tmp_path / "a.bin", b"old")
    seal(tmp_path / "a.bin", b"new")
    assert (tmp_path / "a.bin.sha256").read_text() == f"{hashlib.sha256(b'new').hexdigest()}  a.bin\n"


def test_errors_of_the_disk_name_the_file_and_the_room(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/a\.json cannot be written: .* bytes are free in"):
        write_whole(tmp_path / "file" / "a.json", "")


def test_a_folder_has_its_name_once_all_of_it_is_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with whole_folder(out) as unfinished:
        (unfinished / "a").write_text("a")
        assert not out.exists()
        assert is_unfinished(unfinished)
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "a"]
    assert not is_unfinished(out)


def test_an_empty_folder_that_exists_is_filled_from_within(tmp_path: Path) -> None:
    (out := tmp_path / "out").mkdir()
    with whole_folder(out) as unfinished:
        (unfinished / "a").write_text("a")
        assert unfinished.parent == out
        assert is_unfinished(out)
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "a"]
    assert not is_unfinished(out)


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_folder_that_fails_is_not_there(tmp_path: Path, exists: bool, error: BaseException) -> None:
    out = tmp_path / "out"
    if exists:
        out.mkdir()

    def fails() -> None:
        with whole_folder(out) as unfinished:
            (unfinished / "a").write_text("a")
            raise error

    with pytest.raises((UserError, KeyboardInterrupt)):
        fails()
    assert [path.name for path in tmp_path.rglob("*")] == ["out"] * exists


DEAD = 2**31 - 1


def test_what_a_killed_process_left_is_removed_unless_some_of_it_has_moved(tmp_path: Path) -> None:
    (tmp_path / f".out.{DEAD}").mkdir()
    with whole_folder(tmp_path / "out"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    (tmp_path / "out" / f".out.{DEAD}").mkdir()
    with whole_folder(tmp_path / "out"):
        pass
    (tmp_path / "out" / f".out.{DEAD}").mkdir()
    (tmp_path / "out" / "moved").touch()
    with pytest.raises(UserError, match="out is not empty"), whole_folder(tmp_path / "out"):
        pass
    assert is_unfinished(tmp_path / "out")


def test_a_folder_without_room_or_in_the_place_of_a_file_is_refused_first(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, room, message in (
        ("new/out", 10**18, r"out=.* needs about 1,000,000,000,000,000,000 bytes, and [\d,]+ are free"),
        ("file", 0, "file is a file"),
        ("file/out", 0, "cannot be written: File exists"),
    ):
        with pytest.raises(UserError, match=message), whole_folder(tmp_path / name, room=room):
            pytest.fail("was begun")
    assert not (tmp_path / "new" / "out").exists()


def test_errors_of_files_elsewhere_that_are_read_pass(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_folder(tmp_path / "out" / "below"):
        (tmp_path / "elsewhere").read_text()
