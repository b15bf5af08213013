"""How far from its best value a number may be before it is an alarm, for several numbers at once.

Every number has a distance from its best in each group of the null distribution, and so each group a p value in each
number. The least p value of a group says how unusual it is anywhere; the level's quantile of these is the p value from
which on a number is an alarm, so that the share of groups with an alarm is the level, whatever the correlations of the
numbers (Westfall and Young, 1993).

Few of the groups lie so far out. Beyond the farthest tenth of the distances the tail is taken to fall off exponentially
with their mean excess, which no shorter tail exceeds (Davison and Smith, 1990), and is never nearer than the groups.

A share is a count of patients. Groups of the same few patients hardly vary where it is nearly 0 or 1, so its threshold
is no nearer than what as many new patients have with that p value, given what those known have (the beta-binomial
distribution with Jeffreys' prior). A number that is the same for all groups may be off by the share that as many
samples would miss with that probability.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganlab.evaluation.null import Sizes
from ganlab.evaluation.rows import NumberRow, badness, best

TAIL = 0.1
"""Share of the groups, the farthest ones, from which the tail is estimated."""


@dataclass(frozen=True)
class Threshold:
    """The largest distance from the best that is no alarm, and the range of values within it."""

    most: float
    low: float
    high: float


def thresholds(
    rows: Mapping[str, NumberRow],
    null: Mapping[str, Mapping[str, list[float | None]]],
    level: float,
    sizes: Sizes,
    certain: frozenset[str] = frozenset(),
    negligible: Mapping[str, float] | None = None,
) -> dict[str, Threshold]:
    """Return the thresholds of numbers by name, such that real patients exceed one anywhere at a rate of `level`.

    Numbers of which most groups have no value are left out. Of those that are `certain` no chance is allowed for beyond
    that of the groups. Thresholds are at least as far as `negligible`. The distance of two distributions of shares,
    `_w1`, is no share.
    """
    least = dict.fromkeys(rows, -math.inf) | dict(negligible or {})
    drawn = {name: np.maximum(_distances(rows[name], null[name]["draws"]), least[name]) for name in rows}
    tails = {
        name: Tail.of(np.nan_to_num(far, nan=np.nanmedian(far)))
        for name, far in drawn.items()
        if np.isfinite(far).mean() > 0.5
    }
    varying = [each.p_values() for each in tails.values() if np.ptp(each.far) > 0]
    p = float(np.quantile(np.min(varying, axis=0), level)) if varying else level
    limits = {}
    for name, tail in tails.items():
        most, constant = tail.at(p), not np.ptp(tail.far)
        is_share = rows[name]["unit"] == "share" and not name.endswith("_w1")
        if name not in certain and constant:
            most += 1 - p ** (1 / max(sizes.judged, 1))
        if name not in certain and is_share and (rows[name]["best"] is None or not constant):
            most = max(most, _of_share(rows[name], null[name]["draws"], p, sizes))
        limits[name] = _threshold(rows[name], null[name]["draws"], most)
    return limits


@dataclass(frozen=True)
class Tail:
    """Distances of groups, `(N,)`, with the place where their exponential tail begins and its mean excess."""

    far: NDArray[np.float64]
    begin: float
    excess: float

    @classmethod
    def of(cls, far: NDArray[np.float64]) -> "Tail":
        """Return the tail of distances, `(N,)`."""
        begin = float(np.quantile(far, 1 - TAIL))
        beyond = far[far > begin] - begin
        # Where many are equal, less than a tenth lie beyond.
        return cls(far, begin, float(beyond.sum()) / (TAIL * len(far)))

    def p_values(self) -> NDArray[np.float64]:
        """Return the share of groups that are as far as each, `(N,)`; beyond the begin of the tail that of the tail."""
        order = np.sort(self.far)
        share = 1 - np.searchsorted(order, self.far) / len(order)
        if not self.excess:
            return share
        return np.where(self.far > self.begin, TAIL * np.exp((self.begin - self.far) / self.excess), share)

    def at(self, p: float) -> float:
        """Return the distance that a share of `p` exceeds."""
        groups = float(np.quantile(self.far, 1 - p, method="higher"))
        return max(groups, self.begin + self.excess * math.log(TAIL / p)) if p < TAIL else groups


def _of_share(row: NumberRow, draws: list[float | None], p: float, sizes: Sizes) -> float:
    """Return how far from its best a share of new patients is with a probability of `p`, given what groups have."""
    from scipy.stats import betabinom

    usual = float(np.mean([value for value in draws if value is not None]))
    patients = sizes.reference if row["best"] is None else sizes.training
    likely = betabinom(sizes.patients, usual * patients + 0.5, (1 - usual) * patients + 0.5)
    return max(badness(row, float(end) / sizes.patients) for end in (likely.isf(p), likely.ppf(p)))


def _distances(row: NumberRow, values: list[float | None]) -> NDArray[np.float64]:
    return np.array([math.nan if value is None else badness(row, value) for value in values])


def _threshold(row: NumberRow, draws: list[float | None], most: float) -> Threshold:
    """Return the threshold with its range, which ends at the best where no value lies beyond it."""
    perfect = best(row)
    assert perfect is not None
    values = [value for value in (row["synthetic"], *draws) if value is not None]
    worse = row.get("worse") or (
        "above" if all(value >= perfect for value in values) else "below" if all(v <= perfect for v in values) else ""
    )
    low = -math.inf if worse == "above" and row.get("worse") else perfect if worse == "above" else perfect - most
    high = math.inf if worse == "below" and row.get("worse") else perfect if worse == "below" else perfect + most
    if row["unit"] == "share" or row["unit"].startswith("AU"):
        low, high = max(low, 0.0) if math.isfinite(low) else low, min(high, 1.0) if math.isfinite(high) else high
    return Threshold(most, low, high)
