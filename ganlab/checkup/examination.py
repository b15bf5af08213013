"""All checks, in the order in which their lines are read."""

import os
from collections.abc import Iterator
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from ganlab.checkup.data import data
from ganlab.checkup.finding import Finding
from ganlab.checkup.folders import left_behind, locks, room, writable
from ganlab.checkup.gpu import gpu
from ganlab.checkup.packages import imports, needed, try_imports, unlike_lock, versions
from ganlab.checkup.store import store


def examine(cfg: DictConfig, dataset: str) -> Iterator[Finding]:
    """What there is to say of this installation, line by line; the slowest comes last."""
    outputs, cache = Path(cfg.outputs), Path(cfg.cache)
    yield from versions(needed())
    yield from unlike_lock()
    for folder, override in ((outputs, "outputs"), (cache, "cache")):
        yield from writable(folder, override)
        yield from room(folder, override, cfg.least_free_gb)
    values = OmegaConf.to_container(cfg.dataset, resolve=True, throw_on_missing=False)
    assert isinstance(values, dict)
    described = {str(key): value for key, value in values.items()}
    yield from locks(_lock_files(outputs, cache, described.get("root")))
    yield from left_behind(outputs, cache)
    yield from store(cfg.tracking_uri, outputs, cfg.timeout_s)
    yield from data(dataset, described)
    tried = try_imports(timeout_s=cfg.import_timeout_s)
    yield from imports(tried)
    yield from gpu(tried.gpu)


def _lock_files(outputs: Path, cache: Path, root: str | None) -> list[Path]:
    found = [outputs / ".mlflow.lock", *(sorted(cache.glob("*.lock")) if cache.is_dir() else [])]
    # A folder of data may be for reading alone.
    data_too = root is not None and os.access(Path(root).expanduser(), os.W_OK)
    return [*found, *([Path(str(root)).expanduser() / ".download.lock"] if data_too else [])]
