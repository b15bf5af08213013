"""Every number within each class that has enough samples: its own statistic, without weight on other classes."""

from collections.abc import Mapping

import numpy as np

from ganlab.core.labels import of_class, present
from ganlab.metrics.base import Real, SampleSet, Statistic

LEAST = 20
"""Samples of a class, generated and real ones, from which on it is compared by itself."""


def by_class(scores: Mapping[str, Statistic], samples: SampleSet, real: Real) -> dict[str, dict[str, float]]:
    """Return finite values by name and class; nothing without labels, or of a single class.

    What a metric learned, and the radii of its neighbours, are of all classes.
    """
    labels = samples.labels, real.reference.labels
    if labels[0] is None or labels[1] is None or len(real.classes) < 2:
        return {}
    sides = {
        str(real.classes[index]): [of_class(each, index).astype(np.float64) for each in labels]
        for index in present(labels[1])
    }
    enough = {name: own for name, own in sides.items() if min(each.sum() for each in own) >= LEAST}
    values = {
        name: {of: float(value) for of, own in enough.items() if np.isfinite(value := statistic(*own))}
        for name, statistic in scores.items()
    }
    return {name: own for name, own in values.items() if own}
