"""What a command shows where Hydra's logging is off, and the line on the data in a run's log."""

import logging
from collections.abc import Iterator

import pytest

from ganlab.command import entry
from ganlab.command.train import data_line
from ganlab.core.errors import RESULT, UserError

COUNTS = {
    "noun": "window",
    "records": 3,
    "patients": 3,
    "samples": 12,
    "classes": {"ill": 8, "well": 4},
    "skipped": [],
    "doubtful": [{"name": "a", "reason": "b"}],
    "parts": {"train": {"samples": 8, "patients": 2}, "test": {"samples": 4, "patients": 1}},
}


@pytest.fixture
def silent() -> Iterator[logging.Logger]:
    """The logger of commands as job_logging=disabled leaves it: disabled, as are those below it."""
    log, below = logging.getLogger("ganlab"), logging.getLogger("ganlab.command.finish")
    before = log.disabled, log.propagate, log.handlers, log.level
    log.disabled = below.disabled = True
    yield below
    log.disabled, log.propagate, log.handlers, level = before
    log.setLevel(level)
    below.disabled = False


def test_refusals_and_results_are_shown_where_logging_is_disabled(
    silent: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise UserError("batch_size=0: accepted is a whole number from 1.")

    entry.show_results()
    entry.show_results()
    silent.info("step 3 of 900")
    silent.info("report: %s", "report.html", extra=RESULT)
    with pytest.raises(SystemExit):
        entry.exit_on_user_error(refuse)
    assert capsys.readouterr().out.splitlines() == [
        "report: report.html",
        "batch_size=0: accepted is a whole number from 1.",
    ]


def test_where_logging_is_on_nothing_changes() -> None:
    log = logging.getLogger("ganlab")
    before = list(log.handlers), log.propagate
    entry.show_results()
    assert (log.handlers, log.propagate) == before


def test_the_data_are_a_sentence_in_the_log() -> None:
    assert data_line(COUNTS) == (
        "12 windows of 3 patients; train 8 of 2, test 4 of 1; classes: ill 8, well 4; records: doubtful 1"
    )
