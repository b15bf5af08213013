"""The files that a run left, read so that damage is reported on the page and spoils nothing else."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganlab.core.plain_yaml import Error, read_yaml


def read(file: Path, trouble: list[str], name: str = "") -> Any:
    """Return what a JSON or YAML file holds, None where it is absent or damaged; damage is reported in `trouble`."""
    if not file.is_file():
        return None
    try:
        return json.loads(file.read_text(encoding="utf-8")) if file.suffix == ".json" else read_yaml(file)
    except Error as error:
        trouble.append(f"{name or file.name} could not be read: {error}.")
        return None


def read_mapping(file: Path, trouble: list[str], name: str = "") -> dict[str, Any]:
    """Return the mapping that a file holds, empty without one; `name` is the file's in `trouble`."""
    content = read(file, trouble, name)
    if content is not None and not isinstance(content, Mapping):
        trouble.append(f"{name or file.name} is not a mapping and is not shown.")
    return mapping(content)


def mapping(value: object) -> dict[str, Any]:
    """Return a mapping with text as keys, empty where the value is none."""
    return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}


def list_of(value: object) -> list[Any]:
    """Return a list, empty where the value is none."""
    return list(value) if isinstance(value, list | tuple) else []
