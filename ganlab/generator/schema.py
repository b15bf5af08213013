"""The values of `generator.json`, with their types and limits. `allowed` checks what builds classes as well."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from ganlab.core.names import repeated
from ganlab.core.schema import Cell, Name, Rate, Strict, Text

FORMAT = 1
"""Increased whenever the files change their meaning."""
MOST = 4096
"""Leads, columns, classes, numbers of noise, pixels of a side."""
LONGEST = MOST * MOST
"""Samples of a window: pixels of an image of the largest side."""
FURTHEST = 1e30
"""Limit of a column; squares of it are finite in double precision."""

Names = Annotated[list[Name], Field(max_length=MOST)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Limit = Annotated[float, Field(ge=-FURTHEST, le=FURTHEST)]
Side = Annotated[int, Field(ge=1, le=MOST)]


def _different(names: list[str]) -> list[str]:
    if twice := repeated(names):
        raise ValueError(f"{', '.join(twice)[:40]!a} occurs twice")
    return names


DifferentNames = Annotated[Names, AfterValidator(_different)]


class WindowSample(Strict):
    """`(leads, samples)` in `unit` at `rate` Hz."""

    noun: Literal["window"]
    leads: Annotated[Names, Field(min_length=1)]
    rate: Rate
    samples: Annotated[int, Field(ge=1, le=LONGEST)]
    unit: Name = "mV"

    @field_validator("leads")
    @classmethod
    def differ(cls, leads: list[str]) -> list[str]:
        """Return the leads. Raises ValueError for names that differ in their case alone."""
        _different([lead.lower() for lead in leads])
        return leads


class ColumnOfRow(Strict):
    """A column, as `ganlab.core.kind.Column`."""

    name: Name
    low: Limit | None = None
    high: Limit | None = None
    binary: bool = False
    whole: bool = False
    no: Name = "0"
    yes: Name = "1"
    date: Cell = ""
    of: Cell = ""
    value: Cell | None = None
    gap: bool = False

    @model_validator(mode="after")
    def ordered(self) -> "ColumnOfRow":
        """Return the column. Raises ValueError for limits in the wrong order."""
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")
        return self


class RowSample(Strict):
    """`(columns,)` in the columns' own units."""

    noun: Literal["row"]
    columns: Annotated[list[ColumnOfRow], Field(min_length=1, max_length=MOST)]
    target: Cell | None = None

    @field_validator("columns")
    @classmethod
    def differ(cls, columns: list[ColumnOfRow]) -> list[ColumnOfRow]:
        """Return the columns. Raises ValueError for names that occur twice."""
        _different([column.name for column in columns])
        return columns


class ImageSample(Strict):
    """`(channels, height, width)` of levels 0..255."""

    noun: Literal["image"]
    shape: Annotated[list[Side], Field(min_length=3, max_length=3)]


class Train(Strict):
    """Counts of the training data."""

    samples: Count
    patients: Count


class Parts(Strict):
    """Counts by part of the split."""

    train: Train


class DataFacts(Strict):
    """What is known of the data."""

    note: Text
    parts: Parts


class About(Strict):
    """What a card says of the generator."""

    name: Text
    started: Text
    version: Text
    git_commit: Text | None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)]
    steps: Count | None
    checkpoint: Text
    choices: Annotated[dict[Text, Text | list[Text] | None], Field(max_length=100)]
    data: DataFacts

    @field_validator("choices")
    @classmethod
    def of_a_data_set(cls, choices: dict[str, Any]) -> dict[str, Any]:
        """Return the choices. Raises ValueError where no dataset is among them."""
        if not isinstance(choices.get("dataset"), str):
            raise ValueError("accepted are choices of which one names the dataset")
        return choices


class Given(Strict):
    """What the generator is given behind its noise, besides one of the classes."""

    many_labels: bool
    attributes: DifferentNames


class Exported(Strict):
    """`generator.json`."""

    format: Literal[1]
    notice: Text
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    sample: Annotated[WindowSample | RowSample | ImageSample, Field(discriminator="noun")]
    gan: Text
    noise: Annotated[int, Field(ge=1, le=MOST)]
    classes: DifferentNames
    conditions: Given | None = None
    arrangement: dict[str, Any]
    standardization: dict[str, Any]
    generator: dict[str, Any]
    about: About
