"""Faults of an installation, injected with fake packages that another Python finds first."""

from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from ganlab.checkup.finding import Finding
from ganlab.checkup.packages import imports, needed, try_imports, unlike_lock, versions

Fake = Callable[..., None]
TORCH = """
__version__ = "2.13.0+cpu"
class version: cuda = None
class cuda:
    is_available = staticmethod(lambda: False)
    device_count = staticmethod(lambda: 0)
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Puts a module, and where a version is given its metadata, before all others."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(name: str, code: str = "", version: str | None = None) -> None:
        (tmp_path / f"{name}.py").write_text(code)
        if version:
            (tmp_path / f"{name}-{version}.dist-info").mkdir()
            (tmp_path / f"{name}-{version}.dist-info" / "METADATA").write_text(
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            )

    return put


def wrong(findings: list[Finding]) -> list[str]:
    return [str(finding) for finding in findings if finding.state == "wrong"]


def test_what_can_be_imported_is_not_complained_of(fake: Fake) -> None:
    fake("torch", TORCH)
    fake("mlflow", "print('a package that talks', end='')")
    tried = try_imports(("torch", "?nowhere_to_be_found", "mlflow"))
    assert tried.errors == {"torch": None, "mlflow": None}
    assert tried.gpu == {"torch": "2.13.0+cpu", "cuda": None, "available": False, "count": 0}
    assert [finding.state for finding in imports(tried)] == ["ok"]


@pytest.mark.parametrize("name", ["torch", "mlflow"])
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise ImportError('libcudart.so.13: cannot open shared object file')", "libcudart.so.13"),
        ("raise OSError('broken')\n", "OSError: broken"),
        ("import os\nos.abort()", "ends Python with exit code -6"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("import time\ntime.sleep(60)", "longer than 2 s"),
        ("(", "SyntaxError"),
    ],
)
def test_a_broken_package_is_named_and_the_doctor_lives(fake: Fake, name: str, code: str, said: str) -> None:
    fake("torch", TORCH)
    fake(name, code)
    (line,) = wrong(imports(try_imports(("torch", "mlflow") if name == "mlflow" else ("torch",), timeout_s=2)))
    assert line.startswith(f"wrong  {name}: ")
    assert said in line
    assert f"pip install --force-reinstall --no-deps {name}" in line


def test_a_torchvision_for_another_torch_is_the_one_cause(fake: Fake) -> None:
    broken = "raise RuntimeError('operator torchvision::nms does not exist')"
    fake("torch", TORCH)
    fake("torchvision", broken)
    fake("pytorch_lightning", "import torchvision")
    (line,) = wrong(imports(try_imports(("torch", "?torchvision", "pytorch_lightning"))))
    assert line.startswith("wrong  torchvision: does not fit the installed torch")
    assert "operator torchvision::nms does not exist" in line
    assert "pytorch_lightning imports it through torchmetrics" in line
    assert "pip uninstall torchvision" in line

    fake("torchvision", "")
    assert wrong(imports(try_imports(("torch", "?torchvision", "pytorch_lightning")))) == []


def test_versions_outside_the_ranges_are_named(fake: Fake) -> None:
    ranges = [Requirement("torch>=2.6"), Requirement("pytorch-lightning>=2.6.6,<2.7")]
    assert [finding.state for finding in versions(ranges)] == ["ok"]
    fake("torch", version="2.5.1")
    lines = wrong(versions([*ranges, Requirement("nowhere-to-be-found>=1")]))
    assert len(lines) == 2
    assert lines[0] == 'wrong  torch: 2.5.1 is installed, accepted is >=2.6. pip install "torch>=2.6"'
    assert lines[1].startswith("wrong  nowhere-to-be-found: is not installed")


def test_a_missing_extra_is_for_information() -> None:
    extra = Requirement('nowhere-to-be-found>=1; extra == "cluster"')
    found = versions([Requirement("torch>=2.6"), extra, Requirement('nor-this; extra == "dev"')])
    assert [finding.state for finding in found] == ["ok", "note"]
    assert str(found[1]) == (
        'note   extra cluster: nowhere-to-be-found not installed. To use it: pip install "ganlab[cluster]"'
    )
    assert versions([Requirement('torch>=9; extra == "cluster"')])[0].state == "wrong"


def test_the_ranges_are_those_of_pyproject_or_of_the_installed_package(tmp_path: Path) -> None:
    ours = {str(line) for line in needed()}
    assert any(line.startswith("pytorch-lightning") and "2.6.6" in line for line in ours)
    assert any("extra ==" in line and "hydra-submitit-launcher" in line for line in ours)
    assert {Requirement(line).name for line in ours} >= {
        line.name for line in needed(tmp_path / "none") if not line.marker
    } - {"psutil"}


def test_other_versions_than_the_lock_s_are_noted(fake: Fake, tmp_path: Path) -> None:
    fake("tested", version="1.0+local")
    (tmp_path / "requirements.lock").write_text("tested==1.0 \\\n    --hash=sha256:00\nnot-here==3\n")
    assert [finding.state for finding in unlike_lock(tmp_path)] == ["ok"]
    (tmp_path / "requirements.lock").write_text("tested==1.1 \\\n    --hash=sha256:00\n")
    (note,) = unlike_lock(tmp_path)
    assert str(note).startswith("note   lock: 1 versions differ from the tested ones: tested 1.0+local (tested: 1.1)")
    (tmp_path / "requirements.lock").unlink()
    assert unlike_lock(tmp_path) == []
