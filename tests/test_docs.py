"""What the pages say works."""

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import COMMANDS, ROOT, TINY, newest_run
from tests.test_conf import composed

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def test_the_page_for_own_code_trains_and_samples_without_hydra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks(ROOT / "docs" / "own_code.md", "python")
    names: dict = {}
    exec(code, names)
    assert names["millivolts"].shape == (9, 1, 2025)
    assert names["gan"].steps > 0
    assert names["scores"].rows["physiology/plausible_rate"]["floor"] is not None


def test_the_readmes_python_samples_a_run(command: Callable[..., Path], tmp_path: Path) -> None:
    run = newest_run(command("run", *TINY, "tracking=none", "metrics=paper"))
    (code,) = blocks(ROOT / "README.md", "python")
    names: dict = {}
    exec(code.replace("outputs/runs/NAME", str(run)).replace("1000", "3"), names)
    assert names["samples"].values.shape == (3, 1, 2025)
    assert (tmp_path / "synthetic" / "RECORDS").is_file()


def test_an_arrangement_outside_the_repository_is_found(command: Callable[..., Path], tmp_path: Path) -> None:
    (text,) = blocks(ROOT / "docs" / "own_code.md", "yaml")
    (tmp_path / "mine" / "arrangement").mkdir(parents=True)
    (tmp_path / "mine" / "arrangement" / "chest.yaml").write_text(text)
    folder = command("run", "--config-dir", "./mine", "arrangement=chest", *TINY, "tracking=none", "metrics=paper")
    assert yaml.safe_load((newest_run(folder) / "config.yaml").read_text())["arrangement"]["leads"] == [
        "v1",
        "v3",
        "v5",
    ]


def commands() -> list[str]:
    text = "\n".join(block for page in PAGES for block in blocks(page, "bash")).replace("\\\n", " ")
    return [
        line.partition("#")[0].strip()
        for line in text.splitlines()
        if "ganlab.run" in line and "resume" not in line and "--config-dir" not in line
    ]


@pytest.mark.parametrize("line", commands())
def test_every_command_of_the_pages_composes(line: str) -> None:
    overrides = [word for word in shlex.split(line)[3:] if not word.startswith(("--", "hydra"))]
    overrides = [
        re.sub(r"tag\(log,interval\((.*?),.*", r"\1", re.sub(r"choice\((.*?),.*", r"\1", word)) for word in overrides
    ]
    first = [
        word if "={" in word else re.sub(r"range\(\d+\)", "0", re.sub(r",(?![^[]*\]).*", "", word))
        for word in overrides
    ]
    assert composed(*first)


def leaves(nav: Any) -> list[str]:
    """The pages of mkdocs.yml's nav, in order."""
    if isinstance(nav, str):
        return [nav]
    return [leaf for part in (nav.values() if isinstance(nav, dict) else nav) for leaf in leaves(part)]


def site() -> dict[str, str]:
    """The text of each page of the site, by its path in docs/; those that are made when it is built too."""
    docs = ROOT / "docs"
    kept = {path.relative_to(docs).as_posix(): path.read_text() for path in docs.rglob("*.md")}
    for path in docs.rglob("*.ipynb"):
        cells = json.loads(path.read_text())["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        kept[path.relative_to(docs).as_posix()] = text
    return kept | runpy.run_path(str(ROOT / "scripts" / "site_pages.py"))["pages"]()


def anchors(text: str) -> set[str]:
    """The names of a page's headings as mkdocs makes them."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    given = re.findall(r"^#+ .*\{ #(\S+) \}$", text, re.MULTILINE)
    plain = [re.sub(r"[^\w\s-]", "", line).strip().lower() for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
    return {*given, *(re.sub(r"[-\s]+", "-", heading) for heading in plain)}


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(leaves(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])) == sorted(site())


def test_every_link_of_the_pages_leads_somewhere() -> None:
    pages = site()
    for name, text in pages.items():
        for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
            path, _, anchor = link.partition("#")
            target = os.path.normpath(Path(name).parent / path) if path else name
            assert target in pages or (ROOT / "docs" / target).is_file(), f"{name}: {link}"
            assert not target.startswith(".."), f"{name}: {link} points outside the site"
            assert not anchor or anchor in anchors(pages[target]), f"{name}: {link}"
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / link).exists(), f"README.md: {link}"


def test_the_reference_has_every_choice_and_every_setting() -> None:
    pages = site()
    for group in {path.parent.name for path in (ROOT / "conf").glob("*/*.yaml")}:
        text = pages[f"reference/{group}.md"]
        for path in (ROOT / "conf" / group).rglob("*.yaml"):
            choice = path.relative_to(ROOT / "conf" / group).with_suffix("").as_posix()
            assert f"\n## {choice} " in text
            lines = [line.removeprefix("# ") for line in path.read_text().splitlines() if line != "{}"]
            assert [line for line in lines if line not in text] == [], path
        assert f"({group}.md)" in pages["reference/settings.md"], group
    for name in COMMANDS:
        assert f"\n## {name}\n" in pages["reference/commands.md"]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_explains_the_groups(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"ganlab.{name}", "--help"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0
    assert f"python -m ganlab.{name}" in done.stdout
    if name == "run":
        for group in (path.name for path in (ROOT / "conf").iterdir() if path.is_dir() and path.name != "hydra"):
            assert re.search(rf"^{group}: ", done.stdout, re.MULTILINE), group
