"""The meaning of each number, read from `numbers.yaml` beside this file."""

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ganlab.metrics.base import Number

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
        metric: {name: _number(**fields) for name, fields in numbers.items()} for metric, numbers in metrics.items()
    }


def _number(
    *,
    meaning: str,
    unit: str = "",
    best: float | None = None,
    worse: str = "",
    sees: Sequence[str] = (),
    limits: Sequence[float] = (-math.inf, math.inf),
) -> Number:
    low, high = map(float, limits)
    return Number(unit, meaning, None if best is None else float(best), tuple(sees), (low, high), worse)
