"""What a batch job says while something goes on for long: a line a minute, here a hundredth of a second."""

import logging
import re
import time

import pytest

from ganlab.core import progress
from ganlab.core.progress import tracked


def slowly(count: int) -> list[int]:
    done = []
    for number in tracked(range(count), "measuring", "measure"):
        for _ in tracked(iter("ab"), f"controls of {number}", "set", total=2):
            time.sleep(0.03)
        done.append(number)
    return done


def test_what_is_not_shown_by_a_bar_is_logged_with_the_time_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ganlab")
    monkeypatch.setattr(progress, "EVERY_S", 0.01)
    assert slowly(3) == [0, 1, 2]
    assert re.search(r"measuring: 1 of 3 measures, about \S+ s left; controls of 1: 1 of 2 sets, about", caplog.text)
    written = len(caplog.records)
    time.sleep(0.03)
    assert len(caplog.records) == written


def test_a_loop_that_fails_or_is_short_leaves_no_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ganlab")
    with pytest.raises(ZeroDivisionError):
        sum(1 / number for number in tracked([0], "dividing", "number"))
    assert list(tracked(iter("abc"), "reading", "letter")) == ["a", "b", "c"]
    assert not progress._going_on
    assert not caplog.records
