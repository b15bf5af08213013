r"""What an attack on membership has found: ROC curves of persons, a bound of epsilon, the strongest of several attacks.

An attack gives each person under attack a score, the higher, the likelier a member. Rates at a low rate of false alarms
say more than the area under the curve, which is the same for an attack that finds a few persons for sure and one that
is a little better than a guess about everybody (Carlini et al., S&P 2022).

`epsilon_bound` turns rates into what a differentially private generator would have had to allow: of a mechanism with
$(\varepsilon, \delta)$, $TPR \le e^\varepsilon FPR + \delta$ and $TNR \le e^\varepsilon FNR + \delta$ (Kairouz et al.,
ICML 2015). The rates are replaced by their Clopper-Pearson bounds, as Jagielski, Ullman and Oprea do (NeurIPS 2020).
They train many models; here there is one, whose members were trained together, so that the bound speaks of this attack
on these persons and audits no mechanism.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm, rankdata

from ganlab.core.binomial import proportion_interval
from ganlab.core.spread import evenly
from ganlab.metrics.base import SampleSet, Statistic, Weights
from ganlab.metrics.utility.tstr import auroc

Floats = NDArray[np.float64]
Estimate = Callable[[Weights], float]
"""A number of the weights of persons, or of samples."""

LOW, FEW = 0.10, 0.01
"""Rates of false alarms at which true ones are counted."""
LEVEL = 0.05
"""Of one-sided bounds and of tests."""
POWER = 0.8
"""With which the least leak that could have been shown would have been shown."""
THRESHOLDS = 9
"""At which a bound of epsilon is looked for: deciles of the scores of all persons."""
PERMUTATIONS = 2000
CURVE = 101
"""Points of a ROC curve that is drawn."""


@dataclass(frozen=True)
class Targets:
    """Samples of members and of non-members, and their persons.

    `person` numbers the P persons, `(P,)`; `place` is the person of each of the N samples, `(N,)`; `member` says of
    each person whether they trained, `(P,)`; `stratum` is their class, `(P,)`.
    """

    samples: SampleSet
    person: NDArray[np.int64]
    place: NDArray[np.int64]
    member: NDArray[np.bool_]
    stratum: NDArray[np.int64]

    @classmethod
    def of(cls, pooled: SampleSet, members: NDArray[np.int64]) -> "Targets":
        """Of samples of both, with their persons, and the persons of the members."""
        assert pooled.persons is not None
        person, first, place = np.unique(pooled.persons, return_index=True, return_inverse=True)
        labels = np.zeros(len(pooled), np.int64) if pooled.labels is None else pooled.labels
        return cls(pooled, person, place, np.isin(person, members), labels[first])

    @cached_property
    def windows(self) -> NDArray[np.int64]:
        """How many samples each person has, `(P,)`."""
        return np.bincount(self.place, minlength=len(self.person))

    @property
    def of_members(self) -> NDArray[np.bool_]:
        """Which samples are of members, `(N,)`."""
        return self.member[self.place]

    def mean(self, scores: Floats) -> Floats:
        """Of each person's samples, `(P,)` of `(N,)`."""
        return np.bincount(self.place, scores, minlength=len(self.person)) / self.windows

    def greatest(self, scores: Floats) -> Floats:
        """Of each person's samples, `(P,)` of `(N,)`."""
        found = np.full(len(self.person), -np.inf)
        np.maximum.at(found, self.place, scores)
        return found

    def weights(self, samples: Weights) -> Weights:
        """How often each person is there when samples are there so often, `(P,)`."""
        return np.bincount(self.place, samples, minlength=len(self.person)) / self.windows

    def by_person(self, number: Estimate) -> Statistic:
        """A number of persons as a statistic of the samples under attack."""
        return lambda _, reference: number(self.weights(reference))

    def by_sample(self, number: Estimate) -> Statistic:
        """A number of samples, each person weighing the same however many they have."""
        equal = 1 / self.windows[self.place]
        return lambda _, reference: number(reference * equal)


def rate_at(scores: Floats, positive: NDArray[np.bool_], level: float) -> Estimate:
    """The greatest rate of true alarms at a rate of false ones of at most `level`; NaN where one side has no weight.

    With less than `1 / level` on the negative side this means no false alarm at all.
    """
    place = np.unique(-scores, return_inverse=True)[1]

    def number(weights: Weights) -> float:
        true, false = (np.bincount(place, weights * side).cumsum() for side in (positive, ~positive))
        if not true[-1] or not false[-1]:
            return float("nan")
        return float(np.max(true[false <= (level + 1e-9) * false[-1]], initial=0.0) / true[-1])

    return number


def curve(scores: Floats, positive: NDArray[np.bool_], points: int = CURVE) -> list[list[float]]:
    """Rates of false and of true alarms, `[false, true]`, at `points` thresholds at most, from none to all."""
    place = np.unique(-scores, return_inverse=True)[1]
    true, false = (np.bincount(place, side).cumsum() / side.sum() for side in (positive, ~positive))
    at = evenly(points, len(true))
    return [[0.0, *false[at].tolist()], [0.0, *true[at].tolist()]]


def as_it_is(bound: float) -> Statistic:
    """A bound of all persons, which is the end of an interval itself: of a draw of persons it is not known."""

    def statistic(_: Weights, reference: Weights) -> float:
        return bound if (reference == 1).all() else float("nan")

    return statistic


def epsilon_bound(scores: Floats, positive: NDArray[np.bool_], level: float = LEVEL, delta: float = 0.0) -> float:
    """Lower bound of epsilon, one-sided with a confidence of `1 - level`, that these scores show; 0 where none.

    The greatest of the bounds at `THRESHOLDS` quantiles of all scores, each with its share of the `level`.
    """
    members, others = int(positive.sum()), int((~positive).sum())
    thresholds = np.unique(np.quantile(scores, np.arange(1, THRESHOLDS + 1) / (THRESHOLDS + 1), method="higher"))
    each = level / (2 * THRESHOLDS)
    found = 0.0
    for threshold in thresholds:
        alarm = scores >= threshold
        true = proportion_interval(int((alarm & positive).sum()), members, each)[0]
        false = 1 - proportion_interval(int((~alarm & ~positive).sum()), others, each)[0]
        for high, low in ((true, false), (1 - false, 1 - true)):
            if high > delta:
                found = max(found, float(np.log((high - delta) / low)))
    return found


def greatest_bound(members: int, others: int) -> float:
    """The bound of epsilon that an attack without error would have with so many persons."""
    scores = np.r_[np.ones(members), np.zeros(others)]
    return epsilon_bound(scores, scores == 1)


def least_auc(members: int, others: int, level: float = LEVEL, power: float = POWER) -> float:
    """The least AUC that a one-sided test at this level finds with this power, with so many persons.

    The variances are Hanley and McNeil's (Radiology 1982).
    """
    at_chance = norm.isf(level) * _deviation(0.5, members, others)

    def lacks(area: float) -> float:
        return area - 0.5 - at_chance - norm.ppf(power) * _deviation(area, members, others)

    return float(brentq(lacks, 0.5, 1.0)) if lacks(1.0) > 0 else 1.0


def _deviation(area: float, members: int, others: int) -> float:
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (members - 1) * (one - area**2) + (others - 1) * (two - area**2)
    return float(np.sqrt(max(variance, 0.0) / (members * others)))


def strongest(scores: Mapping[str, Floats], targets: Targets) -> tuple[Estimate, dict[str, object]]:
    """The greatest AUC of several attacks as a number of the weights of persons, and what chance makes of it.

    `p` is the share of permutations of membership within the classes whose greatest AUC is as great: the best of
    several attacks is above 0.5 where there is nothing to find, and this is corrected for it. `chance_95` is the AUC
    that only one in twenty permutations exceeds.
    """
    areas = {name: auroc(each, targets.member) for name, each in scores.items()}

    def number(weights: Weights) -> float:
        return max(area(weights) for area in areas.values())

    ranks = np.stack([rankdata(each) for each in scores.values()])
    observed = _areas(ranks, targets.member[:, None])[:, 0]
    drawn = _areas(ranks, permuted(targets, PERMUTATIONS)).max(axis=0)
    return number, {
        "attack": list(scores)[int(observed.argmax())],
        "auc": float(observed.max()),
        "p": float((1 + (drawn >= observed.max() - 1e-12).sum()) / (1 + PERMUTATIONS)),
        "chance_95": float(np.quantile(drawn, 1 - LEVEL)),
        "attacks": len(scores),
        "permutations": PERMUTATIONS,
    }


def _areas(ranks: NDArray[np.float64], member: NDArray[np.bool_]) -> NDArray[np.float64]:
    """AUC of each attack for each assignment of membership, `(A, K)` of ranks `(A, P)` and members `(P, K)`."""
    count = member[:, 0].sum()
    others = len(member) - count
    return (ranks @ member - count * (count + 1) / 2) / (count * others)


def permuted(targets: Targets, draws: int, seed: int = 0) -> NDArray[np.bool_]:
    """Membership dealt out anew within each class, `(P, draws)`."""
    rng = np.random.default_rng(seed)
    member = np.repeat(targets.member[:, None], draws, axis=1)
    for stratum in np.unique(targets.stratum):
        here = targets.stratum == stratum
        member[here] = rng.permuted(member[here], axis=0)
    return member
