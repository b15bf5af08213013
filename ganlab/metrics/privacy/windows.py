"""What windows give away of the persons who trained their generator: attacks by patient, each beside its controls.

Members are persons who trained, non-members as many of the same classes that nothing has looked at. Each attack is made
on the generated windows, on controls that must be caught (copies of the members' windows, with and without noise) and
on one that must not (windows of persons in neither set): a number that misses its controls is not counted. That an
attack fails shows that this attack failed, with what it knew and with so many persons.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ganlab.core.errors import UserError
from ganlab.core.kind import Window
from ganlab.metrics.base import Array, Metric, Number, Real, SampleSet, Scorer, Scores, Statistic, TooFew
from ganlab.metrics.privacy import attack as attacks_on
from ganlab.metrics.privacy import linkage, screen
from ganlab.metrics.privacy.attack import FEW, LOW, Floats, Targets
from ganlab.metrics.privacy.copies import distances, spectra
from ganlab.metrics.privacy.membership import Attack, Attempt, Control, NotHere, Outcome, Released
from ganlab.metrics.utility.tstr import auroc

log = logging.getLogger(__name__)

SHARE = (0.0, 1.0)
LEAST = 10
"""Members, and non-members, below whom no attack is made."""
LEAST_KNOWN = 2
"""Persons in neither set, for what whoever attacks knows and for the negative control."""

STRONGEST = Number(
    "AUC",
    "the strongest of the attacks, by patient: the greatest of their areas under the ROC curve; above 0.5 by chance, "
    "as it is the greatest of several",
    best=0.5,
    sees=("copy", "noisy_copy"),
    limits=SHARE,
)


class Privacy(Metric):
    """A distance screen, membership inference and identity linkage, by patient.

    `numbers` are, for each attack, the area under the ROC curve, the rate of members found at 10 % and at 1 % false
    alarms and a lower bound of epsilon, by patient, and the first three by window where it scores windows.
    """

    kinds = (Window,)
    attacks = True

    def __init__(self, attacks: Mapping[str, Attack] | Sequence[Attack], least: int = LEAST) -> None:
        """`attacks` by any names; `least` members, and as many non-members, below whom none is made.

        Raises UserError where that is below 2.
        """
        if least < 2:
            raise UserError(f"metrics.measures.privacy.least={least}: accepted are 2 persons or more.")
        chosen = attacks.values() if isinstance(attacks, Mapping) else attacks
        self.chosen = [each for each in chosen if each is not None]
        self.least = least
        self.numbers: Mapping[str, Number] = {"privacy/strongest_auc": STRONGEST, **screen.NUMBERS} | {
            name: number for each in self.chosen for name, number in _numbers(each).items()
        }

    def control(self, samples: SampleSet, real: Real) -> SampleSet:
        """With a discriminator that knows it by heart."""
        return Control(samples.values, samples.labels, samples.persons)

    def fit(self, real: Real) -> Scorer:
        """Prepare the attacks. Raises TooFew for too few persons on one side."""
        self.check(real.kind)
        assert isinstance(real.kind, Window)
        rate = real.kind.rate
        targets = targets_of(real, self.least)
        distance = _distance(rate)
        searched = spectra(targets.samples, rate)
        attempts, unprepared = _prepared(self.chosen, real, targets, distance)

        def judge(samples: SampleSet) -> Scores:
            near = distances(spectra(samples, rate), searched)
            outcomes, left_out = _made(attempts, Released(samples, near))
            numbers: dict[str, Statistic] = dict(screen.screen(near, targets))
            shown: dict[str, Any] = {"attacks": {}}
            for name, outcome in outcomes.items():
                numbers |= _statistics(name, outcome, targets)
                shown["attacks"][name] = drawn(outcome.person, targets) | dict(outcome.shown or {})
            if outcomes:
                best, said = attacks_on.strongest({name: each.person for name, each in outcomes.items()}, targets)
                numbers["privacy/strongest_auc"] = targets.by_person(best)
                shown["strongest"] = said
            knows = {each.name: each.knows for each in self.chosen}
            return Scores(numbers, shown | persons_shown(targets, real, knows), [*unprepared, *left_out])

        return judge


def targets_of(real: Real, least: int) -> Targets:
    """Whom to attack. Raises TooFew for less than `least` persons on a side, or hardly anybody to learn from."""
    attacked = real.attacked
    assert attacked is not None
    counts = {
        "members": len(attacked.members.people),
        "non-members": len(attacked.nonmembers.people),
    }
    lacking = [f"{count} {side}" for side, count in counts.items() if count < least]
    if lacking:
        raise TooFew(
            f"{' and '.join(lacking)}, and an attack takes {least} persons on each side. More: "
            "metrics.attacked.nonmembers=[holdout,test], split.holdout=, dataset.patients= of a simulated cohort."
        )
    for side in (attacked.knowledge, attacked.strangers):
        if (count := len(side.people)) < LEAST_KNOWN:
            raise TooFew(
                f"{count} persons in neither set where {LEAST_KNOWN} are needed, to learn from and for the control "
                "that no attack may find. More: metrics.attacked.others=, split.validation=."
            )
    return Targets.of(real.reference, attacked.members.people)


def _distance(rate: float) -> Callable[[SampleSet, SampleSet], Array]:
    return lambda one, other: distances(spectra(one, rate), spectra(other, rate))


def _prepared(
    chosen: Sequence[Attack], real: Real, targets: Targets, distance: Callable[[SampleSet, SampleSet], Array]
) -> tuple[dict[str, Attempt], list[str]]:
    found, left_out = {}, []
    for each in chosen:
        try:
            found[each.name] = each.prepare(real, targets, distance)
        except NotHere as error:
            left_out.append(f"{each.name}: {error}")
    return found, left_out


def _made(attempts: Mapping[str, Attempt], released: Released) -> tuple[dict[str, Outcome], list[str]]:
    found, left_out = {}, []
    for name, attempt in attempts.items():
        try:
            found[name] = attempt(released)
        except NotHere as error:
            log.warning("privacy: no attack by %s: %s", name, error)
            left_out.append(f"{name}: {error}")
    return found, left_out


def _numbers(attack: Attack) -> dict[str, Number]:
    said = f"knowing {attack.knows}; blind to {attack.blind}"
    name = f"privacy/{attack.name}"
    found = {
        f"{name}_auc": Number(
            "AUC",
            f"members against non-members by patient, {said}; 0.5 is a guess",
            best=0.5,
            sees=attack.sees,
            limits=SHARE,
        ),
        f"{name}_tpr_10": Number(
            "share", "members found at 10 % false alarms, by patient", best=LOW, sees=attack.sees, limits=SHARE
        ),
        f"{name}_tpr_1": Number(
            "share",
            "members found at 1 % false alarms, by patient; with less than 100 non-members at none",
            best=FEW,
            sees=("copy",),
            limits=SHARE,
        ),
        f"{name}_epsilon": Number(
            "",
            "epsilon of a patient that this attack shows, delta 0: lower bound, one-sided 95 %, Clopper-Pearson "
            "(Jagielski et al. 2020); of this attack on these persons, no audit of a mechanism; 0 proves nothing",
            best=0.0,
            sees=("copy",),
            limits=(0.0, np.inf),
        ),
    }
    if attack.name == "linkage":
        return found | linkage.NUMBERS
    return found | {
        f"{name}_window_auc": Number("AUC", "the same by window", best=0.5, sees=attack.sees, limits=SHARE),
        f"{name}_window_tpr_10": Number(
            "share", "members' windows found at 10 % false alarms", best=LOW, sees=attack.sees, limits=SHARE
        ),
        f"{name}_window_tpr_1": Number(
            "share", "members' windows found at 1 % false alarms", best=FEW, sees=("copy",), limits=SHARE
        ),
    }


def _statistics(name: str, outcome: Outcome, targets: Targets) -> dict[str, Statistic]:
    person, member = outcome.person, targets.member
    found = {
        f"privacy/{name}_auc": targets.by_person(auroc(person, member)),
        f"privacy/{name}_tpr_10": targets.by_person(attacks_on.rate_at(person, member, LOW)),
        f"privacy/{name}_tpr_1": targets.by_person(attacks_on.rate_at(person, member, FEW)),
        f"privacy/{name}_epsilon": attacks_on.as_it_is(attacks_on.epsilon_bound(person, member)),
    } | dict(outcome.numbers or {})
    if outcome.sample is not None:
        windows, ours = outcome.sample, targets.of_members
        found |= {
            f"privacy/{name}_window_auc": targets.by_sample(auroc(windows, ours)),
            f"privacy/{name}_window_tpr_10": targets.by_sample(attacks_on.rate_at(windows, ours, LOW)),
            f"privacy/{name}_window_tpr_1": targets.by_sample(attacks_on.rate_at(windows, ours, FEW)),
        }
    return found


def drawn(scores: Floats, targets: Targets) -> dict[str, Any]:
    """What a page draws of an attack's scores of persons, `(P,)`: a ROC curve, its area, the scores themselves."""
    return {
        "auc": auroc(scores, targets.member)(np.ones(len(targets.person))),
        "curve": attacks_on.curve(scores, targets.member),
        "scores": [float(f"{score:.5g}") for score in scores],
    }


def persons_shown(targets: Targets, real: Real, knows: Mapping[str, str]) -> dict[str, Any]:
    """Who was attacked, what was known, and the least leak that so many persons could have shown."""
    members, others = int(targets.member.sum()), int((~targets.member).sum())
    assert real.attacked is not None
    return {
        "member": targets.member.tolist(),
        "stratum": [real.classes[k] if len(real.classes) > 1 else "" for k in targets.stratum],
        "members": members,
        "nonmembers": others,
        "windows": len(targets.samples),
        "known": len(real.attacked.knowledge.people),
        "strangers": len(real.attacked.strangers.people),
        "gallery_trained": real.attacked.gallery_trained,
        "knows": dict(knows),
        "least_auc": attacks_on.least_auc(members, others),
        "greatest_epsilon": attacks_on.greatest_bound(members, others),
    }
