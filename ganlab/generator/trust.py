"""The objects that a configuration from elsewhere may build: public classes and functions of ganlab's packages."""

import inspect
import math
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from hydra.utils import instantiate
from omegaconf import OmegaConf

from ganlab.core.errors import UserError
from ganlab.core.settings import HERE

DIRECTIVES = {"_target_", "_partial_", "_convert_"}
LARGEST = 4096
"""Bound of whole numbers (sides, leads, points): tensors of these sizes are made before weights are compared."""
UNBOUNDED = {"seed", "low", "high", "categories", "binary", "samples"}
LONGEST = 500
"""Characters of a text."""
DEEPEST = 8
"""Levels of nesting."""


def build_allowed(node: Any, package: str, base: type) -> Any:
    """Return the object of `node`, as Hydra builds it, if every class it names is defined in `ganlab.<package>`.

    Its class has to be a `base`, whether it is built or, with `_partial_`, still takes arguments. Raises UserError for
    any other target, before anything is built.
    """
    if not isinstance(node, dict) or not isinstance(node.get("_target_"), str):
        raise UserError(f"{package}: accepted is an object with a _target_ in ganlab.{package}.")
    check_plain(node, package)
    for target in targets(node):
        _own(target, package)
    own_class(node["_target_"], package, base)
    return instantiate(OmegaConf.create(node))


def own_class(target: str, package: str, base: type) -> Any:
    """Return the class of that name in `ganlab.<package>`. Raises UserError where there is none, or it is no `base`."""
    member = _own(target, package)
    if not (inspect.isclass(member) and issubclass(member, base)):
        raise UserError(f"{package}: {target} is no {base.__name__}.")
    return member


def _own(target: Any, package: str) -> Any:
    """Return the public class or function that a file of the package itself defines, none that the file imports."""
    parts = re.fullmatch(rf"(ganlab\.{package}\.([a-z0-9_]+))\.([A-Za-z][A-Za-z0-9_]*)", str(target))
    if parts and (HERE / package / f"{parts[2]}.py").is_file():
        member = getattr(import_module(parts[1]), parts[3], None)
        if (inspect.isclass(member) or inspect.isfunction(member)) and member.__module__ == parts[1]:
            return member
    raise UserError(
        f"{package}: {target!r} is refused. Accepted are the public classes and functions of ganlab.{package}."
    )


def targets(node: Any) -> Iterator[Any]:
    """Yield the values of `_target_` in a configuration of plain values, at any depth."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "_target_":
                yield value
            else:
                yield from targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from targets(value)


def check_plain(value: Any, place: str, key: str = "", depth: int = 0) -> None:
    """Raise UserError for values that are not plain: interpolations, directives, huge numbers, deep nesting."""
    if depth > DEEPEST:
        raise UserError(f"{place}: nested deeper than {DEEPEST}.")
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_text(name, place)
            if name.startswith("_") and name not in DIRECTIVES:
                raise UserError(f"{place}: {name} is refused; accepted are {', '.join(sorted(DIRECTIVES))}.")
            check_plain(inner, f"{place}.{name}", name, depth + 1)
    elif isinstance(value, list):
        if len(value) > LARGEST:
            raise UserError(f"{place}: {len(value)} values; accepted are {LARGEST}.")
        for inner in value:
            check_plain(inner, place, key, depth + 1)
    elif isinstance(value, str):
        _check_text(value, place)
    elif isinstance(value, int | float) and not _in_bounds(value, key):
        raise UserError(f"{place}: {value} is refused; accepted are finite numbers up to {LARGEST}.")


def _in_bounds(value: float, key: str) -> bool:
    return math.isfinite(value) and (key in UNBOUNDED or not isinstance(value, int) or abs(value) <= LARGEST)


def _check_text(text: str, place: str) -> None:
    if len(text) > LONGEST or not text.isprintable() or "${" in text:
        raise UserError(f"{place}: {text[:40]!r} is refused; accepted is printable text without ${{.")
