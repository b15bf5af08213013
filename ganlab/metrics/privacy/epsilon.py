r"""A lower bound of epsilon that an attack shows.

It is what a differentially private generator would have had to allow: of a mechanism with
$(\varepsilon, \delta)$, $TPR \le e^\varepsilon FPR + \delta$ and $TNR \le e^\varepsilon FNR + \delta$ (Kairouz et al.,
ICML 2015). The rates are replaced by their Clopper-Pearson bounds, as Jagielski, Ullman and Oprea do (NeurIPS 2020).
They train many models; here there is one, whose members were trained together, so that the bound speaks of this attack
on these patients and audits no mechanism.
"""

import numpy as np
from numpy.typing import NDArray

from ganlab.core.binomial import proportion_interval
from ganlab.metrics.base import Floats, Statistic, Weights

LEVEL = 0.05
"""Of the one-sided bound."""
THRESHOLDS = 9
"""Thresholds at which the bound is computed: deciles of the scores of all patients."""


def epsilon_bound(scores: Floats, positive: NDArray[np.bool_], level: float = LEVEL, delta: float = 0.0) -> float:
    """Return the one-sided lower bound of epsilon that these scores show, with a confidence of `1 - level`; 0 for none.

    It is the greatest of the bounds at `THRESHOLDS` quantiles of all scores, each with its share of the `level`.
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
