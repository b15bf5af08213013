"""A sweep leaves a page that sums up its runs, and the command writes it again."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import TINY

Command = Callable[..., Path]


@pytest.fixture
def sweep(command: Command) -> Path:
    """Two experiments of three epochs, two seeds each."""
    folder = command(
        *("run", "--multirun", *TINY, "tracking=none", "metrics=paper", "trainer.max_epochs=3"),
        *("diversity.images=16", "seed=0,1", "reported=a,b"),
    )
    return next((folder / "outputs" / "sweeps").iterdir())


def test_each_experiment_is_a_row_and_collapse_a_rate_over_its_seeds(command: Command, sweep: Path) -> None:
    page = (sweep / "summary.html").read_text()
    assert len(re.findall(r"of 2 \(\d+", page)) >= 2
    assert "Not for clinical use" in page
    (sweep / "summary.html").unlink()
    command("summary", f"sweep={sweep}")
    again = (sweep / "summary.html").read_text()
    assert len(re.findall(r'href="[^"]*report.html"', again)) == 4


def test_a_folder_that_is_no_sweep_is_refused(command: Command, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        command("summary", f"sweep={tmp_path / 'nowhere'}")
