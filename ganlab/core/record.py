"""A recording as it was digitized, with its patient and diagnosis."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganlab.core.labels import Label

LEADS = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6", "vx", "vy", "vz")
"""The fifteen leads of the PTB database, in its order."""


class Segment(NamedTuple):
    """Samples `start` to `stop`, excluded, of a lead, which are one of `ganlab.dataset.segments.KINDS`."""

    kind: str
    lead: str
    start: int
    stop: int


@dataclass(frozen=True)
class Record:
    """One recording of one patient.

    `gain` is in ADC units per mV, `baseline` the ADC value at 0 mV, one for each lead; `peaks` are the sample
    indices of the R peaks, in simulated records only. `segments` are its flat, clipped
    and missing stretches.
    """

    name: str
    patient: str
    diagnosis: str
    label: Label
    leads: tuple[str, ...]
    samples: int
    rate: float
    gain: tuple[float, ...]
    baseline: tuple[int, ...]
    peaks: tuple[int, ...] = ()
    offset: int = 0
    """Index of the recording's first value in the cache's signal file."""
    segments: tuple[Segment, ...] = ()
    attributes: tuple[float, ...] = ()
    """Continuous values of the recording or its patient, NaN where unknown, in the order of the data set's names."""


def millivolts(
    digital: NDArray[np.int16], gain: NDArray[np.float64], baseline: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return ADC units `(..., leads, samples)` in mV; `gain` and `baseline` have shape `(..., leads)`."""
    # In place: numpy takes six times as long where integers and floats meet in one operation.
    values = digital.astype(np.float64)
    values -= baseline[..., None]
    values /= gain[..., None]
    return values.astype(np.float32)
