"""Generated samples beside real ones, beside controls that show whether a number can be fooled, and beside baselines.

Floors and controls depend on the real samples and the measures only; they are computed once and cached.
"""

import hashlib
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ganlab.core.errors import UserError
from ganlab.core.kind import Kind
from ganlab.core.settings import HERE
from ganlab.core.spread import evenly
from ganlab.dataset.folder import cached
from ganlab.evaluation.bootstrap import interval
from ganlab.evaluation.controls import BASELINES, COLUMNS, CONTROLS, make
from ganlab.metrics.base import Metric, Number, Real, SampleSet, Scorer, Scores, Statistic

log = logging.getLogger(__name__)

SEED = 0
"""Of the controls and of the bootstrap."""

Row = dict[str, Any]
"""What is known of a number: see `evidence`."""


@dataclass(frozen=True)
class Evidence:
    """Rows by the names of the numbers, which measures could not be taken and why, and what is drawn of some.

    `details` has by metric, then by column (`synthetic`, or the name of a floor, control or baseline), plain values.
    """

    rows: dict[str, Row]
    left_out: list[str]
    details: dict[str, dict[str, Any]] = field(default_factory=dict)


def check_measures(measures: Mapping[str, Metric], objective: str | None, kind: Kind) -> None:
    """Raise UserError for measures of another kind of sample, or an objective that nobody measures."""
    for measure in measures.values():
        measure.check(kind)
    known = [number for measure in measures.values() for number in measure.numbers]
    if objective is not None and objective not in known:
        raise UserError(f"metrics.objective={objective}: measured are {', '.join(known) or 'none'}.")


def evidence(
    real: Real,
    synthetic: SampleSet,
    measures: Mapping[str, Metric],
    store: Path,
    settings: Mapping[str, Any] | None = None,
    draws: int = 200,
) -> Evidence:
    """Every number of the generated samples with all that it stands beside.

    A row holds `synthetic` and its 95 % `interval`; `real`, the reference's own value, for a number that describes a
    set by itself; `floor` and `floor_interval`, the number of other real persons; `controls` and `baselines` by name;
    `unit`, `meaning`, `best` and `sees`. What is not a number is None. `settings` are those of each measure, by name:
    cached numbers are of the same ones. No more generated samples are judged than there are training samples, of which
    the floor is made. A measure that raises UserError, as for too few samples, is left out and named.
    """
    if len(synthetic) > len(real.train):
        log.info("%d of %d generated samples are judged: as many as train", len(real.train), len(synthetic))
        synthetic = synthetic.take(evenly(len(real.train), len(synthetic)))
    identity = _identity(replace(real, attacked=None))
    found = Evidence({}, [])
    for name, measure in tqdm(measures.items(), desc="measuring", unit="measure", disable=None):
        try:
            ground = measure.select(real)
            judge = measure.fit(ground)
            own = _own(measure, judge, ground, synthetic, draws)
            found.left_out.extend(f"{name}: {reason}" for reason in own.left_out)
            if own.rows:
                held: dict[str, Any] = {"real": identity if ground is real else _identity(ground), "measure": name}
                held |= {"settings": (settings or {}).get(name)}
                held |= {"count": len(synthetic), "draws": draws, "code": _code()}
                beside = _beside(measure, judge, ground, len(synthetic), store, held, draws)
                shown = beside.pop("shown")
                found.rows.update(_rows(measure.numbers, own.rows, beside))
                if own.details:
                    found.details[name] = {"synthetic": own.details} | shown
            else:
                found.left_out.append(
                    f"{name}: these samples lack what it measures, such as a second lead, or classes."
                )
        except UserError as error:
            log.warning("%s is not measured: %s", name, error)
            found.left_out.append(f"{name}: {error}")
    return found


@dataclass(frozen=True)
class _Own:
    rows: dict[str, Row]
    details: dict[str, Any]
    left_out: list[str]


def _own(measure: Metric, judge: Scorer, real: Real, samples: SampleSet, draws: int) -> _Own:
    """By number its value and its interval; what it was computed from, which may be large, is left behind."""
    found = judge(samples)
    rows = {
        name: {
            "value": _value(each, samples, real.reference),
            "interval": _interval(each, samples, real.reference, measure.numbers[name], draws),
        }
        for name, each in found.items()
    }
    return _Own(rows, found.details, found.left_out) if isinstance(found, Scores) else _Own(rows, {}, [])


def _rows(
    numbers: Mapping[str, Number], own: Mapping[str, Row], beside: Mapping[str, Mapping[str, Any]]
) -> dict[str, Row]:
    rows = {}
    for name, found in own.items():
        number = numbers[name]
        known = {column: values.get(name) for column, values in beside.items()}
        rows[name] = {
            "synthetic": found["value"],
            "interval": found["interval"],
            "real": known["real"],
            "floor": known["floor"],
            "floor_interval": known["floor_interval"] or [None, None],
            "controls": {column: known[column] for column in CONTROLS},
            "baselines": {column: known[column] for column in BASELINES},
            "unit": number.unit,
            "meaning": number.meaning,
            "best": number.best,
            "sees": list(number.sees),
        }
    return rows


def _beside(
    measure: Metric, judge: Scorer, real: Real, count: int, store: Path, identity: Mapping[str, Any], draws: int
) -> dict[str, dict[str, Any]]:
    """By column the numbers of the reference itself, of other real samples, of controls and of baselines.

    What is drawn of each column is under `shown`.
    """

    def build(folder: Path) -> None:
        found: dict[str, dict[str, Any]] = {"real": _alone(measure, judge, real), "shown": {}}
        for column in tqdm(COLUMNS, desc=f"controls of {identity['measure']}", unit="set", leave=False, disable=None):
            samples = measure.control(make(column, real, count, SEED), real)
            own = _own(measure, judge, real, samples, draws if column == "floor" else 0)
            found[column] = {name: row["value"] for name, row in own.rows.items()}
            if column == "floor":
                found["floor_interval"] = {name: row["interval"] for name, row in own.rows.items()}
            if own.details:
                found["shown"][column] = own.details
        (folder / "numbers.json").write_text(json.dumps(found))

    folder = cached(store, "evidence", identity, build)
    return json.loads((folder / "numbers.json").read_text())


def _alone(measure: Metric, judge: Scorer, real: Real) -> dict[str, float | None]:
    """What the numbers that describe a set by itself are of the reference."""
    if all(number.best is not None for number in measure.numbers.values()):
        return {}
    found = _values(judge, real.reference, real)
    return {name: value for name, value in found.items() if measure.numbers[name].best is None}


def _values(judge: Scorer, samples: SampleSet, real: Real) -> dict[str, float | None]:
    return {name: _value(each, samples, real.reference) for name, each in judge(samples).items()}


def _value(statistic: Statistic, judged: SampleSet, reference: SampleSet) -> float | None:
    return _finite(statistic(np.ones(len(judged)), np.ones(len(reference))))


def _interval(
    statistic: Statistic, judged: SampleSet, reference: SampleSet, number: Number, draws: int
) -> list[float | None]:
    if not draws:
        return [None, None]
    return [_finite(end) for end in interval(statistic, judged, reference, draws, SEED, number.limits)]


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


@cache
def _code() -> str:
    """A hash of all code that a number depends on: what was computed by other code is not taken for it."""
    rooms = [sorted((HERE / room).rglob("*")) for room in ("core", "metrics", "evaluation")]
    files = [file for room in rooms for file in room if file.suffix in (".py", ".yaml")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _identity(real: Real) -> str:
    """A hash of the real samples, their labels and persons, and of what they are."""
    digest = hashlib.sha256(repr((real.kind, tuple(real.classes), real.side)).encode())
    attacked = () if real.attacked is None else (real.attacked.knowledge, real.attacked.gallery)
    for samples in (real.train, real.reference, real.strangers, *attacked):
        if samples is None:
            digest.update(b"nobody")
            continue
        for part in (samples.values, samples.labels, samples.persons):
            digest.update(b"none" if part is None else repr((part.shape, part.dtype)).encode())
            digest.update(b"" if part is None else np.ascontiguousarray(part).data)
    return digest.hexdigest()


def best(row: Row) -> float | None:
    """What a perfect generator has: by definition, or as the reference itself."""
    return row["real"] if row["best"] is None else row["best"]


def reach(row: Row) -> float | None:
    """How far from the best other real samples are, at the far end of their interval; None where it is not known."""
    perfect = best(row)
    ends = [end for end in (row["floor"], *row["floor_interval"]) if end is not None]
    return max(abs(end - perfect) for end in ends) if ends and perfect is not None else None


def seen(row: Row) -> dict[str, bool]:
    """Which controls a number tells from real samples: those farther from the best than real samples reach."""
    perfect, far = best(row), reach(row)
    if perfect is None or far is None:
        return {}
    return {name: abs(value - perfect) > far for name, value in row["controls"].items() if value is not None}


def unseen(rows: Mapping[str, Row]) -> dict[str, list[str]]:
    """By number the controls that it should tell from real samples, and does not: such a number proves nothing."""
    found = {name: [c for c in row["sees"] if not seen(row).get(c, True)] for name, row in rows.items()}
    return {name: controls for name, controls in found.items() if controls}
