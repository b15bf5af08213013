"""Where the configuration lies, and how a run's folder is named. Light: every command imports it before main."""

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from omegaconf import OmegaConf

import ganlab.core.hydra_copies  # noqa: F401  (a quicker --help)

HERE = Path(__file__).resolve().parent.parent
"""The package's folder."""
CONF = str(HERE / "conf" if (HERE / "conf").is_dir() else HERE.parent / "conf")
"""In a wheel the conf folder lies in the package, in a checkout beside it."""

os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
"""MLflow would run what a model's pickle says; nothing here needs that, nor may a process that a run starts."""

LONGEST_NAME = 100


def own_launchers() -> None:
    """Let `conf/hydra` stand in for the plugins' settings of the same names, with which Hydra refuses to merge it.

    Not at import: Hydra looks for its plugins here, as it does at the start of a command.
    """
    Plugins.instance()
    registered = ConfigStore.instance().repo.get("hydra", {})
    for file in Path(CONF, "hydra").glob("*/*.yaml"):
        registered.get(file.parent.name, {}).pop(file.name, None)


def plain(text: str) -> str:
    """Overrides as a folder name: no `=`, no `,`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", str(text)).strip("-")[:LONGEST_NAME] or "defaults"


def run_folder(resume: str | None, outputs: str, now: str, choices: Mapping[str, Any]) -> str:
    """The folder that is resumed, or a new one named after time, data set, arrangement and networks.

    Ends the program where `resume` is no run folder: Hydra would make a folder of that name before main.
    """
    if resume and not (Path(resume) / "config.yaml").is_file():
        raise SystemExit(f"resume={resume}: no config.yaml there, so it is no run folder. Runs lie in {outputs}/runs.")
    if resume:
        return str(resume)
    what = "-".join(str(choices.get(group)) for group in ("dataset", "arrangement", "architecture"))
    return f"{outputs}/runs/{now}_{plain(what)}"


def writable(outputs: str) -> str:
    """The folder of outputs. Ends the program where nothing can be written there: Hydra would fail in its own words."""
    try:
        Path(outputs).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=outputs):
            return outputs
    except OSError as error:
        raise SystemExit(f"outputs={outputs}: cannot be written ({error.strerror}); outputs=<another>.") from None


def hydra_subdir(resume: str | None, now: str) -> str:
    """Hydra's own record of a resumed run stands beside the first one's."""
    return f".hydra/resumed_{now}" if resume else ".hydra"


def held(dataset: str) -> str:
    """The data set, or its stand-in where GANLAB_STAND_INS is set and GANLAB_DATA has no folder of that name."""
    there = (Path(os.environ.get("GANLAB_DATA", "data")) / dataset).is_dir()
    return f"{dataset}_sim" if os.environ.get("GANLAB_STAND_INS") and not there else dataset


def batches(images: int, batch_size: int) -> int:
    """How many batches hold that many images, at least one."""
    return max(1, images // batch_size)


def gpu_precision() -> str:
    """bf16-mixed where the GPU computes in it, which it did not before NVIDIA's Ampere; else 32-true.

    What a GPU only emulates is slower, not faster.
    """
    import torch

    has = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16-mixed" if has else "32-true"


OmegaConf.register_new_resolver("gpu_precision", gpu_precision, replace=True)
OmegaConf.register_new_resolver("plain", plain, replace=True)
OmegaConf.register_new_resolver("run_folder", run_folder, replace=True)
OmegaConf.register_new_resolver("writable", writable, replace=True)
OmegaConf.register_new_resolver("hydra_subdir", hydra_subdir, replace=True)
OmegaConf.register_new_resolver("len", len, replace=True)
OmegaConf.register_new_resolver("keys", list, replace=True)
OmegaConf.register_new_resolver("held", held, replace=True)
OmegaConf.register_new_resolver("batches", batches, replace=True)
