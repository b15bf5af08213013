"""The distance screen: are generated samples nearer to persons who trained than to as many who did not?

A copy detector and nothing more: sets that pass it were shown to leak membership all the same (Yao et al., "The DCR
Delusion", 2025). DCR is the distance to the closest record, NNDR its ratio to the distance to the second closest, here
of another person: windows of one person resemble one another.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ganlab.metrics.base import Number, Statistic, Weights
from ganlab.metrics.privacy.attack import Targets
from ganlab.metrics.weighted import mean, quantile

Floats = NDArray[np.floating]

LOWEST = 0.05
"""Share of the distances whose end is compared."""
COPIED = ("copy", "noisy_copy")

NUMBERS: Mapping[str, Number] = {
    "privacy/dcr_share": Number(
        "share",
        "distance screen: samples nearer to a person who trained than to any of as many who did not, half of ties; "
        "0.5 where nobody is copied; a copy detector, which shows no privacy",
        best=0.5,
        sees=COPIED,
        limits=(0.0, 1.0),
    ),
    "privacy/dcr_ratio": Number(
        "",
        "distance screen: the distance below which 5 % of the samples are to their closest person who trained, over "
        "that to those who did not; 0 is a copy; a copy detector, which shows no privacy",
        best=1.0,
        sees=COPIED,
        limits=(0.0, np.inf),
    ),
    "privacy/nndr_ratio": Number(
        "",
        "distance screen: closest over second closest person, below which 5 % of the samples are, among persons who "
        "trained over the same among those who did not; 0 is a copy; a copy detector, which shows no privacy",
        best=1.0,
        sees=("copy",),
        limits=(0.0, np.inf),
    ),
}


def screen(distance: Floats, targets: Targets) -> dict[str, Statistic]:
    """The numbers of distances of N samples to the T samples under attack, `(N, T)`."""
    to_person = _to_persons(distance, targets)

    def sides(reference: Weights) -> tuple[Floats, Floats]:
        there = targets.weights(reference) > 0
        return to_person[:, there & targets.member], to_person[:, there & ~targets.member]

    def share(judged: Weights, reference: Weights) -> float:
        ours, others = sides(reference)
        if not ours.shape[1] or not others.shape[1]:
            return float("nan")
        one, other = ours.min(axis=1), others.min(axis=1)
        return balanced(mean(np.where(one == other, 0.5, one < other), judged), ours.shape[1], others.shape[1])

    def ratio(judged: Weights, reference: Weights) -> float:
        ends = [quantile(side.min(axis=1), judged, LOWEST) if side.shape[1] else np.nan for side in sides(reference)]
        return _over(*ends)

    def second(judged: Weights, reference: Weights) -> float:
        return _over(*(quantile(_closest_over_second(side), judged, LOWEST) for side in sides(reference)))

    return {"privacy/dcr_share": share, "privacy/dcr_ratio": ratio, "privacy/nndr_ratio": second}


def balanced(share: float, members: int, others: int) -> float:
    """A share of members as it would be with as many on either side: of more persons one is nearer by chance."""
    ours, theirs = share / members, (1 - share) / others
    return ours / (ours + theirs)


def _to_persons(distance: Floats, targets: Targets) -> Floats:
    """Distance to the nearest sample of each person, `(N, P)`."""
    found = np.full((len(targets.person), len(distance)), np.inf, distance.dtype)
    np.minimum.at(found, targets.place, distance.T)
    return found.T


def _closest_over_second(side: Floats) -> Floats:
    """`(N,)` of distances to persons `(N, P)`; NaN where there are not two."""
    if side.shape[1] < 2:
        return np.full(len(side), np.nan)
    two = np.partition(side, 1, axis=1)[:, :2]
    return two[:, 0] / np.where(two[:, 1] > 0, two[:, 1], np.nan)


def _over(one: float, other: float) -> float:
    return one / other if other else float("nan")
