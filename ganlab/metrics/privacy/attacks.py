"""Attacks on the privacy of the patients whose windows trained a generator, each with its controls.

Members are patients who trained, non-members as many of the same classes who chose nothing. Each attack is made
on the generated windows, on controls that must be caught (copies of the members' windows, with and without noise) and
on one that must not (windows of patients in neither set): a number that misses its controls does not count. A failed
attack shows that this attack failed, with what it knew and on so many patients.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

from ganlab.core.errors import UserError
from ganlab.core.kind import Array, Window, of_kind
from ganlab.metrics.base import Metric, Number, Real, SampleSet, Scorer, Scores, Statistic
from ganlab.metrics.numbers import numbers_of
from ganlab.metrics.privacy.membership import Attack, Attempt, Control, NotHere, Outcome, Released
from ganlab.metrics.privacy.roc import FEW, LOW, rate_at
from ganlab.metrics.privacy.shifts import shifted_distances, spectra
from ganlab.metrics.privacy.targets import LEAST, Targets, results_of, screen, target_details, targets_of
from ganlab.metrics.weighted import auroc

log = logging.getLogger(__name__)


class Privacy(Metric):
    """A distance screen, membership inference and identity linkage, by patient.

    `numbers` are, for each attack, the area under the ROC curve, the rate of members found at 10 % and at 1 % false
    alarms and a lower bound of epsilon, by patient, and the first three by window where it scores windows.
    """

    kinds = (Window,)
    attacks = True

    def __init__(self, attacks: Mapping[str, Attack] | Sequence[Attack], least: int = LEAST) -> None:
        """Take attacks by any names, and the `least` members, and as many non-members, below which none is made.

        Raises UserError where that is below 2.
        """
        if least < 2:
            raise UserError(f"metrics.measures.privacy.least={least}: accepted are 2 patients or more.")
        chosen = attacks.values() if isinstance(attacks, Mapping) else attacks
        self.chosen = [each for each in chosen if each is not None]
        self.least = least
        self.numbers: Mapping[str, Number] = numbers_of("privacy") | {
            name: number for each in self.chosen for name, number in _numbers(each).items()
        }

    def control(self, samples: SampleSet, real: Real) -> SampleSet:
        """Return the control as if its discriminator had memorised it."""
        return Control(samples.values, samples.labels, samples.patients)

    def fit(self, real: Real) -> Scorer:
        """Prepare the attacks. Raises TooFew for too few patients on one side."""
        self.check(real.kind)
        rate = of_kind(real.kind, Window).rate
        targets = targets_of(real, self.least)

        def distance(one: SampleSet, other: SampleSet) -> Array:
            return shifted_distances(spectra(one, rate), spectra(other, rate))

        searched = spectra(targets.samples, rate)
        attempts, unprepared = _prepared(self.chosen, real, targets, distance)

        def score(samples: SampleSet) -> Scores:
            near = shifted_distances(spectra(samples, rate), searched)
            outcomes, left_out = _made(attempts, Released(samples, near))
            numbers, details = results_of({name: each.patient for name, each in outcomes.items()}, targets)
            numbers |= screen(near, targets)
            for name, outcome in outcomes.items():
                numbers |= _of_windows(name, outcome, targets) | dict(outcome.numbers or {})
                details["attacks"][name] |= dict(outcome.details or {})
            knows = {each.name: each.knows for each in self.chosen}
            return Scores(numbers, details | target_details(targets, real, knows), [*unprepared, *left_out])

        return score


def _prepared(
    chosen: Sequence[Attack], real: Real, targets: Targets, distance: Callable[[SampleSet, SampleSet], Array]
) -> tuple[dict[str, Attempt], list[str]]:
    attempts, left_out = {}, []
    for each in chosen:
        try:
            attempts[each.name] = each.prepare(real, targets, distance)
        except NotHere as error:
            left_out.append(f"{each.name}: {error}")
    return attempts, left_out


def _made(attempts: Mapping[str, Attempt], released: Released) -> tuple[dict[str, Outcome], list[str]]:
    outcomes, left_out = {}, []
    for name, attempt in attempts.items():
        try:
            outcomes[name] = attempt(released)
        except NotHere as error:
            log.warning("privacy: no attack by %s: %s", name, error)
            left_out.append(f"{name}: {error}")
    return outcomes, left_out


def _numbers(attack: Attack) -> dict[str, Number]:
    name, blind = f"privacy/{attack.name}", {"copy", "noisy_copy"} - set(attack.sees)
    numbers = numbers_of("attack", f"{name}_", blind, knows=attack.knows, blind_to=attack.blind)
    if attack.name == "linkage":
        return numbers | numbers_of("linkage", f"{name}_")
    return numbers | numbers_of("window_attack", f"{name}_window_", blind)


def _of_windows(name: str, outcome: Outcome, targets: Targets) -> dict[str, Statistic]:
    windows, members = outcome.sample, targets.of_members
    if windows is None:
        return {}
    return {
        f"privacy/{name}_window_auc": targets.by_sample(auroc(windows, members)),
        f"privacy/{name}_window_tpr_10": targets.by_sample(rate_at(windows, members, LOW)),
        f"privacy/{name}_window_tpr_1": targets.by_sample(rate_at(windows, members, FEW)),
    }
