"""When a generator collapsed, from what its run logged, and how often runs of an experiment did.

The alarm is a diversity ratio below 0.3 at three evaluations in a row: a generated image is then, on the mean, less
than a third as far from the next as a real one is.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from scipy import stats

RATIO = "diversity/ratio"
CLASS_MIN = "diversity/class_min"
THRESHOLD = 0.3
CONSECUTIVE = 3

State = Literal["collapsed", "healthy", "dead", "not judged"]
Point = tuple[float, int | None, int]


@dataclass(frozen=True)
class Collapse:
    """The verdict on a run. `epoch` (None where none was logged) and `step` are when it collapsed or died.

    `lasting` is whether a collapse went on to the last evaluation.
    """

    state: State
    evaluations: int
    epoch: int | None = None
    step: int | None = None
    lasting: bool = True

    def __str__(self) -> str:
        when = f"epoch {self.epoch}" if self.epoch is not None else f"step {self.step}"
        after = "" if self.lasting else ", diverse again later"
        said = {
            "collapsed": f"collapsed at {when}{after}",
            "healthy": "healthy",
            "dead": f"dead at {when}: its images are not numbers",
            "not judged": f"not judged: fewer than {CONSECUTIVE} evaluations",
        }
        return said[self.state]


def collapse(
    rows: Iterable[Mapping[str, float]], threshold: float = THRESHOLD, consecutive: int = CONSECUTIVE
) -> Collapse:
    """Judge rows of `metrics.jsonl` in rising order (`report.curves.read_history(...).rows`), NaN for not finite.

    Collapsed from the first of `consecutive` evaluations in a row below `threshold`. A generator begins with images
    that hardly differ: evaluations below the threshold before the first one above are no collapse, unless none is
    above to the end. The least diverse class counts where it was logged. A run that ends with ratios that are no
    number died there.
    """
    points = evaluations(rows)
    dead = _ends_dead(points)
    if len(points) < consecutive and dead is None:
        return Collapse("not judged", len(points))
    streak = _first_streak(points, threshold, consecutive)
    if streak is not None:
        _, epoch, step = streak[0]
        return Collapse("collapsed", len(points), epoch, step, lasting=not points[-1][0] >= threshold)
    if dead is not None:
        return Collapse("dead", len(points), *dead[1:])
    return Collapse("healthy", len(points))


def evaluations(rows: Iterable[Mapping[str, float]]) -> list[Point]:
    """Ratio, epoch and step of each row that has a ratio."""
    found = [(row.get(CLASS_MIN, row.get(RATIO)), row) for row in rows]
    return [(ratio, _whole(row.get("epoch")), int(row["step"])) for ratio, row in found if ratio is not None]


def _whole(number: float | None) -> int | None:
    return None if number is None or not math.isfinite(number) else int(number)


def _ends_dead(points: Sequence[Point]) -> Point | None:
    """Where the ratios that are no number begin, if the last one is none."""
    alive = [index for index, (ratio, *_) in enumerate(points) if math.isfinite(ratio)]
    first = alive[-1] + 1 if alive else 0
    return points[first] if first < len(points) else None


def _first_streak(points: Sequence[Point], threshold: float, consecutive: int) -> list[Point] | None:
    """The first long enough run of evaluations below the threshold that is not the start of a run that recovered."""
    streaks = [(low, list(members)) for low, members in groupby(points, lambda point: point[0] < threshold)]
    warm_up = streaks[:1] if streaks[0][0] and any(ratio >= threshold for ratio, *_ in points) else []
    counted = streaks[len(warm_up) :]
    return next((members for low, members in counted if low and len(members) >= consecutive), None)


@dataclass(frozen=True)
class Rate:
    """How many of the judged runs collapsed; the runs that died or were not judged are counted apart."""

    collapsed: int
    judged: int
    dead: int = 0
    not_judged: int = 0

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The exact interval of Clopper and Pearson (1934) for the share; 0 to 1 where nothing was judged."""
        tail, healthy = (1 - level) / 2, self.judged - self.collapsed
        low = stats.beta.ppf(tail, self.collapsed, healthy + 1) if self.collapsed else 0.0
        high = stats.beta.ppf(1 - tail, self.collapsed + 1, healthy) if healthy else 1.0
        return float(low), float(high)

    def __str__(self) -> str:
        low, high = (f"{100 * end:.0f}" for end in self.interval())
        apart = [f"{self.dead} dead"] * bool(self.dead) + [f"{self.not_judged} not judged"] * bool(self.not_judged)
        counted = [f"{self.collapsed} of {self.judged} ({low}–{high} %)"] if self.judged else []
        return ", ".join(counted + apart) or "no run"


def rate(verdicts: Iterable[Collapse]) -> Rate:
    """The rate over the runs of an experiment."""
    states = [verdict.state for verdict in verdicts]
    collapsed, healthy = states.count("collapsed"), states.count("healthy")
    return Rate(collapsed, collapsed + healthy, states.count("dead"), states.count("not judged"))
