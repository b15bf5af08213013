"""A GPU that torch does not use: why, and what to do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ganlab.checkup.gpu import gpu

Machine = Callable[..., Path]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A folder in the place of /dev, with or without a GPU, and an nvidia-smi that tells a CUDA version."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    def make(device: bool, driver: str | None) -> Path:
        (tmp_path / "dev").mkdir(exist_ok=True)
        (tmp_path / "dev" / "nvidiactl").touch()
        if device:
            (tmp_path / "dev" / "nvidia0").touch()
        if driver is not None:
            tool = tmp_path / "bin" / "nvidia-smi"
            tool.write_text(f"#!/bin/sh\necho '| Driver Version: 1   CUDA Version: {driver}   |'\n")
            tool.chmod(0o755)
        return tmp_path / "dev"

    return make


def seen(cuda: str | None, available: bool = False) -> dict:
    build = "cpu" if cuda is None else f"cu{cuda.replace('.', '')}"
    return {"torch": f"2.13.0+{build}", "cuda": cuda, "available": available, "count": int(available)}


def test_nothing_is_wrong_without_a_gpu_or_with_one_that_is_used(machine: Machine) -> None:
    assert gpu(None) == []
    (none,) = gpu(seen(None), machine(device=False, driver=None))
    assert none.state == "ok"
    (used,) = gpu(seen("13.0", available=True), machine(device=True, driver="13.0"))
    assert used.state == "ok"


@pytest.mark.parametrize(("device", "driver"), [(True, None), (False, "12.2"), (True, "12.2")])
def test_a_torch_for_the_cpu_alone(machine: Machine, device: bool, driver: str | None) -> None:
    (finding,) = gpu(seen(None), machine(device, driver))
    assert finding.state == "wrong"
    assert "build for the CPU" in finding.message
    assert "install 2.13.0 for your CUDA" in finding.advice


def test_a_driver_that_is_too_old(machine: Machine) -> None:
    (finding,) = gpu(seen("13.0"), machine(device=True, driver="12.2"))
    assert finding.state == "wrong"
    assert "its driver supports CUDA 12.2 at most" in finding.message
    assert "Update the driver" in finding.advice


@pytest.mark.parametrize("driver", ["13.0", "13.1", None])
def test_a_gpu_that_is_not_passed_on(machine: Machine, driver: str | None) -> None:
    (finding,) = gpu(seen("13.0"), machine(device=True, driver=driver))
    assert finding.state == "wrong"
    assert "cannot use it" in finding.message


def test_a_gpu_that_is_hidden_on_purpose(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (finding,) = gpu(seen("13.0"), machine(device=True, driver="13.0"))
    assert finding.state == "note"
