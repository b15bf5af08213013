"""A primary number beside what other real patients have: whether it is an alarm, and what it could have shown."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ganlab.core.kind import Kind
from ganlab.core.words import number, p_value
from ganlab.evaluation.faults import graded
from ganlab.evaluation.null import Sizes
from ganlab.evaluation.primary import Primary
from ganlab.evaluation.rows import NumberRow, badness, best, undetected
from ganlab.evaluation.thresholds import Threshold

LEAST = 10
"""Patients on each side below whom nothing is called good."""
MISSING, BLIND, UNSURE, RIGHT, ALARM = "not measured", "proves nothing", "not sure", "as real", "alarm"
"""States of a number."""


@dataclass(frozen=True)
class Finding:
    """A primary number: `words` say what it is, `why` it is primary, `state` whether it is an alarm.

    `range` holds the ends of what other real patients have, None for an open one; `shown` and `reference` are value
    and range as text, `better` is the direction. `power` says what these patients could have shown, `reason` why a
    number is not measured or proves nothing.
    """

    name: str
    words: str
    why: str
    state: str = MISSING
    value: float | None = None
    interval: Sequence[float | None] = (None, None)
    unit: str = ""
    range: Sequence[float | None] = (None, None)
    p: float | None = None
    better: str = ""
    shown: str = ""
    reference: str = ""
    power: str = ""
    reason: str = ""


def finding_of(
    each: Primary, row: NumberRow | None, limit: Threshold | None, sizes: Sizes, watched: Sequence[str] = ()
) -> Finding:
    """Return a number beside the range of other real patients; not measured where the row has no value.

    It proves nothing where it misses a control that it declares to notice, one of `watched` where some are named.
    """
    empty = Finding(each.name, each.words, each.why)
    if row is None or row["synthetic"] is None:
        return replace(empty, reason=(row or {}).get("not_measurable") or "")
    value, unit, interval = row["synthetic"], row["unit"], tuple(row["interval"])
    own = replace(empty, value=value, interval=interval, unit=unit, shown=text_of(value, unit))
    if limit is None:
        return replace(own, reason=f"other {sizes.people} have no value to compare with")
    low, high = (end if math.isfinite(end) else None for end in (limit.low, limit.high))
    better, reference = _range(low, high, best(row), unit)
    own = replace(own, range=(low, high), better=better, reference=reference)
    if badness(row, value) > limit.most:
        sure = None not in interval and _least_badness(row, *interval) > limit.most
        return replace(own, state=ALARM if sure or sizes.fewest >= LEAST else UNSURE)
    controls = {name: row["controls"].get(name) for name in row["sees"] if name in (watched or row["sees"])}
    missed = [name for name, of in controls.items() if of is not None and badness(row, of) <= limit.most]
    if missed:
        names = " and ".join(missed).replace("_", " ")
        return replace(
            own,
            state=BLIND,
            reason=f"these {sizes.people} do not suffice to distinguish the control {names} from real samples",
        )
    return replace(own, state=RIGHT)


def _least_badness(row: NumberRow, low: float, high: float) -> float:
    """Return the least distance from the best of an interval, which may hold the best itself."""
    perfect = best(row)
    assert perfect is not None
    return min(badness(row, value) for value in (low, high, min(max(perfect, low), high)))


def finding_of_attack(each: Primary, row: NumberRow | None, p: float | None, level: float) -> Finding:
    """Return an attack's number, decided by the p value of its permutation test."""
    empty = Finding(each.name, each.words, each.why)
    if row is None or row["synthetic"] is None or p is None:
        return replace(empty, reason=(row or {}).get("not_measurable") or "")
    value, unit = row["synthetic"], row["unit"]
    own = replace(empty, value=value, interval=tuple(row["interval"]), unit=unit, p=p, better="lower is better")
    own = replace(own, shown=text_of(value, unit), reference=f"p = {p_value(p)}, alarm below {level:g}")
    if p <= level:
        return replace(own, state=ALARM)
    if missed := undetected({each.name: row}):
        names = " and ".join(missed[each.name]).replace("_", " ")
        return replace(own, state=BLIND, reason=f"the control {names} is not noticed")
    return replace(own, state=RIGHT)


def power_of(each: Primary, row: NumberRow, limit: Threshold, faults: Sequence[Sequence[float]], kind: Kind) -> str:
    """Return the smallest grade of a number's fault that lies beyond the threshold, in words; empty where unknown."""
    if not each.fault or len(faults) < 2:
        return ""
    words = graded(each.fault, kind)[1]
    grades, far = [grade for grade, _ in faults], [badness(row, value) for _, value in faults]
    for k in range(1, len(far)):
        if far[k] > limit.most:
            part = max(0.0, (limit.most - far[k - 1]) / (far[k] - far[k - 1])) if far[k] > far[k - 1] else 1.0
            grade = grades[k - 1] + part * (grades[k] - grades[k - 1])
            return f"would notice {words.format(grade)}".replace("%", " %")
    return f"would not notice {words.format(grades[-1])}".replace("%", " %")


def p_values(details: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return the p values of the permutation tests of the attacks: of the strongest one, and of linkage."""
    values: dict[str, float] = {}
    for columns in details.values():
        own = columns.get("synthetic", {})
        for name, each in (("strongest", own.get("strongest")), ("linkage", own.get("attacks", {}).get("linkage"))):
            if each and each.get("p") is not None:
                values[name] = float(each["p"])
    return values


def text_of(value: float, unit: str) -> str:
    """Return a number with three digits and its unit; a share in percent."""
    if unit == "share":
        return f"{number(float(f'{100 * value:.3g}'))} %"
    text = number(float(f"{value:.3g}"))
    return text if not unit or unit.startswith("AU") else f"{text} {unit}"


def _range(low: float | None, high: float | None, perfect: float | None, unit: str) -> tuple[str, str]:
    """Return which way is better, and the range of other patients, as text."""
    if high is None or (high == perfect and (low != perfect or perfect > 0)):
        assert low is not None
        return "higher is better", f"at least {text_of(low, unit)}"
    if low is None or low == perfect:
        return "lower is better", f"up to {text_of(high, unit)}"
    return "nearer to real is better", f"{text_of(low, unit)} to {text_of(high, unit)}"
