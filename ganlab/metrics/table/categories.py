"""Combinations of two categories or binary columns that no training row has, such as pregnant men."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ganlab.core.kind import Array, Column
from ganlab.metrics.base import Statistic
from ganlab.metrics.weighted import mean_of


def fit(train: Array, columns: Sequence[Column]) -> Callable[[Array], dict[str, Statistic]]:
    """Return the scorer of rows `(N, columns)` given the training rows; it has no number without such columns."""
    binary = [place for place, column in enumerate(columns) if column.binary]
    single = [place for place in binary if columns[place].value is None]
    if not binary:
        return lambda rows: {}

    def values(rows: Array) -> NDArray[np.float32]:
        """Return 1 for each value that a row has, `(N, values)`: of a category's, and of both of a binary column."""
        ones = rows > 0.5
        return np.concatenate([ones[:, binary], ~ones[:, single]], axis=1).astype(np.float32)

    of_train = values(train)
    never = (of_train.T @ of_train == 0).astype(np.float32)

    def score(rows: Array) -> dict[str, Statistic]:
        own = values(rows)
        return {"table/new_combinations": mean_of((own @ never * own).any(axis=1))}

    return score
