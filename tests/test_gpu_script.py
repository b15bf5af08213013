"""The script that measures a GPU runs to its end where there is none, on tiny networks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

ROWS = (
    "mission, full size",
    "float32",
    "bf16",
    "precision=auto",
    "data_on_device=false",
    "compile",
    "ddp, one process",
)


@pytest.mark.slow
def test_each_row_is_measured(tmp_path: Path) -> None:
    environment = {**os.environ, "GANLAB_GPU_TRIAL": "1", "PYTHON": sys.executable, "OUT": str(tmp_path)}
    done = subprocess.run(
        ["bash", str(ROOT / "scripts" / "gpu.sh")], env=environment, capture_output=True, text=True, check=False
    )
    _, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == [*ROWS]
    for name, images, step, *_ in rows:
        assert float(images.replace(",", "")) > 0, name
        assert float(step) > 0, name
