"""Going on with a run in its folder, with its configuration."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ganlab.core.errors import UserError

MAY_CHANGE = ("trainer", "tracking")
OF_THE_CALL = ("resume", "strict")
"""Said of one call, not of the run."""
SHOWN = 6


def with_overrides(folder: Path, cfg: DictConfig, overrides: Sequence[str]) -> DictConfig:
    """The run's own configuration, with the trainer and tracking overrides of the command line.

    Raises UserError where it was begun elsewhere, or where an override would change the experiment.
    """
    facts = json.loads((folder / "run.json").read_text())
    if Path(facts["working_folder"]) != Path.cwd():
        raise UserError(
            f"resume={folder}: this run was begun in {facts['working_folder']}, and its configuration names data and "
            "outputs from there. Resume it in that folder."
        )
    stored = OmegaConf.load(folder / "config.yaml")
    assert isinstance(stored, DictConfig)
    for override in overrides:
        key = override.lstrip("+~").partition("=")[0]
        if key in OF_THE_CALL:
            continue
        if key == "trainer":
            raise UserError(f"{override}: on resume name the value instead, such as trainer.accelerator=cpu.")
        if key.split(".")[0].split("@")[0] not in MAY_CHANGE:
            raise UserError(
                f"{override}: a resumed run keeps its config; only {' and '.join(MAY_CHANGE)} may be overridden. "
                "For another experiment begin a new run."
            )
        OmegaConf.update(stored, key, OmegaConf.select(cfg, key), force_add=True)
    return stored


def check_same(folder: Path, values: Mapping[str, Any]) -> None:
    """Raise UserError where a folder already holds a run of another configuration than these plain values.

    A job that a cluster queues again, and a sweep that is started again, come back to their folders without `resume`.
    """
    stored = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"), resolve=True)
    assert isinstance(stored, dict)
    differences = [
        f"  {key}: {before!r} there, {now!r} here"
        for key, before, now in _differences(stored, values)
        if key.split(".")[0] not in (*MAY_CHANGE, *OF_THE_CALL)
    ]
    if differences:
        raise UserError(
            f"{folder} holds a run of another configuration ({len(differences)} differences):\n"
            + "\n".join(differences[:SHOWN])
            + "\nAnother folder, hydra.run.dir or hydra.sweep.dir, keeps both."
        )


def _differences(before: Any, now: Any, above: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in {**before, **now}:
            yield from _differences(before.get(key), now.get(key), f"{above}.{key}".lstrip("."))
    elif before != now:
        yield above, before, now
