"""Waves of a simulated heart, and what a diagnosis changes about them; the numbers stand in condition.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Wave:
    """A Gaussian wave of the dipole on the limit cycle.

    `vector` is its peak in mV (left, down, back); `center` and `width` are its angle and its standard deviation in ms
    at 60 beats a minute; `stretch` is the exponent of RR (in s) by which both follow the rate.
    """

    vector: Vector
    center: float
    width: float
    stretch: float = 0.0


Waves = Mapping[str, Wave]


@dataclass(frozen=True)
class Change:
    """A condition's change to a wave: `gain * vector + severity * add` in mV, `width` times, `shift` ms."""

    gain: float = 1.0
    add: Vector = (0.0, 0.0, 0.0)
    width: float = 1.0
    shift: float = 0.0


@dataclass(frozen=True)
class Condition:
    """A diagnosis.

    `reason` is the header's reason for admission; `heart_rate` (beats a minute) and `age` (years) are mean and standard
    deviation over patients; `severity` is the range of the factor on what the changes add; `fibrillation` is the
    amplitude of atrial fibrillation in mV, with which RR is irregular; `ectopic` is the share of ventricular premature
    beats; `acute` and `former` name the territory of an infarction.
    """

    reason: str
    changes: Mapping[str, Change] = field(default_factory=dict)
    heart_rate: tuple[float, float] = (72.0, 9.0)
    age: tuple[float, float] = (60.0, 10.0)
    severity: tuple[float, float] = (0.75, 1.25)
    fibrillation: float = 0.0
    ectopic: float = 0.0
    acute: str = "no"
    former: str = "no"


def _waves(rows: Mapping[str, Mapping[str, Any]]) -> Waves:
    return {name: Wave(**{**row, "vector": tuple(row["vector"])}) for name, row in rows.items()}


def _condition(row: Mapping[str, Any], territory: str = "no") -> Condition:
    """Return a condition of the file, an infarction in the given territory."""
    changes = {}
    for wave, change in row.get("changes", {}).items():
        values = dict(change)
        if "along" in values:
            amplitude = values.pop("along")
            values["add"] = tuple(amplitude * part for part in _FILE["territories"][territory])
        changes[wave] = Change(**values)
    return Condition(**{**row, "changes": changes} | {when: territory for when in ("acute", "former") if when in row})


_FILE: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
SINUS, ECTOPIC = _waves(_FILE["sinus"]), _waves(_FILE["ectopic"])
"""The normal beat, and a ventricular premature beat."""
INDEPENDENT = tuple(_FILE["lead_vectors"])
"""The eleven leads that are measured; the other four follow from i and ii."""
LEAD_VECTORS: NDArray[np.float64] = np.array(list(_FILE["lead_vectors"].values()))
"""The independent leads from Frank's x, y, z, with shape `(11, 3)` (Dower et al. 1980)."""
GROUPS: tuple[tuple[list[int], list[Condition]], ...] = tuple(
    (places, [_condition(row, territory) for territory in territories for row in _FILE[group]])
    for group, places in _FILE["groups"].items()
    for territories in (_FILE["territories"] if group == "infarction" else ("no",),)
)
"""The places among twelve patients, and the conditions, of each group."""


def condition_of(patient: int) -> Condition:
    """Return the condition of a patient, by index alone: half infarctions, a quarter healthy, a quarter others."""
    cycle, place = divmod(patient - 1, sum(len(places) for places, _ in GROUPS))
    for places, conditions in GROUPS:
        if place in places:
            return conditions[(cycle * len(places) + places.index(place)) % len(conditions)]
    raise AssertionError("the groups name every place")
