"""The command as a whole: on this installation, and where torch and MLflow are broken."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

FAKES = ("torch", "numpy", "scipy", "pandas", "sklearn", "matplotlib", "PIL", "requests", "tqdm", "wfdb", "safetensors")
FAKES += ("pytorch_lightning", "tensorboard", "mlflow", "torchvision")
TORCH = "__version__ = '2.13.0'\nclass version: cuda = None\nclass cuda:\n    is_available = device_count = lambda: 0\n"


def doctor(folder: Path, *overrides: str, **broken: str) -> tuple[int, str]:
    """With fakes, as importing the real packages takes seconds: what they would say is `broken`."""
    fakes = folder / "fakes"
    fakes.mkdir(exist_ok=True)
    for name in FAKES:
        (fakes / f"{name}.py").write_text(broken.get(name, TORCH if name == "torch" else ""))
    environment = {
        key: value for key, value in os.environ.items() if key not in ("MLFLOW_TRACKING_URI", "GANLAB_CACHE")
    }
    environment |= {"PYTHONPATH": os.pathsep.join([str(fakes), str(ROOT)]), "PATH": str(folder)}
    command = [sys.executable, "-m", "ganlab.doctor", "least_free_gb=0", *overrides]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_whole_installation_has_nothing_wrong(tmp_path: Path) -> None:
    code, said = doctor(tmp_path)
    assert code == 0, said
    assert "wrong  " not in said
    assert said.endswith("nothing is wrong\n")
    assert "dataset=ptbdb_sim: needs no files" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fakes"]


def test_it_starts_where_everything_is_broken_and_names_each(tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("a file, not a folder")
    code, said = doctor(
        tmp_path,
        "dataset=ptbdb",
        "dataset.root=nowhere",
        "tracking_uri=file:./mlruns",
        "least_free_gb=1e9",
        torch="raise ImportError('torch is broken')",
        mlflow="raise ImportError('mlflow is broken')",
        torchvision="raise RuntimeError('operator torchvision::nms does not exist')",
    )
    assert code == 1
    for line in (
        "torch: cannot be imported",
        "mlflow: cannot be imported",
        "torchvision: does not fit",
        "MLflow store: MLflow 3.17 refuses a fol",
    ):
        assert f"wrong  {line}" in said
    assert "dataset=ptbdb: nowhere is not there" in said
    assert "disk: " in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["doctor"])
def test_nothing_heavy_is_imported_by_it(name: str, tmp_path: Path) -> None:
    heavy = "{'torch', 'pytorch_lightning', 'mlflow', 'pandas', 'wfdb', 'numpy'}"
    code = (
        f"import sys, runpy\nsys.argv = ['ganlab.{name}', 'import_timeout_s=0.001']\n"
        f"try:\n    runpy.run_module('ganlab.{name}', run_name='__main__')\n"
        f"except SystemExit:\n    assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, stdout=subprocess.DEVNULL)
