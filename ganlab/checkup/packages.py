"""Whether the packages of ganlab are installed, in accepted versions, and can be imported.

They are imported in another process: a broken package may end Python, not only raise.
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

from ganlab.checkup.finding import Finding, note, ok, wrong
from ganlab.core.names import first_few
from ganlab.core.settings import HERE

LOCKS = ("requirements.lock", "requirements-torch.lock")
MODULES = (
    *("torch", "?torchvision", "numpy", "scipy", "pandas", "sklearn", "matplotlib", "PIL", "yaml", "requests", "tqdm"),
    *("jinja2", "wfdb", "safetensors", "pytorch_lightning", "tensorboard", "mlflow"),
)
"""Imported in this order; one with a question mark only where it is installed."""
DISTRIBUTIONS = {"sklearn": "scikit-learn", "PIL": "pillow", "yaml": "pyyaml", "pytorch_lightning": "pytorch-lightning"}
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
    """The result of importing: by module the first line of the error, None where it worked, and torch's GPU."""

    errors: dict[str, str | None] = field(default_factory=dict)
    gpu: dict[str, Any] | None = None


def try_imports(modules: tuple[str, ...] = MODULES, timeout_s: float = 300) -> Tried:
    """Import modules in another process. One that ends the process or takes longer is named; the rest is not tried."""
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
    """Return a finding for each package that cannot be imported; errors that torchvision causes are put to it."""
    broken = {name: error for name, error in tried.errors.items() if error is not None}
    vision = broken.pop("torchvision", None)
    findings = []
    if vision is not None:
        lightning = broken.get("pytorch_lightning")
        breaks = f"; pytorch_lightning imports it through torchmetrics and breaks: {lightning}" if lightning else ""
        if lightning and ("torchvision" in lightning or lightning == vision):
            del broken["pytorch_lightning"]
        findings.append(
            wrong(
                "torchvision",
                f"does not fit the installed torch: {vision}{breaks}",
                "ganlab does not need torchvision: pip uninstall torchvision, or install the version for this torch",
            )
        )
    again = "Install it again: make setup, or pip install --force-reinstall --no-deps"
    findings += [
        wrong(name, f"cannot be imported: {error}", f"{again} {DISTRIBUTIONS.get(name, name)}")
        for name, error in broken.items()
    ]
    return findings or [ok("imports", f"{len(tried.errors)} packages can be imported")]


def needed(project: Path | None = None) -> list[Requirement]:
    """Return the requirements of pyproject.toml, or of the installed package; those of extras have a marker."""
    file = HERE.parent / "pyproject.toml" if project is None else project
    if not file.is_file():
        return [Requirement(line) for line in requires("ganlab") or []]
    table = tomllib.loads(file.read_text())["project"]
    extras = table.get("optional-dependencies", {}).items()
    lines = [*table["dependencies"], *(f'{line}; extra == "{name}"' for name, group in extras for line in group)]
    return [Requirement(line) for line in lines]


def installed(name: str) -> str | None:
    """Return the version of a package; None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def versions(requirements: list[Requirement]) -> list[Finding]:
    """Return a finding for each package that is missing or outside its range, and a note for each missing extra."""
    findings = []
    for requirement in requirements:
        version_here, extra = installed(requirement.name), _extra(requirement)
        command = f'pip install "{requirement.name}{requirement.specifier}"'
        if version_here is None and extra is None:
            findings.append(wrong(requirement.name, "is not installed", command))
        elif version_here is not None and not requirement.specifier.contains(version_here, prereleases=True):
            message = f"{version_here} is installed, accepted is {requirement.specifier}"
            findings.append(wrong(requirement.name, message, command))
    return [*(findings or [ok("versions", "all within the accepted ranges")]), *_extras(requirements)]


def _extras(requirements: list[Requirement]) -> list[Finding]:
    missing: dict[str, list[str]] = {}
    for requirement in requirements:
        extra = _extra(requirement)
        if extra not in (None, "dev") and installed(requirement.name) is None:
            missing.setdefault(str(extra), []).append(requirement.name)
    return [
        note(f"extra {extra}", f"{first_few(names)} not installed", f'To use it: pip install "ganlab[{extra}]"')
        for extra, names in missing.items()
    ]


def _extra(requirement: Requirement) -> str | None:
    extra = re.search(r"extra == ['\"]([^'\"]+)", str(requirement.marker or ""))
    return extra[1] if extra else None


def unlike_lock(folder: Path = HERE.parent) -> list[Finding]:
    """Return a note on packages in other versions than the tested ones; nothing where there is no lock."""
    locked: dict[str, str] = {}
    for file in LOCKS:
        if (folder / file).is_file():
            locked |= dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", (folder / file).read_text(), re.MULTILINE))
    unlike = [
        f"{canonicalize_name(name)} {version_here} (tested: {locked_version})"
        for name, locked_version in locked.items()
        if (version_here := installed(name)) is not None and not _same(version_here, locked_version)
    ]
    if not locked:
        return []
    if not unlike:
        return [ok("lock", "the installed versions are those that were tested")]
    return [
        note(
            "lock",
            f"{len(unlike)} versions differ from the tested ones: {first_few(unlike)}",
            "make setup restores them",
        )
    ]


def _same(one: str, other: str) -> bool:
    """Return whether versions are equal up to the local part: torch 2.13.0+cpu is torch 2.13.0."""
    try:
        return Version(one).public == Version(other).public
    except InvalidVersion:
        return one == other
