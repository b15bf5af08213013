"""What a configuration that comes with a folder may build: classes and functions that ganlab's own config groups name.

The list is `conf/<group>`: a group's part of a configuration may name what a file of that group names, with arguments
of its signature and plain values. Whatever else is named has to be trusted by the command line: `trust=[package]`.
"""

import inspect
import math
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from ganlab.core.errors import SHOWN, UserError
from ganlab.core.settings import CONF, HERE

DIRECTIVES = {"_target_", "_partial_", "_convert_"}
REFUSED = {"_args_", "_recursive_"}
"""Keys that Hydra obeys and no configuration of ganlab's has."""
CONVERSIONS = (None, "none", "partial", "object", "all")
ENVIRONMENT = re.compile(r"\$\{oc\.env:([A-Za-z_][A-Za-z0-9_]*)(?:,[^${}]*)?\}")
VARIABLES = ("GANLAB_DATA", "GANLAB_CACHE")
"""Of the environment: folders that conf/ itself names."""
DEEPEST = 16
"""Levels of nesting."""
LONGEST = 4096
"""Characters of a text."""
MOST = 100_000
"""Values of a configuration."""
LARGEST = 2**63
SMALL = 4096
"""Largest whole number and longest list of an export: tensors of these sizes are made before weights are compared."""
UNBOUNDED = {"seed", "low", "high", "categories", "binary", "samples"}
NEVER = {"model_registry"}
"""Arguments that send files to a service; only null is accepted of a folder."""


@dataclass(frozen=True)
class Choice:
    """A class or function that a group's files name: whether it still takes arguments, and the keys they give it."""

    partial: bool
    keys: frozenset[str]


@cache
def choices(group: str) -> Mapping[str, Choice]:
    """Return by name what the files of a config group build; nothing where there is no such group."""
    nodes: dict[str, list[Mapping[str, Any]]] = {}
    if re.fullmatch(r"[a-z_]+", group):
        for file in sorted(Path(CONF, group).rglob("*.yaml")):
            for node in nodes_of(_content(file)):
                nodes.setdefault(node["_target_"], []).append(node)
    return {
        target: Choice(any(node.get("_partial_", False) for node in each), frozenset().union(*each) - DIRECTIVES)
        for target, each in nodes.items()
    }


def _content(file: Path) -> dict[str, Any]:
    """Return the values of a group's file over those of the files of its group that its defaults list names."""
    content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    listed = [name for name in content.pop("defaults", []) if isinstance(name, str)]
    below = [name for name in listed if name != "_self_" and not name.startswith("/")]
    return {key: value for name in below for key, value in _content(file.with_name(f"{name}.yaml")).items()} | content


def nodes_of(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield each mapping that names something to build, at any depth."""
    if isinstance(value, Mapping):
        if "_target_" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from nodes_of(inner)


@dataclass
class Allowed:
    """Checks a group's part of a configuration. `trust` lists what the command line trusts.

    With `gone` a name of ganlab's that this version lacks passes: nothing can be built from it. The configuration of an
    `exported` generator may name no variable of the environment, and neither whole numbers nor lists beyond `SMALL`.
    """

    group: str
    trust: Collection[str] = ()
    gone: bool = False
    exported: bool = False
    values: int = 0

    def check(self, value: Any, place: str, key: str = "", depth: int = 0) -> None:
        """Raise UserError, which names the place and the value, for anything that must not be built or is not plain."""
        self.values += 1
        if depth > DEEPEST or self.values > MOST:
            raise UserError(f"{place[:SHOWN]}: accepted are {DEEPEST} levels and {MOST:,} values.")
        if isinstance(value, Mapping):
            for name in value:
                self._check_scalar(name, f"{place}: the key {str(name)[:SHOWN]!r}")
                if name in REFUSED or (name in DIRECTIVES and "_target_" not in value):
                    raise UserError(
                        f"{place}.{name}: {value[name]!r:.{SHOWN}} is refused: accepted are names and plain values."
                    )
            if "_target_" in value:
                self._check_target(value, place)
            for name, inner in value.items():
                self.check(inner, f"{place}.{name}", str(name), depth + 1)
        elif isinstance(value, list):
            if self.exported and len(value) > SMALL:
                raise UserError(f"{place}: {len(value):,} values are refused: accepted are {SMALL:,}.")
            for number, inner in enumerate(value):
                self.check(inner, f"{place}[{number}]", key, depth + 1)
        else:
            self._check_scalar(value, place, key)

    def _check_scalar(self, value: Any, place: str, key: str = "") -> None:
        check_scalar(value, place, self.trust)
        if self.exported and isinstance(value, str) and ("${" in value or not value.isprintable()):
            raise UserError(f"{place}: {value[:SHOWN]!r} is refused: accepted is printable text without ${{.")
        if self.exported and isinstance(value, int) and abs(value) > SMALL and key not in UNBOUNDED:
            raise UserError(f"{place}: {value} is refused: accepted are whole numbers up to {SMALL}.")

    def _check_target(self, node: Mapping[str, Any], place: str) -> None:
        target = node["_target_"]
        if node.get("_convert_") not in CONVERSIONS:
            raise UserError(f"{place}._convert_: {node['_convert_']!r:.{SHOWN}} is refused.")
        choice = choices(self.group).get(target) if isinstance(target, str) else None
        if choice is None:
            if not (isinstance(target, str) and (is_trusted(target, self.trust) or (self.gone and is_gone(target)))):
                raise UserError(f"{place}._target_: {_refusal(target, self.group)}")
            return
        if node.get("_partial_", False) is not choice.partial:
            raise UserError(f"{place}._partial_: {node.get('_partial_')!r:.{SHOWN}} is refused for {target}.")
        check_arguments(target, choice, node, place)


def check_scalar(value: Any, place: str, trust: Collection[str] = ()) -> None:
    """Raise UserError for what is no plain value, and for interpolations other than those of `ENVIRONMENT`."""
    if isinstance(value, str):
        others = ENVIRONMENT.sub(
            lambda match: "" if match[1] in VARIABLES or f"oc.env:{match[1]}" in trust else match[0], value
        )
        if "${" in others:
            name = (ENVIRONMENT.search(others) or ("", "NAME"))[1]
            raise UserError(
                f"{place}: {value[:SHOWN]!r} is refused: in a folder's configuration only the variables "
                f"{' and '.join(VARIABLES)} are resolved. Trust another variable with trust=[oc.env:{name}]."
            )
        if len(value) > LONGEST or any(ord(sign) < 32 or sign == "\x7f" for sign in value):
            raise UserError(f"{place}: {value[:SHOWN]!r} is refused: accepted are {LONGEST:,} printable characters.")
    elif value is not None and not isinstance(value, bool | int | float):
        raise UserError(f"{place}: a {type(value).__name__} is refused: accepted are plain values.")
    elif isinstance(value, int) and abs(value) >= LARGEST:
        raise UserError(f"{place}: a number of {value.bit_length()} bits is refused: accepted are 63.")
    elif isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{place}: {value} is refused: accepted are finite numbers.")


def is_trusted(target: str, trust: Collection[str]) -> bool:
    """Return whether the command line trusts the package or module that defines a class or function."""
    module, _, name = target.rpartition(".")
    if not _within(module, trust):
        return False
    try:
        member = getattr(import_module(module), name, None)
    except ImportError as error:
        raise UserError(f"{target}: {error}. The module that trust= names has to be on PYTHONPATH.") from error
    return (inspect.isclass(member) or inspect.isfunction(member)) and _within(str(member.__module__), trust)


def _within(module: str, packages: Collection[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def is_gone(target: str) -> bool:
    """Return whether a class would be one of ganlab's and this version has no such file, or no such class in it."""
    if not re.fullmatch(r"ganlab(\.[a-z][a-z0-9_]*)+\.[A-Za-z][A-Za-z0-9_]*", target):
        return False
    *modules, name = target.split(".")[1:]
    for depth in range(1, len(modules) + 1):
        path = HERE.joinpath(*modules[:depth])
        if path.with_suffix(".py").is_file():
            return depth == len(modules) and not hasattr(import_module(".".join(["ganlab", *modules])), name)
        if not path.is_dir():
            return True
    return False


def _refusal(target: Any, group: str) -> str:
    text = f"{target!r:.{SHOWN}} is refused: a folder's configuration builds "
    names = ", ".join(sorted(choices(group)))
    text += f"only what conf/{group} names: {names}." if names else f"nothing under {group[:SHOWN]}."
    package = str(target).partition(".")[0]
    if not package.isidentifier() or package in {*sys.stdlib_module_names, *_installed()}:
        return text
    return f"{text} Only if {package} is your own code and you know its source: trust=[{package}] builds its classes."


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


@cache
def _installed() -> frozenset[str]:
    """Return the packages that are no user's own: ganlab, and what it needs directly or through others."""
    distributions, names, needed = packages_distributions(), set[str](), ["ganlab"]
    while needed:
        name = _normal(needed.pop())
        if name not in names:
            names.add(name)
            with suppress(PackageNotFoundError):
                needed += [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in requires(name) or ()]
    own = {package for package, of in distributions.items() for each in of if _normal(each) in names}
    return frozenset(own | {"ganlab"})


def trusted_names(trust: str | Collection[str] | None) -> tuple[str, ...]:
    """Return what `trust=` of the command line lists. Raises UserError for what can be nobody's own code."""
    names = (trust,) if isinstance(trust, str) else tuple(map(str, trust or ()))
    for name in names:
        variable = name.removeprefix("oc.env:")
        accepted = variable.isidentifier() if variable != name else all(part.isidentifier() for part in name.split("."))
        if not accepted or name.partition(".")[0] in {*sys.stdlib_module_names, *_installed()}:
            raise UserError(
                f"trust=[{name[:SHOWN]}]: accepted are packages of your own, such as trust=[mine.networks], "
                "and variables of the environment, such as trust=[oc.env:HOME]."
            )
    return names


# Signatures


@cache
def parameters(target: str) -> Mapping[str, Any]:
    """Return names and types of the arguments of a class or function, with those that it hands on to its base."""
    module, _, name = target.rpartition(".")
    member = getattr(import_module(module), name)
    types: dict[str, Any] = {}
    functions = [vars(each).get("__init__") for each in member.__mro__] if inspect.isclass(member) else [member]
    for function in filter(None, functions):
        signature = inspect.signature(function)
        try:
            hints = get_type_hints(function)
        except NameError:
            hints = {}
        for each in signature.parameters.values():
            if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD) and each.name != "self":
                types.setdefault(each.name, hints.get(each.name, Any))
        if all(each.kind != each.VAR_KEYWORD for each in signature.parameters.values()):
            break
    return types


def check_arguments(target: str, choice: Choice, node: Mapping[str, Any], place: str) -> None:
    """Raise UserError for an argument that the signature lacks, and for a plain value that is none of its type."""
    types = parameters(target)
    for key in node.keys() - DIRECTIVES:
        value = node[key]
        if key not in types and key not in choice.keys:
            names = ", ".join(sorted({*types, *choice.keys}))
            raise UserError(f"{place}.{str(key)[:SHOWN]}: {target} has no such argument; it has {names}.")
        if key in NEVER and value is not None:
            raise UserError(f"{place}.{key}: {value!r:.{SHOWN}} is refused: accepted is null.")
        if next(nodes_of(value), None) is None and "${" not in str(value):
            _check_type(types.get(key, Any), value, f"{place}.{key}")


def _check_type(form: Any, value: Any, place: str) -> None:
    from pydantic import ValidationError

    try:
        _form(form).validate_python(_with_texts(value))
    except ValidationError as error:
        reason = error.errors(include_url=False, include_context=False)[0]["msg"]
        raise UserError(f"{place}: {value!r:.{SHOWN}} is refused: {reason} (its type is {form}).") from None


@cache
def _form(form: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    return TypeAdapter(form, config=ConfigDict(arbitrary_types_allowed=True, coerce_numbers_to_str=True))


def _with_texts(value: Any) -> Any:
    """Return a value with the names of its mappings as text: YAML reads the names 1, true and null as other things."""
    if isinstance(value, Mapping):
        return {str(key): _with_texts(inner) for key, inner in value.items()}
    return [_with_texts(inner) for inner in value] if isinstance(value, list) else value
