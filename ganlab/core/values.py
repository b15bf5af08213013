"""Plain values that a user sets, compared with the types that classes and functions declare, and the nearest names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ganlab.core.errors import UserError

WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", NoneType: "null"}
ANY = (Any, object, Path)
"""Types that take a text, whatever else they are."""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return the question whether a similar name was meant, to go behind a message; nothing where none is similar."""
    similar = get_close_matches(name, [*names], 2, 0.6)
    return f" Did you mean {' or '.join(similar)}?" if similar else ""


def check_whole(name: str, value: object, least: int = 1, most: int | None = None, shown: str | None = None) -> None:
    """Raise UserError for what is no whole number from `least` to `most`.

    `name` is the setting, `shown` how its value is written where that is another way than name=value.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):  # type: ignore[operator]
        end = "" if most is None else f" to {most}"
        raise UserError(f"{shown or f'{name}={value}'}: accepted is a whole number from {least}{end}.")


def check_values(target: Callable[..., Any], values: Mapping[str, Any], prefix: str = "") -> dict[str, int]:
    """Return the whole numbers that were written as others, such as 1e3. Raises UserError for a value of a wrong type.

    `values` are arguments of the class or function by name; `prefix` is what their settings begin with.
    """
    declares: Any = target
    try:
        hints = get_type_hints(declares.__init__ if isinstance(target, type) else target)
    except (NameError, TypeError):
        return {}
    declared = {name: (value, hints[name]) for name, value in values.items() if name in hints}
    for name, (value, hint) in declared.items():
        if not _fits(value, hint):
            raise UserError(f"{prefix}{name}={value}: accepted is {_accepted(hint)}.")
    return {name: int(value) for name, (value, hint) in declared.items() if isinstance(value, float) and _whole(hint)}


def _whole(hint: Any) -> bool:
    """Return whether a number of this type is whole. Arguments of a type may be lists, which no set holds."""
    types = (hint, *get_args(hint))
    return int in types and float not in types and str not in types


def _fits(value: Any, hint: Any) -> bool:
    """Return whether a value is of the type; true for types of which a configuration holds no plain values."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in inner)
    if origin in (list, tuple, Sequence):
        return isinstance(value, list | tuple) and all(_fits(each, inner[0]) for each in value)
    if origin is not None:
        return value in inner if origin is Literal else not isinstance(value, str | int | float)
    if hint in (int, float):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and (hint is float or value == value // 1)
    plain = hint in WORDS or (isinstance(value, str | int | float) and isinstance(hint, type))
    return not plain or hint in ANY or isinstance(value, (str, int, float) if hint is str else hint)


def _accepted(hint: Any) -> str:
    words = dict.fromkeys(_words(hint))
    if WORDS[float] in words:
        words.pop(WORDS[int], None)
    return " or ".join(words)


def _words(hint: Any) -> list[str]:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return [word for each in inner for word in _words(each)]
    if origin is Literal:
        return [str(choice) for choice in inner]
    if origin in (list, tuple, Sequence):
        return [f"a list, each {_accepted(inner[0])}"]
    return [WORDS.get(hint, "a mapping" if origin is Mapping else "an object, by its _target_")]
