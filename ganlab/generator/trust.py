"""The objects that an exported generator's configuration may build, and the plain values that it may hold."""

import inspect
import math
from importlib import import_module
from typing import Any

from omegaconf import OmegaConf

from ganlab.core.errors import UserError
from ganlab.core.instantiate import build
from ganlab.generator.allowed import DIRECTIVES, Allowed, choices

LARGEST = 4096
"""Bound of whole numbers (sides, leads, points): tensors of these sizes are made before weights are compared."""
UNBOUNDED = {"seed", "low", "high", "categories", "binary", "samples"}
LONGEST = 500
"""Characters of a text."""
DEEPEST = 8
"""Levels of nesting."""


def build_allowed(node: Any, package: str, base: type) -> Any:
    """Return the object of `node`, as Hydra builds it, if conf/<package> names all it names.

    Its class has to be a `base`, whether it is built or, with `_partial_`, still takes arguments. Raises UserError for
    any other target, before anything is built.
    """
    if not isinstance(node, dict) or not isinstance(node.get("_target_"), str):
        raise UserError(f"{package}: accepted is an object with a _target_ in ganlab.{package}.")
    check_plain(node, package)
    own_class(node["_target_"], package, base)
    Allowed(package).check(node, package)
    return build(OmegaConf.create(node))


def own_class(target: str, package: str, base: type) -> Any:
    """Return the class of that name. Raises UserError where conf/<package> does not name it, or it is no `base`."""
    if target not in choices(package):
        raise UserError(f"{package}: {target!r} is refused. Accepted are {', '.join(sorted(choices(package)))}.")
    module, _, name = target.rpartition(".")
    member = getattr(import_module(module), name)
    if not (inspect.isclass(member) and issubclass(member, base)):
        raise UserError(f"{package}: {target} is no {base.__name__}.")
    return member


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
