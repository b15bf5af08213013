"""What Hydra refuses, in words of the setting: the names that are accepted, and the nearest ones to a misspelt name."""

import re
from collections.abc import Iterable, Iterator
from inspect import signature
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException, MissingConfigException
from hydra.types import RunMode
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from ganlab.core.values import did_you_mean

NO_KEY = re.compile(r"Could not override '(?P<key>[^']+)'")
NO_CHOICE = re.compile(r"(In '(?P<file>[^']+)': )?Could not (find|load) '(?P<group>(hydra/)?[^/']+)/(?P<choice>[^']*)'")
SEVERAL = ("trick", "experiment")
"""Groups of which several files may be chosen; of others they would become one object."""

load = ConfigLoaderImpl.load_configuration


def load_configuration(
    self: ConfigLoaderImpl, config_name: str | None, overrides: list[str], run_mode: RunMode, *more: Any, **others: Any
) -> DictConfig:
    """Compose a configuration as Hydra does. Raises ConfigCompositionException for names that are none."""
    _refuse_choices(self, overrides)
    try:
        return load(self, config_name, overrides, run_mode, *more, **others)
    except ConfigCompositionException as error:
        message = str(error)
        if key := NO_KEY.match(message):
            reason = _no_key(self, config_name, overrides, key["key"])
        elif isinstance(error, MissingConfigException) and (missing := NO_CHOICE.match(message)):
            reason = _no_choice(self, config_name, missing)
        else:
            raise
        raise ConfigCompositionException(reason) from None


def _refuse_choices(loader: ConfigLoaderImpl, overrides: list[str]) -> None:
    """Raise ConfigCompositionException for choices that are no texts, and for several where one is taken."""
    groups = {*choices(loader, "", ObjectType.GROUP)}
    for each in OverridesParser.create().parse_overrides(overrides):
        if each.key_or_group in groups and not (each.is_delete() or each.is_sweep_override()):
            value, several = each.value(), each.key_or_group in SEVERAL
            texts = value if several and isinstance(value, list) else [value]
            if not all(isinstance(text, str) for text in texts):
                accepted = "are" if several else "is one of"
                names = _listed(choices(loader, each.key_or_group, ObjectType.CONFIG))
                raise ConfigCompositionException(f"{each.input_line}: accepted {accepted} {names}.")


def _no_key(loader: ConfigLoaderImpl, config_name: str | None, overrides: list[str], key: str) -> str:
    """Return that a key is none, with similar keys of the configuration that the chosen groups make."""
    groups = {*choices(loader, "", ObjectType.GROUP)}
    if "/" in key:
        return f"{key}: no such group.{did_you_mean(key, groups) or f' Accepted are {_listed(groups)}.'}"
    parsed = OverridesParser.create().parse_overrides(overrides)
    chosen = [each.input_line for each in parsed if each.key_or_group in groups and not each.is_sweep_override()]
    config = load(loader, config_name, [str(line) for line in chosen], RunMode.RUN)
    above, name = "", key
    while "." in name and OmegaConf.is_dict(OmegaConf.select(config, f"{above}{name.partition('.')[0]}")):
        above, name = f"{above}{name.partition('.')[0]}.", name.partition(".")[2]
    node: Any = OmegaConf.select(config, above[:-1]) if above else config
    first = name.partition(".")[0]
    if above[:-1] in groups and first in choices(loader, above[:-1], ObjectType.CONFIG):
        return f"{key}: no such setting. {above}{first} exists with {above[:-1]}={first}."
    if "_target_" in node and name in signature(get_object(node._target_)).parameters:
        return f"{key}: this configuration leaves it as it is. To set it: +{key}=..."
    siblings = [f"{above}{each}" for each in map(str, node) if not each.startswith("_")]
    siblings += [group for group in groups if "/" not in group and group not in siblings and not above]
    paths = [*_paths(config)]
    same = [path for path in paths if path.rpartition(".")[2] == name]
    similar = did_you_mean(f"{above}{first}", siblings) if above or not same else ""
    if not similar:
        similar = f" Did you mean {' or '.join(same[:3])}?" if same else did_you_mean(key, paths)
    listed = f" Accepted are {_listed(siblings)}." if above and siblings and not similar else ""
    return f"{key}: no such setting.{similar}{listed} To add one all the same: +{key}=..."


def _no_choice(loader: ConfigLoaderImpl, config_name: str | None, missing: re.Match[str]) -> str:
    """Return that a choice of a group is none, with all choices of the group, those in its folders too."""
    group, choice = missing["group"], missing["choice"]
    names = sorted(choices(loader, group, ObjectType.CONFIG))
    file = f" (in {missing['file']})" if missing["file"] not in (None, config_name, "hydra/config") else ""
    similar = did_you_mean(choice, names)
    if not similar and (same := [name for name in names if name.rpartition("/")[2] == choice]):
        similar = f" Did you mean {same[0]}?"
    return f"{group}={choice}{file}: no such choice.{similar} Accepted are {_listed(names)}."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def choices(loader: ConfigLoaderImpl, group: str, kind: ObjectType, prefix: str = "") -> Iterator[str]:
    """Yield the files, or the groups, below a group, those in its folders too, relative to it."""
    path = f"{group}/{prefix}".strip("/")
    if kind == ObjectType.CONFIG:
        yield from (prefix + name for name in loader.get_group_options(path, ObjectType.CONFIG))
    for name in loader.get_group_options(path, ObjectType.GROUP):
        if kind == ObjectType.GROUP:
            yield prefix + name
        yield from choices(loader, group, kind, f"{prefix}{name}/")


def _paths(node: Any, above: str = "") -> Iterator[str]:
    """Yield the paths of all values below a node, but Hydra's own."""
    for key in node:
        if key == "hydra" and not above:
            continue
        value = node._get_node(key)
        if OmegaConf.is_dict(value) and not value._is_none() and not value._is_interpolation():
            yield from _paths(value, f"{above}{key}.")
        yield f"{above}{key}"


ConfigLoaderImpl.load_configuration = load_configuration  # type: ignore[method-assign]
