r"""What rows give away of the persons who trained their generator: copies, membership, attributes.

Members are rows of persons who trained, non-members as many of persons that nothing has looked at; the controls are
those of `ganlab.evaluation.controls`, and of the negative one the rows are of persons in neither set. Continuous
columns are divided by the standard deviation of rows of neither set; binary columns stay 0 and 1.

Attribute inference: whoever attacks knows some columns of a person (quasi-identifiers), takes the generated row that is
nearest in these, and believes its other columns. That works on anybody, as far as the table has relations between its
columns; the leak is by how much better it works on members (Giomi et al., "A unified framework for quantifying privacy
risk in synthetic data", PoPETs 2023, whose control this is).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ganlab.core.errors import UserError
from ganlab.core.kind import Column, Row
from ganlab.metrics.base import Metric, Number, Real, SampleSet, Scorer, Scores, Statistic, Weights
from ganlab.metrics.privacy import attack as attacks_on
from ganlab.metrics.privacy.attack import FEW, LOW, Floats, Targets
from ganlab.metrics.privacy.windows import LEAST, SHARE, STRONGEST, drawn, persons_shown, targets_of
from ganlab.metrics.table.neighbours import Grid, nearest
from ganlab.metrics.utility.tstr import auroc
from ganlab.metrics.weighted import mean

Points = NDArray[np.floating]

NEAR = 0.05
"""Share of the non-members that are as near to a row of neither set as a near copy is to a member's."""
RIGHT = 0.1
"""Of a column's standard deviation: a value that is this near has been inferred."""
TINY = 1e-3
"""Added to distances before their logarithm is taken, in standard deviations."""
BLOCK = 512
"""Rows of distances at a time, which bounds the memory."""

ATTACKS = {
    "nearest": "the person's row",
    "calibrated": "the person's row, and rows of persons who are in neither set",
    "attributes": "some columns of the person's row",
}
_COPIES = ("copy",)

NUMBERS: Mapping[str, Number] = {
    "privacy/strongest_auc": Number(
        STRONGEST.unit, STRONGEST.meaning, best=STRONGEST.best, sees=_COPIES, limits=STRONGEST.limits
    ),
    "privacy/exact_copies": Number(
        "share",
        "rows that equal a member's on the 8-bit grid, less those that equal one of as many non-members': some do by "
        "chance; blind to a step in one column",
        best=0.0,
        sees=_COPIES,
        limits=(-1.0, 1.0),
    ),
    "privacy/near_copies": Number(
        "share",
        "rows nearer to a member's than 5 % of the non-members are to rows of neither set, less the same of "
        "non-members; a copy detector, which shows no privacy",
        best=0.0,
        sees=_COPIES,
        limits=(-1.0, 1.0),
    ),
    "privacy/dcr_share": Number(
        "share",
        "distance screen: rows nearer to a member than to any non-member, half of ties; 0.5 where nobody is copied; a "
        "copy detector, which shows no privacy",
        best=0.5,
        sees=_COPIES,
        limits=SHARE,
    ),
    "privacy/attributes_risk": Number(
        "share",
        "attribute inference: unknown columns that the nearest row tells of members beyond those of non-members, over "
        "what these lack: (members - non-members) / (1 - non-members); continuous ones to a tenth of their deviation",
        best=0.0,
        sees=_COPIES,
        limits=(-1.0, 1.0),
    ),
} | {
    name: number
    for attack, knows in ATTACKS.items()
    for name, number in {
        f"privacy/{attack}_auc": Number(
            "AUC",
            f"members against non-members, knowing {knows}; 0.5 is a guess",
            best=0.5,
            sees=_COPIES,
            limits=SHARE,
        ),
        f"privacy/{attack}_tpr_10": Number(
            "share", "members found at 10 % false alarms", best=LOW, sees=_COPIES, limits=SHARE
        ),
        f"privacy/{attack}_tpr_1": Number(
            "share", "members found at 1 % false alarms", best=FEW, sees=_COPIES, limits=SHARE
        ),
        f"privacy/{attack}_epsilon": Number(
            "",
            "epsilon of a person that this attack shows, delta 0: lower bound, one-sided 95 %, Clopper-Pearson "
            "(Jagielski et al. 2020); of this attack on these persons, no audit of a mechanism; 0 proves nothing",
            best=0.0,
            sees=_COPIES,
            limits=(0.0, np.inf),
        ),
    }.items()
}


class TablePrivacy(Metric):
    """Copies, membership inference and attribute inference of rows, each beside as many non-members."""

    kinds = (Row,)
    numbers = NUMBERS
    attacks = True

    def __init__(self, known: Sequence[str] | None = None, steps: int = 254, least: int = LEAST) -> None:
        """What whoever attacks knows, on which grid rows are equal, and the least members and non-members.

        Arguments:
            known: Names of columns; None for the binary ones and the first other one.
            steps: Between a column's limits.
            least: Members, and as many non-members, below whom no attack is made.
        """
        if steps < 1 or least < 2:
            raise UserError(
                f"metrics.measures.table_privacy: steps={steps}, least={least}; accepted are 1 or more, and 2 or more."
            )
        self.known = known
        self.steps = steps
        self.least = least

    def fit(self, real: Real) -> Scorer:
        """Scale the columns. Raises UserError for columns that are not there, TooFew for too few persons."""
        self.check(real.kind)
        assert isinstance(real.kind, Row)
        assert real.attacked is not None
        columns = real.kind.columns
        known = _known(columns, self.known)
        targets = targets_of(real, self.least)
        others = real.attacked.knowledge.values.astype(np.float64)
        scale = np.where([column.binary for column in columns], 1.0, others.std(axis=0))
        scale[scale == 0] = 1.0
        grid = Grid(others.astype(np.float32), columns, self.steps)
        rows, ours = targets.samples.values / scale, targets.of_members
        usual = nearest(rows, others / scale)
        near = float(np.quantile(usual[~ours], NEAR))

        def judge(samples: SampleSet) -> Scores:
            made = samples.values / scale
            closest = nearest(rows, made).astype(np.float64)
            scores = {
                "nearest": targets.greatest(-closest),
                "calibrated": targets.mean(np.log(usual + TINY) - np.log(closest + TINY)),
            }
            told = _told(rows, made, known, np.array([column.binary for column in columns]))
            scores["attributes"] = targets.mean(told)
            numbers = _copies(grid(samples.values), grid(targets.samples.values), made, rows, near, targets)
            numbers |= _attributes(told, targets)
            for name, score in scores.items():
                numbers |= _of_attack(name, score, targets)
            best, said = attacks_on.strongest(scores, targets)
            numbers["privacy/strongest_auc"] = targets.by_person(best)
            shown = {"attacks": {name: drawn(score, targets) for name, score in scores.items()}, "strongest": said}
            shown["attributes"] = {
                "members": float(told[ours].mean()),
                "nonmembers": float(told[~ours].mean()),
                "known": [column.name for column, here in zip(columns, known, strict=True) if here],
            }
            return Scores(numbers, shown | persons_shown(targets, real, ATTACKS))

        return judge


def _known(columns: Sequence[Column], names: Sequence[str] | None) -> NDArray[np.bool_]:
    """Which columns are known. Raises UserError for names that are no columns, and where all or none are known."""
    there = [column.name for column in columns]
    if names is None:
        first = next((k for k, column in enumerate(columns) if not column.binary), None)
        found = np.array([column.binary or k == first for k, column in enumerate(columns)])
    else:
        if lacking := [name for name in names if name not in there]:
            raise UserError(
                f"metrics.measures.table_privacy.known: no column {', '.join(lacking)}; there are {', '.join(there)}."
            )
        found = np.isin(there, list(names))
    if found.all() or not found.any():
        raise UserError(
            f"metrics.measures.table_privacy.known: {found.sum()} of {len(found)} columns would be known, so that "
            f"nothing is left to infer, or to infer it from. Name some of {', '.join(there)}."
        )
    return found


def _told(rows: Points, made: Points, known: NDArray[np.bool_], binary: NDArray[np.bool_]) -> Floats:
    """Share of each row's unknown columns that the generated row tells that is nearest in the known ones, `(N,)`."""
    at = range(0, len(rows), BLOCK)
    place = np.concatenate([cdist(rows[k : k + BLOCK, known], made[:, known]).argmin(axis=1) for k in at])
    apart = np.abs(made[place] - rows)[:, ~known]
    return (apart <= np.where(binary[~known], 0.5, RIGHT)).mean(axis=1)


def _copies(
    equal: Points, targets_equal: Points, made: Points, rows: Points, near: float, targets: Targets
) -> dict[str, Statistic]:
    ours = targets.of_members
    exact = [nearest(equal, targets_equal[side], metric="chebyshev") == 0 for side in (ours, ~ours)]
    to_ours, to_others = (nearest(made, rows[side]) for side in (ours, ~ours))
    closer = np.where(to_ours == to_others, 0.5, to_ours < to_others)
    return {
        "privacy/exact_copies": _difference(*exact),
        "privacy/near_copies": _difference(to_ours <= near, to_others <= near),
        "privacy/dcr_share": lambda judged, _: mean(closer, judged),
    }


def _difference(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> Statistic:
    apart = one.astype(np.float64) - other
    return lambda judged, _: mean(apart, judged)


def _attributes(told: Floats, targets: Targets) -> dict[str, Statistic]:
    ours = targets.of_members

    def risk(_: Weights, reference: Weights) -> float:
        members, others = mean(told, reference * ours), mean(told, reference * ~ours)
        return (members - others) / (1 - others) if others < 1 else float("nan")

    return {"privacy/attributes_risk": risk}


def _of_attack(name: str, score: Floats, targets: Targets) -> dict[str, Statistic]:
    member = targets.member
    bound = attacks_on.epsilon_bound(score, member)
    return {
        f"privacy/{name}_auc": targets.by_person(auroc(score, member)),
        f"privacy/{name}_tpr_10": targets.by_person(attacks_on.rate_at(score, member, LOW)),
        f"privacy/{name}_tpr_1": targets.by_person(attacks_on.rate_at(score, member, FEW)),
        f"privacy/{name}_epsilon": attacks_on.as_it_is(bound),
    }
