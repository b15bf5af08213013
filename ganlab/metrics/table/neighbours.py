r"""Rows as points: do generated ones lie where real ones do, everywhere where these do, and too near to some?

Continuous columns are divided by the standard deviation of training rows; binary columns stay 0 and 1, so that a rare
one does not outweigh all others. Precision and coverage are those of Kynkaanniemi et al. (2019) and Naeem et al. (2020)
with the balls of the reference rows, each to its fifth neighbour. The energy distance (Szekely and Rizzo, 2013) is
$2 E|x - y| - E|x - x'| - E|y - y'|$ over pairs of two rows.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ganlab.core.kind import Array, Column
from ganlab.metrics.base import Floats, Real, SampleSet, Scorer, Statistic, Weights
from ganlab.metrics.coverage import coverage, precision
from ganlab.metrics.points import blocks, cross_mean, distances, nearest, pair_mean, radii, same_patient
from ganlab.metrics.weighted import mean_of

NEIGHBOURS = 5
"""Neighbours within a ball."""
SHARE = 0.05
"""Share of the reference that counts as near to a training row."""


def fit(real: Real, columns: Sequence[Column], steps: int | None) -> Scorer:
    """Return the scorer of rows with these columns as points.

    `steps` lie between a column's limits on which rows count as copies; None for equal numbers.
    """
    wide = np.array([not column.binary for column in columns])
    scale = np.where(wide, real.train.values.std(axis=0, dtype=np.float64), 1.0)
    scale[scale == 0] = 1.0
    train, reference = real.train.values / scale, real.reference.values / scale
    radius = radii(reference, NEIGHBOURS)

    def same_as(samples: SampleSet) -> NDArray[np.bool_]:
        return same_patient(samples.patients, real.train.patients, len(train))

    grid = Grid(real.train.values, columns, steps)
    near = np.quantile(nearest(reference, train, same_as(real.reference)), SHARE)
    within = distances(reference, reference)

    def score(samples: SampleSet) -> Mapping[str, Statistic]:
        rows, same = samples.values / scale, same_as(samples)
        parts = [cdist(reference[part], rows) <= radius[part, None] for part in blocks(len(reference))]
        inside = np.concatenate(parts).astype(np.float32)
        among, across = distances(rows, rows), distances(rows, reference)

        def energy(w: Weights, v: Weights) -> float:
            return 2 * cross_mean(across, w, v) - pair_mean(among, w) - pair_mean(within, v)

        return copied(real, grid, samples) | {
            "table/precision": precision(inside.T),
            "table/coverage": coverage(inside),
            "table/energy_distance": energy,
            "table/near_copies": mean_of(nearest(rows, train, same) <= near),
        }

    return score


def copied(real: Real, grid: "Grid", samples: SampleSet) -> dict[str, Statistic]:
    """Return the shares of rows that equal a training row of another patient: in every number, and on the grid."""
    same = same_patient(samples.patients, real.train.patients, len(real.train))
    # The largest difference of any column: no square that could vanish.
    exact = nearest(samples.values, real.train.values, same, "chebyshev") == 0
    equal = nearest(grid(samples.values), grid(real.train.values), same, "chebyshev") == 0
    return {"table/exact_copies": mean_of(exact), "table/copies": mean_of(equal)}


class Grid:
    """Puts rows on the grid of an 8-bit image; a column without limits has those of the training rows."""

    def __init__(self, train: Array, columns: Sequence[Column], steps: int | None) -> None:
        low = [train[:, n].min() if column.low is None else column.low for n, column in enumerate(columns)]
        high = [train[:, n].max() if column.high is None else column.high for n, column in enumerate(columns)]
        self.low, self.length = np.array(low, np.float64), np.array(high, np.float64) - np.array(low, np.float64)
        self.length[self.length == 0] = 1.0
        self.coarse = np.array([steps is not None and not (column.binary or column.whole) for column in columns])
        self.steps = steps or 1

    def __call__(self, rows: Array) -> Floats:
        """Return rows in steps from the lower limits; binary and whole columns as they are."""
        return np.where(self.coarse, np.rint((rows - self.low) / self.length * self.steps), rows)
