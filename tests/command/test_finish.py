"""Whom a report compares with: test patients where validation patients chose, and everybody trained said first."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ganlab.command.export_generator import export_for_registry
from ganlab.command.finish import compared_with, judged_part
from ganlab.report.verdict import exit_with
from ganlab.stopping.rule import Rule
from tests.conftest import LIMB


def experiment(chooses_by: str = "", test: int = 5, part: str = "validation") -> Any:
    """What is asked of an experiment."""
    data = SimpleNamespace(judged_part=part, part=lambda name: range(test), kind=SimpleNamespace(people="patients"))
    return SimpleNamespace(stopping=SimpleNamespace(chooses_by=chooses_by), data=data)


def test_where_validation_patients_chose_test_patients_are_compared_with() -> None:
    chosen = experiment(Rule.chooses_by)
    assert judged_part(chosen) == "test"
    assert compared_with(chosen, "test") == (
        "Validation patients chose the checkpoint (stopping=rule); compared with test patients."
    )


def test_without_test_patients_the_page_says_so() -> None:
    chosen = experiment(Rule.chooses_by, test=0)
    assert judged_part(chosen) == "validation"
    assert compared_with(chosen, "validation").endswith("validation patients, because there are no test patients.")


def test_where_nobody_chose_validation_patients_are_compared_with() -> None:
    assert judged_part(experiment()) == "validation"
    assert compared_with(experiment(), "validation") == "Compared with validation patients."


def test_where_everybody_trained_the_first_words_say_so() -> None:
    everybody = experiment(part="train")
    assert judged_part(everybody) == "train"
    assert compared_with(everybody, "train").startswith("Every patient trained (this split holds nobody out)")


@pytest.mark.parametrize(("worst", "code"), [("red", 3), ("grey", 4)])
def test_the_gate_is_an_exit_code(worst: str, code: int) -> None:
    with pytest.raises(SystemExit) as left:
        exit_with(worst)
    assert left.value.code == code


def test_the_gate_is_open_where_all_is_green() -> None:
    exit_with("green")


def test_a_continued_run_registers_its_last_generator(made_run: Callable[..., Path], tmp_path: Path) -> None:
    run = shutil.copytree(made_run(*LIMB), tmp_path / "run")
    (run / "generator").mkdir()
    (run / "generator" / "generator.json").write_text("that of fewer steps")
    export_for_registry(run)
    assert sorted(path.name for path in (run / "generator").iterdir()) == [
        "README.md",
        "generator.json",
        "generator.safetensors",
    ]
    assert "that of fewer steps" not in (run / "generator" / "generator.json").read_text()
