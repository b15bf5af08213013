"""What is wrong with an installation, in a line each, and what to do."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from ganlab.checkup.data import data
from ganlab.checkup.finding import Finding
from ganlab.checkup.folders import left_behind, locks, room, writable
from ganlab.checkup.gpu import gpu
from ganlab.checkup.packages import imports, needed, try_imports, unlike_lock, versions
from ganlab.checkup.store import store
from ganlab.command.entry import arguments


def main(cfg: DictConfig) -> None:
    """Print the lines; exit code 0 where nothing is wrong, 1 otherwise. Nothing heavy is imported in this process."""
    wrong = 0
    dataset: Any = OmegaConf.to_container(cfg.dataset, resolve=True, throw_on_missing=False)
    dataset_name = HydraConfig.get().runtime.choices["dataset"]
    for finding in examine(**arguments(cfg) | {"dataset": dataset, "dataset_name": dataset_name}):
        print(finding, flush=True)
        wrong += finding.state == "wrong"
    print(f"{wrong} wrong" if wrong else "nothing is wrong")
    sys.exit(1 if wrong else 0)


def examine(
    *,
    outputs: str,
    cache: str,
    dataset: Mapping[str, Any],
    dataset_name: str,
    tracking_uri: str | None,
    timeout_s: float,
    import_timeout_s: float,
    least_free_gb: float,
) -> Iterator[Finding]:
    """Yield the findings of this installation; the slowest comes last."""
    yield from versions(needed())
    yield from unlike_lock()
    for folder, override in ((Path(outputs), "outputs"), (Path(cache), "cache")):
        yield from writable(folder, override)
        yield from room(folder, override, least_free_gb)
    yield from locks(_lock_files(Path(outputs), Path(cache), dataset.get("root")))
    yield from left_behind(Path(outputs), Path(cache))
    yield from store(tracking_uri, Path(outputs), timeout_s)
    yield from data(dataset_name, dataset)
    tried = try_imports(timeout_s=import_timeout_s)
    yield from imports(tried)
    yield from gpu(tried.gpu)


def _lock_files(outputs: Path, cache: Path, root: str | None) -> list[Path]:
    files = [outputs / ".mlflow.lock", *(sorted(cache.glob("*.lock")) if cache.is_dir() else [])]
    # A data folder may be read-only.
    if root is not None and os.access(folder := Path(str(root)).expanduser(), os.W_OK):
        files.append(folder / ".download.lock")
    return files
