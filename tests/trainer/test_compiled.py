"""Compiled networks learn what networks learn as they are; what compiling needs is asked for before data is read."""

import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._dynamo.utils import counters

from ganlab.core.errors import UserError
from ganlab.tracking.checkpoints import checkpoint_in, read_checkpoint
from ganlab.trainer.compiled import check_compiler
from tests.conftest import newest_run

pytestmark = pytest.mark.usefixtures("blank_figures")

SMALL = (
    *("dataset.patients=12", "dataset.seconds=9", "batch_size=8", "metrics=paper", "tracking=none"),
    *("trainer.max_epochs=1", "trainer.enable_progress_bar=false", "trainer.accelerator=cpu"),
    *("architecture=fcn", "architecture.generator.hidden=[16]", "architecture.discriminator.hidden=[16]"),
)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler, and there is no g++")
def test_compiled_networks_learn_the_same_with_penalties_too(command: Callable[..., Path]) -> None:
    """Steps with a penalty, every second one, take the discriminator as it is."""
    penalty = ("loss=rpgan", "trick=r1_r2", "trick.r1_r2.every=2")

    def weights(compiled: bool) -> dict[str, Any]:
        counters.clear()
        run = newest_run(command("run", *SMALL, *penalty, f"compile={compiled}"))
        assert bool(counters["stats"]["unique_graphs"]) == compiled
        return read_checkpoint(checkpoint_in(run))["state_dict"]

    as_they_are, compiled = weights(False), weights(True)
    assert list(as_they_are) == list(compiled)
    for name, value in as_they_are.items():
        torch.testing.assert_close(compiled[name], value, rtol=0, atol=1e-5)


def test_a_run_without_a_compiler_ends_before_data_is_read(
    command: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CXX", str(tmp_path / "c++"))
    with pytest.raises(SystemExit):
        command("run", *SMALL, "compile=true")
    assert "compile=true needs a C++ compiler" in capsys.readouterr().out
    assert not list((tmp_path / "outputs").glob("cache/*"))


def test_a_machine_without_compiler_or_headers_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", str(tmp_path / "c++"))
    with pytest.raises(UserError, match=r"needs a C\+\+ compiler, and there is no .*c\+\+\. .* compile=false"):
        check_compiler()
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(UserError, match=r"no Python\.h in .* compile=false"):
        check_compiler()
