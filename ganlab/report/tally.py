"""What scores say together: which metrics can be trusted, and in how many the generated samples are as real ones.

Every score is put on one scale: its distance from the best value, over that of the end of the real-versus-real
reference range. At 1 or below a set is within the range of real samples; `ganlab.evaluation.rows.detected` asks the
same of controls.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganlab.core.words import number
from ganlab.evaluation.rows import NumberRow, finite_or_none, has_control, relative, span, undetected
from ganlab.plot.distances import MOST

WORST = 3
"""Metrics named as the farthest off."""


@dataclass(frozen=True)
class Tally:
    """Metrics parted by what they prove.

    `judged` are those that count, with their relative distances; `nothing` miss a control that they must notice,
    `untested` have no such control, `blank` have no reference range, `absent` cannot be measured with these samples.
    `baselines` has for each baseline in how many of the judged metrics the generated samples are nearer to the best, of
    how many that compare, and in how many the whole interval is.
    """

    judged: Mapping[str, float]
    nothing: Sequence[str]
    untested: Sequence[str]
    blank: Sequence[str]
    absent: Sequence[str]
    baselines: Mapping[str, tuple[int, int, int]]

    @property
    def count(self) -> int:
        """How many metrics there are."""
        return len(self.judged) + len(self.nothing) + len(self.untested) + len(self.blank) + len(self.absent)

    @property
    def within(self) -> list[str]:
        """Metrics in which the generated samples are within the reference range."""
        return [name for name, off in self.judged.items() if off <= 1]

    @property
    def worst(self) -> list[tuple[str, str]]:
        """The metrics that are farthest off, with their distances as text."""
        off = {name: each for name, each in self.judged.items() if each > 1 and math.isfinite(each)}
        return [(name, _times(off[name])) for name in sorted(off, key=lambda name: -off[name])[:WORST]]


def tally(rows: Mapping[str, NumberRow]) -> Tally:
    """Return the metrics parted by what they prove."""
    nothing = list(undetected(rows))
    absent = [name for name, row in rows.items() if row.get("not_measurable")]
    every = {
        name: relative(row, row["synthetic"])
        for name, row in rows.items()
        if name not in nothing and name not in absent
    }
    usable = {name: off for name, off in every.items() if off is not None}
    judged = {name: off for name, off in usable.items() if has_control(rows[name])}
    untested = [name for name in usable if name not in judged]
    blank = [name for name in every if name not in usable]
    against = {baseline: _against(rows, judged, baseline) for baseline in ("pca_gaussian", "bootstrap")}
    return Tally(judged, nothing, untested, blank, absent, {name: own for name, own in against.items() if own[1]})


def _against(rows: Mapping[str, NumberRow], judged: Mapping[str, float], baseline: str) -> tuple[int, int, int]:
    """Return `baselines` of one baseline."""
    offs = {name: relative(rows[name], rows[name]["baselines"].get(baseline)) for name in judged}
    pairs = {name: off for name, off in offs.items() if off is not None}
    nearer = [name for name, off in pairs.items() if judged[name] < off]
    sure = [name for name in nearer if (span(rows[name]) or (0.0, math.inf))[1] < pairs[name]]
    return len(nearer), len(pairs), len(sure)


def _times(off: float) -> str:
    return f"over {MOST:g}" if off > MOST else f"{off:.2g}" if off < 10 else f"{off:.0f}"


def short(value: object) -> str:
    """Return a number with the three digits that an interval leaves."""
    usable = finite_or_none(value)
    return number(value if usable is None else float(f"{usable:.3g}"))
