"""95 % confidence intervals by a bootstrap over patients: the unit is the patient, not the window."""

import numpy as np
from numpy.random import Generator

from ganlab.metrics.base import SampleSet, Statistic, Weights

LEVEL = 0.95


def interval(
    statistic: Statistic,
    judged: SampleSet,
    reference: SampleSet,
    draws: int = 200,
    seed: int = 0,
    limits: tuple[float, float] = (-np.inf, np.inf),
) -> tuple[float, float]:
    """Return the confidence interval of a number; NaN for one patient, or a number that is mostly undefined.

    Persons are drawn with replacement on both sides; a sample without patient id, as a generated one, is drawn by
    itself. The draws make distances larger than they are, so their quantiles are shifted by the difference of their
    mean and the number; the ends stay within `limits`. A share that is 0 or 1 in every draw has the interval of the
    rule of three, in its exact form.
    """
    value = statistic(np.ones(len(judged)), np.ones(len(reference)))
    if any(each.persons is not None and len(np.unique(each.persons)) < 2 for each in (judged, reference)):
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    values = np.array([statistic(drawn(judged, rng), drawn(reference, rng)) for _ in range(draws)])
    values = values[np.isfinite(values)]
    if len(values) < draws / 2 or not np.isfinite(value):
        return float("nan"), float("nan")
    if limits == (0.0, 1.0) and value in limits and (values == value).all():
        units = len(judged) if judged.persons is None else len(np.unique(judged.persons))
        possible = 1 - (1 - LEVEL) ** (1 / units)
        return (0.0, possible) if value == 0 else (1 - possible, 1.0)
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) - values.mean() + value
    return float(np.clip(low, *limits)), float(np.clip(high, *limits))


def drawn(samples: SampleSet, rng: Generator) -> Weights:
    """Return how often each sample occurs when patients are drawn with replacement, `(N,)`."""
    if samples.persons is None:
        return rng.multinomial(len(samples), np.full(len(samples), 1 / len(samples))).astype(np.float64)
    people, person = np.unique(samples.persons, return_inverse=True)
    times = rng.multinomial(len(people), np.full(len(people), 1 / len(people)))
    return times[person].astype(np.float64)
