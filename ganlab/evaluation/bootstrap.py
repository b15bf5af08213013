"""95 % intervals from draws of persons with replacement (science: the person is the unit, not the window)."""

from collections.abc import Iterator

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
    """The interval of a number when other persons had been there; NaN for one person, or a number mostly undefined.

    Persons are drawn on both sides; a sample that is nobody's, as a generated one, is drawn by itself. Drawing with
    replacement makes distances larger than they are, so the quantiles of the draws are moved by what their mean
    differs from the number; the ends do not leave `limits`. A share that is 0 or 1 in every draw has the interval of
    the rule of three, in its exact form.
    """
    value = statistic(np.ones(len(judged)), np.ones(len(reference)))
    if any(each.persons is not None and len(np.unique(each.persons)) < 2 for each in (judged, reference)):
        return float("nan"), float("nan")
    found = np.array([statistic(*pair) for pair in _weights(judged, reference, draws, np.random.default_rng(seed))])
    found = found[np.isfinite(found)]
    if len(found) < draws / 2 or not np.isfinite(value):
        return float("nan"), float("nan")
    if limits == (0.0, 1.0) and value in limits and (found == value).all():
        return _never_seen(value, judged)
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) - found.mean() + value
    return float(np.clip(low, *limits)), float(np.clip(high, *limits))


def _never_seen(value: float, judged: SampleSet) -> tuple[float, float]:
    """Of a share that is 0, or 1, in every draw: what as many persons, or samples of nobody, can rule out."""
    units = len(judged) if judged.persons is None else len(np.unique(judged.persons))
    possible = 1 - (1 - LEVEL) ** (1 / units)
    return (0.0, possible) if value == 0 else (1 - possible, 1.0)


def _weights(judged: SampleSet, reference: SampleSet, draws: int, rng: Generator) -> Iterator[tuple[Weights, Weights]]:
    for _ in range(draws):
        yield drawn(judged, rng), drawn(reference, rng)


def drawn(samples: SampleSet, rng: Generator) -> Weights:
    """How often each sample is there when persons are drawn with replacement, with shape (N,)."""
    if samples.persons is None:
        return rng.multinomial(len(samples), np.full(len(samples), 1 / len(samples))).astype(np.float64)
    people, person = np.unique(samples.persons, return_inverse=True)
    times = rng.multinomial(len(people), np.full(len(people), 1 / len(people)))
    return times[person].astype(np.float64)
