"""What a run logged over its steps, read from its `metrics.jsonl`."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

_BOOKKEEPING = {"step", "epoch", "time"}


@dataclass
class History:
    """The rows of `metrics.jsonl`, one a step in rising order, and where the run was resumed."""

    rows: list[dict[str, float]] = field(default_factory=list)
    resumed: list[int] = field(default_factory=list)
    unreadable: int = 0

    def names(self) -> list[str]:
        """Everything logged besides `step`, `epoch` and `time`."""
        return sorted({name for row in self.rows for name in row} - _BOOKKEEPING)

    def series(self, name: str) -> tuple[Array, Array]:
        """Steps and values of one name, `(rows,)` each; what is not finite is NaN."""
        points = [(row["step"], row[name]) for row in self.rows if name in row]
        pairs = np.array(points, dtype=np.float64).reshape(-1, 2)
        return pairs[:, 0], np.where(np.isfinite(pairs[:, 1]), pairs[:, 1], np.nan)

    def steps_per_epoch(self) -> float | None:
        """Steps in an epoch, counted over the whole run, None where no epoch was logged."""
        epochs = [(row["step"], row["epoch"]) for row in self.rows if math.isfinite(row.get("epoch", math.nan))]
        steps, last = epochs[-1] if epochs else (0.0, 0.0)
        return steps / last if last > 0 and steps > 0 else None

    def step_of(self, epoch: int) -> int | None:
        """The last step that was logged in an epoch."""
        steps = [row["step"] for row in self.rows if row.get("epoch") == epoch]
        return int(steps[-1]) if steps else None


def read_history(path: Path) -> History:
    """Read `metrics.jsonl`; of two values for one name and step the later one counts.

    A run that was resumed logs steps again that it had logged before; the first of them is marked.
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
    """One line as numbers, None where it is no row with a step: a run can be killed while it writes."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    if not isinstance(row, dict):
        return None
    numbers = {name: _number(value) for name, value in row.items() if value is None or _is_number(value)}
    return numbers if math.isfinite(numbers.get("step", math.nan)) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
