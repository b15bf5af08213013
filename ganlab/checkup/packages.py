"""Whether what ganlab imports is there, in versions that it takes, and can be imported; in a process of its own.

A broken package may end Python, not only raise: what is tried out is tried out elsewhere.
"""

import json
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ganlab.checkup.finding import Finding, some
from ganlab.core.settings import HERE

LOCKS = ("requirements.lock", "requirements-torch.lock")
MODULES = (
    *("torch", "?torchvision", "numpy", "scipy", "pandas", "sklearn", "matplotlib", "PIL", "yaml", "requests", "tqdm"),
    *("wfdb", "safetensors", "pytorch_lightning", "tensorboard", "mlflow"),
)
"""In this order; one with a question mark only where it is installed."""
MARK = "ganlab.doctor "
TRY = """
import importlib, importlib.util, json, sys

def tell(**facts):
    print("\\nganlab.doctor " + json.dumps(facts), flush=True)

for name in sys.argv[1:]:
    optional, name = name.startswith("?"), name.lstrip("?")
    if optional and importlib.util.find_spec(name) is None:
        continue
    tell(begun=name)
    try:
        module = importlib.import_module(name)
        if name == "torch":
            gpu = {"torch": module.__version__, "cuda": module.version.cuda}
            tell(gpu={**gpu, "available": module.cuda.is_available(), "count": module.cuda.device_count()})
    except BaseException as error:
        tell(name=name, error=f"{type(error).__name__}: {error}".strip().splitlines()[0])
    else:
        tell(name=name, error=None)
"""


@dataclass
class Tried:
    """What came of importing: the first line of the error by module, None where there was none, and torch's GPU."""

    errors: dict[str, str | None] = field(default_factory=dict)
    gpu: dict[str, Any] | None = None


def try_imports(modules: tuple[str, ...] = MODULES, timeout_s: float = 300) -> Tried:
    """Import them in another process. One that ends the process, or takes longer, is named; the rest is not tried."""
    command = [sys.executable, "-c", TRY, *modules]
    ended = f"takes longer than {timeout_s:g} s to import"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
        text, ended = done.stdout, f"ends Python with exit code {done.returncode}"
    except subprocess.TimeoutExpired as late:
        text = late.stdout.decode() if isinstance(late.stdout, bytes) else late.stdout or ""
    tried, begun = Tried(), None
    for line in text.splitlines():
        if not line.startswith(MARK):
            continue
        facts = json.loads(line.removeprefix(MARK))
        begun = facts.get("begun", begun)
        tried.gpu = facts.get("gpu", tried.gpu)
        if "name" in facts:
            tried.errors[facts["name"]] = facts["error"]
    if begun is not None and begun not in tried.errors:
        tried.errors[begun] = ended
    return tried


def imports(tried: Tried) -> list[Finding]:
    """A line for each package that cannot be imported; torchvision's is the cause of what names it."""
    broken = {name: error for name, error in tried.errors.items() if error is not None}
    vision = broken.pop("torchvision", None)
    findings = []
    if vision is not None:
        lightning = broken.get("pytorch_lightning")
        breaks = f"; pytorch_lightning imports it through torchmetrics and breaks: {lightning}" if lightning else ""
        if lightning and ("torchvision" in lightning or lightning == vision):
            del broken["pytorch_lightning"]
        findings.append(
            Finding(
                "wrong",
                "torchvision",
                f"does not fit the installed torch: {vision}{breaks}",
                "ganlab needs no torchvision: pip uninstall torchvision, or install the one made for this torch",
            )
        )
    again = "Install it again: make setup, or pip install --force-reinstall --no-deps"
    findings += [
        Finding("wrong", name, f"cannot be imported: {error}", f"{again} {_distribution(name)}")
        for name, error in broken.items()
    ]
    return findings or [Finding("ok", "imports", f"{len(tried.errors)} packages can be imported")]


def _distribution(module: str) -> str:
    others = {"sklearn": "scikit-learn", "PIL": "pillow", "yaml": "pyyaml", "pytorch_lightning": "pytorch-lightning"}
    return others.get(module, module)


def needed(project: Path | None = None) -> list[Requirement]:
    """What ganlab asks for: of pyproject.toml in a checkout, of the installed package elsewhere; extras as markers."""
    file = HERE.parent / "pyproject.toml" if project is None else project
    if not file.is_file():
        return [Requirement(line) for line in requires("ganlab") or []]
    table = tomllib.loads(file.read_text())["project"]
    extras = table.get("optional-dependencies", {}).items()
    lines = [*table["dependencies"], *(f'{line}; extra == "{name}"' for name, group in extras for line in group)]
    return [Requirement(line) for line in lines]


def installed(name: str) -> str | None:
    """Its version; None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def versions(requirements: list[Requirement]) -> list[Finding]:
    """A line for each package that is missing or outside its range; extras that are missing are for information."""
    findings = []
    for requirement in requirements:
        there, extra = installed(requirement.name), _extra(requirement)
        asked = f'pip install "{requirement.name}{requirement.specifier}"'
        if there is None and extra is None:
            findings.append(Finding("wrong", requirement.name, "is not installed", asked))
        elif there is not None and not requirement.specifier.contains(there, prereleases=True):
            said = f"{there} is installed, accepted is {requirement.specifier}"
            findings.append(Finding("wrong", requirement.name, said, asked))
    return [*(findings or [Finding("ok", "versions", "all within the accepted ranges")]), *_extras(requirements)]


def _extras(requirements: list[Requirement]) -> list[Finding]:
    missing: dict[str, list[str]] = {}
    for requirement in requirements:
        extra = _extra(requirement)
        if extra not in (None, "dev") and installed(requirement.name) is None:
            missing.setdefault(str(extra), []).append(requirement.name)
    return [
        Finding(
            "note",
            f"extra {extra}",
            f"{some(names)} not installed",
            f'Where it is wanted: pip install "ganlab[{extra}]"',
        )
        for extra, names in missing.items()
    ]


def _extra(requirement: Requirement) -> str | None:
    found = re.search(r"extra == ['\"]([^'\"]+)", str(requirement.marker or ""))
    return found[1] if found else None


def unlike_lock(folder: Path = HERE.parent) -> list[Finding]:
    """A note with the packages whose versions are not those that were tested; silent where there is no lock."""
    locked: dict[str, str] = {}
    for file in LOCKS:
        if (folder / file).is_file():
            locked |= dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", (folder / file).read_text(), re.MULTILINE))
    unlike = [
        f"{canonicalize_name(name)} {there} (tested: {wanted})"
        for name, wanted in locked.items()
        if (there := installed(name)) is not None and not _same(there, wanted)
    ]
    if not locked:
        return []
    if not unlike:
        return [Finding("ok", "lock", "the installed versions are those that were tested")]
    return [
        Finding(
            "note", "lock", f"{len(unlike)} other versions than were tested: {some(unlike)}", "make setup restores them"
        )
    ]


def _same(there: str, wanted: str) -> bool:
    """Up to the local part: torch 2.13.0+cpu is torch 2.13.0."""
    try:
        return Version(there).public == Version(wanted).public
    except InvalidVersion:
        return there == wanted
