"""What a sweep found, as tables: each group of runs, its difference from the first one, and its rank, with intervals.

Beside the page lie `effects.csv` with every number, and `effects.md` and `effects.tex` with the numbers of the page.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganlab.core.files import write_whole
from ganlab.core.words import number, p_value
from ganlab.evaluation.effects import Effect, compared
from ganlab.evaluation.rows import best, complete, direction
from ganlab.plot.effects import draw_effects
from ganlab.report.jobs import Group, Job, pair
from ganlab.report.page import Picture, picture

PRIMARY = (
    *("signal/psd_db", "distribution/frechet", "distribution/kid", "distribution/coverage"),
    *("physiology/plausible_rate", "utility/tstr_auroc", "table/ks_mean", "table/detection_auc"),
    *("image_distribution/kid", "image/sharpness"),
)
"""Numbers that the page and the pasted tables show, where they were measured, and at most `SHOWN` of them."""
SHOWN = 4
HEADER = ("group", "runs", "mean", "95 % interval", "difference from the first", "95 % interval", "p (Holm)", "rank")
FACTORS = 16
"""Values of one setting, at most, that are compared over all others."""


@dataclass(frozen=True)
class NumberTable:
    """The groups' effects on one number, by what was swept: `rows` as text, in the order of `HEADER`."""

    name: str
    over: str
    unit: str
    effects: Mapping[str, Effect]

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The table as text."""
        return [_row(name, effect) for name, effect in self.effects.items()]


@dataclass(frozen=True)
class EffectsSection:
    """What the page shows: tables, a picture, and the same as text to paste."""

    tables: Sequence[NumberTable]
    drawing: Picture
    markdown: str
    latex: str
    reference: str


def effects_section(folder: Path, groups: Sequence[Group], names: Sequence[str]) -> EffectsSection | None:
    """Write the tables beside the page and return what it shows; None where fewer than two groups were measured."""
    measured = {name: group for name, group in zip(names, groups, strict=True) if any(job.scores for job in group)}
    if len(measured) < 2:
        return None
    first = next(iter(measured))
    every = list(dict.fromkeys(key for group in measured.values() for job in group for key in job.scores))
    tables = {key: _table(key, "", measured, first) for key in every}
    shown = [key for key in PRIMARY if key in tables and tables[key].effects][:SHOWN] or every[:1]
    pasted = [tables[key] for key in shown] + [each for key in shown for each in _factors(key, measured)]
    write_whole(folder / "effects.csv", csv_text(list(tables.values())))
    markdown, latex = (f"{text}\n" for text in (markdown_text(pasted), latex_text(pasted)))
    write_whole(folder / "effects.md", markdown)
    write_whole(folder / "effects.tex", latex)
    drawn = draw_effects({key: tables[key].effects for key in shown})
    caption = "Mean of each group over its runs with its 95 % interval, a bootstrap over seeds (and patients, if kept)."
    return EffectsSection(pasted, picture(drawn, caption, "means and intervals", dpi=130), markdown, latex, first)


def _table(key: str, over: str, groups: Mapping[str, Sequence[Job]], first: str) -> NumberTable:
    rows = [complete(job.scores[key]) for group in groups.values() for job in group if key in job.scores]
    perfect = next((value for row in rows if (value := best(row)) is not None), None)
    runs = {
        name: {(str(job.seed), _rest(job, over)): _values(job.scores[key]) for job in group if key in job.scores}
        for name, group in groups.items()
    }
    unit = ", ".join(filter(None, (str(rows[0]["unit"] or ""), direction(rows[0]))))
    return NumberTable(key, over, unit, compared({name: own for name, own in runs.items() if own}, first, perfect))


def _factors(key: str, groups: Mapping[str, Group]) -> list[NumberTable]:
    """Return a table of each setting that was swept beside others: its values, over all that these have in common."""
    jobs = [job for group in groups.values() for job in group]
    values = {
        name: list(dict.fromkeys(dict(map(pair, job.settings)).get(name, "default") for job in jobs))
        for name in dict.fromkeys(name for job in jobs for name, _ in map(pair, job.settings))
        if not name.startswith(("arrangement.", "tracking"))
    }
    swept = {name: own for name, own in values.items() if 1 < len(own) <= FACTORS}
    if len(swept) < 2:
        return []
    tables = []
    for name, own in swept.items():
        parts = {
            f"{name}={value}": [job for job in jobs if dict(map(pair, job.settings)).get(name, "default") == value]
            for value in own
        }
        tables.append(_table(key, name, parts, next(iter(parts))))
    return tables


def _rest(job: Job, over: str) -> str:
    """Return what a run shares with its partners in the other groups: nothing, or its settings but the one compared."""
    own = (name_value for name_value in job.settings if not name_value.startswith("arrangement."))
    return " ".join(sorted(each for each in own if pair(each)[0] != over)) if over else ""


def _values(row: Any) -> list[float]:
    given = row if isinstance(row, Mapping) else {"synthetic": row}
    values = [given.get("synthetic"), *(given.get("draws") or ())]
    return [float(value) if isinstance(value, int | float) else math.nan for value in values]


def _row(name: str, effect: Effect) -> tuple[str, ...]:
    ranked = math.isfinite(effect.rank)
    low, high = effect.rank_interval if ranked else (0.0, 0.0)
    return (
        name,
        str(effect.runs),
        _short(effect.mean),
        _interval(effect.interval),
        _short(effect.difference),
        _interval(effect.difference_interval),
        p_value(effect.p) if math.isfinite(effect.p) else "–",
        f"{effect.rank:g} ({low:.0f} to {high:.0f})" if ranked else "–",
    )


def _short(value: float) -> str:
    return number(float(f"{value:.3g}")) if math.isfinite(value) else "–"


def _interval(ends: tuple[float, float]) -> str:
    return f"{_short(ends[0])} to {_short(ends[1])}" if math.isfinite(ends[0]) else "–"


def csv_text(tables: Sequence[NumberTable]) -> str:
    """Return every number of every group as lines of a CSV file, unrounded."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    titles = ("interval_low", "interval_high", "difference", "difference_low", "difference_high", "p_holm")
    lines.writerow(("number", "group", "runs", "mean", "deviation", *titles, "rank", "rank_low", "rank_high", "unit"))
    for table in tables:
        for name, each in table.effects.items():
            apart = (each.difference, *each.difference_interval, each.p)
            ends = (*each.interval, *apart, each.rank, *each.rank_interval)
            lines.writerow((table.name, name, each.runs, each.mean, each.deviation, *ends, table.unit))
    return out.getvalue()


def markdown_text(tables: Sequence[NumberTable]) -> str:
    """Return the tables in Markdown, a heading each."""
    parts = []
    for table in tables:
        head = [f"**{_title(table)}**", "", f"| {' | '.join(HEADER)} |", "|---" * len(HEADER) + "|"]
        rows = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in table.rows]
        parts.append("\n".join([*head, *rows]))
    return "\n\n".join(parts)


def latex_text(tables: Sequence[NumberTable]) -> str:
    """Return the tables in LaTeX, without packages."""
    parts = []
    for table in tables:
        rows = [" & ".join(map(_escaped, row)) + r" \\" for row in (HEADER, *table.rows)]
        body = [r"\begin{tabular}{lrrrrrrr}", r"\hline", rows[0], r"\hline", *rows[1:], r"\hline", r"\end{tabular}"]
        parts.append("\n".join([f"% {_title(table)}", *body]))
    return "\n\n".join(parts)


def _title(table: NumberTable) -> str:
    over = f", by {table.over} over all other settings" if table.over else ""
    return f"{table.name}{f' ({table.unit})' if table.unit else ''}{over}"


def _escaped(text: str) -> str:
    names = {"\\": r"\textbackslash{}", "–": "--", "−": "$-$", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(names.get(sign, f"\\{sign}" if sign in "&%$#_{}" else sign) for sign in text)
