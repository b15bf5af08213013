"""The series that a run logged over its steps, read from its `metrics.jsonl`."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ganlab.core.kind import Array

_BOOKKEEPING = {"step", "epoch", "time"}


@dataclass
class History:
    """The rows of `metrics.jsonl`, one per step in rising order, and the steps at which the run was resumed."""

    rows: list[dict[str, float]] = field(default_factory=list)
    resumed: list[int] = field(default_factory=list)
    unreadable: int = 0

    def names(self) -> list[str]:
        """Return the names of all series but `step`, `epoch` and `time`."""
        return sorted({name for row in self.rows for name in row} - _BOOKKEEPING)

    def series(self, name: str) -> tuple[Array, Array]:
        """Return steps and values of one series, `(rows,)` each; NaN for what is not finite."""
        points = [(row["step"], row[name]) for row in self.rows if name in row]
        pairs = np.array(points, dtype=np.float64).reshape(-1, 2)
        return pairs[:, 0], np.where(np.isfinite(pairs[:, 1]), pairs[:, 1], np.nan)

    def steps_per_epoch(self) -> float | None:
        """Return the mean steps per epoch over the whole run; None where no epoch was logged."""
        epochs = [(row["step"], row["epoch"]) for row in self.rows if math.isfinite(row.get("epoch", math.nan))]
        steps, last = epochs[-1] if epochs else (0.0, 0.0)
        return steps / last if last > 0 and steps > 0 else None

    def step_of(self, epoch: int) -> int | None:
        """Return the last step that was logged in an epoch, or None."""
        steps = [row["step"] for row in self.rows if row.get("epoch") == epoch]
        return int(steps[-1]) if steps else None


def read_history(path: Path) -> History:
    """Return the history in `metrics.jsonl`; of two values for one name and step the later one counts.

    A resumed run logs some steps again; `resumed` holds the first of these.
    """
    history, merged, latest = History(), dict[float, dict[str, float]](), dict[str, float]()
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []:
        row = _row(line)
        if row is None:
            history.unreadable += bool(line.strip())
            continue
        step = row["step"]
        if any(latest.get(name, -math.inf) >= step for name in row.keys() - _BOOKKEEPING):
            history.resumed.append(int(step))
            latest.clear()
        latest.update(dict.fromkeys(row, step))
        merged.setdefault(step, {}).update(row)
    history.rows = [merged[step] for step in sorted(merged)]
    return history


def _row(line: str) -> dict[str, float] | None:
    """One line as numbers; None where it is no row with a step, as where a run was killed while it wrote."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    if not isinstance(row, dict):
        return None
    numbers = {
        name: math.nan if value is None else float(value)
        for name, value in row.items()
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    }
    return numbers if math.isfinite(numbers.get("step", math.nan)) else None
