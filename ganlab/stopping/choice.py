"""Which evaluation of a training is chosen, and why: the part of stopping=rule that needs no networks.

An evaluation is eligible where its guards hold. Among the eligible ones the earliest is chosen whose Q is within one
standard error of the least: an earlier generator has memorised less. While none is eligible, one may be chosen whose
diversity alone is too low, since more training may raise it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ganlab.tracking.collapse import CONSECUTIVE, THRESHOLD

COLLAPSED_COVERAGE = 0.25
"""Share of the real windows' coverage: less, three times in a row after it had been more, is a collapse."""
DIVERSITY = ("coverage", "pairwise")
GUARDS = ("health", *DIVERSITY, "memory", "copying")


@dataclass
class Evaluation:
    """Scores of the generator after `step` steps. `guards` tells which hold; undefined numbers are None."""

    step: int
    q: float | None
    error: float | None
    guards: dict[str, bool]
    z: dict[str, float] = field(default_factory=dict)
    coverage: float | None = None
    pairwise: float | None = None
    copying: float | None = None
    memory: float | None = None
    class_accuracy: float | None = None
    beside: dict[str, float] = field(default_factory=dict)
    """Means of the losses since the evaluation before."""

    @property
    def eligible(self) -> bool:
        """Whether Q is defined and all guards hold."""
        return self.q is not None and all(self.guards.values())

    @property
    def provisional(self) -> bool:
        """Whether Q is defined and all guards but those of diversity hold."""
        return self.q is not None and all(held for name, held in self.guards.items() if name not in DIVERSITY)

    @property
    def limit(self) -> float:
        """Q plus one standard error."""
        assert self.q is not None
        return self.q + (self.error or 0.0)


def candidates(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return the evaluations that may be chosen now or later; the first of them is chosen now.

    They are eligible, or provisional where none is eligible. Each had a lower Q than all before, and none was ever more
    than a standard error above the least: only their checkpoints are kept on disk.
    """
    kept: list[Evaluation] = []
    for each in _pool(evaluations):
        if not kept or each.q < kept[-1].q:  # type: ignore[operator]
            kept.append(each)
            kept = [one for one in kept if one.q <= each.limit]  # type: ignore[operator]
    return kept


def _pool(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    return [each for each in evaluations if each.eligible] or [each for each in evaluations if each.provisional]


def waited(evaluations: Sequence[Evaluation]) -> int:
    """Return how many evaluations followed the last eligible one whose Q was a standard error below the least."""
    best, at = None, -1
    for place, each in enumerate(evaluations):
        if each.eligible and (best is None or each.limit < best):
            best, at = each.q, place
    return len(evaluations) - 1 - at if best is not None else 0


def collapsed(evaluations: Sequence[Evaluation], coverage: float) -> bool:
    """Return whether the last three evaluations show a collapse: the pairwise ratio or the coverage is too low.

    `coverage` is that of real windows. A low start, as every generator has, does not count, however long it is.
    """
    by_distance = _fallen([each.pairwise for each in evaluations], THRESHOLD)
    return by_distance or _fallen([each.coverage for each in evaluations], COLLAPSED_COVERAGE * coverage)


def _fallen(values: Sequence[float | None], limit: float) -> bool:
    low = [value < limit for value in values if value is not None]
    return all(low[-CONSECUTIVE:]) and not all(low)


def reason(evaluations: Sequence[Evaluation]) -> str:
    """Return one sentence on which evaluation is chosen, and why."""
    kept, pool = candidates(evaluations), _pool(evaluations)
    if not kept:
        held = {name: sum(each.guards.get(name, False) for each in evaluations) for name in GUARDS}
        passed = ", ".join(f"{name} {count}" for name, count in held.items())
        return (
            f"none of {len(evaluations)} evaluations passed the guards of health, memory and copying (passed: "
            f"{passed}), so the last checkpoint is used"
        )
    chosen, best = kept[0], min(pool, key=lambda each: each.q or 0.0)
    failed = " and ".join(name for name in DIVERSITY if not chosen.guards[name])
    return (
        f"step {chosen.step} is chosen: Q {chosen.q:.3f} is the earliest of {len(pool)} "
        f"{'eligible' if chosen.eligible else 'provisional'} evaluations (of {len(evaluations)}) within a standard "
        f"error ({best.error:.3f}) of the lowest, {best.q:.3f} at step {best.step}"
        + ("" if chosen.eligible else f"; none passed all guards, and this one fails those of diversity: {failed}")
    )
