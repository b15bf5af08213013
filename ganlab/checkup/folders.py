"""Whether runs can write to their folders, and what earlier runs left there."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ganlab.checkup.finding import Finding, note, ok, wrong
from ganlab.core.files import UNFINISHED, alive
from ganlab.core.names import first_few

GB = 1e9
HELD_BY = Path("/proc/locks")
BUILDING = "A run is building the cache: wait until it ends"


def writable(folder: Path, override: str) -> list[Finding]:
    """Return whether a file can be made in the folder, or in the nearest existing one above it."""
    nearest = _nearest(folder)
    try:
        with tempfile.NamedTemporaryFile(dir=nearest, prefix=".ganlab_doctor_") as file:
            file.write(b"x")
            file.flush()
    except OSError as error:
        message = f"{nearest} cannot be written: {error.strerror}"
        return [wrong(override, message, f"Change its permissions, or choose another folder: {override}=<folder>")]
    return [ok(override, f"{folder} can be written")]


def room(folder: Path, override: str, least_gb: float) -> list[Finding]:
    """Return whether the disk below the folder has room, in bytes and in files."""
    nearest, what, other = _nearest(folder), f"{override}, disk", f"or name another folder: {override}=<folder>"
    free = shutil.disk_usage(nearest).free / GB
    if free < least_gb:
        return [
            wrong(what, f"{free:.2f} GB are free below {nearest}; a run may need {least_gb:g}", f"Make room, {other}")
        ]
    state = os.statvfs(nearest)
    if state.f_files and not state.f_favail:
        return [wrong(what, f"no file can be made below {nearest}: no inodes are left", f"Remove files, {other}")]
    return [ok(what, f"{free:.0f} GB are free")]


def _nearest(folder: Path) -> Path:
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())


def locks(files: Iterable[Path], held_by: Path = HELD_BY) -> list[Finding]:
    """Return a finding for each lock that is held, with the process that holds it. A file alone is no lock."""
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
            message = f"{file} cannot be opened: {error.strerror}"
            findings.append(wrong("lock", message, f"Change its permissions, or remove it: rm '{file}'"))
    return findings or [ok("locks", f"none is held; {free} lock files may stay")]


def _held(file: Path, held_by: Path) -> Finding:
    try:
        text = held_by.read_text()
    except OSError:
        return note("lock", f"{file} is held by another process", BUILDING)
    if holder := re.search(rf"FLOCK\s+\S+\s+WRITE\s+(\d+)\s+\S+:{file.stat().st_ino}\s", text):
        return note("lock", f"{file} is held by process {holder[1]}", f"{BUILDING}, or end it: kill {holder[1]}")
    return wrong(
        "lock",
        f"{file} is held, but not by a process of this machine",
        f"If no run of another machine that shares this disk holds it, it was left behind: rm '{file}'",
    )


def left_behind(outputs: Path, cache: Path) -> list[Finding]:
    """Return a note on cache folders and files that a killed process did not finish; the next build removes them."""
    unfinished = [path for path in cache.glob(".*-*.*") if path.is_dir() and _abandoned(path)]
    for runs in ("runs", "sweeps"):
        for depth in ("", "*/", "*/*/", "*/*/*/"):
            files = [path for path in (outputs / runs).glob(f"{depth}.*.[0-9]*") if path.is_file()]
            writing = [(path, UNFINISHED.fullmatch(path.name)) for path in files]
            unfinished += [path for path, match in writing if match and not alive(int(match["pid"]))]
    if not unfinished:
        return [ok("left behind", "nothing")]
    files = [file for path in unfinished for file in (path.rglob("*") if path.is_dir() else [path])]
    size = sum(file.stat().st_size for file in files if file.is_file()) / GB
    message = f"{len(unfinished)} unfinished ({size:.2f} GB): {first_few([str(path) for path in unfinished])}"
    return [note("left behind", message, "A killed run left them; remove them when no run is active")]


def _abandoned(building: Path) -> bool:
    """Return whether no process builds that cache folder now."""
    from filelock import FileLock, Timeout

    lock = building.with_name(building.name[1:].rpartition(".")[0] + ".lock")
    if not lock.is_file():
        return True
    try:
        with FileLock(lock, timeout=0):
            return True
    except (Timeout, OSError):
        return False
