"""The patients under attack and their samples, the numbers of attacks on them, and the distance screen."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.labels import strata
from ganlab.metrics.base import Estimate, Floats, Real, SampleSet, Statistic, Weights
from ganlab.metrics.needs import TooFew
from ganlab.metrics.privacy.roc import (
    FEW,
    LOW,
    constant,
    curve,
    epsilon_bound,
    greatest_bound,
    least_auc,
    rate_at,
    strongest,
)
from ganlab.metrics.weighted import auroc, mean, quantile, ratio

LEAST = 10
"""Members, and non-members, below which no attack is made."""
LEAST_OTHERS = 2
"""Patients in neither set at least, for the attacker's auxiliary set and for the negative control each."""


@dataclass(frozen=True)
class Targets:
    """Samples of members and of non-members, N of P patients.

    `patient` holds the patient ids, `(P,)`; `place` the patient of each sample, `(N,)`; `member` whether each patient
    trained, `(P,)`; `stratum` each patient's class, of several the rarest, `(P,)`.
    """

    samples: SampleSet
    patient: NDArray[np.int64]
    place: NDArray[np.int64]
    member: NDArray[np.bool_]
    stratum: NDArray[np.int64]

    @classmethod
    def of(cls, pooled: SampleSet, members: NDArray[np.int64]) -> "Targets":
        """Return the targets of samples of both, and the patient ids of the members."""
        assert pooled.patients is not None
        patient, first, place = np.unique(pooled.patients, return_index=True, return_inverse=True)
        labels = np.zeros(len(pooled), np.int64) if pooled.labels is None else strata(pooled.labels)
        return cls(pooled, patient, place, np.isin(patient, members), labels[first])

    @cached_property
    def windows(self) -> NDArray[np.int64]:
        """Number of samples of each patient, `(P,)`."""
        return np.bincount(self.place, minlength=len(self.patient))

    @property
    def of_members(self) -> NDArray[np.bool_]:
        """Whether each sample is of a member, `(N,)`."""
        return self.member[self.place]

    def mean(self, scores: Floats) -> Floats:
        """Return the mean score of each patient's samples, `(P,)`."""
        return np.bincount(self.place, scores, minlength=len(self.patient)) / self.windows

    def greatest(self, scores: Floats) -> Floats:
        """Return the greatest score of each patient's samples, `(P,)`."""
        greatest = np.full(len(self.patient), -np.inf)
        np.maximum.at(greatest, self.place, scores)
        return greatest

    def weights(self, samples: Weights) -> Weights:
        """Return the weight of each patient, `(P,)`, given those of the samples, `(N,)`."""
        return np.bincount(self.place, samples, minlength=len(self.patient)) / self.windows

    def by_patient(self, number: Estimate) -> Statistic:
        """Return an estimate of patients as a statistic, whose reference are the samples under attack."""
        return lambda _, reference: number(self.weights(reference))

    def by_sample(self, number: Estimate) -> Statistic:
        """Return an estimate of samples as a statistic; patients weigh the same, however many samples they have."""
        equal = 1 / self.windows[self.place]
        return lambda _, reference: number(reference * equal)


def targets_of(real: Real, least: int) -> Targets:
    """Return the targets. Raises TooFew for less than `least` patients on a side, or hardly anybody to learn from."""
    attacked = real.attacked
    assert attacked is not None
    counts = {"members": len(attacked.members.unique_patients), "non-members": len(attacked.nonmembers.unique_patients)}
    lacking = [f"{count} {side}" for side, count in counts.items() if count < least]
    if lacking:
        raise TooFew(
            f"{' and '.join(lacking)}, and an attack needs {least} patients on each side. More: "
            "metrics.attacked.nonmembers=[holdout,test], split.holdout=, dataset.patients= of a simulated cohort."
        )
    for side in (attacked.knowledge, attacked.strangers):
        if (count := len(side.unique_patients)) < LEAST_OTHERS:
            raise TooFew(
                f"{count} patients in neither set where {LEAST_OTHERS} are needed, to learn from and for the control "
                "that no attack may find. More: metrics.attacked.others=, split.validation=."
            )
    return Targets.of(real.reference, attacked.members.unique_patients)


def target_details(targets: Targets, real: Real, knows: Mapping[str, str]) -> dict[str, Any]:
    """Return who was attacked, what the attacker knew, and the least leak that so many patients can show."""
    members, others = int(targets.member.sum()), int((~targets.member).sum())
    assert real.attacked is not None
    return {
        "member": targets.member.tolist(),
        "stratum": [real.classes[k] if len(real.classes) > 1 else "" for k in targets.stratum],
        "members": members,
        "nonmembers": others,
        "windows": len(targets.samples),
        "known": len(real.attacked.knowledge.unique_patients),
        "strangers": len(real.attacked.strangers.unique_patients),
        "gallery_trained": real.attacked.gallery_trained,
        "knows": dict(knows),
        "least_auc": least_auc(members, others),
        "greatest_epsilon": greatest_bound(members, others),
    }


def results_of(attacks: Mapping[str, Floats], targets: Targets) -> tuple[dict[str, Statistic], dict[str, Any]]:
    """Return the numbers of attacks by their scores of patients, `(P,)`, and what a page draws of them.

    These are of each attack the ROC curve, its area and the scores, and the test of the strongest one.
    """
    numbers: dict[str, Statistic] = {}
    details: dict[str, Any] = {"attacks": {}}
    member = targets.member
    for name, scores in attacks.items():
        area = auroc(scores, member)
        numbers |= {
            f"privacy/{name}_auc": targets.by_patient(area),
            f"privacy/{name}_tpr_10": targets.by_patient(rate_at(scores, member, LOW)),
            f"privacy/{name}_tpr_1": targets.by_patient(rate_at(scores, member, FEW)),
            f"privacy/{name}_epsilon": constant(epsilon_bound(scores, member)),
        }
        details["attacks"][name] = {
            "auc": area(np.ones(len(member))),
            "curve": curve(scores, member),
            "scores": [float(f"{score:.5g}") for score in scores],
        }
    if attacks:
        greatest, details["strongest"] = strongest(attacks, member, targets.stratum)
        numbers["privacy/strongest_auc"] = targets.by_patient(greatest)
    return numbers, details


LOWEST = 0.05
"""Quantile of the distances that is compared."""


def screen(distance: Floats, targets: Targets) -> dict[str, Statistic]:
    """Return numbers of the distances of N samples to the T under attack, `(N, T)`: are they nearer to members?

    DCR is the distance to the closest record, NNDR its ratio to that to the closest of another patient: windows of one
    patient resemble one another. Sets that pass were shown to leak membership all the same (Yao et al., "The DCR
    Delusion", 2025).
    """
    nearest = np.full((len(targets.patient), len(distance)), np.inf, distance.dtype)
    np.minimum.at(nearest, targets.place, distance.T)
    to_patient = nearest.T

    def sides(reference: Weights) -> tuple[Floats, Floats]:
        present = targets.weights(reference) > 0
        return to_patient[:, present & targets.member], to_patient[:, present & ~targets.member]

    def share(judged: Weights, reference: Weights) -> float:
        ours, others = sides(reference)
        if not ours.shape[1] or not others.shape[1]:
            return float("nan")
        one, other = ours.min(axis=1), others.min(axis=1)
        return balanced(mean(np.where(one == other, 0.5, one < other), judged), ours.shape[1], others.shape[1])

    def lowest(judged: Weights, reference: Weights) -> float:
        ends = [quantile(side.min(axis=1), judged, LOWEST) if side.shape[1] else np.nan for side in sides(reference)]
        return ratio(*ends)

    def second(judged: Weights, reference: Weights) -> float:
        return ratio(*(quantile(_closest_over_second(side), judged, LOWEST) for side in sides(reference)))

    return {"privacy/dcr_share": share, "privacy/dcr_ratio": lowest, "privacy/nndr_ratio": second}


def balanced(share: float, members: int, others: int) -> float:
    """Return a share of members corrected to as many on either side: of more patients one is nearer by chance."""
    ours, theirs = share / members, (1 - share) / others
    return ours / (ours + theirs)


def _closest_over_second(side: Floats) -> Floats:
    """Return the ratio of the two least distances to patients `(N, P)`, `(N,)`; NaN where there are not two."""
    if side.shape[1] < 2:
        return np.full(len(side), np.nan)
    two = np.partition(side, 1, axis=1)[:, :2]
    return two[:, 0] / np.where(two[:, 1] > 0, two[:, 1], np.nan)
