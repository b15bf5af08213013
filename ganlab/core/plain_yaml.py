"""YAML of a folder that somebody else may have made, read as plain values."""

from pathlib import Path
from typing import Any

import yaml
from omegaconf._utils import get_yaml_loader

LARGEST = 1 << 20
"""Bytes of a file."""
Error = (OSError, ValueError, TypeError, RecursionError, yaml.YAMLError)
"""What reading such a file raises."""


class _Plain(get_yaml_loader()):  # type: ignore[misc]
    """YAML as OmegaConf reads it, without aliases, with which a small file describes a huge one."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias (*name) is refused")
        return super().compose_node(parent, index)


def parsed(text: str) -> Any:
    """Return the plain values of a text."""
    return yaml.load(text, Loader=_Plain)


def read_yaml(file: Path) -> Any:
    """Return the plain values of a file. Raises one of `Error` where it is damaged, or larger than `LARGEST`."""
    if (size := file.stat().st_size) > LARGEST:
        raise ValueError(f"{size:,} bytes; accepted are {LARGEST:,}")
    return parsed(file.read_text(encoding="utf-8"))
