"""Cache folders, named after what they depend on; they are written elsewhere and moved to their place in one step."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from ganlab.core.errors import UserError


def cached(cache: Path, name: str, identity: Mapping[str, Any], build: Callable[[Path], None]) -> Path:
    """Return the folder of this identity below `cache`; `build` fills it once, however many processes need it.

    Raises UserError for a name that would lead out of `cache`.
    """
    if not re.fullmatch(r"\w[\w .-]{0,99}", name):
        raise UserError(f"dataset.name={name[:100]!a}: accepted are letters, digits, blanks, and . _ -, at most 100.")
    written = json.dumps(identity, sort_keys=True)
    folder = cache / f"{name}-{hashlib.sha256(written.encode()).hexdigest()[:16]}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if not folder.is_dir():
                _build(folder, build)
    return folder


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    for stale in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(stale, ignore_errors=True)
    building = folder.with_name(f".{folder.name}.{os.getpid()}")
    building.mkdir()
    build(building)
    for path in building.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    building.rename(folder)
