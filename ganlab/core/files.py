"""Files that are written whole or not at all, and sealed files, which have their SHA-256 beside them."""

import glob
import hashlib
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ganlab.core.errors import UserError

log = logging.getLogger(__name__)

SUMS = ".sha256"
"""Suffix of the file that holds a file's hash, in the form that `sha256sum --check` reads."""
UNFINISHED = re.compile(r"\..+\.(?P<pid>\d+)")
"""Name of a file that a process is writing."""


MANY = 100
"""Files of a folder that are brought to disk at once, not one by one."""


class DamagedFile(UserError):
    """A file whose content is not what was written."""


@contextmanager
def whole(path: Path, setting: str = "outputs") -> Iterator[BinaryIO]:
    """Open a file to write, which replaces `path` once it is complete and on disk: a kill leaves the old or the new.

    Raises UserError where it cannot be written, with the free room and the setting that names another folder; an old
    file then stays as it was.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with on_disk(path, setting):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
            _flush(path.parent)
        finally:
            unfinished.unlink(missing_ok=True)


@contextmanager
def whole_folder(folder: Path, setting: str = "out", room: int = 0) -> Iterator[Path]:
    """Yield an empty folder to fill, whose files become those of `folder` once all are on disk: a kill leaves none.

    It lies beside `folder` and takes its name at the end. A `folder` that exists and is empty may be a disk of its own:
    then it lies within, and `is_unfinished` until its files have moved. Raises UserError for a folder that holds
    something, fewer free bytes than `room`, and errors of the disk.
    """
    with on_disk(folder, setting):
        place = folder if folder.is_dir() else folder.parent
        building = place / f".{folder.resolve().name or 'root'}.{os.getpid()}"
        place.mkdir(parents=True, exist_ok=True)
        _remove_dead(building, within=place == folder)
        check_empty(folder, setting)
        check_room(folder, room, setting)
        building.mkdir()
        try:
            yield building
            _flush_all(building)
            if place == folder:
                for path in [*building.iterdir()]:
                    path.rename(folder / path.name)
            else:
                building.rename(folder)
            _flush(place)
        finally:
            shutil.rmtree(building, ignore_errors=True)


def is_unfinished(folder: Path) -> bool:
    """Return whether a folder is, or holds, one that `whole_folder` has not finished."""
    return bool(UNFINISHED.fullmatch(folder.absolute().name)) or any(
        path.is_dir() and UNFINISHED.fullmatch(path.name) for path in folder.iterdir()
    )


def check_room(folder: Path, room: int, setting: str) -> None:
    """Raise UserError where the disk of a folder, which may not exist yet, has fewer free bytes than `room`."""
    place = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())
    if (free := shutil.disk_usage(place).free) < room:
        raise UserError(
            f"{setting}={folder} needs about {room:,} bytes, and {free:,} are free in {place}; nothing was written. "
            f"Make room, write fewer, or name another folder: {setting}=<folder>."
        )


def _remove_dead(building: Path, within: bool) -> None:
    """Remove what killed processes left beside a folder, or `within` it unless some of the files have moved."""
    among = building.parent.glob(f"{glob.escape(building.stem)}.*")
    dead = [path for path in among if (match := UNFINISHED.fullmatch(path.name)) and not alive(int(match["pid"]))]
    if not within or len(dead) == len([*building.parent.iterdir()]):
        for path in dead:
            shutil.rmtree(path, ignore_errors=True)


def write_whole(path: Path, text: str, setting: str = "outputs") -> Path:
    """Write a text whole or not at all and return `path`. Raises UserError where it cannot be written."""
    with whole(path, setting) as file:
        file.write(text.encode())
    return path


@contextmanager
def sealed(path: Path) -> Iterator[BinaryIO]:
    """Open a file to write as `whole` does; its hash exists from the moment that the file has its name.

    While it replaces another file, both hashes exist.
    """
    sums = path.with_name(path.name + SUMS)
    before = _hashes(sums) if path.is_file() else []
    with whole(path) as file:
        yield file
        file.flush()
        now = sha256_of(Path(file.name))
        _write_sums(sums, path, [*before, now])
    if before:
        _write_sums(sums, path, [now])


def check_seal(path: Path) -> None:
    """Raise DamagedFile where a file does not match the hash beside it, or there is no hash."""
    sums = path.with_name(path.name + SUMS)
    if not sums.is_file():
        raise DamagedFile(
            f"{path} has no {sums.name} beside it, so ganlab cannot check that it is complete. Restore that file; "
            f"or, where you know that this one is whole: cd {path.parent} && sha256sum {path.name} > {sums.name}"
        )
    actual = sha256_of(path)
    if actual not in _hashes(sums):
        raise DamagedFile(
            f"{path} is damaged: its SHA-256 is {actual}, {sums.name} says {', '.join(_hashes(sums)) or '?'}."
        )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hex digits. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_sealed(path: Path) -> None:
    """Remove a file and its hash."""
    path.unlink(missing_ok=True)
    path.with_name(path.name + SUMS).unlink(missing_ok=True)


def inside(file: Path, folder: Path) -> bool:
    """Return whether a file is there and lies in its folder; a link that leads elsewhere is logged and not followed."""
    if file.is_file() and not file.resolve().is_relative_to(folder.resolve()):
        log.warning("%s is outside its folder and is not read", file)
        return False
    return file.is_file()


def set_aside(path: Path) -> Path:
    """Rename a damaged file so that nothing finds it, remove its hash, and return the new path."""
    aside = path.with_name(f"{path.name}.damaged")
    path.replace(aside)
    path.with_name(path.name + SUMS).unlink(missing_ok=True)
    return aside


def sweep_unfinished(folder: Path) -> list[Path]:
    """Remove files that killed processes left unfinished in a folder, and return their paths."""
    matches = [(path, UNFINISHED.fullmatch(path.name)) for path in folder.glob(".*")]
    unfinished = [path for path, match in matches if match and not alive(int(match["pid"]))]
    for path in unfinished:
        path.unlink(missing_ok=True)
    return unfinished


def check_empty(folder: Path, setting: str = "out") -> None:
    """Raise UserError where the folder that the setting names is a file, or holds something."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{setting}={folder} is a file; nothing was written. Name a new folder: {setting}=<folder>.")
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{setting}={folder} is not empty; nothing was written. Name a new folder: {setting}=<folder>.")


@contextmanager
def on_disk(path: Path, setting: str = "outputs") -> Iterator[None]:
    """Turn errors of the disk into a UserError that names `path`, the free room and the setting of another folder.

    Errors about a file elsewhere, which was read, pass.
    """
    try:
        yield
    except OSError as error:
        named = Path(error.filename).absolute() if isinstance(error.filename, str) else path.absolute()
        if not (named.is_relative_to(path.absolute().parent) or path.absolute().is_relative_to(named)):
            raise
        folder = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.is_dir())
        raise UserError(
            f"{path} cannot be written: {error.strerror or error} ({shutil.disk_usage(folder).free:,} bytes are free "
            f"in {folder}). Free disk space, change the permissions, or choose another folder with {setting}=<folder>."
        ) from error


def _hashes(sums: Path) -> list[str]:
    lines = sums.read_text(errors="replace").splitlines() if sums.is_file() else []
    return [line.split()[0] for line in lines if line.split()]


def _write_sums(sums: Path, path: Path, hashes: list[str]) -> None:
    write_whole(sums, "".join(f"{digest}  {path.name}\n" for digest in hashes))


def _flush_all(folder: Path) -> None:
    """Bring all files of a folder to disk: one by one, or many at once, which takes seconds instead of minutes."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    if len(files) > MANY:
        os.sync()
    for path in files if len(files) <= MANY else ():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def alive(pid: int) -> bool:
    """Return whether a process of this number runs on this machine."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
