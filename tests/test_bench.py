"""The table of the benchmarks: its shape, and that it says so where a claim does not hold."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conftest import ROOT

BENCH = ROOT / "scripts" / "bench"


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCH))
    spec = spec_from_file_location("bench_table", BENCH / "__main__.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_a_row_is_measured_by_one_command_and_printed_as_a_table() -> None:
    command = [sys.executable, str(BENCH), "--rows", "start.cfg", "--turns", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    machine, head, rule, row = [line for line in done.stdout.splitlines() if line.strip()][:4]
    assert "cores of" in machine
    assert "load average" in machine
    assert len(cells(head)) == len(cells(row)) == rule.count("---")
    found = dict(zip(cells(head), cells(row), strict=True))
    assert found["what"] == "`--cfg job`: time"
    assert (found["to reach"], found["turns"]) == ("≤ 2.5x", "1")
    assert found["reached"] == ("yes" if done.returncode == 0 else "**no**")


@pytest.mark.parametrize(
    ("ratios", "bounds", "reached"),
    [
        ([0.8, 1.2, 1.3], {"least": 1.0}, True),
        ([0.8, 0.9, 1.3], {"least": 1.0}, False),
        ([0.8, 0.9, 1.3], {"most": 1.0}, True),
        ([0.8, 1.1, 1.3], {"most": 1.0}, False),
        ([0.8, 1.1, 1.3], {}, True),
    ],
)
def test_the_median_of_the_turns_has_to_reach_it(
    table: ModuleType, ratios: list[float], bounds: dict[str, float], reached: bool
) -> None:
    row = table.Row("this", "that", ratios, **bounds)
    assert row.reached is reached
    line = cells(table.line_of(row))
    assert line[6] == ("yes" if reached else "**no**")
    assert line[4] == "0.80..1.30"


def test_a_row_that_fails_or_cannot_be_measured_leaves_the_others_alone(table: ModuleType) -> None:
    def fails(turns: int) -> Any:
        raise ValueError("a | b")

    def lacks(turns: int) -> Any:
        raise table.NotRun("no records in data")

    line, row = table.measured("one", fails, 1)
    assert row is None
    assert "**failed**" in line
    assert len(cells(line)) == 8
    line, row = table.measured("two", lacks, 1)
    assert "no records in data" in line
    assert isinstance(row, table.NotRun)


def test_rows_are_chosen_by_file_or_by_name_and_the_long_ones_only_by_name(table: ModuleType) -> None:
    known = table.every_row()
    assert table.choose(known, "start.help,prepare") == [
        "start.help",
        *(f"prepare.{x}" for x in ("thesis", "wfdb", "reading", "memory")),
    ]
    assert "evaluation" not in table.choose(known, None)
    assert table.choose(known, "evaluation") == ["evaluation"]
    with pytest.raises(KeyError, match="nothing"):
        table.choose(known, "start,nothing")


def test_two_things_take_turns_in_going_first(table: ModuleType) -> None:
    from measure import in_turns

    order: list[str] = []
    pairs = in_turns(lambda: order.append("a") or 1.0, lambda: order.append("b") or 2.0, 2)
    assert order == ["a", "b", "a", "b", "b", "a"]
    assert pairs == [(1.0, 2.0)] * 2


def test_rows_of_several_calls_become_the_table_of_a_page(table: ModuleType, tmp_path: Path) -> None:
    page = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
    for ratio in (1.0, 2.0):
        kept = table.keep(tmp_path / "rows.json", {"b": table.Row("second", "that", [ratio])})
    kept = table.keep(tmp_path / "rows.json", {"a": table.Row("first", "that", [3.0])})
    for _ in range(2):
        page = table.with_table(page, kept, ["a", "b", "c"])
    assert [cells(line)[0] for line in page.splitlines() if " that " in line] == ["first", "second"]
    assert "2.00x" in page
    assert "old" not in page
    assert page.startswith("before\n")
    assert page.endswith("\nafter\n")
