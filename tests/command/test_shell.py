"""The console command: its subcommands, its one screen of help, and completion by Tab in bash and zsh."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ganlab import __version__
from ganlab.command import shell
from tests.conftest import COMMANDS, ROOT

ASK = 'COMP_LINE="$1"; COMP_POINT=${#1}; _ganlab; printf "%s\\n" "${COMPREPLY[@]}"'
PRESS_TAB = {"bash": f"COMP_WORDBREAKS=$' \\t\\n=:'; {ASK}", "zsh": ASK}
"""What both do at a Tab; zsh's bashcompinit leaves `=` inside of a word."""


def called(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["ganlab", *arguments])
    shell.main()


def test_every_command_is_listed_on_one_screen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    called(monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 120
    assert set(COMMANDS) == set(shell.commands())
    assert all(any(line.startswith(f"  {name} ") for line in lines) for name in COMMANDS)


def test_the_version_and_a_misspelt_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    called(monkeypatch, "--version")
    assert capsys.readouterr().out == f"ganlab {__version__}\n"
    with pytest.raises(SystemExit, match="2"):
        called(monkeypatch, "sampel")
    assert "ganlab sampel: no such command. Did you mean sample?" in capsys.readouterr().err


def test_a_subcommand_gets_the_rest_of_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import ganlab.sample

    calls: list[list[str]] = []
    monkeypatch.setattr(ganlab.sample, "main", lambda: calls.append(list(sys.argv)))
    called(monkeypatch, "sample", "run=a", "n=3")
    assert calls == [["ganlab.sample", "run=a", "n=3"]]


def test_the_console_script_is_this_function() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"ganlab": "ganlab.command.shell:main"}
    assert {"authors", "urls", "classifiers"} <= project.keys()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ganlab sam", {"sample "}),
        ("ganlab run data", {"dataset=", "dataset.", "data_on_device="}),
        ("ganlab run dataset=pt", {"dataset=ptbdb", "dataset=ptbdb_sim", "dataset=ptbxl"}),
        ("ganlab run -m dataset=ptbdb dataset.r", {"dataset.root=", "dataset.rate="}),
        (
            "ganlab run experiment=paper/rg",
            {f"experiment=paper/rgb{end}" for end in ("", "_collapse", "_label_smoothing")},
        ),
        ("ganlab sample che", {"checkpoint="}),
        ("ganlab run dataset=nope seed", set()),
        ("ganlab nope dataset", set()),
    ],
)
def test_completions(line: str, expected: set[str], capsys: pytest.CaptureFixture) -> None:
    shell.complete(line)
    assert set(capsys.readouterr().out.strip("\n").split("\n")) - {""} == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ganlab run archi", ["architecture.", "architecture="]),
        ("ganlab run arrangement=h", ["arrangement=hilbert", "arrangement=hsv"]),
        ("ganlab run batch_s", ["batch_size="]),
    ],
)
@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_tab_in_a_shell(name: str, line: str, expected: list[str], tmp_path: Path) -> None:
    """A group, a choice and a key; bash takes what stands behind `=` as the word."""
    if shutil.which(name) is None:
        pytest.skip(f"no {name} here")
    program = tmp_path / "ganlab"
    program.write_text(f"#!{sys.executable}\nfrom ganlab.command.shell import main\nmain()\n")
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    code = f'eval "$(ganlab completion {name})" 2>/dev/null; {PRESS_TAB[name]}'
    options = ["-f"] if name == "zsh" else ["--norc"]
    call = [name, *options, "-c", code, name, line]
    done = subprocess.run(call, capture_output=True, text=True, env=environment, check=True)
    cut = "arrangement=" if name == "bash" else ""
    assert sorted(done.stdout.split()) == [each.removeprefix(cut) for each in expected]


def test_own_classes_beside_the_configurations_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ganlab.core.surroundings import find_own_classes

    monkeypatch.setattr(sys, "path", ["/standard"])
    monkeypatch.chdir(tmp_path)
    find_own_classes(["dataset=ptbdb", "--multirun"])
    assert sys.path == ["/standard"]
    find_own_classes(["--config-dir", "./mine", "arrangement=chest"])
    assert sys.path == ["/standard", str(tmp_path / "mine"), str(tmp_path)]
    find_own_classes(["--config-dir=mine", "arrangement=chest"])
    assert sys.path == ["/standard", str(tmp_path / "mine"), str(tmp_path)]
