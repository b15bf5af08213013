"""The runs of a sweep, read from the folders of its jobs, with what each has left so far."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from ganlab.report.content import list_of, read, read_mapping
from ganlab.tracking.collapse import Collapse, collapse
from ganlab.tracking.history import History, read_history

Group = Sequence["Job"]
"""Runs of one experiment: they differ in nothing but their seed."""


@dataclass(frozen=True)
class Job:
    """A job's folder, and what it has written so far; `trouble` says which files could not be read."""

    folder: Path
    facts: Mapping[str, Any]
    config: Mapping[str, Any]
    scores: Mapping[str, Any]
    history: History
    overrides: tuple[str, ...]
    trouble: tuple[str, ...]

    @property
    def seed(self) -> object:
        """The run's seed; a dash where it is not known."""
        given = [value for key, value in map(pair, self.overrides) if key == "seed"]
        return self.facts.get("seed", given[-1] if given else "–")

    @property
    def settings(self) -> tuple[str, ...]:
        """The overrides besides the seed."""
        return tuple(override for override in self.overrides if pair(override)[0] != "seed")

    @property
    def finished(self) -> bool:
        """Whether it trained and was measured: the scores are the last thing that a run writes before its report."""
        return (self.folder / "metrics.json").is_file()

    @property
    def trained(self) -> bool:
        """Whether it trained to the end, measured or not."""
        return self.finished or "checkpoint" in self.facts

    @property
    def reduced(self) -> bool:
        """Whether it ran with size=reduced."""
        return self.config.get("reduced") is True or "size=reduced" in self.overrides

    @property
    def seconds(self) -> float | None:
        """The time that the run took; None where it is not known."""
        seconds = self.facts.get("seconds")
        return seconds if isinstance(seconds, int | float) else None

    @cached_property
    def verdict(self) -> Collapse:
        """Whether and when its generator collapsed."""
        return collapse(self.history.rows)

    @property
    def state(self) -> str:
        """How far it came, with the first line of the last error in its log."""
        if self.finished:
            return "finished"
        if not self.facts:
            reached = "failed before training."
        else:
            reached = "trained, not measured." if self.trained else f"not finished: {_reached(self.history)}."
        texts = [file.read_text(encoding="utf-8", errors="replace") for file in sorted(self.folder.glob("*.log"))]
        errors = [error for text in texts for error in re.findall(r"\[ERROR\] - (.*)", text)]
        return f"{reached} {errors[-1] if errors else ''}".strip()


def read_jobs(folder: Path) -> list[Job]:
    """Return the jobs of a sweep's folder in the order of their numbers."""
    folders = [path for path in folder.iterdir() if (path / ".hydra").is_dir() or (path / "run.json").is_file()]
    numbers = {path: int((re.match(r"\d+", path.name) or ["0"])[0]) for path in folders}
    return [_read_job(path) for path in sorted(folders, key=lambda path: (numbers[path], path.name))]


def group_runs(jobs: Iterable[Job]) -> list[list[Job]]:
    """Return jobs that differ in nothing but their seed together, in the order of the first of each."""
    groups: dict[tuple[str, ...], list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.settings, []).append(job)
    return list(groups.values())


def titles(groups: Sequence[Group]) -> list[str]:
    """Return a name for each group: its experiment, and in what else it differs from the other groups."""
    shared = common(groups)
    names = []
    for group in groups:
        experiment = [value for key, value in map(pair, group[0].settings) if key == "experiment"]
        own = [override for override in group[0].settings if override not in shared]
        others = [override for override in own if pair(override)[0] != "experiment"]
        names.append(" ".join(experiment + others) or " ".join(own) or "defaults")
    return names


def common(groups: Sequence[Group]) -> list[str]:
    """Return the overrides that all groups have."""
    return [override for override in groups[0][0].settings if all(override in group[0].settings for group in groups)]


def pair(override: str) -> tuple[str, str]:
    """Return the key and the value of an override."""
    key, _, value = override.partition("=")
    return key.lstrip("+~"), value


def _read_job(folder: Path) -> Job:
    trouble: list[str] = []
    names = ("run.json", "config.yaml", "metrics.json")
    facts, config, scores = (read_mapping(folder / name, trouble, f"{folder.name}/{name}") for name in names)
    overrides = facts.get("overrides")
    if not isinstance(overrides, list):
        overrides = read(folder / ".hydra" / "overrides.yaml", trouble, ".hydra/overrides.yaml")
    history = read_history(folder / "metrics.jsonl")
    if history.unreadable:
        trouble.append(f"{folder.name}/metrics.jsonl: lines that could not be read: {history.unreadable}.")
    return Job(folder, facts, config, scores, history, tuple(map(str, list_of(overrides))), tuple(trouble))


def _reached(history: History) -> str:
    """Return the last epoch or step that was logged, and when."""
    if not history.rows:
        return "nothing was logged"
    last = history.rows[-1]
    where = f"epoch {last['epoch']:.0f}" if math.isfinite(last.get("epoch", math.nan)) else f"step {last['step']:.0f}"
    time = last.get("time", math.nan)
    when = f", last heard of {datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M} UTC" if math.isfinite(time) else ""
    return f"in {where}{when}"
