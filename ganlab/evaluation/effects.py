"""What a swept choice does to a number: differences paired by seed, with intervals, corrected p values and ranks.

The bootstrap draws seeds with replacement, the same for all groups, since a seed is one split and one start of the
weights for all of them; where runs hold the number under draws of patients, one of these is drawn with each seed. A
bootstrap of few seeds is too narrow by sqrt((n - 1) / n), so its deviations are widened by the inverse. P values are
those of Student's t with the bootstrap's standard error, corrected by Holm (1979) for the number of groups compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Unit = tuple[str, str]
"""Seed of a run, and whatever else it shares with its partners in other groups."""
Runs = Mapping[Unit, Sequence[float]]
"""A number of each run: its value, then its values under draws of patients, if there are any."""
DRAWS, LEVEL = 2000, 0.95
NONE = (float("nan"), float("nan"))


@dataclass(frozen=True)
class Effect:
    """A group's number over its runs: mean, standard deviation and interval; its difference from the reference group.

    `p` is corrected. `rank` counts from 1, the nearest to the best. What cannot be said is NaN.
    """

    runs: int
    mean: float
    deviation: float
    interval: tuple[float, float]
    difference: float
    difference_interval: tuple[float, float]
    p: float
    rank: float
    rank_interval: tuple[float, float]


def compared(groups: Mapping[str, Runs], reference: str, best: float | None = None, seed: int = 0) -> dict[str, Effect]:
    """Return the effect of each group that has a finite number. Without a `best` value nothing is ranked."""
    names = [name for name, runs in groups.items() if any(np.isfinite(values[0]) for values in runs.values())]
    units = sorted({unit for name in names for unit in groups[name]})
    seeds, of_unit = np.unique([unit[0] for unit in units], return_inverse=True)
    draws = _Draws(len(seeds), of_unit, np.random.default_rng(seed))
    values = {name: _table(groups[name], units) for name in names}
    drawn = {name: draws.means(values[name]) for name in names}
    apart = {
        name: draws.means(values[name] - values[reference]) if reference in values and name != reference else None
        for name in names
    }
    p = holm({name: _p_value(each) for name, each in apart.items() if each is not None})
    ranks, rank_draws = _ranks([drawn[name] for name in names], best)
    return {
        name: Effect(
            runs=int(np.isfinite(values[name][:, 0]).sum()),
            mean=drawn[name].mean,
            deviation=_deviation(values[name][:, 0]),
            interval=drawn[name].interval,
            difference=float("nan") if (off := apart[name]) is None else off.mean,
            difference_interval=NONE if off is None else off.interval,
            p=p.get(name, float("nan")),
            rank=ranks[place],
            rank_interval=_ends(rank_draws[:, place]),
        )
        for place, name in enumerate(names)
    }


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Return p values corrected for their number, NaN for NaN (Holm 1979)."""
    usable = sorted((value, name) for name, value in p.items() if np.isfinite(value))
    corrected, least = dict.fromkeys(p, float("nan")), 0.0
    for place, (value, name) in enumerate(usable):
        corrected[name] = least = max(least, min(1.0, value * (len(usable) - place)))
    return corrected


@dataclass(frozen=True)
class _Means:
    """The mean of a table of runs, and the means under the draws `(DRAWS,)`; `seeds` with a finite value."""

    mean: float
    draws: Floats
    seeds: int

    @property
    def interval(self) -> tuple[float, float]:
        return _ends(self.draws) if self.seeds > 1 else NONE


class _Draws:
    """How often each unit occurs under each draw of the seeds, and which draw of patients goes with it."""

    def __init__(self, seeds: int, of_unit: NDArray[np.int64], rng: np.random.Generator) -> None:
        self.of_unit = of_unit
        self.times = rng.multinomial(seeds, np.full(seeds, 1 / seeds), DRAWS)[:, of_unit] if seeds else np.ones((1, 0))
        self.patients = rng.random((DRAWS, seeds))[:, of_unit] if seeds else np.ones((1, 0))

    def means(self, table: Floats) -> _Means:
        """Return the means of `(units, 1 + draws of patients)`, NaN where a run is missing."""
        measured = np.isfinite(table[:, 0])
        table, times, seeds = table[measured], self.times[:, measured], len(np.unique(self.of_unit[measured]))
        own, more = table[:, 0], table[:, 1:]
        values: Floats = np.broadcast_to(own, times.shape)
        if more.shape[1] and np.isfinite(more).all():
            chosen = (self.patients[:, measured] * more.shape[1]).astype(np.int64)
            values = values + (more - more.mean(1, keepdims=True))[np.arange(len(own)), chosen]
        count = times.sum(1)
        mean = float(own.mean()) if len(own) else float("nan")
        drawn = np.divide((times * values).sum(1), count, out=np.full(len(count), np.nan), where=count > 0)
        return _Means(mean, mean + (drawn - mean) * np.sqrt(seeds / max(1, seeds - 1)), seeds)


def _table(runs: Runs, units: Sequence[Unit]) -> Floats:
    draws = min(len(values) for values in runs.values())
    missing = [float("nan")] * draws
    return np.array([list(runs.get(unit, missing))[:draws] for unit in units], dtype=np.float64)


def _deviation(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.std(ddof=1)) if len(finite) > 1 else float("nan")


def _ends(draws: Floats) -> tuple[float, float]:
    finite: Any = draws[np.isfinite(draws)]
    if not len(finite):
        return NONE
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _p_value(difference: _Means) -> float:
    from scipy.stats import t

    error = float(np.nanstd(difference.draws)) if difference.seeds > 1 else 0.0
    return float(2 * t.sf(abs(difference.mean) / error, difference.seeds - 1)) if error > 0 else float("nan")


def _ranks(groups: Sequence[_Means], best: float | None) -> tuple[list[float], Floats]:
    """Return the rank of each group's mean, and the ranks under each draw `(DRAWS, groups)`."""
    from scipy.stats import rankdata

    if best is None or not groups:
        return [float("nan")] * len(groups), np.full((1, len(groups)), np.nan)
    means = rankdata([abs(group.mean - best) for group in groups])
    draws = np.stack([np.abs(group.draws - best) for group in groups], axis=1)
    return means.tolist(), np.asarray(rankdata(draws, axis=1, nan_policy="omit"))
