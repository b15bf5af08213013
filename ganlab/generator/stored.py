"""The configuration that a run stored, read from its folder without trust in whoever made the folder."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

import ganlab.core.settings  # noqa: F401  (the resolvers of configurations)
from ganlab.core.errors import SHOWN, UserError
from ganlab.core.masking import MASK
from ganlab.generator.allowed import ENVIRONMENT, Allowed, check_scalar, trusted_names
from ganlab.generator.schema import MOST
from ganlab.tracking.record import CONFIG, config_values, home

NOT_OF_A_RUN = ("hydra", "defaults")
"""Keys that Hydra obeys in a primary configuration; a run stores neither."""


def stored_config(folder: Path, trust: str | Collection[str] | None = ()) -> DictConfig:
    """Return the configuration that a run stored, from which nothing but what is allowed can be built.

    `trust` lists packages of the user's own and variables of the environment. A download that it asks for is left out:
    a folder does not say what is fetched to where. Raises UserError with the place and the value of what is refused.
    """
    values, trusted = config_values(folder), trusted_names(trust)
    if isinstance(tracking := values.get("tracking"), dict) and isinstance(uri := tracking.get("uri"), str):
        tracking["uri"] = ENVIRONMENT.sub(MASK, uri)
    for group, node in values.items():
        place = f"{folder / CONFIG}: {group[:SHOWN]}"
        check_scalar(group, f"{folder / CONFIG}: the key {group[:SHOWN]!r}")
        if group in NOT_OF_A_RUN or group.startswith("_"):
            raise UserError(f"{place}: {node!r:.{SHOWN}} is refused: runs do not store it.")
        Allowed(group, trusted, gone=True).check(node, place)
    if isinstance(arrangement := values.get("arrangement"), dict):
        _check_sides(arrangement, f"{folder / CONFIG}: arrangement")
    if isinstance(dataset := values.get("dataset"), dict) and dataset.get("download"):
        dataset["download"] = False
    return OmegaConf.create(values)


def _check_sides(arrangement: Mapping[str, Any], place: str) -> None:
    """Raise UserError for sides whose orders of pixels would fill the memory before weights are compared."""
    for key in ("side", "height", "width", "channels"):
        sides = arrangement.get(key)
        for side in sides if isinstance(sides, list) else [sides]:
            if isinstance(side, int) and side > MOST:
                raise UserError(f"{place}.{key}: {side} is refused: accepted are {MOST:,} pixels.")


def stored_dataset(folder: Path, stored: DictConfig, cache: str) -> DictConfig:
    """Return the data set of a `stored_config`; its relative paths begin where the run's project lies now.

    The folder of the cache, which is written, is `cache` and not the one that the run names.
    """
    dataset, base = stored.dataset, home(folder)
    for key in ("root", "file", "people"):
        if base != Path.cwd() and isinstance(path := dataset.get(key), str):
            dataset[key] = str(base / Path(path).expanduser())
    if "cache" in dataset:
        dataset.cache = cache
    return dataset
