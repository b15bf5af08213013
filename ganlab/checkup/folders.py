"""Whether runs can write where they have to, and what earlier ones left there."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ganlab.checkup.finding import Finding, some

GB = 1e9
HELD_BY = Path("/proc/locks")


def writable(folder: Path, override: str) -> list[Finding]:
    """Whether a file can be made in the folder, or in the nearest one above that is there."""
    there = _nearest(folder)
    try:
        with tempfile.NamedTemporaryFile(dir=there, prefix=".ganlab_doctor_") as file:
            file.write(b"x")
            file.flush()
    except OSError as error:
        said = f"{there} cannot be written: {error.strerror}"
        return [Finding("wrong", override, said, f"Give rights there, or name another folder: {override}=<folder>")]
    return [Finding("ok", override, f"{folder} can be written")]


def room(folder: Path, override: str, least_gb: float) -> list[Finding]:
    """Whether the disk below the folder has room, in bytes and in files."""
    there = _nearest(folder)
    free = shutil.disk_usage(there).free / GB
    state = os.statvfs(there)
    if free < least_gb:
        said = f"{free:.2f} GB are free below {there}; a run may want {least_gb:g}"
        return [Finding("wrong", f"{override}, disk", said, f"Make room, or name another folder: {override}=<folder>")]
    if state.f_files and not state.f_favail:
        said = f"no file can be made below {there}: it has no inode left"
        return [
            Finding("wrong", f"{override}, disk", said, f"Remove files, or name another folder: {override}=<folder>")
        ]
    return [Finding("ok", f"{override}, disk", f"{free:.0f} GB are free")]


def _nearest(folder: Path) -> Path:
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())


def locks(files: Iterable[Path], held_by: Path = HELD_BY) -> list[Finding]:
    """A line for each lock that is held: by whom, or that nobody here does. A file that nobody holds is no lock."""
    from filelock import FileLock, Timeout

    findings, free = [], 0
    for file in files:
        if not file.is_file():
            continue
        try:
            with FileLock(file, timeout=0):
                free += 1
        except Timeout:
            findings.append(_held(file, held_by))
        except OSError as error:
            said = f"{file} cannot be opened: {error.strerror}"
            findings.append(Finding("wrong", "lock", said, f"Give rights there, or remove it: rm '{file}'"))
    return findings or [Finding("ok", "locks", f"none is held; {free} files of them may stay")]


def _held(file: Path, held_by: Path) -> Finding:
    pattern = rf"FLOCK\s+\S+\s+WRITE\s+(\d+)\s+\S+:{file.stat().st_ino}\s"
    try:
        found = re.search(pattern, held_by.read_text())
    except OSError:
        return Finding("note", "lock", f"{file} is held by another process", "A run is building there: let it end")
    if found:
        said = f"{file} is held by process {found[1]}"
        return Finding("note", "lock", said, f"A run is building there: let it end, or end it: kill {found[1]}")
    return Finding(
        "wrong",
        "lock",
        f"{file} is held, and by no process of this machine",
        f"If no run of another machine that shares this disk holds it, it was left behind: rm '{file}'",
    )


def left_behind(outputs: Path, cache: Path) -> list[Finding]:
    """A note on cache folders and files that a killed process did not finish; whoever builds again removes them."""
    unfinished = [path for path in _glob(cache, ".*-*.*") if path.is_dir() and _alone(path)]
    for runs in ("runs", "sweeps"):
        for pattern in (".*.[0-9]*", "*/.*.[0-9]*", "*/*/.*.[0-9]*", "*/*/*/.*.[0-9]*"):
            unfinished += [path for path in _glob(outputs / runs, pattern) if path.is_file() and not _alive(path)]
    if not unfinished:
        return [Finding("ok", "left behind", "nothing")]
    size = sum(_size(path) for path in unfinished) / GB
    said = f"{len(unfinished)} unfinished ({size:.2f} GB): {some([str(path) for path in unfinished])}"
    return [Finding("note", "left behind", said, "A killed run left them; with no run going they may be removed")]


def _alone(building: Path) -> bool:
    """Whether nobody builds that cache folder now."""
    from filelock import FileLock, Timeout

    lock = building.with_name(building.name[1:].rpartition(".")[0] + ".lock")
    if not lock.is_file():
        return True
    try:
        with FileLock(lock, timeout=0):
            return True
    except (Timeout, OSError):
        return False


def _glob(folder: Path, pattern: str) -> Iterator[Path]:
    return folder.glob(pattern) if folder.is_dir() else iter(())


def _alive(file: Path) -> bool:
    """Whether the process whose number a temporary file ends in is there."""
    number = file.name.rpartition(".")[2]
    if not number.isdigit():
        return True
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
