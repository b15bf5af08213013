"""A run made again from its own configuration: first what may explain differences, then the differences."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from ganlab.command.entry import arguments
from ganlab.command.resume import check_classes
from ganlab.core.errors import UserError
from ganlab.core.files import check_empty, write_whole
from ganlab.core.settings import HERE
from ganlab.generator.load import run_folder
from ganlab.generator.stored import stored_config
from ganlab.report.content import read_mapping
from ganlab.tracking.checkpoints import checkpoint_in, read_checkpoint
from ganlab.tracking.facts import write
from ganlab.tracking.history import read_history
from ganlab.tracking.record import CONFIG, FACTS, config_values, home, read_facts, resume

log = logging.getLogger(__name__)

LISTED = 8
REPORT = "reproduction.json"
UNMEASURED = {"time", "step"}
"""Keys of metrics.jsonl that are no results."""


def main(cfg: DictConfig) -> None:
    """Run again and compare; exit code 0 where the results are the same, 1 where they are not."""
    sys.exit(0 if reproduce(**arguments(cfg)) else 1)


def reproduce(
    run: str | None,
    out: str | None = None,
    again: str | None = None,
    outputs: str = "outputs",
    cache: str | None = None,
    dataset: Mapping[str, str | None] | None = None,
    trust: str | Sequence[str] | None = (),
) -> bool:
    """Run `run` again in the new folder `out`, or take the earlier try `again`; return whether the results are equal.

    The run's folder and the data are all that it takes: `dataset` has the places of data that lie elsewhere now.
    The weights of the last checkpoint have to be equal bit for bit, and every number of metrics.jsonl and metrics.json.
    Writes `reproduction.json` to the new folder. Raises UserError where `run` has not ended, its record is damaged, it
    was made by a version whose classes are gone, or does not run again.
    """
    first = run_folder(run, FACTS).resolve()
    facts = _facts(first)
    if again:
        second = Path(again).resolve()
    else:
        places = {"outputs": outputs, "cache": cache or f"{outputs}/cache"}
        places |= {f"dataset.{key}": path for key, path in (dataset or {}).items() if path is not None}
        second = _run_again(first, facts, out, places, trust)
    other, then, now = _facts(second), _lines(first), _lines(second)
    lost = {*_lost(facts, then, now), *_lost(other, now, then)}
    circumstances = [*_unlike(_circumstances(facts), _circumstances(other))]
    circumstances += [f"{name}: not logged, as a run was killed behind its checkpoint" for name in sorted(lost)]
    differences = {
        "tensors": [*_tensors(_weights(first), _weights(second))],
        "metrics.jsonl": [each for each in _unlike(then, now) if each.partition(":")[0] not in lost],
        "metrics.json": [*_unlike(_measured(first), _measured(second))],
    }
    same = not any(differences.values())
    _log(first, second, circumstances, differences)
    report = {"run": first.name, "again": second.name, "same": same, "circumstances": circumstances, **differences}
    write_whole(second / REPORT, json.dumps(report, indent=1))
    return same


def _facts(folder: Path) -> dict[str, Any]:
    """Return what `run.json` says. Raises UserError where it is damaged or the run has not ended."""
    facts = read_facts(folder, "choices", "overrides")
    if "checkpoint" not in facts or not (folder / "metrics.json").is_file():
        raise UserError(f"run={folder} has not ended. Finish it first: {resume(folder)}")
    return facts


def _run_again(
    first: Path,
    facts: Mapping[str, Any],
    out: str | None,
    places: Mapping[str, str],
    trust: str | Sequence[str] | None,
) -> Path:
    """Run the configuration in another process, with its paths and the run's threads; return the new folder.

    The other process reads what was checked, not the first folder again, and imports nothing from where it works.
    """
    folder = Path(out).resolve() if out else first.parent / f"{first.name}_again_{datetime.now():%Y%m%d_%H%M%S}"
    check_empty(folder)
    stored = stored_config(first, trust)
    check_classes(f"run={first}", config_values(first), facts)
    for key, path in places.items():
        OmegaConf.update(stored, key, str(Path(path).expanduser().absolute()), force_add=True)
    write_whole(folder / CONFIG, OmegaConf.to_yaml(stored), "out")
    command = [sys.executable, "-P", "-m", "ganlab.run", "--config-path", str(folder), "--config-name", "config"]
    command += [f"hydra.run.dir={_quoted(folder)}", "tracking.mlflow=false", "tracking.tensorboard=false"]
    command += ["++tracking.wandb=null"]
    log.info("repeats %s in %s", first, folder)
    done = subprocess.run(command, cwd=home(first), env=_environment(facts, bool(trust)), check=False)
    if done.returncode:
        raise UserError(f"{first} did not run again: exit code {done.returncode}; see the error above.")
    # A stored configuration no longer says which files it was composed of.
    write(folder, _facts(folder) | {key: facts[key] for key in ("choices", "overrides")})
    return folder


def _quoted(folder: Path) -> str:
    return "'" + str(folder).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _environment(facts: Mapping[str, Any], trusting: bool) -> dict[str, str]:
    """Return this process's environment with the run's number of threads: sums are added up in parts, one a thread.

    Modules are imported from where this process imports them; from its own working folder only where it trusts some.
    """
    threads = facts.get("provenance", {}).get("machine", {}).get("threads")
    folders = [str(HERE.parent), *[str(Path.cwd())] * trusting, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    path = os.pathsep.join(str(Path(folder).absolute()) for folder in folders if folder)
    stored = isinstance(threads, int) and threads > 0
    counts = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")} if stored else {}
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
    history = read_history(folder / "metrics.jsonl")
    if history.unreadable:
        log.warning("%s: lines that could not be read, and are left out: %d", folder, history.unreadable)
    numbers = ((row["step"], name, value) for row in history.rows for name, value in row.items())
    return {f"step {step:g} {name}": value for step, name, value in numbers if name not in UNMEASURED}


def _lost(facts: Mapping[str, Any], own: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the numbers of `other` that a resumed run lacks: those of one step for each time that it was resumed.

    A run that is killed between a checkpoint and the row of its step goes on behind that step.
    """
    lacking = [name for name in other if name not in own]
    steps = {name.split()[1] for name in lacking}
    return lacking if len(steps) <= len(facts.get("resumed") or ()) else []


def _measured(folder: Path) -> dict[str, Any]:
    trouble: list[str] = []
    rows = read_mapping(folder / "metrics.json", trouble)
    if trouble:
        raise UserError(f"{folder}: {trouble[0]} Let the run measure again: {resume(folder)}")
    return dict(_flat(rows))


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
    # Not contiguous(), which keeps any stride of a dimension of one value.
    return tensor.reshape(-1, 1).clone(memory_format=torch.contiguous_format).view(torch.uint8)


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
