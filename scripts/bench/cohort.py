"""The laptop preset on a small cohort and on one of ten times as many patients, whose records lie on disk."""

from functools import cache
from statistics import median

from measure import Row, in_turns
from processes import SMALL, ganlab, outputs, steps

PATIENTS = 60
TIMES = 10
SECONDS = 20
STEPS = 14


def step(turns: int) -> Row:
    """A training step."""
    return _row("step", "training step: time", "s", turns)


def memory(turns: int) -> Row:
    """What a run takes for itself; the mapped recordings are the system's to take back."""
    return _row("memory_mb", "anonymous memory at its largest in those steps", "MB", turns)


def start(turns: int) -> Row:
    """From the command to the first step."""
    return _row(
        "begins", "from the command to the beginning of the first step, the cache being there: time", "s", turns
    )


ROWS = (step, memory, start)


def _row(key: str, what: str, unit: str, turns: int) -> Row:
    pairs = [(large[key], small[key]) for large, small in _runs(turns)]
    middle = [median(pair[side] for pair in pairs) for side in (0, 1)]
    return Row(
        f"{TIMES}x the cohort: {what}",
        f"1x ({PATIENTS} simulated people, {SECONDS} s each)",
        [large / small for large, small in pairs],
        most=1.1,
        note=f"{middle[0]:.3g} {unit} against {middle[1]:.3g} {unit}",
    )


@cache
def _runs(turns: int) -> list[tuple[dict[str, float], dict[str, float]]]:
    """The same runs tell of step, memory and start."""
    for people in (PATIENTS, TIMES * PATIENTS):
        ganlab("run", *_of(people), "stopping.steps=1", *SMALL, f"outputs={outputs()}")
    return in_turns(
        lambda: steps(_of(TIMES * PATIENTS), STEPS), lambda: steps(_of(PATIENTS), STEPS), turns, warm_up=False
    )


def _of(people: int) -> tuple[str, ...]:
    return "experiment=laptop", "architecture=signal", f"dataset.patients={people}", f"dataset.seconds={SECONDS}"
