"""Values from files that others may have made: JSON of a bounded size, checked against a pydantic schema."""

import json
import re
import reprlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ganlab.core.errors import UserError
from ganlab.core.kind import RATES_HZ
from ganlab.core.names import repeated

LARGEST = 1 << 20
"""Bytes of a JSON file, where no other limit is given."""
LISTED = 3
"""Values in a message."""
FORMULA = re.compile(r"\s*(=|[-+@].*[(|!])", re.DOTALL)
"""What a spreadsheet executes in a cell of a CSV file; a number with a sign is none."""


class Strict(BaseModel):
    """A schema without conversions: no unknown keys, no text in the place of numbers, neither NaN nor infinity."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


def is_formula(text: str) -> bool:
    """Return whether a spreadsheet would execute a cell of this text."""
    return FORMULA.match(text) is not None


def refuse_formulas(names: Iterable[str], place: str) -> None:
    """Raise UserError for a name that a spreadsheet would execute; `place` is the file or format that it is for."""
    if formulas := [name for name in names if is_formula(name)]:
        raise UserError(
            f"{place}: a spreadsheet would execute {formulas[0][:40]!r} as a formula. Rename it where it comes from, "
            "or take a format without a table: format=npy."
        )


def _plain(text: str) -> str:
    if not text.isprintable() or "${" in text:
        raise ValueError("accepted is printable text without ${")
    return text


def _name(text: str) -> str:
    if is_formula(text):
        raise ValueError("a spreadsheet would execute it as a formula")
    return text


Text = Annotated[str, Field(max_length=500), AfterValidator(_plain)]
"""Text for cards and headers."""
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_plain), AfterValidator(_name)]
"""Name of a lead, a column or a class."""
Cell = Annotated[str, Field(max_length=100), AfterValidator(_plain), AfterValidator(_name)]
"""Text of a table's cell, which may be empty."""
Rate = Annotated[float, Field(ge=RATES_HZ[0], le=RATES_HZ[1])]
"""Sampling rate, Hz."""

Model = TypeVar("Model", bound=BaseModel)


def read_json(file: Path, largest: int = LARGEST) -> Any:
    """Return the value in a JSON file. Raises UserError for one that is larger than `largest` bytes, or no JSON.

    NaN, infinity and keys that occur twice in an object are refused too, and nesting that Python cannot follow.
    """
    try:
        if (size := file.stat().st_size) > largest:
            raise UserError(f"{file}: {size:,} bytes; accepted are {largest:,}.")
        text = file.read_bytes().decode("utf-8-sig")
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_once)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file} is not readable as JSON: {error}.") from error


def validated(model: type[Model], value: Any, place: str) -> Model:
    """Return a value that fits the schema. Raises UserError with the first keys that do not; `place` names the file."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    lines = [f"{'.'.join(map(str, each['loc'])) or 'all of it'}: {_shown(each)}" for each in errors[:LISTED]]
    more = f" And {len(errors) - LISTED} more." if len(errors) > LISTED else ""
    message = f"{place}: {'; '.join(lines)}.{more}"
    raise UserError(message.encode("utf-8", "backslashreplace").decode())


def _shown(error: Any) -> str:
    reason = error["msg"].removeprefix("Value error, ")
    if error["type"] in ("missing", "extra_forbidden"):
        return reason.lower()
    return f"{reprlib.repr(error['input'])} is refused: {reason[:1].lower()}{reason[1:]}"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {repeated(names)[0][:40]!a} occurs twice")
    return value
