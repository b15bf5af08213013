"""When a generator collapsed, from the diversity that its run logged, and how often runs of an experiment collapse.

A collapse is a diversity ratio below 0.3 at three evaluations in a row: the mean distance of two generated images is
then less than a third of that of two real ones.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile
from typing import Literal

from ganlab.core.binomial import proportion_interval

RATIO = "diversity/ratio"
CLASS_MIN = "diversity/class_min"
THRESHOLD = 0.3
CONSECUTIVE = 3

State = Literal["collapsed", "recovered", "healthy", "dead", "not judged"]
Point = tuple[float, int | None, int]


@dataclass(frozen=True)
class Collapse:
    """The state of a run. `epoch` (None where none was logged) and `step` are when it collapsed or died."""

    state: State
    evaluations: int
    epoch: int | None = None
    step: int | None = None

    def __str__(self) -> str:
        when = f"epoch {self.epoch}" if self.epoch is not None else f"step {self.step}"
        words = {
            "collapsed": f"collapsed at {when}",
            "recovered": f"little diversity from {when}, more again later",
            "healthy": "healthy",
            "dead": f"failed at {when}: its images are NaN or infinite",
            "not judged": f"not decided: fewer than {CONSECUTIVE} evaluations",
        }
        return words[self.state]


def collapse(
    rows: Iterable[Mapping[str, float]], threshold: float = THRESHOLD, consecutive: int = CONSECUTIVE
) -> Collapse:
    """Return the state of a run from its rows of `metrics.jsonl` in rising order (`History.rows`), NaN for not finite.

    Collapsed: at least the last `consecutive` ratios are below `threshold`. That a collapse lasts to the end is our
    reading: the paper shows epochs 75 to 150 only. Recovered: as many in a row are below, but not the last. Ratios
    before the first one above the threshold do not count, since a generator begins with images that hardly differ. The
    least diverse class counts where it was logged. A NaN does not interrupt a series; a run that ends with NaN, and had
    not collapsed before, died there.
    """
    points = evaluations(rows)
    finite = [point for point in points if math.isfinite(point[0])]
    streaks = _streaks(finite, threshold, consecutive)
    if streaks and streaks[-1][-1] == finite[-1]:
        return Collapse("collapsed", len(points), *streaks[-1][0][1:])
    # The first of the NaN ratios that a run ends with.
    if dead := list(takewhile(lambda point: not math.isfinite(point[0]), reversed(points))):
        return Collapse("dead", len(points), *dead[-1][1:])
    if len(points) < consecutive:
        return Collapse("not judged", len(points))
    if not streaks:
        return Collapse("healthy", len(points))
    return Collapse("recovered", len(points), *streaks[0][0][1:])


def evaluations(rows: Iterable[Mapping[str, float]]) -> list[Point]:
    """Return ratio, epoch and step of each row that has a ratio."""
    pairs = [(row.get(CLASS_MIN, row.get(RATIO)), row) for row in rows]
    return [(ratio, _whole(row.get("epoch")), int(row["step"])) for ratio, row in pairs if ratio is not None]


def _whole(number: float | None) -> int | None:
    return None if number is None or not math.isfinite(number) else int(number)


def _streaks(points: Sequence[Point], threshold: float, consecutive: int) -> list[list[Point]]:
    """Series of `consecutive` or more evaluations below the threshold, without a start that rises above it later."""
    streaks = [(low, list(members)) for low, members in groupby(points, lambda point: point[0] < threshold)]
    warm_up = 1 if len(streaks) > 1 and streaks[0][0] else 0
    return [members for low, members in streaks[warm_up:] if low and len(members) >= consecutive]


@dataclass(frozen=True)
class CollapseRate:
    """How many of the judged runs collapsed; runs that recovered are among the others.

    Runs that died or were not judged are counted apart.
    """

    collapsed: int
    judged: int
    recovered: int = 0
    dead: int = 0
    not_judged: int = 0

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the exact interval of Clopper and Pearson (1934) for the share; 0 to 1 where no run was judged."""
        return proportion_interval(self.collapsed, self.judged, (1 - level) / 2)

    def __str__(self) -> str:
        low, high = (f"{100 * end:.0f}" for end in self.interval())
        apart = [f"{self.recovered} recovered"] * bool(self.recovered)
        apart += [f"{self.dead} dead"] * bool(self.dead) + [f"{self.not_judged} not judged"] * bool(self.not_judged)
        counted = [f"{self.collapsed} of {self.judged} ({low}–{high} %)"] if self.judged else []
        return ", ".join(counted + apart) or "no run"


def collapse_rate(verdicts: Iterable[Collapse]) -> CollapseRate:
    """Return the rate over the runs of an experiment."""
    states = Counter(verdict.state for verdict in verdicts)
    collapsed, recovered = states["collapsed"], states["recovered"]
    judged = collapsed + recovered + states["healthy"]
    return CollapseRate(collapsed, judged, recovered, states["dead"], states["not judged"])
