"""What a configuration from elsewhere may build: public classes and functions of ganlab's own rooms, nothing else."""

import inspect
import math
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from hydra.utils import instantiate
from omegaconf import OmegaConf

from ganlab.core.errors import UserError
from ganlab.core.settings import HERE

DIRECTIVES = {"_target_", "_partial_", "_convert_"}
LARGEST = 4096
"""Of whole numbers: sides, leads, points, of which tensors are made before any weight has been compared."""
UNBOUNDED = {"seed", "low", "high"}
LONGEST = 500
DEEPEST = 8


def build_allowed(node: Any, room: str, base: type) -> Any:
    """The object of `node`, as Hydra builds it, if all that it names is defined in `ganlab.<room>`.

    `base` is what its class has to be, whether it is built or, with `_partial_`, still takes arguments. Raises
    UserError for any other target, before anything is built.
    """
    if not isinstance(node, dict) or not isinstance(node.get("_target_"), str):
        raise UserError(f"{room}: accepted is an object with a _target_ in ganlab.{room}.")
    check_plain(node, room)
    for target in _targets(node):
        _own(target, room)
    made = _own(node["_target_"], room)
    if not (inspect.isclass(made) and issubclass(made, base)):
        raise UserError(f"{room}: {node['_target_']} is no {base.__name__}.")
    return instantiate(OmegaConf.create(node))


def own_class(target: str, room: str, base: type) -> Any:
    """The class of that name in `ganlab.<room>`. Raises UserError where it is none, or no `base`."""
    found = _own(target, room)
    if not (inspect.isclass(found) and issubclass(found, base)):
        raise UserError(f"{room}: {target} is no {base.__name__}.")
    return found


def _own(target: Any, room: str) -> Any:
    """What a room's own file defines under a public name; not what the file imports, nor what hangs on that."""
    named = re.fullmatch(rf"(ganlab\.{room}\.([a-z0-9_]+))\.([A-Za-z][A-Za-z0-9_]*)", str(target))
    if named and (HERE / room / f"{named[2]}.py").is_file():
        found = getattr(import_module(named[1]), named[3], None)
        if (inspect.isclass(found) or inspect.isfunction(found)) and found.__module__ == named[1]:
            return found
    raise UserError(f"{room}: {target!r} is refused. Accepted are the public classes and functions of ganlab.{room}.")


def _targets(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "_target_":
                yield value
            else:
                yield from _targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from _targets(value)


def check_plain(value: Any, place: str, key: str = "", depth: int = 0) -> None:
    """Raise UserError where a value is more than plain: an interpolation, a directive, a huge number, a deep nest."""
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


def check_form(value: Any, form: Any, place: str) -> None:
    """Raise UserError where a JSON value has not the form: dictionaries of the same keys, types at their ends."""
    if isinstance(form, Mapping):
        if not isinstance(value, dict) or value.keys() != form.keys():
            seen = ", ".join(map(str, value)) if isinstance(value, dict) else type(value).__name__
            raise UserError(f"{place}: accepted is an object with {', '.join(form)}; this has {seen}.")
        for key, inner in form.items():
            check_form(value[key], inner, f"{place}.{key}")
    elif not isinstance(value, form):
        raise UserError(f"{place}: {value!r:.40} is refused; accepted is {form}.")
