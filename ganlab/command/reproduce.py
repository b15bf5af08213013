"""A run made again from its own configuration, and what is not the same: first why it may differ, then what does."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganlab.core.errors import UserError
from ganlab.core.settings import HERE
from ganlab.tracking.checkpoints import checkpoint_in, read_checkpoint
from ganlab.tracking.facts import write

log = logging.getLogger(__name__)

SHOWN = 8
REPORT = "reproduction.json"
UNMEASURED = {"time"}
"""Of a line of metrics.jsonl: when it was written."""


def reproduce(run: str | None, out: str | None = None, again: str | None = None) -> bool:
    """Run `run` again in the new folder `out`, or take the folder `again` of an earlier try: is it the same?

    The weights of the last checkpoint have to be equal bit for bit, and every number of metrics.jsonl and metrics.json.
    Writes `reproduction.json` to the new folder. Raises UserError where `run` has not ended, or does not run again.
    """
    if run is None:
        raise UserError("Which run? run=<folder>, such as run=outputs/runs/NAME.")
    first = Path(run).resolve()
    facts = _facts(first)
    second = Path(again).resolve() if again else _run_again(first, facts, out)
    then, now = _circumstances(facts), _circumstances(_facts(second))
    circumstances = [*_unlike(then, now)]
    differences = {
        "tensors": [*_tensors(_weights(first), _weights(second))],
        "metrics.jsonl": [*_unlike(_lines(first), _lines(second))],
        "metrics.json": [*_unlike(_measured(first), _measured(second))],
    }
    same = not any(differences.values())
    _say(first, second, circumstances, differences)
    report = {"run": first.name, "again": second.name, "same": same, "circumstances": circumstances, **differences}
    (second / REPORT).write_text(json.dumps(report, indent=1))
    return same


def _facts(folder: Path) -> dict[str, Any]:
    for name in ("config.yaml", "run.json"):
        if not (folder / name).is_file():
            raise UserError(f"run={folder}: no {name} there, so it is no run folder. Runs lie in outputs/runs.")
    facts: dict[str, Any] = json.loads((folder / "run.json").read_text())
    if "checkpoint" not in facts or not (folder / "metrics.json").is_file():
        raise UserError(f"run={folder} has not ended. Let it end first: python -m ganlab.run resume={folder}")
    return facts


def _run_again(first: Path, facts: Mapping[str, Any], out: str | None) -> Path:
    """A process of its own with the run's configuration, in its working folder, with as many threads."""
    folder = Path(out).resolve() if out else first.parent / f"{first.name}_again_{datetime.now():%Y%m%d_%H%M%S}"
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"out={folder} is not empty; nothing was run. Name a new folder: out=<folder>.")
    where = Path(facts["working_folder"])
    if not where.is_dir():
        raise UserError(f"{first}: this run was begun in {where}, which is not there; its paths begin there.")
    command = [sys.executable, "-m", "ganlab.run", "--config-path", str(first), "--config-name", "config"]
    command += [f"hydra.run.dir={_quoted(folder)}", "tracking.mlflow=false", "tracking.tensorboard=false"]
    log.info("%s again, in %s", first, folder)
    done = subprocess.run(command, cwd=where, env=_environment(facts), check=False)
    if done.returncode:
        raise UserError(f"{first} did not run again: exit code {done.returncode}; the reason stands above.")
    # A stored configuration no longer says which files it was composed of.
    write(folder, _facts(folder) | {key: facts[key] for key in ("choices", "overrides")})
    return folder


def _quoted(folder: Path) -> str:
    return "'" + str(folder).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _environment(facts: Mapping[str, Any]) -> dict[str, str]:
    """This process's, with the number of threads that the run had: sums are added up in parts, one a thread."""
    threads = facts.get("provenance", {}).get("machine", {}).get("threads")
    path = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))
    counts = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")} if threads else {}
    return {**os.environ, **counts, "PYTHONPATH": path}


def _circumstances(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the bits depend on, by a name that says where to look, as far as the run says it."""
    known = {"version": facts.get("version"), "git commit": facts.get("git_commit"), "seed": facts.get("seed")}
    return {**known, **dict(_flat(facts.get("provenance", {}))), "device": facts.get("device")}


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(inner, Mapping | list) for inner in value):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{name}.{number}")
    else:
        yield name, value


def _unlike(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """`name: then, now` of what differs; NaN is like NaN."""
    for name in {**then, **now}:
        before, after = then.get(name, "nothing"), now.get(name, "nothing")
        if before != after and not (before != before and after != after):  # noqa: PLR0124
            yield f"{name}: {before} then, {after} now"


def _lines(folder: Path) -> dict[str, Any]:
    """Every number of metrics.jsonl by step and name; of a step that a resumed run made twice the last one."""
    found: dict[str, Any] = {}
    for text in (folder / "metrics.jsonl").read_text().splitlines():
        row = json.loads(text)
        found |= {f"step {row['step']} {name}": value for name, value in row.items() if name not in UNMEASURED}
    return found


def _measured(folder: Path) -> dict[str, Any]:
    return dict(_flat(json.loads((folder / "metrics.json").read_text())))


def _weights(folder: Path) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = read_checkpoint(checkpoint_in(folder))["state_dict"]
    return weights


def _tensors(then: Mapping[str, Tensor], now: Mapping[str, Tensor]) -> Iterator[str]:
    for name in {**then, **now}:
        before, after = then.get(name), now.get(name)
        if before is None or after is None:
            yield f"{name}: only {'now' if before is None else 'then'}"
        elif before.shape != after.shape or before.dtype != after.dtype:
            yield f"{name}: {tuple(before.shape)} {before.dtype} then, {tuple(after.shape)} {after.dtype} now"
        elif unlike := int((_bytes(before) != _bytes(after)).any(dim=1).sum()):
            largest = float((before.double() - after.double()).abs().nan_to_num().max())
            yield f"{name}: {unlike} of {before.numel()} values, by {largest:.3g} at most"


def _bytes(tensor: Tensor) -> Tensor:
    """Of each value, `(values, bytes)`: NaN is like the same NaN, and 0 unlike -0."""
    return tensor.reshape(-1, 1).contiguous().view(torch.uint8)


def _say(first: Path, second: Path, circumstances: list[str], differences: Mapping[str, list[str]]) -> None:
    tell: Callable[..., None] = log.warning if any(differences.values()) else log.info
    tell("circumstances: %s", _some(circumstances) or "as they were")
    for what, found in differences.items():
        tell("%s: %s", what, _some(found) or "the same")
    verdict = "NOT the same" if any(differences.values()) else "the same, bit for bit"
    tell("%s and %s: %s", first, second, verdict)


def _some(found: list[str]) -> str:
    shown = "".join(f"\n  {line}" for line in found[:SHOWN])
    more = f"\n  and {len(found) - SHOWN} more, all in {REPORT}" if len(found) > SHOWN else ""
    return f"{len(found)} differ{shown}{more}" if found else ""
