"""A recording as it was digitized, with its patient and diagnosis."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganlab.core.labels import Label

LEADS = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6", "vx", "vy", "vz")
"""The fifteen leads of the PTB database, in its order."""

MILLIVOLTS_IN = {"mV": 1.0, "mv": 1.0, "uV": 1e-3, "uv": 1e-3, "µV": 1e-3, "μV": 1e-3, "nV": 1e-6, "V": 1e3}
"""Units of voltage as they are written: `mv` in PTB-XL as CinC 2021 gives it."""


class Segment(NamedTuple):
    """Samples `start` to `stop`, excluded, of a lead, which are one of `ganlab.dataset.bad_segments.KINDS`."""

    kind: str
    lead: str
    start: int
    stop: int


@dataclass(frozen=True)
class Record:
    """One recording of one patient.

    `gain` is in ADC units per mV, `baseline` the ADC value at 0 mV, one for each lead; `peaks` are the sample
    indices of the R peaks, in simulated records only. `segments` are its flat, clipped and missing stretches. `units`
    are those of the leads where some are not in mV; `unusable` are the leads that cannot be used, with the reasons.
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
    units: tuple[str, ...] = ()
    unusable: Mapping[str, str] = field(default_factory=dict)
    wide: bool = False
    """Whether its values have 32 bits instead of 16."""

    def in_unit(self, unit: str) -> "Record":
        """Return the record with its voltages in `unit`; a lead of another unit is unusable, and the reason says so."""
        units = self.units or ("mV",) * len(self.leads)
        factor = MILLIVOLTS_IN.get(unit)
        wanted = "mV" if factor else unit
        if factor == 1.0 and set(units) == {"mV"}:
            return self
        others = {
            lead: f"it is in {own}, and dataset.unit={unit}: dataset.unit={own} reads leads in that unit"
            for lead, own in zip(self.leads, units, strict=True)
            if own != wanted
        }
        gain = tuple(g * factor if own == "mV" and factor else g for g, own in zip(self.gain, units, strict=True))
        return replace(self, gain=gain, unusable={**others, **self.unusable})


def millivolts(
    digital: NDArray[np.integer[Any]], gain: NDArray[np.float64], baseline: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return ADC units `(..., leads, samples)` in mV, or `gain`'s unit; `gain` and `baseline` are `(..., leads)`."""
    # In place: numpy takes six times as long where integers and floats meet in one operation.
    values = digital.astype(np.float64)
    values -= baseline[..., None]
    values /= gain[..., None]
    return values.astype(np.float32)
