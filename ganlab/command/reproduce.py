"""A run made again from its own configuration: first what may explain differences, then the differences."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor

from ganlab.command.entry import arguments
from ganlab.command.resume import check_classes
from ganlab.core.errors import UserError
from ganlab.core.files import check_empty
from ganlab.core.settings import HERE
from ganlab.generator.load import run_folder, stored_config
from ganlab.tracking.checkpoints import checkpoint_in, read_checkpoint
from ganlab.tracking.facts import write

log = logging.getLogger(__name__)

LISTED = 8
REPORT = "reproduction.json"
UNMEASURED = {"time"}
"""Keys of metrics.jsonl that are no results."""


def main(cfg: DictConfig) -> None:
    """Run again and compare; exit code 0 where the results are the same, 1 where they are not."""
    sys.exit(0 if reproduce(**arguments(cfg)) else 1)


def reproduce(run: str | None, out: str | None = None, again: str | None = None) -> bool:
    """Run `run` again in the new folder `out`, or take the earlier try `again`; return whether the results are equal.

    The weights of the last checkpoint have to be equal bit for bit, and every number of metrics.jsonl and metrics.json.
    Writes `reproduction.json` to the new folder. Raises UserError where `run` has not ended, was made by a version
    whose classes are gone, or does not run again.
    """
    first = run_folder(run, "run.json").resolve()
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
    _log(first, second, circumstances, differences)
    report = {"run": first.name, "again": second.name, "same": same, "circumstances": circumstances, **differences}
    (second / REPORT).write_text(json.dumps(report, indent=1))
    return same


def _facts(folder: Path) -> dict[str, Any]:
    """Return what `run.json` says. Raises UserError where the run has not ended."""
    facts: dict[str, Any] = json.loads((folder / "run.json").read_text())
    if "checkpoint" not in facts or not (folder / "metrics.json").is_file():
        raise UserError(f"run={folder} has not ended. Let it end first: python -m ganlab.run resume={folder}")
    return facts


def _run_again(first: Path, facts: Mapping[str, Any], out: str | None) -> Path:
    """Run the configuration in another process, with the run's working folder and threads; return the new folder."""
    folder = Path(out).resolve() if out else first.parent / f"{first.name}_again_{datetime.now():%Y%m%d_%H%M%S}"
    check_empty(folder)
    working_folder = Path(facts["working_folder"])
    if not working_folder.is_dir():
        raise UserError(f"{first}: this run was begun in {working_folder}, which is missing; its paths begin there.")
    check_classes(f"run={first}", stored_config(first), facts)
    command = [sys.executable, "-m", "ganlab.run", "--config-path", str(first), "--config-name", "config"]
    command += [f"hydra.run.dir={_quoted(folder)}", "tracking.mlflow=false", "tracking.tensorboard=false"]
    log.info("%s again, in %s", first, folder)
    done = subprocess.run(command, cwd=working_folder, env=_environment(facts), check=False)
    if done.returncode:
        raise UserError(f"{first} did not run again: exit code {done.returncode}; the reason stands above.")
    # A stored configuration no longer says which files it was composed of.
    write(folder, _facts(folder) | {key: facts[key] for key in ("choices", "overrides")})
    return folder


def _quoted(folder: Path) -> str:
    return "'" + str(folder).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _environment(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return this process's environment with the run's number of threads: sums are added up in parts, one a thread."""
    threads = facts.get("provenance", {}).get("machine", {}).get("threads")
    path = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))
    counts = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")} if threads else {}
    return {**os.environ, **counts, "PYTHONPATH": path}


def _circumstances(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the bits depend on, as far as the run stored it, by names that say where to look."""
    own = {"version": facts.get("version"), "git commit": facts.get("git_commit"), "seed": facts.get("seed")}
    return {**own, **dict(_flat(facts.get("provenance", {}))), "device": facts.get("device")}


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested dictionaries and lists with their dotted names; a list of plain values is one."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(inner, Mapping | list) for inner in value):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{name}.{number}")
    else:
        yield name, value


def _unlike(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield `name: then, now` for each value that differs; NaN equals NaN."""
    for name in {**then, **now}:
        before, after = then.get(name, "nothing"), now.get(name, "nothing")
        if before != after and not (before != before and after != after):  # noqa: PLR0124
            yield f"{name}: {before} then, {after} now"


def _lines(folder: Path) -> dict[str, Any]:
    """Return all numbers of metrics.jsonl by step and name; the last ones of a step that a resumed run repeated."""
    numbers: dict[str, Any] = {}
    for text in (folder / "metrics.jsonl").read_text().splitlines():
        row = json.loads(text)
        numbers |= {f"step {row['step']} {name}": value for name, value in row.items() if name not in UNMEASURED}
    return numbers


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
    """Return the bytes of each value, `(values, bytes)`: a NaN equals the same NaN, and 0 differs from -0."""
    return tensor.reshape(-1, 1).contiguous().view(torch.uint8)


def _log(first: Path, second: Path, circumstances: list[str], differences: Mapping[str, list[str]]) -> None:
    level = logging.WARNING if any(differences.values()) else logging.INFO
    log.log(level, "circumstances: %s", _first_few(circumstances) or "as they were")
    for what, lines in differences.items():
        log.log(level, "%s: %s", what, _first_few(lines) or "the same")
    verdict = "NOT the same" if any(differences.values()) else "the same, bit for bit"
    log.log(level, "%s and %s: %s", first, second, verdict)


def _first_few(lines: list[str]) -> str:
    listed = "".join(f"\n  {line}" for line in lines[:LISTED])
    more = f"\n  and {len(lines) - LISTED} more, all in {REPORT}" if len(lines) > LISTED else ""
    return f"{len(lines)} differ{listed}{more}" if lines else ""
