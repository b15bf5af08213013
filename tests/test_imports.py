"""Imports of ganlab run downward only, from the commands to core, and none in a circle."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT

ORDER = (
    *("core", "simulator", "arrangement", "standardization", "codec", "split", "trick", "dataset", "metrics"),
    *("loss", "architecture", "gan", "exchange", "tracking", "evaluation", "plot", "stopping", "trainer", "report"),
    *("compose", "generator", "checkup", "command"),
)
"""The packages of ganlab, and its two modules, each above all that it may import."""

Import = tuple[str, int, str]
"""The importing module, the line, and the imported module."""


@cache
def imports_of(package: Path) -> tuple[Import, ...]:
    """Every import of one of the package's modules by another; read once, for reading takes seconds."""
    return tuple(_imports_of(package))


def _imports_of(package: Path) -> Iterator[Import]:
    """Every import of one of the package's modules by another, those inside of functions too."""
    modules = {".".join(path.relative_to(package.parent).with_suffix("").parts) for path in package.rglob("*.py")}
    for file in sorted(package.rglob("*.py")):
        module = ".".join(file.relative_to(package.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                names = [name if name in modules else node.module for name in names]
            else:
                continue
            yield from ((module, node.lineno, name) for name in names if name.split(".")[0] == package.name)


def upward(imports: Iterable[Import]) -> list[str]:
    """The imports of a package that stands above the importing one in ORDER."""
    lines = []
    for module, line, imported in imports:
        above, below = (parts[1] if len(parts := name.split(".")) > 1 else "" for name in (imported, module))
        if below in ORDER and above in ORDER and ORDER.index(above) > ORDER.index(below):
            lines.append(f"{module}, line {line}: imports {imported}, which stands above it")
    return lines


def circle(imports: Iterable[Import]) -> list[str]:
    """A circle of modules that import one another, or nothing."""
    graph: dict[str, set[str]] = {}
    for module, _, imported in imports:
        graph.setdefault(module, set()).add(imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_every_package_stands_in_the_order() -> None:
    """Loose modules are `compose`, `codec` and the commands, which nothing imports."""
    commands = {path.stem for path in (ROOT / "ganlab").glob("*.py")} - {"__init__", "compose", "codec"}
    here = {path.stem for path in (ROOT / "ganlab").iterdir() if not path.name.startswith("_")} - {"conf"}
    assert here - commands == set(ORDER)
    assert {imported for _, _, imported in imports_of(ROOT / "ganlab")}.isdisjoint(
        f"ganlab.{name}" for name in commands
    )


def test_imports_run_downward() -> None:
    assert upward(imports_of(ROOT / "ganlab")) == []


def test_no_modules_import_one_another() -> None:
    assert circle(imports_of(ROOT / "ganlab")) == []


@pytest.mark.parametrize("text", ["from ganlab.report import page", "def f():\n    import ganlab.report.page"])
def test_an_import_that_runs_up_is_named(tmp_path: Path, text: str) -> None:
    for file in ("metrics/kid.py", "report/page.py"):
        (tmp_path / "ganlab" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "ganlab" / file).write_text("")
    (tmp_path / "ganlab/metrics/kid.py").write_text(text)
    (line,) = upward(imports_of(tmp_path / "ganlab"))
    assert line.startswith("ganlab.metrics.kid, line ")
    assert "ganlab.report" in line


def test_a_circle_is_named(tmp_path: Path) -> None:
    (tmp_path / "ganlab").mkdir()
    for one, other in (("a", "b"), ("b", "c"), ("c", "a")):
        (tmp_path / "ganlab" / f"{one}.py").write_text(f"from ganlab import {other}")
    assert set(circle(imports_of(tmp_path / "ganlab"))) == {"ganlab.a", "ganlab.b", "ganlab.c"}
