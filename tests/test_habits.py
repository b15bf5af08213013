"""What a public repository has beside its code: citation, recipes, CI, each in step with the project."""

import re
import tomllib

import yaml

from ganlab import __version__
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_citation_names_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["cff-version"], citation["version"]) == ("1.2.0", __version__)
    assert citation["license"] == PROJECT["license"]
    assert citation["authors"] == PROJECT["authors"]


def test_recipes_and_ci_use_files_and_targets_that_exist() -> None:
    recipes = (ROOT / "Dockerfile").read_text() + (ROOT / "ganlab.def").read_text()
    for name in ("requirements-build.lock", "requirements.lock", "requirements-torch.lock"):
        assert recipes.count(f"-r {name}") == 2
    for line in re.findall(r"^(?:COPY|    (?!cd )\S+ /opt).*$", recipes, re.MULTILINE):
        for name in line.removeprefix("COPY ").split()[:-1]:
            assert (ROOT / name).exists(), line
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    steps = [step["run"] for step in workflow["jobs"]["test"]["steps"] if "run" in step]
    assert {f"make {target}" for target in targets} >= set(steps)
    for line in (ROOT / ".ci" / "run").read_text().splitlines():
        assert not line.startswith("make ") or line in steps


def test_pre_commit_runs_what_lint_runs() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [hook["entry"].split()[0] for hook in repository["hooks"]] == [
        ".venv/bin/ruff",
        ".venv/bin/ruff",
        ".venv/bin/mypy",
    ]


def test_links_of_the_page_for_contributors_lead_somewhere() -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / "CONTRIBUTING.md").read_text()):
        assert (ROOT / link).exists(), link
