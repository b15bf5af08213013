"""How far from its best value a number may be before it is an alarm, for several numbers at once.

Every number has a distance from its best in each group of the null distribution. The groups in which it is largest are
ranked first; a threshold is passed by the first few of each number, so few that the share of groups in which any number
passes its own is the level, whatever their correlations (Westfall and Young, 1993). A number that is the same for all
groups has no ranks: then the threshold is the share that as many samples would miss with the level's probability.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.evaluation.evidence import Row, best


@dataclass(frozen=True)
class Threshold:
    """The largest distance from the best that is no alarm, and the range of values within it."""

    most: float
    low: float
    high: float


def badness(row: Row, value: float) -> float:
    """Return how far from the best a value is; below 0 where only the other side is worse. NaN without a best."""
    perfect = best(row)
    if perfect is None:
        return math.nan
    sides = {"above": value - perfect, "below": perfect - value}
    return float(sides.get(row.get("worse", ""), abs(value - perfect)))


def thresholds(
    rows: Mapping[str, Row], null: Mapping[str, Mapping[str, Any]], level: float, judged: int
) -> dict[str, Threshold]:
    """Return the thresholds of numbers by name, such that real patients exceed one anywhere at a rate of `level`.

    Numbers of which most groups have no value are left out. `judged` is how many samples there are.
    """
    drawn = {name: _distances(rows[name], null[name]["draws"]) for name in rows}
    drawn = {name: np.nan_to_num(far, nan=np.nanmedian(far)) for name, far in drawn.items() if _known(far)}
    varying = {name: far for name, far in drawn.items() if np.ptp(far) > 0}
    passed = _passed(list(varying.values()), level) if varying else 0
    few = 1 - level ** (1 / max(judged, 1))
    return {
        name: _threshold(rows[name], null[name]["draws"], _most(far, passed) if name in varying else far[0] + few)
        for name, far in drawn.items()
    }


def _known(far: NDArray[np.float64]) -> bool:
    return bool(np.isfinite(far).mean() > 0.5)


def _passed(distances: Sequence[NDArray[np.float64]], level: float) -> int:
    """Return how many groups may pass the threshold of each number, so that one more of them would pass any at a rate
    of `level` at most."""
    # The rank of each group, 0 for the largest distance; its best rank of all numbers.
    first = np.min([(-far).argsort(kind="stable").argsort() for far in distances], axis=0)
    share = np.cumsum(np.bincount(first)) / len(first)
    return max(int(np.searchsorted(share, level, side="right")) - 1, 0)


def _most(far: NDArray[np.float64], passed: int) -> float:
    return float(np.sort(far)[-1 - passed])


def _distances(row: Row, values: list[float | None]) -> NDArray[np.float64]:
    return np.array([math.nan if value is None else badness(row, value) for value in values])


def _threshold(row: Row, draws: list[float | None], most: float) -> Threshold:
    """Return the threshold with its range, which ends at the best where no value lies beyond it."""
    perfect = best(row)
    assert perfect is not None
    values = [value for value in (row["synthetic"], *draws) if value is not None]
    worse = row.get("worse") or (
        "above" if all(value >= perfect for value in values) else "below" if all(v <= perfect for v in values) else ""
    )
    low = -math.inf if worse == "above" and row.get("worse") else perfect if worse == "above" else perfect - most
    high = math.inf if worse == "below" and row.get("worse") else perfect if worse == "below" else perfect + most
    if row["unit"] == "share":
        low, high = max(low, 0.0) if math.isfinite(low) else low, min(high, 1.0) if math.isfinite(high) else high
    return Threshold(most, low, high)
