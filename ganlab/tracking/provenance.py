"""What a run's bits depend on: configuration, code, versions, data, machine. Each as a hash or a plain value.

The same configuration, data, versions and machine give the same weights, bit for bit; `ganlab.reproduce` shows it.
"""

import hashlib
import json
import os
import platform
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distributions, requires, version
from pathlib import Path
from typing import Any

import torch

from ganlab.core.settings import CONF, HERE
from ganlab.core.spread import evenly
from ganlab.dataset.module import Data
from ganlab.dataset.samples import FITTED_VALUES

WITHOUT_EFFECT = {"cache", "outputs", "resume", "root", "tracking", "num_workers", "enable_progress_bar"}
"""Keys, at any depth, that change where and how a run is made, not what comes out. What is in `root` has its hash."""

READ = 64
"""Samples that are read together to be hashed."""


def provenance(config: Mapping[str, Any], data: Data) -> dict[str, Any]:
    """Of a run that begins now. Nothing of it names a person, a file of the data, or a machine."""
    return {
        "config": config_hash(config),
        "code": code_hash(),
        "lock": _hash_of(lock) if (lock := HERE.parent / "requirements.lock").is_file() else None,
        "packages": packages(),
        "installed": _hash(sorted(map(_named, distributions()))),
        "data": data_facts(data),
        "machine": machine(),
    }


def config_hash(config: Mapping[str, Any]) -> str:
    """Of all values that may change what comes out."""
    return _hash([json.dumps(_with_effect(config), sort_keys=True)])


def _with_effect(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_effect(inner) for key, inner in value.items() if key not in WITHOUT_EFFECT}
    return [_with_effect(inner) for inner in value] if isinstance(value, list) else value


def code_hash() -> str:
    """Of the package's own files, changed ones included: git's commit does not know those."""
    return _hash(
        part
        for folder, ending in ((HERE, "*.py"), (Path(CONF), "*.yaml"))
        for file in sorted(folder.rglob(ending))
        for part in (file.relative_to(folder).as_posix(), file.read_bytes())
    )


def packages() -> dict[str, str | None]:
    """Versions of Python and of what ganlab needs directly."""
    try:
        needed = [re.split(r"[^A-Za-z0-9._-]", line)[0] for line in requires("ganlab") or [] if "extra ==" not in line]
    except PackageNotFoundError:
        needed = ["torch", "pytorch-lightning", "numpy", "scipy"]
    return {"python": platform.python_version(), **{name: _version(name) for name in sorted({*needed, "torch"})}}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _named(found: Distribution) -> str:
    """Name and version of what is installed; its metadata as a whole would take long to parse."""
    text = found.read_text("METADATA") or found.read_text("PKG-INFO") or ""
    said = dict(re.findall(r"^(Name|Version): *(.*?)\s*$", text.partition("\n\n")[0], re.MULTILINE))
    return f"{said.get('Name')}=={said.get('Version')}"


def data_facts(data: Data) -> dict[str, Any]:
    """Two hashes: of who is there (names, persons, labels, the split), and of the samples' values, all or many of them.

    The values are those of samples spread evenly, as many as a standardization is fitted to; `of` says how many. Where
    that is not all of them, a change in another one is not seen here.
    """
    assert data.split is not None
    members = [f"{member.name}\t{member.patient}\t{member.label}" for member in data.collected.members]
    parts = json.dumps({name: list(people) for name, people in data.split.parts.items()}, sort_keys=True)
    samples = data.collected.judged
    count = min(len(samples), max(1, FITTED_VALUES // samples[0].sample.numel()))
    shown = evenly(count, len(samples))
    values = hashlib.sha256()
    for start in range(0, len(shown), READ):
        batch = samples.__getitems__(shown[start : start + READ].tolist())
        for sample, label in zip(batch.sample.numpy(), batch.label.tolist(), strict=True):
            values.update(sample.tobytes())
            values.update(label.to_bytes(8, "little", signed=True))
    return {
        "members": _hash([*members, parts]),
        "values": values.hexdigest(),
        "of": f"{len(shown)} of {len(samples)} {data.kind.noun}s",
    }


def machine() -> dict[str, Any]:
    """Its kind, not its name: what arithmetic depends on."""
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "gpus": gpus,
    }


def _processor() -> str:
    """The model, as Linux names it."""
    try:
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor()


def _hash_of(file: Path) -> str:
    return _hash([file.read_bytes()])


def _hash(parts: Iterable[str | bytes]) -> str:
    """SHA-256 of the parts, each with its length before it."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "little") + raw)
    return digest.hexdigest()
