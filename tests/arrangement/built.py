"""Choices of the config groups, built with a stand-in for the data set that some of them ask."""

from typing import Any

from hydra.utils import instantiate
from omegaconf import OmegaConf

import ganlab.core.settings  # noqa: F401  registers the resolvers
from tests.conftest import ROOT

BINARY = (
    *("Sex", "On_thyroxine", "Query_on_thyroxine", "On_antithyroid_medication", "Sick", "Pregnant", "Thyroid_surgery"),
    *("I131_treatment", "Query_hypothyroid", "Query_hyperthyroid", "Lithium", "Goitre", "Tumor", "Hypopituitary"),
    "Psych",
)
CONTINUOUS = ("Age", "TSH", "T3", "TT4", "T4U", "FTI")
THYROID = ("Age", *BINARY, *CONTINUOUS[1:])
DATASET = {
    "columns": {name: {"low": 0.1, "high": 0.9} if name in CONTINUOUS else {"binary": True} for name in THYROID},
    "channels": 1,
    "height": 12,
    "width": 10,
}


def names(group: str) -> list[str]:
    """The choices of a group."""
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


def built(overrides: str = "", **choices: str) -> dict[str, Any]:
    """The objects of one choice a group; `overrides` are separated by spaces."""
    cfg = OmegaConf.create({"dataset": DATASET})
    for group, name in choices.items():
        cfg[group] = OmegaConf.load(ROOT / "conf" / group / f"{name}.yaml")
    cfg.merge_with_dotlist(overrides.split())
    return {group: instantiate(cfg[group]) for group in choices}


def arranged(name: str, overrides: str = "") -> Any:
    """The arrangement of that name."""
    return built(overrides, arrangement=name)["arrangement"]
