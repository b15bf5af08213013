"""The meaning of each number, read from `numbers.yaml` beside this file."""

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ganlab.metrics.base import WORSE, Number

FILE = Path(__file__).with_suffix(".yaml")


def numbers_of(metric: str, prefix: str | None = None, blind: Collection[str] = (), **words: Any) -> dict[str, Number]:
    """Return a metric's numbers in `numbers.yaml` by their full names, `<prefix>/<name>`.

    `prefix` is what the names begin with, the metric's key and a slash by default; `blind` are controls that these
    numbers do not distinguish from real samples, whatever the file says; `words` stand in braces in the file.
    """
    start = f"{metric}/" if prefix is None else prefix
    return {
        f"{start}{name}": replace(
            number,
            meaning=number.meaning.format(**words) if words else number.meaning,
            sees=tuple(control for control in number.sees if control not in blind),
        )
        for name, number in _read()[metric].items()
    }


@cache
def _read() -> dict[str, dict[str, Number]]:
    metrics = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {
        metric: {name: number(f"{metric}: {name}", fields) for name, fields in numbers.items()}
        for metric, numbers in metrics.items()
    }


def number(place: str, fields: Mapping[str, Any]) -> Number:
    """Return the number that an entry of the file describes. Raises ValueError for an unknown or a wrong value."""
    defaults = {"unit": "", "meaning": None, "best": None, "worse": "", "sees": [], "limits": [-math.inf, math.inf]}
    values = {**defaults, **fields}
    sees, limits, best = values["sees"], values["limits"], values["best"]
    right = (
        values.keys() == defaults.keys()
        and all(isinstance(values[key], str) for key in ("unit", "meaning"))
        and values["worse"] in (*WORSE, "")
        and all(isinstance(control, str) for control in sees)
        and all(isinstance(value, int | float) for value in (*limits, *([] if best is None else [best])))
        and len(limits) == 2
    )
    if not right:
        raise ValueError(
            f"{FILE.name}, {place}: {dict(fields)}; accepted are {', '.join(defaults)}, see its first lines."
        )
    low, high = map(float, limits)
    perfect = None if best is None else float(best)
    return Number(values["unit"], values["meaning"], perfect, tuple(sees), (low, high), values["worse"])
