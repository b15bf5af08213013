"""The overrides of the command line, as Hydra parsed them."""

from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf


def overrides() -> list[str]:
    """Return the overrides of the configuration, such as `dataset=ptbdb` and `dataset.root=data`."""
    return list(HydraConfig.get().overrides.task)


def chooses(*groups: str) -> bool:
    """Return whether an override makes a choice in one of these groups, such as `dataset=`."""
    return bool(set(groups) & set(_names()))


def mentions(group: str) -> bool:
    """Return whether an override makes a choice in a group or sets one of its values, such as `dataset.root=`."""
    return group in {name.split(".")[0] for name in _names()}


def with_values(group: str, stored: DictConfig) -> DictConfig:
    """Return a stored choice of a group with the single values that overrides set."""
    values = [override.lstrip("+") for override in overrides() if override.lstrip("+").startswith(f"{group}.")]
    changed: Any = OmegaConf.merge({group: stored}, OmegaConf.from_dotlist(values))
    return changed[group]


def _names() -> list[str]:
    return [override.lstrip("+~").partition("=")[0] for override in overrides()]
