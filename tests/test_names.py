"""Names of ganlab say what they hold, functions stay short, and files too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCES = sorted((ROOT / "ganlab").rglob("*.py"))
BANNED = {"found", "said", "told", "asked", "seen", "there", "here", "wish", "judge"}
"""Names of variables, arguments, functions and classes that do not say what they hold (house rules, "Words")."""
LINES, BODY, PARAMETERS = 300, 40, 9
Function = ast.FunctionDef | ast.AsyncFunctionDef


def banned(tree: ast.AST) -> Iterator[str]:
    """Each name that is bound and banned, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        elif isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, Function | ast.ClassDef):
            name = node.name
        else:
            continue
        if name.strip("_") in BANNED:
            yield f"{name}, line {node.lineno}"


def too_large(tree: ast.AST) -> Iterator[str]:
    """Functions whose body is longer, and constructors that take more, than a reader follows."""
    for node in ast.walk(tree):
        if not isinstance(node, Function):
            continue
        body = node.body[bool(ast.get_docstring(node)) :] or node.body
        length = (body[-1].end_lineno or 0) - body[0].lineno + 1
        if length > BODY:
            yield f"{node.name}, line {node.lineno}: {length} lines"
        parameters = len([*node.args.args, *node.args.kwonlyargs]) - 1
        if node.name == "__init__" and parameters > PARAMETERS:
            yield f"__init__, line {node.lineno}: {parameters} parameters"


@pytest.mark.parametrize("file", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_names_lengths_and_parameters(file: Path) -> None:
    text = file.read_text()
    tree = ast.parse(text)
    assert [*banned(tree), *too_large(tree)] == []
    assert len(text.splitlines()) <= LINES


@pytest.mark.parametrize(
    "text",
    [
        "found = 1",
        "def f(told): pass",
        "class Judge: pass".replace("Judge", "judge"),
        "def f():\n" + "    x = 1\n" * 41,
        "class A:\n    def __init__(self, a, b, c, d, e, f, g, h, i, j): pass",
    ],
)
def test_each_kind_is_noticed(text: str) -> None:
    tree = ast.parse(text)
    assert len([*banned(tree), *too_large(tree)]) == 1


def test_only_commands_and_compose_take_a_configuration() -> None:
    """Outside of them no line names `cfg`, but the text of the command's flag `--cfg`."""
    inside = {"command", "compose.py"}
    lines = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for file in SOURCES
        if file.relative_to(ROOT / "ganlab").parts[0] not in inside
        for line in file.read_text().splitlines()
        if "cfg" in line.replace("--cfg", "")
    ]
    assert lines == []
