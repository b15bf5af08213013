"""The tutorials do what they show. Their outputs are stored: after a change, with ganlab and the extra docs installed,
jupyter nbconvert --to notebook --execute --inplace docs/tutorials/*.ipynb
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))


def cells(notebook: Path) -> list[dict]:
    return [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]


def script(notebook: Path) -> str:
    """The code of a notebook without what only IPython understands."""
    lines = "".join("".join([*cell["source"], "\n\n"]) for cell in cells(notebook)).splitlines()
    return "\n".join(line for line in lines if not line.startswith("%"))


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_tutorial_runs(notebook: Path, tmp_path: Path) -> None:
    """In a process and a folder of its own, as a reader runs it."""
    (tmp_path / "tutorial.py").write_text(script(notebook))
    surroundings = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    command = [sys.executable, "tutorial.py"]
    done = subprocess.run(command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [*tmp_path.glob("outputs/runs/*/report.html")]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_tutorial_shows_what_it_made(notebook: Path) -> None:
    code = cells(notebook)
    assert [cell["execution_count"] for cell in code] == [*range(1, len(code) + 1)]
    assert not [out for cell in code for out in cell["outputs"] if out["output_type"] == "error"]
    assert compile(script(notebook), notebook.name, "exec")
    assert "/tmp/" not in notebook.read_text()
    assert "/home/" not in notebook.read_text()
