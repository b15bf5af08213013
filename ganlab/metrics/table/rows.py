"""Rows compared with real rows: each column by itself, the columns together, what can be learned from them, copies."""

from collections.abc import Mapping

import numpy as np

from ganlab.core.errors import UserError
from ganlab.core.kind import Array, Row, of_kind
from ganlab.metrics.base import Metric, Real, SampleSet, Scorer, Scores, Statistic
from ganlab.metrics.needs import MORE_REFERENCE, MORE_TRAINING, check_finite, need, need_generated
from ganlab.metrics.numbers import numbers_of
from ganlab.metrics.table import categories, columns, neighbours, trees
from ganlab.metrics.weighted import mean_of

LEAST = 10
"""Rows of a set at least."""


class TableMetric(Metric):
    """Numbers of rows `(N, columns)` in the columns' units."""

    kinds = (Row,)
    numbers = numbers_of("table")

    def __init__(self, steps: int | None = 254) -> None:
        """Take the `steps` between a column's limits on which rows count as copies, None for equal numbers."""
        if steps is not None and steps < 1:
            raise UserError(
                f"metrics.measures.table.steps={steps}: accepted are 1 or more, and null for equal numbers."
            )
        self.steps = steps

    def always(self, real: Real, samples: SampleSet) -> Mapping[str, Statistic]:
        """Return the shares of rows that equal a training row."""
        if not len(real.train):
            return {}
        grid = neighbours.Grid(real.train.values, of_kind(real.kind, Row).columns, self.steps)
        return neighbours.copied(real, grid, samples)

    def fit(self, real: Real) -> Scorer:
        """Learn scales and thresholds. Raises UserError for rows of another table, or with NaN or infinity."""
        self.check(real.kind)
        kind = of_kind(real.kind, Row)
        for name, rows in (("training rows", real.train), ("reference rows", real.reference)):
            _check(name, rows.values, len(kind.columns))
        need(len(real.train), LEAST, "training rows", MORE_TRAINING)
        need(len(real.reference), LEAST, "reference rows", MORE_REFERENCE)
        reference = real.reference.values.astype(np.float64)
        among, learned = neighbours.fit(real, kind.columns, self.steps), trees.fit(real, kind)
        unseen = categories.fit(real.train.values, kind.columns)

        def score(samples: SampleSet) -> Mapping[str, Statistic]:
            _check("rows to judge", samples.values, len(kind.columns))
            need_generated(len(samples), LEAST, "generated rows", len(real.train))
            rows, of_trees = samples.values.astype(np.float64), learned(samples)
            numbers = {
                **columns.scores(rows, reference, kind.columns),
                **columns.pair_scores(rows, reference, kind.columns),
                "table/violations": mean_of(columns.violations(samples.values, kind.columns)),
                **unseen(samples.values),
                **among(samples),
                **of_trees,
            }
            return Scores(numbers, left_out=getattr(of_trees, "left_out", ()))

        return score


def _check(name: str, rows: Array, columns: int) -> None:
    if rows.ndim != 2 or rows.shape[1] != columns:
        raise UserError(f"{name} of shape {rows.shape} and {columns} columns: expected (N, columns).")
    check_finite(rows, name)
