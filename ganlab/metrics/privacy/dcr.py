"""The distance screen: are generated samples nearer to persons who trained than to as many who did not?

A copy detector and nothing more: sets that pass it were shown to leak membership all the same (Yao et al., "The DCR
Delusion", 2025). DCR is the distance to the closest record, NNDR its ratio to the distance to the second closest, here
of another person: windows of one person resemble one another.
"""

import numpy as np

from ganlab.metrics.base import Floats, Statistic, Weights
from ganlab.metrics.privacy.targets import Targets
from ganlab.metrics.weighted import mean, quantile

LOWEST = 0.05
"""Quantile of the distances that is compared."""


def screen(distance: Floats, targets: Targets) -> dict[str, Statistic]:
    """Return the numbers of distances of N samples to the T samples under attack, `(N, T)`."""
    to_person = _to_persons(distance, targets)

    def sides(reference: Weights) -> tuple[Floats, Floats]:
        present = targets.weights(reference) > 0
        return to_person[:, present & targets.member], to_person[:, present & ~targets.member]

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
    """Return a share of members corrected to as many on either side: of more patients one is nearer by chance."""
    ours, theirs = share / members, (1 - share) / others
    return ours / (ours + theirs)


def _to_persons(distance: Floats, targets: Targets) -> Floats:
    """Return the distance to the nearest sample of each patient, `(N, P)`."""
    nearest = np.full((len(targets.person), len(distance)), np.inf, distance.dtype)
    np.minimum.at(nearest, targets.place, distance.T)
    return nearest.T


def _closest_over_second(side: Floats) -> Floats:
    """Return the ratio of the two least distances to patients `(N, P)`, `(N,)`; NaN where there are not two."""
    if side.shape[1] < 2:
        return np.full(len(side), np.nan)
    two = np.partition(side, 1, axis=1)[:, :2]
    return two[:, 0] / np.where(two[:, 1] > 0, two[:, 1], np.nan)


def _over(one: float, other: float) -> float:
    return one / other if other else float("nan")
