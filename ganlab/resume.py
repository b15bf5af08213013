"""Going on with a run in its folder, with its configuration."""

import json
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from ganlab.errors import UserError

MAY_CHANGE = ("trainer", "tracking")


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
        if key == "resume":
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
