"""Generated samples compared with real ones, with controls that show whether a number can be fooled, with baselines.

Reference ranges and controls depend on the real samples and the metrics only: they are computed once and cached.
"""

import hashlib
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from ganlab.core.errors import UserError
from ganlab.core.kind import Kind
from ganlab.core.progress import tracked
from ganlab.core.settings import HERE
from ganlab.core.spread import evenly
from ganlab.dataset.cache import cached
from ganlab.evaluation.bootstrap import PatientDraws, interval
from ganlab.evaluation.by_class import by_class
from ganlab.evaluation.controls import BASELINES, COLUMNS, CONTROLS, make
from ganlab.evaluation.null import Null, Sizes, null_of, sizes_of
from ganlab.evaluation.primary import primaries_of
from ganlab.evaluation.rows import EMPTY, NumberRow
from ganlab.metrics.base import Metric, Number, Real, SampleSet, Scorer, Scores, Statistic
from ganlab.metrics.needs import TooFew

log = logging.getLogger(__name__)

SEED = 0
"""Seed of the controls and of the bootstrap."""

UNDEFINED = "it is not defined for these samples."
"""Why a number that came out as NaN or infinity has no value."""


@dataclass(frozen=True)
class Evidence:
    """Rows by the names of the numbers, reasons of metrics that are missing, and details of some that a page draws.

    `details` holds plain values by metric, then by set (`synthetic`, `floor`, or the name of a control or baseline).
    `not_measurable` gives reasons by the names of numbers without a value, while a metric measures. `null` has the null
    distributions of primary numbers by name, for the verdict, and `sizes` how many patients and samples there are.
    """

    rows: dict[str, NumberRow]
    left_out: list[str]
    details: dict[str, dict[str, Any]] = field(default_factory=dict)
    not_measurable: dict[str, str] = field(default_factory=dict)
    null: dict[str, Null] = field(default_factory=dict)
    sizes: Sizes | None = None


def check_measures(metrics: Mapping[str, Metric], objective: str | None, kind: Kind) -> None:
    """Raise UserError for metrics of another kind of sample, or an objective that no metric measures."""
    for metric in metrics.values():
        metric.check(kind)
    measured = [number for metric in metrics.values() for number in metric.numbers]
    if objective is not None and objective not in measured:
        raise UserError(f"metrics.objective={objective}: measured are {', '.join(measured) or 'none'}.")


def evidence(
    real: Real,
    synthetic: SampleSet,
    metrics: Mapping[str, Metric],
    store: Path,
    settings: Mapping[str, Any] | None = None,
    draws: int = 200,
) -> Evidence:
    """Return every number of the generated samples with all that it is compared with.

    A row holds `synthetic` and its 95 % confidence `interval`; `real`, the reference's own value, for a number that
    describes a set by itself; `floor` and `floor_interval`, the number of other real patients, which are the real-
    versus-real reference range; `controls` and `baselines` by name; `unit`, `meaning`, `best`, `worse` and `sees`;
    `classes`, values of generated and other real samples within each class. What is not finite is None. No more
    generated samples are compared than there are training samples, of which the reference range is made. A metric that
    raises UserError is left out and named; `not_measurable` says why numbers have no value.

    `store` is the folder of the cache, whose numbers are of the same `settings` by metric; the bootstrap over patients
    has `draws`.
    """
    if len(synthetic) > len(real.train):
        log.info("%d of %d generated samples are used: as many as train", len(real.train), len(synthetic))
        synthetic = synthetic.take(evenly(len(real.train), len(synthetic)))
    identity = _identity(replace(real, attacked=None))
    sizes = sizes_of(real, synthetic)
    result = Evidence({}, [], sizes=sizes)
    for name, metric in tracked(metrics.items(), "measuring", "measure"):
        try:
            selected = metric.select(real)
            key: dict[str, Any] = {"real": identity if selected is real else _identity(selected), "measure": name}
            key |= {"settings": (settings or {}).get(name)}
            key |= {"sizes": asdict(sizes), "draws": draws, "code": _code()}
            of_metric = _compared(metric, selected, synthetic, store, key, draws, sizes)
        except UserError as error:
            of_metric = Evidence({}, [str(error)])
        for reason in of_metric.left_out:
            log.warning("%s is not measured: %s", name, reason)
            result.left_out.append(f"{name}: {reason}")
        result.rows.update(of_metric.rows)
        result.null.update(of_metric.null)
        if of_metric.details:
            result.details[name] = of_metric.details
    return result


def _compared(
    metric: Metric, real: Real, samples: SampleSet, store: Path, key: Mapping[str, Any], draws: int, sizes: Sizes
) -> Evidence:
    """Return the rows of one metric, also of the numbers that cannot be measured of these samples."""
    try:
        scorer = metric.fit(real)
        own = _measured(metric, scorer, real, samples, draws)
    except TooFew as error:
        scorer = partial(metric.always, real)
        own = _measured(metric, scorer, real, samples, draws)
        own.left_out.append(str(error))
        own.not_measurable.update({name: str(error) for name in metric.numbers if name not in own.rows})
    if not own.rows and not own.not_measurable:
        return Evidence({}, [*own.left_out, "these samples do not have what it needs, such as a second lead."])
    rows = {name: _blank(metric.numbers[name], reason) for name, reason in own.not_measurable.items()}
    details, null = {}, {}
    if own.rows:
        others = _other_sets(metric, scorer, real, sizes, store, key, draws)
        details = {"synthetic": own.details} | others.pop("details") if own.details else {}
        others.pop("details", None)
        null = others.pop("null")
        rows |= _rows(metric.numbers, own.rows, others)
    kept = {name: rows[name] for name in metric.numbers if name in rows}
    return Evidence(kept, own.left_out, details, null=null)


def _blank(number: Number, reason: str) -> NumberRow:
    """Return the row of a number that cannot be measured of these samples."""
    return EMPTY | _meaning(number) | {"not_measurable": reason}


def _meaning(number: Number) -> NumberRow:
    return {name: getattr(number, name) for name in ("unit", "meaning", "best", "worse")} | {"sees": list(number.sees)}


def _measured(metric: Metric, scorer: Scorer, real: Real, samples: SampleSet, draws: int) -> Evidence:
    """Return value and interval of each number; what they were computed from, which may be large, is dropped."""
    scores = scorer(samples)
    more = scores if isinstance(scores, Scores) else Scores({})
    rows: dict[str, NumberRow] = {}
    drawn = PatientDraws.of(samples, real.reference, draws, SEED) if draws else None
    within = by_class(scores, samples, real) if draws and not metric.attacks else {}
    for name, each in scores.items():
        if name in more.not_measurable:
            continue
        ends = (math.nan, math.nan)
        if drawn is not None:
            ends = interval(each, drawn, metric.numbers[name].limits)
        value = _value(each, samples, real.reference)
        rows[name] = {"value": value, "interval": [_finite(end) for end in ends], "classes": within.get(name, {})}
    return Evidence(rows, more.left_out, more.details, more.not_measurable)


def _rows(
    numbers: Mapping[str, Number], own: Mapping[str, NumberRow], others: Mapping[str, Mapping[str, Any]]
) -> dict[str, NumberRow]:
    rows = {}
    for name, measured in own.items():
        number = numbers[name]
        values = {column: each.get(name) for column, each in others.items()}
        rows[name] = {
            "synthetic": measured["value"],
            "interval": measured["interval"],
            "real": values["real"],
            "floor": values["floor"],
            "floor_interval": values["floor_interval"] or [None, None],
            "controls": {column: values[column] for column in CONTROLS},
            "baselines": {column: values[column] for column in BASELINES},
            **_meaning(number),
        }
        of_floor = values["floor_classes"] or {}
        rows[name]["classes"] = {of: [each, of_floor.get(of)] for of, each in measured["classes"].items()}
        if measured["value"] is None:
            rows[name]["not_measurable"] = UNDEFINED
    return rows


def _other_sets(
    metric: Metric, scorer: Scorer, real: Real, sizes: Sizes, store: Path, key: Mapping[str, Any], draws: int
) -> dict[str, dict[str, Any]]:
    """Return the numbers of the reference itself, of other real samples, of controls and of baselines, by set.

    What a page draws of each set is under `details`, the null distributions of primary numbers under `null`.
    """

    def build(folder: Path) -> None:
        numbers: dict[str, dict[str, Any]] = {"real": _alone(metric, scorer, real), "details": {}}
        for column in tracked(COLUMNS, f"controls of {key['measure']}", "set", leave=False):
            samples = metric.control(make(column, real, sizes.judged, SEED), real)
            own = _measured(metric, scorer, real, samples, draws if column == "floor" else 0)
            numbers[column] = {name: row["value"] for name, row in own.rows.items()}
            if column == "floor":
                numbers["floor_interval"] = {name: row["interval"] for name, row in own.rows.items()}
                numbers["floor_classes"] = {name: row["classes"] for name, row in own.rows.items()}
            if own.details:
                numbers["details"][column] = own.details
        primary = {name: each for name, each in primaries_of(real.kind).items() if name in metric.numbers}
        alone = {name for name in primary if metric.numbers[name].best is None}
        numbers["null"] = null_of(scorer, real, sizes, primary, alone, numbers["floor"]) if primary else {}
        (folder / "numbers.json").write_text(json.dumps(numbers))

    folder = cached(store, "evidence", key, build)
    return json.loads((folder / "numbers.json").read_text())


def _alone(metric: Metric, scorer: Scorer, real: Real) -> dict[str, float | None]:
    """Return the reference's own values of the numbers that describe a set by itself."""
    alone = {name for name, number in metric.numbers.items() if number.best is None}
    if not alone:
        return {}
    scores = scorer(real.reference)
    return {name: _value(scores[name], real.reference, real.reference) for name in scores if name in alone}


def _value(statistic: Statistic, judged: SampleSet, reference: SampleSet) -> float | None:
    return _finite(statistic(np.ones(len(judged)), np.ones(len(reference))))


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


@cache
def _code() -> str:
    """Return a hash of all code and texts that a number depends on: the cache is of one code."""
    rooms = [sorted((HERE / room).rglob("*")) for room in ("core", "simulator", "metrics", "evaluation")]
    files = [file for room in rooms for file in room if file.suffix in (".py", ".yaml")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _identity(real: Real) -> str:
    """Return a hash of the real samples, their labels and patient ids, and their kind."""
    digest = hashlib.sha256(repr((real.kind, tuple(real.classes), real.side)).encode())
    attacked = () if real.attacked is None else (real.attacked.knowledge, real.attacked.gallery)
    for samples in (real.train, real.reference, real.strangers, *attacked):
        if samples is None:
            digest.update(b"nobody")
            continue
        for part in (samples.values, samples.labels, samples.patients):
            digest.update(b"none" if part is None else repr((part.shape, part.dtype)).encode())
            digest.update(b"" if part is None else np.ascontiguousarray(part).data)
    return digest.hexdigest()
