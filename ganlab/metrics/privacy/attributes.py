"""Attribute inference: columns of a patient's row that the generated rows give away.

The attacker knows some columns of a patient (quasi-identifiers), takes the generated row that is nearest in these, and
believes its other columns. That works on anybody, as far as the table has relations between its columns; the leak is by
how much better it works on members (Giomi et al., "A unified framework for quantifying privacy risk in synthetic data",
PoPETs 2023, whose control this is).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ganlab.core.errors import UserError
from ganlab.core.kind import Column, places_of
from ganlab.core.names import names_of
from ganlab.metrics.base import Floats, Statistic, Weights
from ganlab.metrics.points import blocks
from ganlab.metrics.privacy.targets import Targets
from ganlab.metrics.weighted import mean, ratio

RIGHT = 0.1
"""Distance within which a value counts as inferred, in standard deviations of its column."""


def known_columns(columns: Sequence[Column], names: Sequence[str] | None) -> NDArray[np.bool_]:
    """Return which columns the attacker knows; by default the binary ones and the first other one.

    Raises UserError for names that are no columns, and where all columns or none would be known.
    """
    # All numbers of a category are known, or none: the others would give the last one away.
    places = places_of(columns)
    present = list(places)
    if names is None:
        binary = {name for name in present if columns[places[name][0]].binary}
        first = next((name for name in present if name not in binary), None)
        chosen = np.array([column.written_as in {*binary, first} for column in columns])
    else:
        names = names_of(names)
        if lacking := [name for name in names if name not in present]:
            raise UserError(
                f"metrics.measures.table_privacy.known: no column {', '.join(lacking)}; there are {', '.join(present)}."
            )
        chosen = np.isin([column.written_as for column in columns], list(names))
    if chosen.all() or not chosen.any():
        raise UserError(
            f"metrics.measures.table_privacy.known: {chosen.sum()} of {len(chosen)} columns would be known, so that "
            f"nothing is left to infer, or to infer it from. Name some of {', '.join(present)}."
        )
    return chosen


def inferred(rows: Floats, generated: Floats, known: NDArray[np.bool_], binary: NDArray[np.bool_]) -> Floats:
    """Return the share of unknown columns that the generated row nearest in the known ones has right, `(N,)`.

    Rows under attack have shape (N, columns), generated ones (M, columns); `known` and `binary` mark columns.
    """
    nearest = [cdist(rows[part, known], generated[:, known]).argmin(axis=1) for part in blocks(len(rows))]
    apart = np.abs(generated[np.concatenate(nearest)] - rows)[:, ~known]
    return (apart <= np.where(binary[~known], 0.5, RIGHT)).mean(axis=1)


def risk(right: Floats, targets: Targets) -> Statistic:
    """Return by how much better members' columns are inferred than non-members', over what the latter lack."""
    member = targets.of_members

    def statistic(_: Weights, reference: Weights) -> float:
        members, others = mean(right, reference * member), mean(right, reference * ~member)
        return ratio(members - others, 1 - others)

    return statistic
