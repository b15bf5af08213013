"""95 % confidence intervals by a bootstrap over patients: the unit is the patient, not the window."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ganlab.metrics.base import SampleSet, Statistic, Weights

LEVEL = 0.95
SIDES = 4
"""A fraction of the draws is also made of either side alone, to know on how many patients the interval rests."""


@dataclass(frozen=True)
class PatientDraws:
    """Weights of judged and real samples when patients are drawn: of both, of the judged alone, of the real alone."""

    whole: tuple[Weights, Weights]
    both: Sequence[tuple[Weights, Weights]]
    judged: Sequence[Weights]
    real: Sequence[Weights]
    patients: tuple[int, int]

    @classmethod
    def of(cls, judged: SampleSet, reference: SampleSet, draws: int = 200, seed: int = 0) -> "PatientDraws":
        """Return as many draws; always the same for the same seed."""
        rng, (own, real) = np.random.default_rng(seed), (drawer(judged), drawer(reference))
        return cls(
            (np.ones(len(judged)), np.ones(len(reference))),
            [(own(rng), real(rng)) for _ in range(draws)],
            [own(rng) for _ in range(draws // SIDES)],
            [real(rng) for _ in range(draws // SIDES)],
            (patients_of(judged), patients_of(reference)),
        )


def interval(
    statistic: Statistic, draws: PatientDraws, limits: tuple[float, float] = (-np.inf, np.inf)
) -> tuple[float, float]:
    """Return the confidence interval of a number; NaN for one patient, or a number that is mostly undefined.

    Persons are drawn with replacement on both sides; a sample without patient id, as a generated one, is drawn by
    itself. The draws make distances larger than they are, so their quantiles are shifted by the difference of their
    mean and the number, and made wider for few patients; the ends stay within `limits`. Between the limits 0 and 1 the
    interval is that of the logit. A share that is 0 or 1 in every draw has the interval of the rule of three, in its
    exact form.
    """
    value = statistic(*draws.whole)
    if not np.isfinite(value) or min(draws.patients) < 2:
        return float("nan"), float("nan")
    values = _finite(statistic(*each) for each in draws.both)
    if len(values) < len(draws.both) / 2:
        return float("nan"), float("nan")
    if limits == (0.0, 1.0) and value in limits and (values == value).all():
        possible = 1 - (1 - LEVEL) ** (1 / draws.patients[0])
        return (0.0, possible) if value == 0 else (1 - possible, 1.0)
    of_judged = _finite(statistic(each, draws.whole[1]) for each in draws.judged)
    of_real = _finite(statistic(draws.whole[0], each) for each in draws.real)
    wider = widening((of_judged.var(), draws.patients[0]), (of_real.var(), draws.patients[1]))
    if limits == (0.0, 1.0) and 0 < value < 1:
        return _of_share(value, wider * float(values.std()))
    ends = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) - values.mean()
    low, high = value + wider * ends
    return float(np.clip(low, *limits)), float(np.clip(high, *limits))


def _of_share(value: float, deviation: float) -> tuple[float, float]:
    """Return the interval of a number between 0 and 1, symmetric on the scale of the logit."""
    from scipy.special import expit, logit
    from scipy.stats import norm

    half = norm.ppf((1 + LEVEL) / 2) * deviation / (value * (1 - value))
    return float(expit(logit(value) - half)), float(expit(logit(value) + half))


def widening(*sides: tuple[float, int]) -> float:
    """Return by how much quantiles of bootstrap draws are too near, from the variance and the patients of each side.

    Draws of n patients vary by (n - 1) / n of what they should, and few have the tails of Student's distribution; its
    degrees of freedom are Welch's.
    """
    from scipy.stats import norm, t

    drawn_ = sum(variance for variance, _ in sides)
    if not drawn_ > 0:
        return 1.0
    parts = [(variance * n / (n - 1), n - 1) for variance, n in sides]
    whole = sum(variance for variance, _ in parts)
    freedom = whole**2 / sum(variance**2 / n for variance, n in parts)
    tail = (1 + LEVEL) / 2
    return float(t.ppf(tail, freedom) / norm.ppf(tail) * (whole / drawn_) ** 0.5)


def patients_of(samples: SampleSet) -> int:
    """Return how many patients there are; a sample without patient id is one by itself."""
    return len(np.unique(samples.owners))


def _finite(values: Iterable[float]) -> NDArray[np.float64]:
    every = np.fromiter(values, np.float64)
    return every[np.isfinite(every)]


def drawer(samples: SampleSet) -> Callable[[Generator], Weights]:
    """Return the function that draws patients with replacement: how often each sample occurs then, `(N,)`."""
    patients, patient = np.unique(samples.owners, return_inverse=True)
    shares = np.full(len(patients), 1 / len(patients))
    return lambda rng: rng.multinomial(len(patients), shares)[patient].astype(np.float64)


def drawn(samples: SampleSet, rng: Generator) -> Weights:
    """Return one draw of `drawer`."""
    return drawer(samples)(rng)
