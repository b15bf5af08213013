"""Times two things alternately, so that other work on the machine affects both alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median


class NotRun(Exception):
    """What a row needs is not on this machine; the message says what."""


@dataclass(frozen=True)
class Row:
    """One row of the table: `ratios` are one a turn, `least` or `most` what the median has to reach.

    `note` says absolute values, which hold for one machine at one time.
    """

    what: str
    against: str
    ratios: Sequence[float]
    least: float | None = None
    most: float | None = None
    unit: str = "x"
    note: str = ""
    details: dict[str, float] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        """Whether the median is on the right side of its limit."""
        middle = median(self.ratios)
        return (self.least is None or middle >= self.least) and (self.most is None or middle <= self.most)


def in_turns(
    first: Callable[[], float], second: Callable[[], float], turns: int, warm_up: bool = True
) -> list[tuple[float, float]]:
    """What both return, `turns` times, each going first every other time.

    One turn before them is thrown away, unless both are so long that nothing of them is left to warm up.
    """
    if warm_up:
        first(), second()
    pairs = []
    for turn in range(turns):
        if turn % 2:
            b, a = second(), first()
        else:
            a, b = first(), second()
        pairs.append((a, b))
    return pairs
