"""The columns of a table as a configuration declares them, and as the numbers of a row."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ganlab.core.errors import UserError
from ganlab.core.kind import Column
from ganlab.core.names import name_of, names_of, repeated

PROPERTIES = ("low", "high", "binary", "whole", "categories", "date", "missing")

Columns = Mapping[str, Mapping[str, Any] | None]
"""Properties by column name as in a configuration, in the order in which an image takes the columns."""

DAY = "%Y-%m-%d"
"""Format of a date where none is declared."""


def columns_of(columns: Columns) -> tuple[Column, ...]:
    """Return the numbers of a row whose columns a configuration declares.

    By name: `{}`, `{low: 0, high: 1}`, `{whole: true}`, `{binary: true}` (0 and 1) or `{binary: [no, yes]}`,
    `{categories: [a, b, c]}`, `{date: true}` or a format such as `{date: "%d.%m.%Y"}`. With `missing: column` a gap
    becomes a number of its own, or a category more. Raises UserError for anything else, or no column.
    """
    if not columns:
        raise UserError("dataset.columns names no column. Accepted is, for example, dataset.columns={Age: {low: 0}}.")
    every = {name_of(name): dict(properties or {}) for name, properties in columns.items()}
    numbers = tuple(number for name, properties in every.items() for number in _numbers(name, properties))
    names = [number.name for number in numbers]
    if twice := repeated(names):
        raise UserError(f"dataset.columns: {', '.join(twice)} would name two columns; rename one in the file.")
    return numbers


def dropping(columns: Columns) -> frozenset[str]:
    """Return the columns whose missing values leave a row out: those that declare `missing: drop`."""
    return frozenset(name_of(name) for name, own in columns.items() if dict(own or {}).get("missing") == "drop")


def _numbers(name: str, properties: dict[str, Any]) -> list[Column]:
    place = f"dataset.columns.{name}={properties}"
    if unknown := [key for key in properties if key not in PROPERTIES]:
        raise UserError(f"{place}: {', '.join(map(str, unknown))} is unknown; accepted are {', '.join(PROPERTIES)}.")
    missing = properties.pop("missing", None)
    if missing not in (None, "column", "drop"):
        raise UserError(f"{place}: missing is {missing!r}; accepted are column, drop and null, which refuses the row.")
    gap = f"{name} missing"
    if (categories := properties.pop("categories", None)) is not None:
        values = _texts(place, "categories", categories, properties)
        numbers = [Column(f"{name}={value}", binary=True, of=name, value=value) for value in values]
        return numbers + ([Column(gap, binary=True, of=name, value="")] if missing == "column" else [])
    column = _dated(name, properties, place) if properties.get("date") else _column(name, properties, place)
    return [column, *([Column(gap, binary=True, of=name, gap=True)] if missing == "column" else [])]


def _texts(place: str, key: str, values: Any, others: Mapping[str, Any]) -> list[str]:
    """Return the texts of a list. Raises UserError for fewer than two, equal ones, or other properties beside it."""
    texts = [] if isinstance(values, str | Mapping) or not hasattr(values, "__iter__") else list(values)
    names = list(names_of(texts))
    if len(set(names)) < 2 or len(set(names)) != len(names) or "" in names:
        raise UserError(f"{place}: {key} is {values!r}; accepted is a list of different texts, two at least.")
    if others := {other: value for other, value in others.items() if value is not None and value is not False}:
        raise UserError(f"{place}: beside {key} accepted is missing, and nothing else; this has {', '.join(others)}.")
    return names


def _dated(name: str, properties: dict[str, Any], place: str) -> Column:
    form = DAY if (declared := properties.pop("date")) is True else declared
    if not isinstance(form, str) or "%" not in form:
        raise UserError(f'{place}: date is {declared!r}; accepted is true ({DAY}) or a format such as "%d.%m.%Y".')
    for key in ("low", "high"):
        if isinstance(limit := properties.get(key), str):
            try:
                properties[key] = days(datetime.strptime(limit, form))
            except ValueError as error:
                raise UserError(f"{place}: {key} is {limit!r}; accepted is a date in the format {form}.") from error
    whole = not any(code in form for code in ("%H", "%I", "%M", "%S", "%f", "%c", "%X", "%T"))
    column = _column(name, properties, place)
    if column.binary or column.whole:
        raise UserError(f"{place}: beside date accepted are low, high and missing.")
    return Column(name, column.low, column.high, whole=whole, date=form)


def days(moment: datetime) -> float:
    """Return days since 1970-01-01."""
    return (moment.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds() / 86400


def _column(name: str, properties: dict[str, Any], place: str) -> Column:
    properties.pop("date", None)
    words: dict[str, Any] = {}
    if hasattr(properties.get("binary"), "__iter__"):
        binary = properties.pop("binary")
        texts = _texts(place, "binary", binary, properties)
        if len(texts) != 2:
            raise UserError(f"{place}: binary is {binary!r}; accepted are true, false and a list of two texts.")
        words = {"no": texts[0], "yes": texts[1], "binary": True}
    for key, value in properties.items():
        switch = key in ("binary", "whole")
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool) != switch):
            raise UserError(f"{place}: {key} is {value!r}; accepted is {'true or false' if switch else 'a number'}.")
    column = Column(name, **{**properties, **words})
    if column.binary and (column.whole or column.low is not None or column.high is not None):
        raise UserError(f"{place}: a binary column holds 0 and 1; accepted with binary=true is nothing else.")
    if any(limit is not None and math.isnan(limit) for limit in (column.low, column.high)):
        raise UserError(f"{place}: a limit that is not a number leaves every row out; accepted are numbers or null.")
    if column.low is not None and column.high is not None and column.low >= column.high:
        raise UserError(f"{place}: accepted is a low below high.")
    return column
