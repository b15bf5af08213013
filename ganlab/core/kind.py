"""The kinds of samples: a window of a recording, a row of a table, or an image. What differs by kind is asked of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
"""Values of N samples, `(N, *)`, in their own unit."""

TOP = 255.0
"""Largest level of a pixel; levels run from 0."""

RATES_HZ = (1e-3, 1e6)
"""Lowest and highest sampling rate that a file may name."""


@dataclass(frozen=True)
class Column:
    """A number of each row of a table. `low` and `high` are its closed limits in its own unit, None for the data's.

    A binary column holds 0 and 1, in the file `no` and `yes`; the values of a `whole` column are rounded when decoded.
    A `date` is in days since 1970-01-01, written in this format. A file's column `of` several numbers is a category, of
    which each number stands for one `value`, or has a `gap` beside it: 1 where the file has no value.
    """

    name: str
    low: float | None = None
    high: float | None = None
    binary: bool = False
    whole: bool = False
    no: str = "0"
    yes: str = "1"
    date: str = ""
    of: str = ""
    value: str | None = None
    gap: bool = False

    @property
    def written_as(self) -> str:
        """Name of the file's column that this number belongs to."""
        return self.of or self.name

    @property
    def in_words(self) -> bool:
        """Whether the file's column holds categories, dates or two texts, and no numbers."""
        return self.value is not None or bool(self.date) or (self.no, self.yes) != ("0", "1")

    def limited(self, values: Array) -> Array:
        """Return values of this column within its limits, rounded where they are binary or whole."""
        low, high = (0.0, 1.0) if self.binary else (self.low, self.high)
        bounded = np.clip(values, -np.inf if low is None else low, np.inf if high is None else high)
        return np.rint(bounded) if self.binary or self.whole else bounded


def places_of(columns: Sequence[Column]) -> dict[str, list[int]]:
    """Return the places of the numbers of each of the file's columns, by its name, in the order of the row."""
    places: dict[str, list[int]] = {}
    for place, column in enumerate(columns):
        places.setdefault(column.written_as, []).append(place)
    return places


def groups_of(columns: Sequence[Column]) -> list[list[int]]:
    """Return the places of the numbers of each category, of which exactly one is 1."""
    return [places for places in places_of(columns).values() if columns[places[0]].value is not None]


def gaps_of(columns: Sequence[Column]) -> list[tuple[int, int]]:
    """Return the places of a number and of its gap, for each column that has one."""
    return [(places[0], places[1]) for places in places_of(columns).values() if columns[places[-1]].gap]


@dataclass(frozen=True)
class Window:
    """`(leads, samples)` in `unit` at `rate` Hz."""

    leads: tuple[str, ...]
    rate: float
    samples: int
    unit: str = "mV"
    noun: ClassVar[str] = "window"
    people: ClassVar[str] = "patients"

    @property
    def other_unit(self) -> str:
        """The unit where it is not the mV of ECGs, else nothing."""
        return "" if self.unit == "mV" else self.unit

    @property
    def shape(self) -> tuple[int, int]:
        """Leads and samples."""
        return len(self.leads), self.samples

    @property
    def parts(self) -> tuple[str, ...]:
        """Names along the first axis of a sample: the leads."""
        return self.leads

    @property
    def axes(self) -> dict[str, Any]:
        """Leads, rate and unit as written beside an array of windows."""
        return {"leads": list(self.leads), "rate_hz": self.rate, "unit": self.unit}

    @property
    def limits(self) -> dict[str, tuple[float, float]]:
        """No limits: those of a signal depend on the standardization."""
        return {}

    def describe(self) -> str:
        """Return length, unit and leads, to be put behind the noun of a data card."""
        length = f"{self.samples / self.rate:g} s ({self.samples} samples at {self.rate:g} Hz) in {self.unit}"
        return f" of {length}.\nLeads: {', '.join(self.leads)}"

    def limited(self, values: Array) -> NDArray[np.float32]:
        """Return windows `(N, leads, samples)` as they are: signals have no limits."""
        return values.astype(np.float32, copy=False)


@dataclass(frozen=True)
class Row:
    """`(columns,)` in the columns' own units; `target` is the file's column that others predict, if one is named."""

    columns: tuple[Column, ...]
    target: str | None = field(default=None, compare=False)
    noun: ClassVar[str] = "row"
    people: ClassVar[str] = "patients"
    other_unit: ClassVar[str] = ""
    leads: ClassVar[tuple[str, ...]] = ()

    @property
    def shape(self) -> tuple[int]:
        """How many columns."""
        return (len(self.columns),)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names along the first axis of a sample: the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def axes(self) -> dict[str, Any]:
        """Columns as written beside an array of rows."""
        return {"columns": list(self.parts)}

    @property
    def limits(self) -> dict[str, tuple[float, float]]:
        """Lowest and highest value of each column that has both, without binary ones."""
        columns = [column for column in self.columns if not column.binary]
        return {c.name: (c.low, c.high) for c in columns if c.low is not None and c.high is not None}

    def describe(self) -> str:
        """Return unit and columns, to be put behind the noun of a data card."""
        return f" in the original units.\nColumns: {', '.join(self.parts)}"

    def limited(self, values: Array) -> NDArray[np.float32]:
        """Return rows `(N, columns)` with each column within its limits, binary and whole ones rounded.

        The largest number of a category becomes its 1. Where a gap is 1, its number is the lowest of the rows.
        """
        limited = np.stack([column.limited(values[:, n]) for n, column in enumerate(self.columns)], axis=1)
        for group in groups_of(self.columns):
            limited[:, group] = np.eye(len(group))[values[:, group].argmax(axis=1)]
        for place, gap in gaps_of(self.columns):
            low = self.columns[place].low
            limited[limited[:, gap] == 1, place] = limited[:, place].min() if low is None else low
        return limited.astype(np.float32)


@dataclass(frozen=True)
class Image:
    """`(channels, height, width)` of levels 0..255; one channel is grey, three are red, green, blue."""

    shape: tuple[int, int, int]
    noun: ClassVar[str] = "image"
    people: ClassVar[str] = "persons"
    other_unit: ClassVar[str] = ""
    leads: ClassVar[tuple[str, ...]] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """Names along the first axis of a sample: the channels."""
        return ("grey",) if self.shape[0] == 1 else ("red", "green", "blue")[: self.shape[0]]

    @property
    def axes(self) -> dict[str, Any]:
        """Shape and unit as written beside an array of images."""
        return {"shape": list(self.shape), "unit": "grey levels 0..255"}

    @property
    def limits(self) -> dict[str, tuple[float, float]]:
        """Lowest and highest level of each channel."""
        return dict.fromkeys(self.parts, (0.0, TOP))

    def describe(self) -> str:
        """Return size, channels and unit, to be put behind the noun of a data card."""
        channels, height, width = self.shape
        return f", {width} x {height} pixels, {channels} channel{'s' if channels > 1 else ''} of levels 0..255"

    def limited(self, values: Array) -> NDArray[np.float32]:
        """Return images `(N, channels, height, width)` with levels cut to 0..255."""
        return np.clip(values, 0, TOP).astype(np.float32)


K = TypeVar("K", Window, Row, Image)
Kind = Window | Row | Image
"""All have `noun`, `leads`, `other_unit`, `shape`, `parts`, `axes`, `limits`, `describe()` and `limited(values)`."""


def of_kind(kind: Kind, wanted: type[K]) -> K:
    """Return the kind where it is a `wanted` one. Raises TypeError for another: check the kind before."""
    if isinstance(kind, wanted):
        return kind
    raise TypeError(f"a kind of {wanted.noun} is needed, and this is {kind}")
