"""A number with all that it is compared with, as `ganlab.evaluation.evidence` returns it, and what it says."""

import math
from collections.abc import Mapping
from typing import Any

NumberRow = dict[str, Any]
"""Values by key: see `ganlab.evaluation.evidence.evidence`."""

EMPTY: NumberRow = dict.fromkeys(("synthetic", "real", "floor", "best")) | {
    **{"interval": [None, None], "floor_interval": [None, None], "controls": {}, "baselines": {}},
    **{"unit": "", "meaning": "", "worse": "", "sees": [], "not_measurable": ""},
}
"""A row in which nothing is known."""


def complete(row: object) -> NumberRow:
    """Return a row with every key, and None for what is not a number; a bare number is one of generated samples."""
    given = row if isinstance(row, Mapping) else {"synthetic": row}
    whole = EMPTY | {key: given[key] for key in EMPTY if given.get(key) is not None}
    whole |= {key: finite_or_none(whole[key]) for key in ("real", "floor", "best")}
    whole |= {key: [finite_or_none(end) for end in whole[key]] for key in ("interval", "floor_interval")}
    whole |= {key: {name: finite_or_none(of) for name, of in whole[key].items()} for key in ("controls", "baselines")}
    return whole


def finite_or_none(value: object) -> float | None:
    """Return a number that is finite, else None."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else None  # type: ignore[arg-type]


def best(row: NumberRow) -> float | None:
    """Return the value of a perfect generator: by definition, or the reference's own."""
    return row["real"] if row["best"] is None else row["best"]


def badness(row: NumberRow, value: float) -> float:
    """Return how far from the best a value is; below 0 where only the other side is worse. NaN without a best."""
    perfect = best(row)
    if perfect is None:
        return math.nan
    sides = {"above": value - perfect, "below": perfect - value}
    return float(sides.get(row.get("worse", ""), abs(value - perfect)))


def distance(row: NumberRow, value: float) -> float | None:
    """Return how far a value is from the best, 0 on the side of it that is no worse; None where the best is unknown."""
    return None if best(row) is None else max(badness(row, value), 0.0)


def reach(row: NumberRow) -> float | None:
    """Return how far from the best other real samples reach, at the far end of their interval; None where unknown.

    It is half of their interval at least where only one side is worse: on the other side they vary as much by chance.
    """
    ends = [end for end in (row["floor"], *row["floor_interval"]) if end is not None]
    far = [each for end in ends if (each := distance(row, end)) is not None]
    if not far:
        return None
    return max(*far, (max(ends) - min(ends)) / 2) if row.get("worse") else max(far)


def detected(row: NumberRow) -> dict[str, bool]:
    """Return which controls a number distinguishes from real samples: those farther from the best than these reach."""
    far = reach(row)
    if far is None:
        return {}
    return {
        name: off > far
        for name, value in row["controls"].items()
        if value is not None and (off := distance(row, value)) is not None
    }


def undetected(rows: Mapping[str, NumberRow]) -> dict[str, list[str]]:
    """Return by number the controls that it should distinguish from real samples, and does not: it proves nothing."""
    missed = {name: [c for c in row["sees"] if not detected(row).get(c, True)] for name, row in rows.items()}
    return {name: controls for name, controls in missed.items() if controls}


def relative(row: NumberRow, value: float | None) -> float | None:
    """Return the distance of a value from the best over the reach of real samples; None where one is not known."""
    far, usable = reach(row), finite_or_none(value)
    off = None if usable is None else distance(row, usable)
    if off is None or far is None:
        return None
    return off / far if far else math.inf if off else 0.0


def span(row: NumberRow) -> tuple[float, float] | None:
    """Return the ends of the interval of the generated samples as relative distances; None where one is not known."""
    ends = [off for end in row["interval"] if (off := relative(row, end)) is not None]
    if len(ends) < 2:
        return None
    low, high = row["interval"]
    perfect = best(row)
    around = perfect is not None and low <= perfect <= high
    return (0.0 if around else min(ends), max(ends))


def direction(row: NumberRow) -> str:
    """Return which way is better, from where the best lies among the values in the row; empty without a best."""
    perfect = best(row)
    values = [row["synthetic"], row["floor"], *row["interval"], *row["controls"].values(), *row["baselines"].values()]
    usable = [value for value in map(finite_or_none, values) if value is not None]
    if perfect is None or not usable:
        return ""
    if row["best"] is None:
        return "nearer to real is better"
    if row.get("worse"):
        return "lower is better" if row["worse"] == "above" else "higher is better"
    if all(value >= perfect for value in usable):
        return "lower is better"
    return "higher is better" if all(value <= perfect for value in usable) else "nearer to the best is better"


def has_control(row: NumberRow) -> bool:
    """Return whether a control is there that the metric must distinguish from real samples."""
    return any(row["controls"].get(control) is not None for control in row["sees"])
