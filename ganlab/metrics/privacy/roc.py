"""ROC curves of attacks: rates at few false alarms, and the strongest of several attacks.

An attack gives each patient a score, the higher, the likelier a member. Rates at a low rate of false alarms say more
than the area under the curve, which is the same for an attack that finds a few patients for sure and one that is a
little better than a guess about everybody (Carlini et al., S&P 2022).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm, rankdata

from ganlab.core.binomial import proportion_interval
from ganlab.core.spread import evenly
from ganlab.metrics.base import Estimate, Floats, Statistic, Weights
from ganlab.metrics.weighted import auroc

LOW, FEW = 0.10, 0.01
"""False positive rates at which the true positive rate is taken."""
LEVEL = 0.05
"""Level of one-sided tests and bounds."""
POWER = 0.8
"""Power with which the least detectable AUC is detected."""
PERMUTATIONS = 2000
CURVE = 101
"""Points of a ROC curve that is drawn."""


def rate_at(scores: Floats, positive: NDArray[np.bool_], level: float) -> Estimate:
    """Return the greatest true positive rate at a false positive rate of at most `level`; NaN without either side.

    With less than `1 / level` on the negative side this means no false positive at all.
    """
    place = np.unique(-scores, return_inverse=True)[1]

    def number(weights: Weights) -> float:
        true, false = (np.bincount(place, weights * side).cumsum() for side in (positive, ~positive))
        if not true[-1] or not false[-1]:
            return float("nan")
        return float(np.max(true[false <= (level + 1e-9) * false[-1]], initial=0.0) / true[-1])

    return number


def curve(scores: Floats, positive: NDArray[np.bool_], points: int = CURVE) -> list[list[float]]:
    """Return false and true positive rates, `[false, true]`, at `points` thresholds at most, from none to all."""
    place = np.unique(-scores, return_inverse=True)[1]
    true, false = (np.bincount(place, side).cumsum() / side.sum() for side in (positive, ~positive))
    at = evenly(points, len(true))
    return [[0.0, *false[at].tolist()], [0.0, *true[at].tolist()]]


def least_auc(members: int, others: int, level: float = LEVEL, power: float = POWER) -> float:
    """Return the least AUC that a one-sided test at this level detects with this power, with so many patients.

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


def strongest(
    scores: Mapping[str, Floats], member: NDArray[np.bool_], strata: NDArray[np.int64]
) -> tuple[Estimate, dict[str, object]]:
    """Return the greatest AUC of several attacks as an estimate over patients, and its permutation test.

    `p` is the share of permutations of membership within the classes whose greatest AUC is as great: the best of
    several attacks is above 0.5 even where nothing leaks. `chance_95` is the AUC that one in twenty permutations
    exceeds.
    """
    areas = {name: auroc(each, member) for name, each in scores.items()}

    def number(weights: Weights) -> float:
        return max(area(weights) for area in areas.values())

    ranks = np.stack([rankdata(each) for each in scores.values()])
    observed = _areas(ranks, member[:, None])[:, 0]
    drawn = _areas(ranks, permuted(member, strata, PERMUTATIONS)).max(axis=0)
    return number, {
        "attack": list(scores)[int(observed.argmax())],
        "auc": float(observed.max()),
        "p": float((1 + (drawn >= observed.max() - 1e-12).sum()) / (1 + PERMUTATIONS)),
        "chance_95": float(np.quantile(drawn, 1 - LEVEL)),
        "attacks": len(scores),
        "permutations": PERMUTATIONS,
    }


def _areas(ranks: NDArray[np.float64], member: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the AUC of each attack for each assignment of members, `(A, K)` of ranks `(A, P)` and members `(P, K)`."""
    count = member[:, 0].sum()
    others = len(member) - count
    return (ranks @ member - count * (count + 1) / 2) / (count * others)


def permuted(member: NDArray[np.bool_], strata: NDArray[np.int64], draws: int, seed: int = 0) -> NDArray[np.bool_]:
    """Return permutations of membership within each class, `(P, draws)`."""
    rng = np.random.default_rng(seed)
    drawn = np.repeat(member[:, None], draws, axis=1)
    for stratum in np.unique(strata):
        inside = strata == stratum
        drawn[inside] = rng.permuted(drawn[inside], axis=0)
    return drawn


THRESHOLDS = 9
"""Thresholds at which the bound is computed: deciles of the scores of all patients."""


def epsilon_bound(scores: Floats, positive: NDArray[np.bool_], level: float = LEVEL, delta: float = 0.0) -> float:
    r"""Return the one-sided lower bound of epsilon that these scores show with a confidence of `1 - level`; 0 for none.

    A mechanism with $(\varepsilon, \delta)$ has $TPR \le e^\varepsilon FPR + \delta$ and $TNR \le e^\varepsilon FNR +
    \delta$ (Kairouz et al., ICML 2015). The rates are replaced by their Clopper-Pearson bounds, as Jagielski, Ullman
    and Oprea do (NeurIPS 2020). They train many models; here there is one, whose members were trained together: the
    bound speaks of this attack on these patients and audits no mechanism. It is the greatest of those at `THRESHOLDS`
    quantiles of all scores, each with its share of the `level`.
    """
    members, others = int(positive.sum()), int((~positive).sum())
    thresholds = np.unique(np.quantile(scores, np.arange(1, THRESHOLDS + 1) / (THRESHOLDS + 1), method="higher"))
    each = level / (2 * THRESHOLDS)
    bound = 0.0
    for threshold in thresholds:
        alarm = scores >= threshold
        true = proportion_interval(int((alarm & positive).sum()), members, each)[0]
        false = 1 - proportion_interval(int((~alarm & ~positive).sum()), others, each)[0]
        for high, low in ((true, false), (1 - false, 1 - true)):
            if high > delta:
                bound = max(bound, float(np.log((high - delta) / low)))
    return bound


def greatest_bound(members: int, others: int) -> float:
    """Return the bound of an attack without error on so many patients."""
    scores = np.r_[np.ones(members), np.zeros(others)]
    return epsilon_bound(scores, scores == 1)


def constant(bound: float) -> Statistic:
    """Return a bound of all patients as a statistic: NaN of a draw of patients, as it is an end of an interval."""

    def statistic(_: Weights, reference: Weights) -> float:
        return bound if (reference == 1).all() else float("nan")

    return statistic
