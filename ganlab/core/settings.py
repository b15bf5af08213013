"""Where the configuration lies, and how a run's folder is named. Light: every command imports it before main."""

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

import ganlab.core.hydra_copies  # noqa: F401  (a quicker --help)
from ganlab.core.masking import without_addresses

HERE = Path(__file__).resolve().parent.parent
"""The package's folder."""
CONF = str(HERE / "conf" if (HERE / "conf").is_dir() else HERE.parent / "conf")
"""In a wheel the conf folder lies in the package, in a checkout beside it."""

WEIGHTS = HERE / "weights" if (HERE / "weights").is_dir() else HERE.parent / "weights"
"""Generators that come with ganlab, in a wheel in the package, in a checkout beside it."""

os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
"""MLflow would run what a model's pickle says; nothing here needs that, nor may a process that a run starts."""

LONGEST_NAME = 100
HYDRA = ".hydra"
"""Folder of Hydra's own record of a call, in a run's folder."""


def own_launchers() -> None:
    """Keep out of Hydra's store what `conf` has a file of: Hydra does not merge a plugin's settings with ours.

    Called when a command is imported, also in a job of a sweep, whose launcher loads the plugins once more.
    """
    store = ConfigStore.store

    def store_others(self: ConfigStore, name: str, node: Any, group: str | None = None, **more: Any) -> None:
        if not Path(CONF, group or ".", name).with_suffix(".yaml").is_file():
            store(self, name, node, group, **more)

    ConfigStore.store = store_others  # type: ignore[method-assign, assignment]
    stored = ConfigStore.instance().repo.get("hydra", {})
    for file in Path(CONF, "hydra").glob("*/*.yaml"):
        stored.get(file.parent.name, {}).pop(file.name, None)


def plain(text: str) -> str:
    """Return overrides as a folder name, without `=` and `,`; of a path its last part, since stores show the name."""
    text = re.sub(r"((?:root|file|people|cache)=|=['\"]?(?=[~/.]))[^,=]*/", r"\1", without_addresses(str(text)))
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-")[:LONGEST_NAME] or "defaults"


def run_folder(resume: str | None, outputs: str, now: str, choices: Mapping[str, Any], seed: int = 0) -> str:
    """Return the folder that is resumed, or a new one named after time, data, arrangement, networks, tricks and seed.

    Ends the program where `resume` is no run folder: Hydra would make a folder of that name before main.
    """
    if resume and not (Path(resume) / "config.yaml").is_file():
        raise SystemExit(
            f"resume={resume}: no config.yaml there, so it is not a run folder. Runs are in {outputs}/runs."
        )
    if resume:
        _refuse_links(Path(resume))
        return str(resume)
    writable(outputs)
    chosen = [str(choices.get(group)) for group in ("dataset", "arrangement", "architecture", "trick")]
    what = "-".join([*(each for each in chosen if each not in ("none", "None")), f"seed{seed}"])
    return f"{outputs}/runs/{now}_{plain(what)}"


def _refuse_links(folder: Path) -> None:
    """End the program where anything in a run's folder is a link: files would be written and removed where it leads."""
    links = [ascii(str(path.relative_to(folder))) for path in folder.rglob("*") if path.is_symlink()]
    if links:
        raise SystemExit(f"resume={folder}: {links[0]} is a link, and a run has no links. Copy the complete folder.")


def writable(outputs: str) -> str:
    """Return the folder of outputs. Ends the program where it cannot be written, before Hydra fails there."""
    check_writable(outputs, "outputs")
    Path(outputs).mkdir(parents=True, exist_ok=True)
    return outputs


def check_writable(folder: str, setting: str) -> None:
    """End the program where a folder, or the nearest one above it that exists, cannot be written."""
    if not isinstance(folder, str):
        raise SystemExit(f"{setting}={folder}: accepted is the path of a folder.")
    path = Path(folder).absolute()
    try:
        with tempfile.TemporaryFile(dir=next(each for each in (path, *path.parents) if each.is_dir())):
            return
    except OSError as error:
        raise SystemExit(f"{setting}={folder}: cannot be written ({error.strerror}); {setting}=<another>.") from None


def hydra_subdir(folder: str, now: str) -> str:
    """Return the subfolder of Hydra's record of a call, another one for each later call on a run's folder."""
    return f"{HYDRA}/resumed_{now}" if (Path(folder) / HYDRA).exists() else HYDRA


def held(dataset: str) -> str:
    """Return the data set, or its simulation where GANLAB_STAND_INS is set and GANLAB_DATA has no such folder."""
    exists = (Path(os.environ.get("GANLAB_DATA", "data")) / dataset).is_dir()
    return f"{dataset}_sim" if os.environ.get("GANLAB_STAND_INS") and not exists else dataset


def batches(images: int, batch_size: int) -> int:
    """Return how many batches hold that many images, at least one."""
    return max(1, images // batch_size)


def gpu_precision() -> str:
    """Return bf16-mixed where the GPU computes in it (NVIDIA's Ampere and later), else 32-true.

    A GPU that only emulates it is slower with it.
    """
    import torch

    has = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16-mixed" if has else "32-true"


def keys(columns: Mapping[Any, Any]) -> list[str]:
    """Return the names of the numbers of a table's declared columns: a category has one for each value."""
    from ganlab.core.columns import columns_of

    return [column.name for column in columns_of(columns)]


RESOLVERS: dict[str, Callable[..., Any]] = {
    **{"gpu_precision": gpu_precision, "plain": plain, "run_folder": run_folder, "writable": writable},
    **{"hydra_subdir": hydra_subdir, "len": len, "keys": keys, "held": held, "batches": batches},
}
"""Functions that configurations call, as in `${batches:1000,30}`."""

for name, resolver in RESOLVERS.items():
    OmegaConf.register_new_resolver(name, resolver, replace=True)
