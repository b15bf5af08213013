"""The facts of a run in `run.json` and `split.json`: its choices, data, code and outcome."""

import hashlib
import json
import logging
import os
import socket
import subprocess
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ganlab import __version__
from ganlab.core.errors import UserError, without_frames
from ganlab.core.files import alive, write_whole
from ganlab.core.masking import masked_values
from ganlab.core.settings import HERE
from ganlab.dataset.module import Data
from ganlab.tracking.record import FACTS, SPLIT, read_facts, read_split

log = logging.getLogger(__name__)

KEPT = ("id", "name", "overrides", "choices", "started", "left_out", "in_sweep", "seconds")
"""Facts of the first start that a resumed run keeps."""


def begin(folder: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts before training for `run.json`; a resumed run keeps what its first start wrote.

    `values` are the overrides of the command line, the choices of the config groups, the seed, whether a sweep runs it,
    counts of the data, batch size, numbers of weights, the provenance, and sentences on what the report leaves out.
    """
    before = earlier(folder)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    facts: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "status": "RUNNING",
        "host": host_name(),
        "pid": os.getpid(),
        "name": folder.name,
        "working_folder": str(Path.cwd()),
        "folder": os.path.relpath(folder),
        "started": now,
        "version": __version__,
        "git_commit": git_commit(),
        **values,
    }
    if before:
        check_data(folder, before, facts["provenance"])
        facts |= begun_under(before, facts["provenance"])
        facts |= {key: before[key] for key in KEPT if key in before}
        facts["resumed"] = [*before.get("resumed", []), now]
    return facts | {"tags": tags(facts, folder)}


def begun_under(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return the provenance of a resumed run's first start, and other ones under which it went on."""
    first, others = before.get("provenance", now), before.get("resumed_under", [])
    return {"provenance": first, "resumed_under": [*others, now] if now != first else others}


def earlier(folder: Path) -> dict[str, Any]:
    """Return the content of `run.json`; empty where there is none. Raises UserError where it is damaged."""
    return read_facts(folder) if (folder / FACTS).is_file() else {}


def host_name() -> str:
    """Return a pseudonym of this machine, the same for all of its runs; nothing where it has no number of its own.

    A list of names of machines does not undo it: the machine's id or the number of its network card is hashed too.
    """
    file, card = Path("/etc/machine-id"), uuid.getnode()
    own = [file.read_text().strip() if file.is_file() else "", "" if card >> 40 & 1 else f"{card:x}"]
    if not any(own):
        return ""
    return hashlib.sha256("/".join([*own, socket.gethostname()]).encode()).hexdigest()[:16]


def write(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write `run.json`. Raises UserError where it cannot be written."""
    write_whole(folder / FACTS, json.dumps(masked_values(facts), indent=1))


def end(folder: Path, status: str, error: BaseException | None = None) -> None:
    """Write into `run.json` that the run is FINISHED, FAILED or KILLED, and why; log an error where it cannot be."""
    try:
        facts = {key: value for key, value in earlier(folder).items() if key != "error"} | {"status": status}
        if error:
            facts["error"] = f"{type(error).__name__}: {without_frames(str(error))}"
        write(folder, facts)
    except UserError as full:
        log.error("%s", full)


def end_if_dead(folder: Path) -> None:
    """Write that a run was KILLED where its process has gone from this machine without writing an end."""
    facts, hosts = earlier(folder), {host_name(), socket.gethostname()} - {""}
    if facts.get("status") == "RUNNING" and facts.get("host") in hosts and not alive(facts.get("pid") or 0):
        end(folder, "KILLED")


def store_split(folder: Path, data: Data) -> str:
    """Write `split.json` and return its text. Raises UserError where a resumed run's patients have changed."""
    split = data.split
    assert split is not None
    if (folder / SPLIT).is_file() and read_split(folder) != split:
        raise UserError(
            f"{folder / SPLIT} no longer fits: the data set's patients have changed since this run began, and some of "
            "them would move from training to evaluation or back. Start a new run, or restore the data."
        )
    stored: dict[str, Any] = {"name": split.name, "seed": split.seed, "parts": split.parts}
    if split.spared:
        stored["spared"] = split.spared
    text = json.dumps(stored, indent=1)
    write_whole(folder / SPLIT, text)
    return text


def check_data(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise UserError where a resumed run has other data than it began with, wherever they lie; compared by content.

    `before` are the facts of `run.json`, `now` is this provenance.
    """
    began, present = before.get("provenance", {}).get("data", {}), now["data"]
    if began.get("members", present["members"]) != present["members"]:
        what = "other records, patients, labels or another split"
    elif began.get("values", present["values"]) != present["values"]:
        what = f"the same records and patients with other values (compared: {present['of']})"
    else:
        return
    raise UserError(
        f"resume={folder}: the data are not those that this run began with: {what}. Give the folder of the original "
        f"data with dataset.root=, or start a new run. Where the files are the same, ganlab {before.get('version')}, "
        f"which began it, reads them differently from ganlab {__version__} or on another processor: continue with "
        "that version."
    )


def tags(facts: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Return the tags that MLflow shows and searches by."""
    return {group: choice_name(choice) for group, choice in facts["choices"].items()} | {
        "seed": str(facts["seed"]),
        "version": facts["version"],
        "git_commit": facts["git_commit"] or "unknown",
        "hydra.output_dir": str(folder),
    }


def choice_name(choice: Any) -> str:
    """Return a config group's choice, or several joined by commas."""
    return ",".join(choice) if isinstance(choice, list) else str(choice)


def git_commit() -> str | None:
    """Return the commit of the running checkout, marked where it was changed; None for an installed copy."""
    if not (HERE.parent / ".git").exists():
        return None
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
