"""A run's folder belongs to one process at a time: a second one is refused while the first lives.

On one machine a lock shows whether the first lives, and a process's number where the file system has no locks. From
another machine it is the heartbeat: a count in `.owner.json` that rises every BEAT_S seconds. Clocks are not compared.
"""

import itertools
import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ganlab.core.errors import UserError
from ganlab.core.files import alive, on_disk, write_whole

log = logging.getLogger(__name__)

LOCK, OWNER = ".run.lock", ".owner.json"
BEAT_S = 5.0
SILENT_S = 30.0
"""Seconds without a beat after which a process of another machine counts as dead."""
CHILDREN_S = 15.0
"""Seconds for which the processes that read samples for a run may outlive it, when it is killed, and hold its lock."""
POLL_S = 0.25


class FolderInUse(UserError):
    """The folder of a run belongs to another process, which lives."""


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Own a run's folder. Raises FolderInUse where another process does, UserError where it cannot be written."""
    lock = _locked(folder)
    try:
        _refuse_alive(folder, locks=lock is not None)
        me = {"token": uuid.uuid4().hex, "host": socket.gethostname(), "pid": os.getpid()}
        _write(folder, me, 0)
        over = threading.Event()
        heart = threading.Thread(target=_beat, args=(folder, me, over), name="heartbeat", daemon=True)
        heart.start()
        try:
            yield
        finally:
            over.set()
            heart.join()
            (folder / OWNER).unlink(missing_ok=True)
    finally:
        if lock is not None:
            lock.release()


def owner_of(folder: Path) -> dict[str, Any]:
    """Return who owns a run's folder, by `host`, `pid` and `token`; empty where it belongs to nobody."""
    try:
        owner = json.loads((folder / OWNER).read_text())
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}


def lives(folder: Path) -> bool:
    """Return whether the process that owns a run's folder lives, as far as this machine can see at once."""
    owner = owner_of(folder)
    return bool(owner) and (owner.get("host") != socket.gethostname() or _alive(owner))


def _locked(folder: Path) -> FileLock | None:
    """Return the held lock, or None where the file system has none."""
    lock = FileLock(folder / LOCK)
    owner = owner_of(folder)
    orphaned = owner.get("host") == socket.gethostname() and not _alive(owner)
    with on_disk(folder / LOCK):
        try:
            lock.acquire(timeout=CHILDREN_S if orphaned else 0)
        except Timeout:
            raise _in_use(folder) from None
        except NotImplementedError:
            return None
    return lock


def _refuse_alive(folder: Path, locks: bool) -> None:
    """Raise FolderInUse where the owner lives although this process has the lock: on another machine, or without."""
    before = owner_of(folder)
    if not before:
        return
    if before.get("host") == socket.gethostname():
        if not locks and _alive(before):
            raise _in_use(folder)
        return
    log.info(
        "%s belongs to a process on %s: checking for up to %g s whether it is alive",
        folder,
        before.get("host"),
        SILENT_S,
    )
    end = time.monotonic() + SILENT_S
    while time.monotonic() < end:
        time.sleep(POLL_S)
        now = owner_of(folder)
        if not now:
            return
        if now != before:
            raise _in_use(folder)
    log.warning("%s: its process on %s has ended, and this process takes over", folder, before.get("host"))


def _in_use(folder: Path) -> FolderInUse:
    owner = owner_of(folder)
    who = f"process {owner['pid']} on {owner['host']}" if {"pid", "host"} <= owner.keys() else "another process"
    return FolderInUse(
        f"{folder} belongs to {who}, which is still using it: this one does nothing. Wait until it ends, or stop it"
        "; hydra.run.dir=<another folder> starts a separate run."
    )


def _alive(owner: dict[str, Any]) -> bool:
    pid = owner.get("pid")
    return isinstance(pid, int) and not isinstance(pid, bool) and pid > 0 and alive(pid)


def _write(folder: Path, me: dict[str, Any], beat: int) -> None:
    write_whole(folder / OWNER, json.dumps({**me, "beat": beat}))


def _beat(folder: Path, me: dict[str, Any], over: threading.Event) -> None:
    for beat in itertools.count(1):
        if over.wait(BEAT_S):
            return
        if owner_of(folder).get("token", me["token"]) != me["token"]:
            log.critical("%s was taken over by another process, because this one was silent too long; it ends", folder)
            os._exit(1)
        # A full disk is noticed by the run itself.
        with suppress(UserError, OSError):
            if folder.is_dir():
                _write(folder, me, beat)
