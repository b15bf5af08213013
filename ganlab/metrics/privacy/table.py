"""Attacks on the privacy of the patients whose rows trained a generator: copies, membership, attributes.

Members are rows of patients who trained, non-members as many of patients who chose nothing; the controls are those of
`ganlab.evaluation.controls`, and the negative one holds rows of patients in neither set. Continuous columns are divided
by the standard deviation of rows of neither set; binary columns stay 0 and 1.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.core.kind import Row, of_kind
from ganlab.metrics.base import Floats, Metric, Real, SampleSet, Scorer, Scores, Statistic
from ganlab.metrics.numbers import numbers_of
from ganlab.metrics.points import nearest
from ganlab.metrics.privacy.attributes import inferred, known_columns, risk
from ganlab.metrics.privacy.targets import LEAST, results_of, target_details, targets_of
from ganlab.metrics.table.neighbours import Grid
from ganlab.metrics.weighted import mean_of

NEAR = 0.05
"""Share of the non-members that are as near to a row of neither set as a near copy is to a member's."""
TINY = 1e-3
"""Added to distances before their logarithm is taken, in standard deviations."""
ATTACKS = {
    "nearest": "the patient's row",
    "calibrated": "the patient's row, and rows of patients who are in neither set",
    "attributes": "some columns of the patient's row",
}


class TablePrivacy(Metric):
    """Copies, membership inference and attribute inference of rows, each compared with as many non-members.

    `known` names the columns that the attacker knows, None for the binary ones and the first other one; `steps` lie
    between a column's limits on which rows count as equal; `least` are the members, and as many non-members, below
    which no attack is made.
    """

    kinds = (Row,)
    numbers = numbers_of("table_privacy", "privacy/") | {
        name: number
        for attack, knows in ATTACKS.items()
        for name, number in numbers_of("table_attack", f"privacy/{attack}_", knows=knows).items()
    }
    attacks = True

    def __init__(self, known: Sequence[str] | None = None, steps: int = 254, least: int = LEAST) -> None:
        if steps < 1 or least < 2:
            raise UserError(
                f"metrics.measures.table_privacy: steps={steps}, least={least}; accepted are 1 or more, and 2 or more."
            )
        self.known, self.steps, self.least = known, steps, least

    def fit(self, real: Real) -> Scorer:
        """Learn the columns' scales. Raises UserError for columns that do not exist, TooFew for too few patients."""
        self.check(real.kind)
        assert real.attacked is not None
        columns = of_kind(real.kind, Row).columns
        known, binary = known_columns(columns, self.known), np.array([column.binary for column in columns])
        targets = targets_of(real, self.least)
        others = real.attacked.knowledge.values.astype(np.float64)
        scale = np.where(binary, 1.0, others.std(axis=0))
        scale[scale == 0] = 1.0
        grid = Grid(others.astype(np.float32), columns, self.steps)
        rows, member = targets.samples.values / scale, targets.of_members
        usual = nearest(rows, others / scale)
        near = float(np.quantile(usual[~member], NEAR))

        def score(samples: SampleSet) -> Scores:
            generated = samples.values / scale
            closest = nearest(rows, generated)
            right = inferred(rows, generated, known, binary)
            attacks = {
                "nearest": targets.greatest(-closest),
                "calibrated": targets.mean(np.log(usual + TINY) - np.log(closest + TINY)),
                "attributes": targets.mean(right),
            }
            numbers = _copies(generated, rows, near, member) | {"privacy/attributes_risk": risk(right, targets)}
            equal, targets_equal = grid(samples.values), grid(targets.samples.values)
            exact = [nearest(equal, targets_equal[side], metric="chebyshev") == 0 for side in (member, ~member)]
            numbers["privacy/exact_copies"] = _difference(*exact)
            of_attacks, details = results_of(attacks, targets)
            details["attributes"] = {
                "members": float(right[member].mean()),
                "nonmembers": float(right[~member].mean()),
                "known": [columns[k].name for k in np.flatnonzero(known)],
            }
            return Scores(numbers | of_attacks, details | target_details(targets, real, ATTACKS))

        return score


def _copies(generated: Floats, rows: Floats, near: float, member: NDArray[np.bool_]) -> dict[str, Statistic]:
    """Return the share of rows nearer than `near` to a member's, less that of a non-member's, and of those nearer."""
    to_members, to_others = (nearest(generated, rows[side]) for side in (member, ~member))
    return {
        "privacy/near_copies": _difference(to_members <= near, to_others <= near),
        "privacy/dcr_share": mean_of(np.where(to_members == to_others, 0.5, to_members < to_others)),
    }


def _difference(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> Statistic:
    return mean_of(one.astype(np.float64) - other)
