"""No code of ganlab loads a file in a way that could run what is in it, nor hands a text to a shell or to Python."""

import ast
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCES = sorted([*(ROOT / "ganlab").rglob("*.py"), *(ROOT / "scripts").glob("*.py")])
FORBIDDEN = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput"),
    *("joblib.load", "pandas.read_pickle", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "torch.jit.load"),
    *("mlflow.pyfunc.load_model", "mlflow.pytorch.load_model", "skops.io.load"),
}
MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "shelve", "marshal"}
SAFE_LOADERS = {"yaml.SafeLoader", "yaml.CSafeLoader", "_Plain"}
"""The last is `ganlab.core.plain_yaml`'s, a subclass of the first: see the test of it."""


def unsafe(source: str) -> list[str]:
    """`line: call` of all calls that could execute what they read, and imports of modules that can do little else."""
    tree = ast.parse(source)
    names = imported(tree)
    found = [f"{node.lineno}: import {name}" for node, name in imports(tree) if name.split(".")[0] in MODULES]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and executes(node, called(node.func, names), names):
            found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


def executes(node: ast.Call, name: str, names: dict[str, str]) -> bool:
    given = {keyword.arg: keyword.value for keyword in node.keywords}

    def stated(key: str, value: object) -> bool:
        return isinstance(given.get(key), ast.Constant) and given[key].value is value

    if name in FORBIDDEN or name.split(".", maxsplit=1)[0] in MODULES:
        return True
    if (
        name == "torch.load"
        or name.endswith(".load_from_checkpoint")
        or (name.endswith(".fit") and "ckpt_path" in given)
    ):
        return not stated("weights_only", True)
    if name in {"numpy.load", "numpy.lib.format.read_array"}:
        return "allow_pickle" in given and not stated("allow_pickle", False)
    if name == "yaml.load":
        loader = given.get("Loader") or (node.args[1] if len(node.args) > 1 else None)
        return loader is None or called(loader, names) not in SAFE_LOADERS
    return name.startswith("subprocess.") and "shell" in given and not stated("shell", False)


def imports(tree: ast.AST) -> list[tuple[ast.stmt, str]]:
    found: list[tuple[ast.stmt, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node, node.module))
    return found


def imported(tree: ast.AST) -> dict[str, str]:
    """What a name of the file stands for: `np` for numpy, `load` for torch.load."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def called(node: ast.expr, names: dict[str, str]) -> str:
    """`torch.load` of `t.load` after `import torch as t`; what is no name, such as a call, becomes `?`."""
    if isinstance(node, ast.Attribute):
        return f"{called(node.value, names)}.{node.attr}"
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else "?"


@pytest.mark.parametrize("file", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_that_is_read_can_run(file: Path) -> None:
    assert unsafe(file.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch.load(f)",
        "import torch\ntorch.load(f, weights_only=False)",
        "import torch\ntorch.load(f, weights_only=trusted)",
        "import torch as t\nt.load(f, map_location='cpu')",
        "from torch import load\nload(f)",
        "from torch import load as fetch\nfetch(f)",
        "import pickle",
        "from pickle import loads",
        "def f():\n    import cloudpickle",
        "import joblib\njoblib.load(f)",
        "import numpy as np\nnp.load(f, allow_pickle=True)",
        "import numpy as np\nnp.load(f, allow_pickle=trusted)",
        "import pandas as pd\npd.read_pickle(f)",
        "import yaml\nyaml.load(f)",
        "import yaml\nyaml.load(f, Loader=yaml.Loader)",
        "import yaml\nyaml.load(f, yaml.FullLoader)",
        "import yaml\nyaml.unsafe_load(f)",
        "eval('1')",
        "exec(text)",
        "import os\nos.system('ls')",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "from subprocess import run\nrun('ls', shell=really)",
        "trainer.fit(gan, ckpt_path=path)",
        "GAN.load_from_checkpoint(path)",
        "import mlflow\nmlflow.pyfunc.load_model(uri)",
    ],
)
def test_each_way_to_run_what_is_read_is_found(source: str) -> None:
    assert len(unsafe(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch.load(f, map_location='cpu', weights_only=True)",
        "import numpy as np\nnp.load(f, mmap_mode='r')\nnp.load(f, allow_pickle=False)",
        "import yaml\nyaml.safe_load(f)\nyaml.load(f, Loader=yaml.CSafeLoader)",
        "network.eval()(noise)\nre.compile(pattern)",
        "import subprocess\nsubprocess.run(['git'], shell=False)",
        "trainer.fit(gan, ckpt_path=path, weights_only=True)\nmodel.fit(x, y)",
    ],
)
def test_what_runs_nothing_is_not_complained_of(source: str) -> None:
    assert unsafe(source) == []


def test_mlflow_unpickles_nothing_in_our_processes(tmp_path: Path) -> None:
    """The very load that MLflow's default allows: a model whose pickle touches a file."""

    class Canary:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "canary",))

    (tmp_path / "model.pkl").write_bytes(pickle.dumps(Canary()))
    (tmp_path / "MLmodel").write_text(
        "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    model_path: model.pkl\n"
        "    python_version: 3.11.0\n  sklearn:\n    pickled_model: model.pkl\n    serialization_format: pickle\n"
    )
    code = (
        "import os, ganlab.core.settings, mlflow.pyfunc\n"
        f"canary = {str(tmp_path / 'canary')!r}\n"
        f"try:\n    mlflow.pyfunc.load_model({str(tmp_path)!r})\n"
        "except mlflow.MlflowException as error:\n    print(error, os.path.exists(canary))\n"
        "os.environ['MLFLOW_ALLOW_PICKLE_DESERIALIZATION'] = 'true'\n"
        f"mlflow.pyfunc.load_model({str(tmp_path)!r})\nprint(os.path.exists(canary))"
    )
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    refused, allowed = done.stdout.strip().rsplit("\n", 1)
    assert "MLFLOW_ALLOW_PICKLE_DESERIALIZATION" in refused
    assert refused.endswith("False")
    assert allowed == "True", "the canary sings where nothing forbids it"


def test_mlflow_s_pages_are_for_this_machine_alone() -> None:
    done = subprocess.run(["make", "-n", "ui"], cwd=ROOT, capture_output=True, text=True, check=True)
    recipe = done.stdout[done.stdout.index("mlflow ui") - 100 :]
    assert re.findall(r"--host\s+(\S+)", recipe) == ["127.0.0.1"]
    assert "MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false" in recipe
