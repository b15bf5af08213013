"""Continuing a run in its folder, with its configuration, wherever the folder and its data lie now."""

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ganlab.core.errors import UserError
from ganlab.core.masking import masked
from ganlab.core.plain_yaml import parsed
from ganlab.core.surroundings import PLACES
from ganlab.generator.allowed import nodes_of
from ganlab.generator.stored import stored_config
from ganlab.tracking.record import config_values, read_facts

MAY_CHANGE = ("trainer", "tracking")
"""Groups that the command line may override on resume, beside the PLACES of the data and of outputs."""
CALL_ONLY = ("resume", "strict", "trust")
"""Keys that belong to one call, not to the run."""
LISTED = 6
"""Differences that a message lists."""


def with_overrides(folder: Path, cfg: DictConfig, overrides: Sequence[str]) -> DictConfig:
    """Return the run's own configuration, with the overrides of the command line for trainer, tracking and PLACES.

    Raises UserError where the run's record is damaged or was written by a ganlab with other classes, and where an
    override would change the experiment.
    """
    facts = read_facts(folder)
    stored = stored_config(folder, cfg.trust)
    check_classes(f"resume={folder}", config_values(folder), facts)
    for override in overrides:
        key = override.lstrip("+~").partition("=")[0]
        if key in CALL_ONLY:
            continue
        if key == "trainer":
            raise UserError(f"{override}: when resuming, give the value instead, such as trainer.accelerator=cpu.")
        if key not in PLACES and key.split(".")[0].split("@")[0] not in MAY_CHANGE:
            raise UserError(
                f"{override}: a resumed run keeps its configuration; only {', '.join(MAY_CHANGE)}, "
                f"{', '.join(PLACES[:-1])} and {PLACES[-1]} may be overridden. For another experiment start a new run."
            )
        value = OmegaConf.select(cfg, key)
        # The run's own relative paths may begin in another folder than those of the command line.
        value = str(Path(value).expanduser().absolute()) if key in PLACES and value is not None else value
        OmegaConf.update(stored, key, value, force_add=True)
    _check_store(folder, stored, overrides)
    return stored


def _check_store(folder: Path, stored: DictConfig, overrides: Sequence[str]) -> None:
    """Raise UserError where the folder, and not the command line, says to which MLflow store or to W&B the run goes."""
    tracking = stored.get("tracking")
    if not OmegaConf.is_dict(tracking):
        return  # what is missing is named where the objects are built
    if tracking.get("wandb") == "online" and not any(each.startswith("tracking.wandb=") for each in overrides):
        raise UserError(
            f"resume={folder}: its configuration has tracking.wandb=online, and a folder may not decide where a run is "
            "sent. Say it again, tracking.wandb=online, or go on without it, tracking.wandb=null."
        )
    uri = tracking.get("uri")
    given = any(override.startswith("tracking.uri=") for override in overrides)
    if tracking.get("mlflow") and uri is not None and not given and uri != os.environ.get("MLFLOW_TRACKING_URI"):
        raise UserError(
            f"resume={folder}: its configuration has tracking.uri={masked(str(uri))}, and a folder may not decide "
            "where a run is sent. Give the store again, tracking.uri=<URI>, or continue without it, "
            "tracking.mlflow=false."
        )


def check_classes(run: str, stored: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Raise UserError where the configuration of a run names classes of ganlab that this version does not have.

    `run` names the run in the message, `facts` are those of its `run.json`.
    """
    targets = [str(node["_target_"]) for node in nodes_of(stored)]
    missing = [target for target in targets if target.startswith("ganlab.") and not _exists(target)]
    if missing:
        raise UserError(
            f"{run}: this run was made by ganlab {facts.get('version', 'of an unknown version')}, code "
            f"{facts.get('git_commit') or 'unknown'}, and cannot continue with this version, which has no "
            f"{missing[0]}. Use that version to resume it; ganlab.sample and ganlab.evaluate can read it with this "
            "one."
        )


def _exists(target: str) -> bool:
    module, _, name = target.rpartition(".")
    try:
        return hasattr(import_module(module), name)
    except ModuleNotFoundError:
        return False


def check_same(folder: Path, values: Mapping[str, Any], text: str) -> None:
    """Raise UserError where a folder already holds a run of another configuration than these plain values.

    `text` is what they are stored as, without secrets. A job that a cluster queues again, and a sweep that is started
    again, return to their folders without `resume`.
    """
    stored = config_values(folder)
    resolved = {key for key, _, _ in _differences(stored, values)}
    differences = [
        f"  {key}: {masked(repr(before))} there, {masked(repr(now))} here"
        for key, before, now in _differences(stored, parsed(text))
        if key in resolved and key.split(".")[0] not in (*MAY_CHANGE, *CALL_ONLY) and key != "dataset.download"
    ]
    if differences:
        raise UserError(
            f"{folder} holds a run of another configuration ({len(differences)} differences):\n"
            + "\n".join(differences[:LISTED])
            + "\nChoose another folder with hydra.run.dir or hydra.sweep.dir."
        )


def _differences(before: Any, now: Any, above: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in {**before, **now}:
            yield from _differences(before.get(key), now.get(key), f"{above}.{key}".lstrip("."))
    elif before != now:
        yield above, before, now
