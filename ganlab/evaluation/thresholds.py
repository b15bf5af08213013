"""How far from its best value a number may be before it is an alarm, for several numbers at once.

Of each group of the null distribution every number's distance from the best is centred on its median and divided by its
upper spread; the largest over all numbers is the group's. The threshold is a quantile of the groups' largest, so that
it holds for all numbers together whatever their correlations (Westfall and Young, 1993). A number that is the same for
all groups has no spread: then the threshold is the share that as many samples would miss with the level's probability.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.evaluation.evidence import Row, best

UPPER = 0.95
"""Quantile of the distances by which their upper spread is measured."""
NORMAL = 1.645
"""The same quantile of the standard normal distribution: at least so many deviations is the spread."""


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
    drawn = {name: far for name, far in drawn.items() if np.isfinite(far).mean() > 0.5}
    centre = {name: float(np.nanmedian(far)) for name, far in drawn.items()}
    spread = {
        name: max(float(np.nanquantile(far, UPPER)) - centre[name], NORMAL * float(np.nanstd(far)))
        for name, far in drawn.items()
    }
    varying = [name for name in drawn if spread[name] > 0]
    times = 0.0
    if varying:
        largest = np.nanmax([(drawn[name] - centre[name]) / spread[name] for name in varying], axis=0)
        times = _upper(largest[np.isfinite(largest)], level)
    few = 1 - level ** (1 / max(judged, 1))
    most = {name: centre[name] + (times * spread[name] or few) for name in drawn}
    return {name: _threshold(rows[name], null[name]["draws"], far) for name, far in most.items()}


def _distances(row: Row, values: list[float | None]) -> NDArray[np.float64]:
    return np.array([math.nan if value is None else badness(row, value) for value in values])


def _upper(values: NDArray[np.float64], level: float) -> float:
    """Return the value that one more of them exceeds with a probability of at most `level`, or the largest one."""
    place = math.ceil((len(values) + 1) * (1 - level)) - 1
    return float(np.sort(values)[min(place, len(values) - 1)])


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
        low, high = max(low, 0.0), min(high, 1.0)
    return Threshold(most, low, high)
