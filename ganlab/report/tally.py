"""What scores say together: which metrics can be trusted, and in how many the generated samples are as real ones.

Every score is put on one scale: its distance from the best value, over that of the end of the real-versus-real
reference range. At 1 or below a set is within the range of real samples; `ganlab.evaluation.rows.detected` asks the
same of controls.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganlab.core.words import counted, number
from ganlab.evaluation.rows import NumberRow, finite_or_none, has_control, relative, span, undetected
from ganlab.plot.distances import MOST

WORST = 3
"""Metrics named as the farthest off."""
_BASELINES = {
    "pca_gaussian": "the PCA-Gaussian sampler",
    "bootstrap": "training samples drawn again with a little noise (bootstrap)",
}


@dataclass(frozen=True)
class Tally:
    """Metrics parted by what they prove.

    `judged` are those that count, with their relative distances; `nothing` miss a control that they must notice,
    `untested` have no such control, `blank` have no reference range. Numbers that cannot be measured are in none.
    """

    judged: Mapping[str, float]
    nothing: Sequence[str]
    untested: Sequence[str]
    blank: Sequence[str]

    @property
    def within(self) -> list[str]:
        """Metrics in which the generated samples are within the reference range."""
        return [name for name, off in self.judged.items() if off <= 1]


def tally(rows: Mapping[str, NumberRow]) -> Tally:
    """Return the metrics parted by what they prove."""
    nothing = list(undetected(rows))
    measured = {name: row for name, row in rows.items() if name not in nothing and not row.get("not_measurable")}
    every = {name: relative(row, row["synthetic"]) for name, row in measured.items()}
    usable = {name: off for name, off in every.items() if off is not None}
    judged = {name: off for name, off in usable.items() if has_control(rows[name])}
    untested = [name for name in usable if name not in judged]
    return Tally(judged, nothing, untested, [name for name in every if name not in usable])


def summary(rows: Mapping[str, NumberRow]) -> list[str]:
    """Return the sentences that sum up all metrics."""
    parted = tally(rows)
    sentences = [
        f"Of {counted(len(parted.judged), 'metric')} that a control tests, the generated samples are within the "
        f"real-versus-real reference range in {len(parted.within)}. {_against(rows, parted)}"
        if parted.judged
        else f"None of {counted(len(rows), 'metric')} counts: it takes a reference range and a control that tests it."
    ]
    off = {name: each for name, each in parted.judged.items() if each > 1 and math.isfinite(each)}
    if off:
        worst = sorted(off, key=lambda name: -off[name])[:WORST]
        named = ", ".join(f"{name} ({_times(off[name])})" for name in worst)
        sentences.append(f"Farthest off, as multiples of the end of the reference range: {named}.")
    if parted.nothing:
        sentences.append(
            f"Not counted, because a control that must be noticed is not: {', '.join(parted.nothing)}. "
            f"On these data {'it proves' if len(parted.nothing) == 1 else 'they prove'} nothing."
        )
    if parted.untested:
        sentences.append(
            f"Not counted, because no control tests what {'it' if len(parted.untested) == 1 else 'they'} can see: "
            f"{counted(len(parted.untested), 'metric')}, marked in the tables."
        )
    if absent := [name for name, row in rows.items() if row.get("not_measurable")]:
        sentences.append(f"Not measurable with these samples: {counted(len(absent), 'metric')}, marked in the tables.")
    if parted.blank:
        some = "it has" if len(parted.blank) == 1 else "they have"
        sentences.append(f"Not counted, because {some} no value or no reference range: {', '.join(parted.blank)}.")
    return sentences


def _against(rows: Mapping[str, NumberRow], parted: Tally) -> str:
    """Return how often the generated samples are nearer to the best than a baseline, and how often beyond doubt."""
    parts = []
    for baseline, title in _BASELINES.items():
        offs = {name: relative(rows[name], rows[name]["baselines"].get(baseline)) for name in parted.judged}
        pairs = {name: off for name, off in offs.items() if off is not None}
        nearer = [name for name, off in pairs.items() if parted.judged[name] < off]
        sure = [name for name in nearer if (span(rows[name]) or (0.0, math.inf))[1] < pairs[name]]
        if pairs:
            parts.append(f"than {title} in {len(nearer)} of {len(pairs)} (with the whole interval in {len(sure)})")
    return f"They are nearer to the best {', and '.join(parts)}." if parts else ""


def _times(off: float) -> str:
    return f"over {MOST:g}" if off > MOST else f"{off:.2g}" if off < 10 else f"{off:.0f}"


def short(value: object) -> str:
    """Return a number with the three digits that an interval leaves."""
    usable = finite_or_none(value)
    return number(value if usable is None else float(f"{usable:.3g}"))
