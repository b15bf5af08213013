"""The columns of a table as a configuration declares them."""

import math
from collections.abc import Mapping
from typing import Any

from ganlab.core.errors import UserError
from ganlab.core.kind import Column

PROPERTIES = ("low", "high", "binary", "whole")

Columns = Mapping[str, Mapping[str, Any] | None]
"""Properties by column name as in a configuration, in the order in which an image takes the columns."""


def columns_of(columns: Columns) -> tuple[Column, ...]:
    """Return the columns of a configuration: `{}`, `{low: 0, high: 1}`, `{whole: true}` or `{binary: true}` by name.

    Raises UserError for no column, an unknown property, limits in the wrong order, or a binary with limits.
    """
    if not columns:
        raise UserError("dataset.columns names no column. Accepted is, for example, dataset.columns={Age: {low: 0}}.")
    return tuple(_column(str(name), dict(properties or {})) for name, properties in columns.items())


def _column(name: str, properties: dict[str, Any]) -> Column:
    place = f"dataset.columns.{name}={properties}"
    if unknown := [key for key in properties if key not in PROPERTIES]:
        raise UserError(f"{place}: {', '.join(map(str, unknown))} is unknown; accepted are {', '.join(PROPERTIES)}.")
    for key, value in properties.items():
        switch = key in ("binary", "whole")
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool) != switch):
            raise UserError(f"{place}: {key} is {value!r}; accepted is {'true or false' if switch else 'a number'}.")
    column = Column(name, **properties)
    if column.binary and (column.whole or column.low is not None or column.high is not None):
        raise UserError(f"{place}: a binary column holds 0 and 1; accepted with binary=true is nothing else.")
    if any(limit is not None and math.isnan(limit) for limit in (column.low, column.high)):
        raise UserError(f"{place}: a limit that is no number leaves every row out; accepted are numbers or null.")
    if column.low is not None and column.high is not None and column.low >= column.high:
        raise UserError(f"{place}: accepted is a low below high.")
    return column
