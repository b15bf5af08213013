"""How often each fault is injected, and the table of what was seen.

By default each fault is injected once or twice; `make faults` injects it GANLAB_FAULT_ROUNDS times.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TINY
from tests.faults.process import Commands

ROWS = pytest.StashKey[list[dict[str, Any]]]()
COLUMNS = ("fault", "injected", "rounds", "expected", "seen", "lost")

SMALL = (
    *[o for o in TINY if not o.startswith(("trainer.max", "architecture"))],
    *(
        "architecture=fcn",
        "architecture.width=0.05",
        "trainer.max_epochs=6",
        "checkpoint_minutes=0",
        "tracking=none",
        "metrics=paper",
    ),
    *("trick=[ema,random_crop]", "grids_every=100"),
)
"""A run of 24 steps with a checkpoint after each, of two seconds."""


@pytest.fixture(scope="session")
def rounds() -> int:
    return int(os.environ.get("GANLAB_FAULT_ROUNDS", "1"))


@pytest.fixture
def commands(tmp_path: Path, empty_database: Path) -> Iterator[Commands]:
    (tmp_path / "outputs").mkdir()
    shutil.copy(empty_database, tmp_path / "outputs")
    commands = Commands(tmp_path)
    yield commands
    for process in commands.context.active_children():
        if isinstance(process, commands.context.Process):  # joblib's workers are among the children too
            process.kill()


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing has happened to, to be read only."""
    return Commands(tmp_path_factory.mktemp("whole")).run(*SMALL).run


@pytest.fixture
def mounted(tmp_path: Path):
    """Mounts a small disk in a folder."""
    folder = tmp_path / "small"
    folder.mkdir()

    def mount(options: str) -> Path:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("mounting a small disk needs the rights of root")
        return folder

    yield mount
    subprocess.run(["umount", str(folder)], capture_output=True, check=False)


Record = Callable[..., None]


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """Writes a row of the table. `lost` counts what was lost: 0, or the fault has not been survived."""

    def write(fault: str, injected: str, rounds: int, expected: str, seen: str, lost: int = 0) -> None:
        row = dict(zip(COLUMNS, (fault, injected, rounds, expected, seen, lost), strict=True))
        request.config.stash.setdefault(ROWS, []).append(row)
        if file := os.environ.get("GANLAB_FAULT_LOG"):
            with Path(file).open("a") as rows:
                rows.write(json.dumps(row) + "\n")

    return write


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    rows = config.stash.get(ROWS, [])
    if rows and "GANLAB_FAULT_ROUNDS" in os.environ:
        terminalreporter.section("faults")
        terminalreporter.write_line(f"| {' | '.join(COLUMNS)} |")
        terminalreporter.write_line(f"|{'---|' * len(COLUMNS)}")
        for row in sorted(rows, key=lambda row: int("".join(c for c in row["fault"] if c.isdigit()) or 0)):
            terminalreporter.write_line(f"| {' | '.join(str(row[column]) for column in COLUMNS)} |")
