"""What one sample of a data set is: a window of a recording, a row of a table, or an image."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
"""Values of N samples, `(N, *)`, in their own unit."""

TOP = 255.0
"""Largest level of a pixel; levels run from 0."""


@dataclass(frozen=True)
class Column:
    """A feature of a table. `low` and `high` are its closed limits in its own unit, None for those of the data.

    A binary column holds 0 and 1; the values of a `whole` column are rounded when decoded.
    """

    name: str
    low: float | None = None
    high: float | None = None
    binary: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Window:
    """`(leads, samples)` in mV at `rate` Hz."""

    leads: tuple[str, ...]
    rate: float
    samples: int
    noun: ClassVar[str] = "window"


@dataclass(frozen=True)
class Row:
    """`(columns,)` in the columns' own units."""

    columns: tuple[Column, ...]
    noun: ClassVar[str] = "row"


@dataclass(frozen=True)
class Image:
    """`(channels, height, width)` of levels 0..255; one channel is grey, three are red, green, blue."""

    shape: tuple[int, int, int]
    noun: ClassVar[str] = "image"


Kind = Window | Row | Image
