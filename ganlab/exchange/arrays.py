"""Arrays (.npy with a .json beside it) of other tools, read without trust."""

import logging
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ganlab.core.errors import UserError
from ganlab.core.kind import Array
from ganlab.core.schema import Rate, read_json, validated
from ganlab.exchange.synthetic import LISTED

log = logging.getLogger(__name__)

Names = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]


class Axes(BaseModel):
    """What the JSON file beside an array may say of it; `shape` and `about` are for readers of the file."""

    model_config = ConfigDict(strict=True, extra="allow")
    leads: Names | None = None
    rate_hz: Rate | None = None
    unit: str | None = None
    columns: Names | None = None
    shape: Any = None
    about: Any = None


def read_array(path: Path, dimensions: tuple[int, ...]) -> Array:
    """Return a memory-mapped array of real numbers with one of these numbers of axes. Raises UserError otherwise."""
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        # numpy parses a header as Python, whose own errors come out too.
        raise UserError(f"{path} is not an npy array of numbers ({type(error).__name__}: {error}).") from error
    if not isinstance(values, np.ndarray):
        values.close()
        raise UserError(f"{path} is an npz archive; accepted is the array of numpy.save. Load it, and save one array.")
    if values.ndim not in dimensions or values.dtype.kind not in "iuf":
        wanted = " or ".join(map(str, dimensions))
        raise UserError(f"{path}: {values.dtype} of shape {values.shape}; accepted are real numbers in {wanted} axes.")
    if not values.size:
        raise UserError(f"{path} has shape {values.shape}: there is nothing in it.")
    return values


def read_axes(path: Path) -> Axes:
    """Return leads, rate, unit or columns from the JSON file beside an array; none where no such file.

    Raises UserError for values of a wrong type or out of range; other keys are logged.
    """
    file = path.with_suffix(".json")
    if not file.is_file():
        return Axes()
    axes = validated(Axes, read_json(file), str(file))
    if axes.model_extra:
        keys = ", ".join(f"{key[:40]!a}" for key in list(axes.model_extra)[:LISTED])
        log.warning("%s: not read: %s. What is read: leads, rate_hz, unit, columns", file, keys)
    return axes
