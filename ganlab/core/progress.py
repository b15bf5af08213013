"""Progress of what takes long: a bar in a terminal; elsewhere, as in a batch job, a line a minute in the log."""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass, field
from typing import TypeVar

from tqdm import tqdm

from ganlab.core.words import counted, duration, number

log = logging.getLogger(__name__)

EVERY_S = 60.0
"""Seconds between two lines in the log."""

T = TypeVar("T")


@dataclass
class RunningLoop:
    """A loop that goes on, of `total` things where their number is known."""

    name: str
    unit: str
    total: int | None
    done: int = 0
    began: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        if self.total is None:
            return f"{self.name}: {counted(self.done, self.unit)}"
        text = f"{self.name}: {number(self.done)} of {counted(self.total, self.unit)}"
        seconds = time.monotonic() - self.began
        return f"{text}, about {duration(seconds / self.done * (self.total - self.done))} left" if self.done else text


_going_on: list[RunningLoop] = []
"""Loops that go on without a bar, the outer ones first: one line tells of all."""


def tracked(items: Iterable[T], name: str, unit: str, total: int | None = None, leave: bool = True) -> Iterator[T]:
    """Yield the items while a bar, or a line a minute in the log, says how many are done and how long the rest takes.

    `total` is their number where the items do not know it; a bar that `leave` is false for vanishes at the end.
    """
    bar = tqdm(items, name, total, leave, unit=unit, disable=None)
    if not bar.disable:
        yield from bar
        return
    task = RunningLoop(name, unit, len(items) if total is None and isinstance(items, Sized) else total)
    over = threading.Event()
    _going_on.append(task)
    if len(_going_on) == 1:
        threading.Thread(target=_report, args=(over,), name="progress", daemon=True).start()
    try:
        for item in items:
            yield item
            task.done += 1
    finally:
        _going_on.remove(task)
        over.set()


def _report(over: threading.Event) -> None:
    """Log the loops that go on, until the outermost is over."""
    while not over.wait(EVERY_S):
        log.info("%s", "; ".join(map(str, list(_going_on))))
