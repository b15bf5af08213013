r"""Rows as points: are generated ones where real ones are, everywhere where real ones are, and too near to some?

Continuous columns are divided by the standard deviation of training rows; binary columns stay 0 and 1, so that a rare
one does not outweigh all others. Precision and coverage are those of Kynkaanniemi et al. (2019) and Naeem et al. (2020)
with the balls of the reference rows, each to its fifth neighbour. The energy distance (Szekely and Rizzo, 2013) is
$2 E|x - y| - E|x - x'| - E|y - y'|$ over pairs of two rows.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ganlab.core.kind import Column
from ganlab.metrics.base import Array, Number, Real, SampleSet, Scorer, Statistic, Weights
from ganlab.metrics.weighted import mean

Points = NDArray[np.floating]

NEIGHBOURS = 5
"""Neighbours within a ball."""
SHARE = 0.05
"""Share of reference rows that count as near to a training row."""
BLOCK = 512
"""Rows of distances at a time, which bounds the memory."""

NUMBERS: Mapping[str, Number] = {
    "table/precision": Number(
        "share",
        "rows among the reference: within the fifth neighbour of a real row; a few real rows repeated are among them",
        best=1.0,
        sees=("noise",),
        limits=(0.0, 1.0),
    ),
    "table/coverage": Number(
        "share",
        "reference rows with a row nearer than their fifth real neighbour; 0.97 for as many other real rows; hardly "
        "hurt by rows that are no real ones, which is precision's business",
        best=1.0,
        sees=("collapsed", "noise"),
        limits=(0.0, 1.0),
    ),
    "table/energy_distance": Number(
        "",
        "energy distance of the whole rows, may be below 0 by chance; mostly of the columns' shapes",
        best=0.0,
        sees=("collapsed",),
    ),
    "table/exact_copies": Number(
        "share",
        "rows that equal a training row of another person in every number; blind to copies that were rounded",
        best=0.0,
        sees=("copy", "collapsed"),
        limits=(0.0, 1.0),
    ),
    "table/copies": Number(
        "share",
        "rows that equal a training row of another person on the 8-bit grid; some real ones do by chance, as the floor "
        "shows, and a step in one column hides a copy",
        best=0.0,
        sees=("copy", "collapsed"),
        limits=(0.0, 1.0),
    ),
    "table/near_copies": Number(
        "share",
        "rows as near to a training row of another person as 5 % of the reference are; blind to copies with as much "
        "noise as rows differ by chance; rows crowded where real ones are dense count as well",
        best=SHARE,
        sees=("copy", "collapsed"),
        limits=(0.0, 1.0),
    ),
}


def fit(real: Real, columns: Sequence[Column], steps: int | None) -> Scorer:
    """Numbers of rows beside these; `steps` of the grid of copies between a column's limits, None for equal numbers."""
    wide = np.array([not column.binary for column in columns])
    scale = np.where(wide, real.train.values.std(axis=0, dtype=np.float64), 1.0)
    scale[scale == 0] = 1.0
    grid = Grid(real.train.values, columns, steps)
    train, reference = real.train.values / scale, real.reference.values / scale
    radius = radii(reference)
    near = np.quantile(nearest(reference, train, real.reference.persons, real.train.persons), SHARE)
    within = _Pairs(reference, reference)

    def judge(samples: SampleSet) -> Mapping[str, Statistic]:
        rows = samples.values / scale
        inside = _inside(reference, rows, radius)
        among, across = _Pairs(rows, rows), _Pairs(rows, reference)

        def to_train(of: Points, other: Points, metric: str = "euclidean") -> Points:
            return nearest(of, other, samples.persons, real.train.persons, metric)

        # The largest difference of any column: no square that could vanish.
        exact = to_train(samples.values, real.train.values, "chebyshev") == 0
        equal = to_train(grid(samples.values), grid(real.train.values), "chebyshev") == 0
        return {
            "table/precision": lambda w, v: mean((_single(v) @ inside > 0).astype(np.float64), w),
            "table/coverage": lambda w, v: mean((inside @ _single(w) > 0).astype(np.float64), v),
            "table/energy_distance": lambda w, v: 2 * across.between(w, v) - among.within(w) - within.within(v),
            "table/exact_copies": _share(exact),
            "table/copies": _share(equal),
            "table/near_copies": _share(to_train(rows, train) <= near),
        }

    return judge


def radii(points: Points, neighbours: int = NEIGHBOURS) -> Points:
    """Distance `(N,)` of each point `(N, columns)` to so many others; to the farthest where there are fewer."""
    which = min(neighbours, len(points) - 1)
    parts = [np.partition(cdist(part, points), which, axis=1)[:, which] for part in _blocks(points)]
    return np.concatenate(parts)


def nearest(
    points: Points,
    known: Points,
    persons: NDArray[np.int64] | None = None,
    known_persons: NDArray[np.int64] | None = None,
    metric: str = "euclidean",
) -> Points:
    """Distance `(N,)` of each point to the nearest known one of another person; infinite where there is none.

    Arguments:
        points: With shape (N, columns).
        known: With shape (M, columns).
        persons: Of the points, with shape (N,); None where they are nobody's.
        known_persons: Of the known points, with shape (M,).
        metric: A metric of scipy's `cdist`.
    """
    found = []
    for start in range(0, len(points), BLOCK):
        apart = cdist(points[start : start + BLOCK], known, metric)
        if persons is not None and known_persons is not None:
            apart[persons[start : start + BLOCK, None] == known_persons] = np.inf
        found.append(apart.min(axis=1))
    return np.concatenate(found)


class Grid:
    """Rows on the grid of an 8-bit image; a column without limits has those of the training rows."""

    def __init__(self, train: Array, columns: Sequence[Column], steps: int | None) -> None:
        low = [train[:, n].min() if column.low is None else column.low for n, column in enumerate(columns)]
        high = [train[:, n].max() if column.high is None else column.high for n, column in enumerate(columns)]
        self.low, self.length = np.array(low, np.float64), np.array(high, np.float64) - np.array(low, np.float64)
        self.length[self.length == 0] = 1.0
        self.coarse = np.array([steps is not None and not (column.binary or column.whole) for column in columns])
        self.steps = steps or 1

    def __call__(self, rows: Array) -> Points:
        """Rows in steps from the lower limits; binary and whole columns as they are."""
        return np.where(self.coarse, np.rint((rows - self.low) / self.length * self.steps), rows)


class _Pairs:
    """Mean distances of pairs of weighted points; those of two sets are kept in single precision."""

    def __init__(self, points: Points, others: Points) -> None:
        self.apart = np.concatenate([cdist(part, others).astype(np.float32) for part in _blocks(points)])

    def between(self, w: Weights, v: Weights) -> float:
        return float(w @ (self.apart @ _single(v)) / (w.sum() * v.sum()))

    def within(self, w: Weights) -> float:
        """Of two different points: one that weighs more is not its own partner."""
        pairs = w.sum() ** 2 - (w**2).sum()
        return float(w @ (self.apart @ _single(w)) / pairs) if pairs else float("nan")


def _inside(reference: Points, rows: Points, radius: Points) -> NDArray[np.float32]:
    """1 where a row is within the ball of a reference row, `(M, N)`; in floating point, to be multiplied."""
    at = range(0, len(reference), BLOCK)
    parts = [cdist(reference[k : k + BLOCK], rows) <= radius[k : k + BLOCK, None] for k in at]
    return np.concatenate([part.astype(np.float32) for part in parts])


def _blocks(points: Points) -> list[Points]:
    return [points[k : k + BLOCK] for k in range(0, len(points), BLOCK)]


def _single(weights: Weights) -> NDArray[np.float32]:
    """Double precision would copy the whole matrix to multiply it."""
    return weights.astype(np.float32)


def _share(of: NDArray[np.bool_]) -> Statistic:
    values = of.astype(np.float64)
    return lambda w, _: mean(values, w)
