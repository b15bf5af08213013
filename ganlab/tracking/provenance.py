"""The provenance of a run: configuration, code, versions, data and machine, each as a hash or a plain value.

The same provenance gives the same weights, bit for bit; `ganlab.reproduce` shows it.
"""

import hashlib
import json
import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distributions, requires, version
from pathlib import Path
from typing import Any

import torch

from ganlab.core.settings import CONF, HERE
from ganlab.core.spread import evenly
from ganlab.dataset.module import Data
from ganlab.dataset.samples import FITTED_VALUES
from ganlab.split.base import Member, Split

WITHOUT_EFFECT = {
    *("cache", "outputs", "resume", "root", "file", "tracking", "trust", "num_workers", "enable_progress_bar"),
}
"""Keys, at any depth, that do not change the results of a run. The data in `root` or `file` have their own hash."""

READ = 64
"""Samples that are read together for their hash."""


def provenance(config: Mapping[str, Any], data: Data) -> dict[str, Any]:
    """Return the provenance of a run that begins now. It names no patient, no file of the data and no machine."""
    return {
        "config": config_hash(config),
        "code": code_hash(),
        "lock": _hash([lock.read_bytes()]) if (lock := HERE.parent / "requirements.lock").is_file() else None,
        "packages": packages(),
        "installed": _hash(sorted(map(_named, distributions()))),
        "data": data_facts(data),
        "machine": machine(),
    }


def config_hash(config: Mapping[str, Any]) -> str:
    """Return the hash of all values that may change the results."""
    return _hash([json.dumps(_with_effect(config), sort_keys=True)])


def _with_effect(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_effect(inner) for key, inner in value.items() if key not in WITHOUT_EFFECT}
    return [_with_effect(inner) for inner in value] if isinstance(value, list) else value


def code_hash() -> str:
    """Return the hash of the package's own files, with changes that git's commit does not have."""
    return _hash(
        part
        for folder, ending in ((HERE, "*.py"), (HERE, "*.yaml"), (Path(CONF), "*.yaml"))
        for file in sorted(folder.rglob(ending))
        for part in (file.relative_to(folder).as_posix(), file.read_bytes())
    )


def packages() -> dict[str, str | None]:
    """Return the versions of Python and of ganlab's direct dependencies."""
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


def _named(installed: Distribution) -> str:
    """Name and version of an installed package; parsing all of its metadata would take long."""
    text = installed.read_text("METADATA") or installed.read_text("PKG-INFO") or ""
    fields = dict(re.findall(r"^(Name|Version): *(.*?)\s*$", text.partition("\n\n")[0], re.MULTILINE))
    return f"{fields.get('Name')}=={fields.get('Version')}"


def data_facts(data: Data) -> dict[str, Any]:
    """Return two hashes: of the members (names, patients, labels, the split), and of the samples' values.

    The values are those of samples spread evenly, as many as a standardization is fitted to; `of` tells how many. A
    change in another sample does not change the hash.
    """
    samples = data.collected.judged
    count = min(len(samples), max(1, FITTED_VALUES // samples[0].sample.numel()))
    chosen = evenly(count, len(samples))
    values = hashlib.sha256()
    for start in range(0, len(chosen), READ):
        batch = samples.__getitems__(chosen[start : start + READ].tolist())
        for sample, label in zip(batch.sample.numpy(), batch.label.tolist(), strict=True):
            values.update(sample.tobytes())
            values.update(bytes(label) if isinstance(label, list) else label.to_bytes(8, "little", signed=True))
    return {
        "members": members_hash(data.collected.members, data.split),
        "values": values.hexdigest(),
        "of": f"{len(chosen)} of {len(samples)} {data.kind.noun}s",
    }


def members_hash(members: Sequence[Member], split: Split) -> str:
    """Return the hash of names, patients and labels, and of who is in which part of the split."""
    lines = [f"{member.name}\t{member.patient}\t{member.label}" for member in members]
    parts = json.dumps({name: list(patients) for name, patients in split.parts.items()}, sort_keys=True)
    return _hash([*lines, parts])


def machine() -> dict[str, Any]:
    """Return the kind of the machine, which arithmetic depends on, not its name."""
    file = Path("/proc/cpuinfo")
    model = re.search(r"^model name\s*: (.*)$", file.read_text() if file.is_file() else "", re.MULTILINE)
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": model[1] if model else platform.processor(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "gpus": gpus,
    }


def _hash(parts: Iterable[str | bytes]) -> str:
    """SHA-256 of the parts, each with its length before it."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "little") + raw)
    return digest.hexdigest()
