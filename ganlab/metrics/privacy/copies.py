r"""Copies: do generated windows lie nearer to training windows than windows of other patients do?

There are two distances of `ganlab.metrics.privacy.search`: to training windows as they are, but for shift and scale,
and to those that were inverted, reversed in time, stretched or shifted. The threshold of either is the distance that
half a small share of the reference's windows have to their nearest training window, for which no copying can be the
reason. Few copies among many windows need a stricter one: well below the least of these distances, since that is a
single window's, and others are below it by chance.

Sets whose distances raise no alarm have been shown to leak membership all the same (Yao et al., "The DCR Delusion",
2025): this metric finds copies, and does not show that members cannot be learned in another way.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.core.kind import Array, Window, of_kind
from ganlab.core.resampling import centred
from ganlab.core.spread import evenly
from ganlab.metrics.base import Metric, Real, SampleSet, Scorer, Statistic, Weights
from ganlab.metrics.needs import MORE_REFERENCE, MORE_TRAINING, check_finite, need
from ganlab.metrics.numbers import numbers_of
from ganlab.metrics.once import Once, lazily
from ganlab.metrics.points import same_patient
from ganlab.metrics.privacy.search import Library, Matches, Searched
from ganlab.metrics.weighted import finite, mean, mean_of, quantile, ratio

log = logging.getLogger(__name__)

LEAST = 10
"""Reference windows from which a threshold is learned."""
EXACT_MV, NEAR_EXACT = 0.001, 0.1
"""Samples this near to one another are equal, mV; windows at this distance or more are not compared so closely."""

SAME = 0.05
"""Distance below which windows of two patients are the same recording, a correlation of 0.999 over all leads. Those of
PTB-XL (ecg_id 145 and 463, 140 and 1370) differ in a few samples."""
BELOW = (0.8, 0.6)
"""Factors of the least distances of the reference's windows, so that one of them alone is no alarm. Among so many ways
to change a window a few of other patients come much nearer than the rest."""


class Copies(Metric):
    """The copy detector. Below its threshold lies this `share` of the reference's windows."""

    kinds = (Window,)
    in_millivolts = True

    def __init__(self, share: float = 0.05) -> None:
        if not 0 < share < 1:
            raise UserError(f"share={share}: the share of other patients' windows below the threshold is in (0, 1).")
        self.share = share
        numbers = numbers_of("copies", share=share)
        self.numbers = numbers | {"copies/share": replace(numbers["copies/share"], best=share)}

    def always(self, real: Real, samples: SampleSet) -> Mapping[str, Statistic]:
        """Return the share of exact copies, which needs no threshold."""
        if not len(real.train):
            return {}
        rate, train = of_kind(real.kind, Window).rate, real.train
        nearest = _nearest(_windows(samples, rate), samples, Library(_windows(train, rate)), train)
        return {"copies/exact": mean_of(_equal(samples, train, nearest))}

    def fit(self, real: Real) -> Scorer:
        """Learn the threshold from the reference. Raises TooFew for less than 10 of its windows or none to train."""
        self.check(real.kind)
        train, reference, rate = real.train, real.reference, of_kind(real.kind, Window).rate
        need(len(train), 1, "training windows", MORE_TRAINING)
        need(len(reference), LEAST, "reference windows", MORE_REFERENCE)
        searched, others = (Library(_windows(each, rate)) for each in (train, reference))
        apart, _ = _nearest(others.windows, reference, searched, train)
        apart[:, _twins(apart[0])] = np.inf
        need(int(np.isfinite(apart[0]).sum()), LEAST, "reference windows of patients who did not train", MORE_REFERENCE)
        unit = np.median(apart[:, np.isfinite(apart[0])], axis=1, keepdims=True)
        unit[unit == 0] = 1
        equal = min(len(train), len(reference))
        halves = [
            (side, real) if equal == len(real) else (side.take(few), real.take(few))
            for side, real in ((searched, train), (others, reference))
            for few in (evenly(equal, len(real)),)
        ]

        def to_train(samples: SampleSet) -> dict[str, NDArray[Any]]:
            """Return distances to training windows, `(N, 2)`, and whether it is one of them, `(N,)`."""
            nearest = _nearest(_windows(samples, rate), samples, searched, train)
            return {"apart": nearest[0].T, "exact": _equal(samples, train, nearest)}

        def nearer(samples: SampleSet) -> NDArray[np.float64]:
            """Return whether each window is nearer to some of the training windows than to as many others, `(N,)`."""
            windows = _windows(samples, rate)
            some, other = ((_nearest(windows, samples, *half)[0] / unit).min(axis=0) for half in halves)
            return np.where(some == other, 0.5, some < other)

        compared, in_halves = (Once(describe, real, by_patient=True) for describe in (to_train, nearer))

        def score(samples: SampleSet) -> dict[str, Statistic]:
            nearest = compared(samples)
            return {
                **_alarms(nearest["apart"].T, apart, self.share),
                "copies/nearer_to_train": lazily(lambda: mean_of(in_halves(samples))),
                "copies/exact": mean_of(nearest["exact"]),
            }

        return score


def _alarms(closest: NDArray[np.float32], usual: NDArray[np.float32], least: float) -> dict[str, Statistic]:
    """Return the numbers of the distances `(2, N)` of generated windows, and of the reference's `(2, M)`."""
    pairs = list(zip(closest, usual, strict=True))

    def below(thresholds: list[float], judged: Weights) -> float:
        near = [own < threshold for own, threshold in zip(closest, thresholds, strict=True)]
        return mean(np.any(near, axis=0).astype(np.float64), judged)

    def share(judged: Weights, real: Weights) -> float:
        return below([quantile(others, real, least / 2) for others in usual], judged)

    def nearest(judged: Weights, real: Weights) -> float:
        drawn = [finite(others, real)[0] for others in usual]
        thresholds = [factor * each.min() for factor, each in zip(BELOW, drawn, strict=True) if len(each)]
        return below(thresholds, judged) if thresholds else float("nan")

    def distance_ratio(judged: Weights, real: Weights) -> float:
        ratios = [ratio(quantile(own, judged), quantile(others, real)) for own, others in pairs]
        return min((each for each in ratios if np.isfinite(each)), default=float("nan"))

    return {"copies/share": share, "copies/nearest": nearest, "copies/distance_ratio": distance_ratio}


def _windows(samples: SampleSet, rate: float) -> Searched:
    return Searched.of(check_finite(samples.values, "windows"), rate)


def _nearest(windows: Searched, samples: SampleSet, library: Library, real: SampleSet) -> Matches:
    """Return the distances of each window to the nearest of another patient's in a library, and its places."""
    return library.nearest(windows, same_patient(samples.patients, real.patients, len(real)))


def _twins(apart: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which reference windows, of distances `(N,)`, are a training window's recording and set no threshold.

    All of them set it where too few would be left.
    """
    twins = apart < SAME
    if len(twins) - twins.sum() < LEAST:
        return np.zeros_like(twins)
    if twins.any():
        log.warning(
            "copies: %d of %d reference windows equal a training window: the same recording under two patient ids. "
            "They are left out of the thresholds.",
            *(twins.sum(), len(twins)),
        )
    return twins


def _equal(samples: SampleSet, train: SampleSet, nearest: Matches) -> NDArray[np.bool_]:
    """Return which windows equal the training window that is nearest but for a shift, `(N,)`."""
    distances, places = nearest
    return equal_windows(samples.values, train.values, np.where(distances[0] < NEAR_EXACT, places[0], -1))


def equal_windows(windows: Array, train: Array, place: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether each window equals a training window in every sample, to 1 uV about their medians, `(N,)`.

    Both have shape (N, leads, samples), in mV; `place` is the training window that each is compared with, -1 for none.
    """
    equal = np.zeros(len(windows), np.bool_)
    for k in np.flatnonzero(place >= 0):
        one, other = centred(np.stack([windows[k], train[place[k]]]))
        equal[k] = np.abs(one - other).max() <= EXACT_MV
    return equal
