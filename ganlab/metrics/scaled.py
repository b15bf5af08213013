"""A metric of windows in mV for signals of any unit: each lead is divided by its training windows' own deviation.

What was a threshold or a step in mV is then one in standard deviations of the training windows about their
medians. What a metric measures in mV it reports in these deviations, SD.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from ganlab.core.kind import Array, Kind, Window, of_kind
from ganlab.core.resampling import centred
from ganlab.core.spread import evenly
from ganlab.metrics.base import Metric, Real, SampleSet, Scorer, Statistic
from ganlab.metrics.needs import check_finite, need

LEARNED = 2000
"""Training windows at most from which the deviations are learned."""


class Scaled(Metric):
    """Measures by `metric` windows whose leads are scaled to a deviation of 1 in the training windows."""

    kinds = (Window,)

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        units = {name: number.unit.replace("mV", "SD") for name, number in metric.numbers.items()}
        self.numbers = {name: replace(number, unit=units[name]) for name, number in metric.numbers.items()}

    def check(self, kind: Kind) -> None:
        """Raise UserError for anything but windows, and for those that the metric does not take in mV."""
        super().check(kind)
        self.metric.check(_as_millivolts(kind))

    def fit(self, real: Real) -> Scorer:
        """Learn the deviations, and what the metric learns of the scaled windows."""
        need(len(real.train), 1, "training windows")
        own, scaled = _in_deviations(real)
        score = self.metric.fit(own)
        return lambda samples: score(scaled(samples))

    def always(self, real: Real, samples: SampleSet) -> Mapping[str, Statistic]:
        """Return what the metric always has of the scaled windows; nothing without training windows."""
        if not len(real.train):
            return {}
        own, scaled = _in_deviations(real)
        return self.metric.always(own, scaled(samples))


def _in_deviations(real: Real) -> tuple[Real, Callable[[SampleSet], SampleSet]]:
    """Return real windows by the deviations of their training windows, and what divides other windows by these."""
    few = check_finite(real.train.values[evenly(LEARNED, len(real.train))], "windows")
    scale = deviations(few)

    def divided(samples: SampleSet) -> SampleSet:
        return replace(samples, values=(samples.values / scale).astype(np.float32))

    reference = divided(real.reference)
    own = replace(real, kind=_as_millivolts(real.kind), train=divided(real.train), reference=reference)
    return own, lambda samples: reference if samples is real.reference else divided(samples)


def deviations(windows: Array) -> Array:
    """Return the deviation of each lead of windows `(N, leads, samples)` about their medians, `(leads, 1)`; 1 for 0."""
    deviation = np.sqrt((centred(windows).astype(np.float64) ** 2).mean(axis=(0, 2)))[:, None]
    return np.where(deviation > 0, deviation, 1.0)


def _as_millivolts(kind: Kind) -> Window:
    return replace(of_kind(kind, Window), unit="mV")
