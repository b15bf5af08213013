"""What setup installs: exact versions, each with hashes, that the ranges of pyproject.toml admit."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.conftest import ROOT

OF_SITE = "requirements-docs.lock"
"""For an environment of its own: `make docs` needs nothing of the others."""
HASHED = ("requirements.lock", "requirements-build.lock", OF_SITE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IMPORTED_AS = {"pytorch-lightning": "pytorch_lightning", "hydra-core": "hydra", "scikit-learn": "sklearn"}
IMPORTED_AS |= {"pillow": "PIL", "pyyaml": "yaml"}
NOT_LOCKED = {"ray", "docs", "wandb"}
"""Extras that no test installs."""
MALWARE = {"pytorch-lightning": ("2.6.2", "2.6.3")}


def entries(text: str) -> dict[str, tuple[str, list[str]]]:
    """Name to version and hashes. Raises ValueError for a line that is neither a pin, its hash nor a comment."""
    found: dict[str, tuple[str, list[str]]] = {}
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    for line in filter(None, text.splitlines()):
        pin, *hashes = line.split()
        name, equal, version = pin.partition("==")
        if not equal or not all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes):
            raise ValueError(line)
        found[canonicalize_name(name)] = (version, hashes)
    return found


def unhashed(text: str) -> list[str]:
    return [name for name, (_, hashes) in entries(text).items() if not hashes]


def locked(*only: str) -> dict[str, str]:
    files = only or ("requirements.lock", "requirements-build.lock", "requirements-torch.lock")
    return {name: pin[0] for file in files for name, pin in entries((ROOT / file).read_text()).items()}


@pytest.mark.parametrize("file", HASHED)
def test_every_line_but_torch_s_has_a_hash(file: str) -> None:
    text = (ROOT / file).read_text()
    assert unhashed(text) == []
    assert "torch" not in entries(text)
    assert "://" not in text
    assert unhashed(text + "more==1.0\n") == ["more"]
    with pytest.raises(ValueError, match="more"):
        entries(text + "more>=1.0\n")


def test_torch_alone_has_none() -> None:
    assert [*entries((ROOT / "requirements-torch.lock").read_text())] == ["torch"]


def outside(requirements: list[str], versions: dict[str, str]) -> list[str]:
    """Requirements that the locked versions do not meet, or that are not locked."""
    found = []
    for line in requirements:
        requirement = Requirement(line)
        version = versions.get(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version):
            found.append(f"{line}: {version}")
    return found


def test_the_ranges_admit_what_is_locked() -> None:
    groups = PROJECT["optional-dependencies"].items()
    extras = [line for name, lines in groups if name not in NOT_LOCKED for line in lines]
    assert outside([*PROJECT["dependencies"], *extras], locked()) == []
    assert outside(PROJECT["optional-dependencies"]["docs"], locked(OF_SITE)) == []
    assert outside(["numpy<2"], locked()) == [f"numpy<2: {locked()['numpy']}"]
    assert outside(["nowhere>=1"], locked()) == ["nowhere>=1: None"]


def test_the_ranges_admit_no_malware() -> None:
    for line in PROJECT["dependencies"]:
        requirement = Requirement(line)
        for version in MALWARE.get(requirement.name, ()):
            assert not requirement.specifier.contains(Version(version))


def test_what_is_locked_is_whole() -> None:
    """pip finds nothing missing among the locked packages, by what each installed one says that it needs."""
    from importlib.metadata import distribution

    versions, missing = locked(), []
    for name in versions:
        for line in distribution(name).requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                missing += [f"{name}: {one}" for one in outside([str(requirement).partition(";")[0]], versions)]
    assert missing == []


def modules(folder: Path) -> set[str]:
    found = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.split(".")[0])
    return found


def test_ganlab_needs_what_it_imports_and_imports_what_it_needs() -> None:
    needed = {Requirement(line).name for line in PROJECT["dependencies"]}
    needed = {IMPORTED_AS.get(name, name) for name in needed}
    optional = {"edfio", "neurokit2", "opacus", "pyarrow", "pydicom", "sdmetrics", "hydra_plugins", "wandb"}
    assert modules(ROOT / "ganlab") - sys.stdlib_module_names - {"ganlab"} - optional == needed


def test_every_dependency_says_why() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    named = [
        line for line in lines if re.match(r'\s*"[A-Za-z0-9-]+>=', line) or re.match(r"(sweep|cluster|compare) =", line)
    ]
    assert len(named) > len(PROJECT["dependencies"])
    assert [line for line in named if "#" not in line] == []


def test_setup_checks_the_hashes() -> None:
    recipe = (ROOT / "Makefile").read_text()
    for file in HASHED:
        (line,) = [line for line in recipe.splitlines() if line.startswith("\t") and line.endswith(f"-r {file}")]
        assert "--require-hashes" in line
        assert "--no-deps" in line


def test_a_file_with_another_hash_is_refused(tmp_path: Path) -> None:
    """pip's own check, with a package made here: the lock's form makes it refuse a changed file."""
    import hashlib
    import zipfile

    wheel = tmp_path / "tampered-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("tampered.py", "VALUE = 1\n")
        file.writestr("tampered-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tampered\nVersion: 1.0\n")
        file.writestr("tampered-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("tampered-1.0.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = tmp_path / "lock"
    command = [sys.executable, "-m", "pip", "install", "--isolated", "--no-index", "--find-links", str(tmp_path)]
    command += ["--no-deps", "--require-hashes", "--target", str(tmp_path / "site"), "-r", str(lock)]

    def install() -> subprocess.CompletedProcess:
        return subprocess.run(command, capture_output=True, text=True, check=False)

    lock.write_text(f"tampered==1.0 --hash=sha256:{digest}\n")
    assert install().returncode == 0
    with zipfile.ZipFile(wheel, "a") as file:
        file.writestr("more.py", "")
    done = install()
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
