"""Prints the tables of docs/answer.md from the folders of scripts/study.py, and draws its figure.

python scripts/answer.py OUT --picture docs/pictures/answer.png
python scripts/answer.py OUT --number distribution/frechet --ratio
python scripts/answer.py OUT/ptbxl OUT/ptbdb --recipes study/modern       # a column for each folder, and one for all
python scripts/answer.py TRICKS --tricks
"""

import argparse
import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from scipy.stats import spearmanr

from ganlab.evaluation.effects import Effect, Runs, compared
from ganlab.plot.effects import draw_effects
from ganlab.plot.figure import png_bytes
from ganlab.report.jobs import Job, pair, read_jobs
from ganlab.tracking.collapse import collapse_rate

ALIKE = ("z", "transposed", "reversed")
"""One experiment in three disguises: their differences are chance."""
PRIMARY = {
    "spectrum, difference from z in dB": ("signal/psd_db", False),
    "Fréchet distance, ln of the quotient": ("distribution/frechet", True),
}
"""The two numbers of the figure of one recipe, and whether they are compared by quotients."""
LEAST = -20.0
"""Logarithm below which no distance lies: the best value of a logarithm."""
TITLES = {"study/paper": "paper's recipe", "study/paper_tricks": "paper's tricks", "study/modern": "modern recipe"}


def main() -> None:
    """Print, and draw where a picture is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="+")
    parser.add_argument("--picture", type=Path, help="a PNG file to draw")
    parser.add_argument("--recipes", nargs="+", default=list(TITLES), choices=TITLES)
    parser.add_argument("--number", default="signal/psd_db")
    parser.add_argument("--ratio", action="store_true", help="compare by quotients, for numbers such as Fréchet's")
    parser.add_argument("--tricks", action="store_true", help="OUT holds tricks, each alone")
    parser.add_argument("--seeds", type=int, default=99, help="the first seeds alone")
    parser.add_argument("--label", default="spectral distance of lead i, difference from z in dB (left of 0 is better)")
    given = parser.parse_args()
    jobs = [job for out in given.out for job in read_jobs(out) if job.scores and int(str(job.seed)) < given.seeds]
    jobs = [job for job in jobs if chosen(job, "experiment") in given.recipes]
    compare = partial(effects, number=given.number, name=trick if given.tricks else arrangement, ratio=given.ratio)
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        title = job.folder.parent.name if len(given.out) > 1 else TITLES[chosen(job, "experiment")]
        groups.setdefault(title, []).append(job)
    columns = {title: compare(own) for title, own in groups.items()}
    if len(columns) > 1:
        columns["all"] = compare(jobs)
    for title, column in columns.items():
        print(f"\n{given.number}, {title}\n\n{table(column, given.ratio)}")
    print(f"\nhalf of the steps against all: {stability(groups, compare)}\n")
    for title, own in groups.items():
        print(f"collapsed, {title}: {collapse_rate(job.verdict for job in own)}")
    if given.tricks:
        for each in next(iter(columns.values())):
            print(f"collapsed, {each}: {collapse_rate(job.verdict for job in jobs if trick(job) == each)}")
    spent = sum(float(job.facts["processor_seconds"]) for job in jobs)
    training = sorted(float(job.facts["training_processor_seconds"]) for job in jobs)
    print(f"{len(jobs)} runs, {spent / 3600:.2f} hours of a core; training {training[0]:.1f} to {training[-1]:.1f} s")
    if given.picture and len(columns) > 1:
        given.picture.write_bytes(png_bytes(draw_effects(columns, given.label, ALIKE, differences=True), dpi=150))
    elif given.picture:
        both = {title: effects(jobs, number, ratio=ratio) for title, (number, ratio) in PRIMARY.items()}
        given.picture.write_bytes(png_bytes(draw_effects(both, "", ALIKE, differences=True), dpi=150))


def chosen(job: Job, key: str) -> str:
    """Return the value of an override of a run."""
    return dict(map(pair, job.settings))[key]


def arrangement(job: Job) -> str:
    """Return a run's arrangement."""
    return chosen(job, "arrangement")


def trick(job: Job) -> str:
    """Return what a run has beside the recipe, as overrides."""
    own = [f"{key}={value}" for key, value in map(pair, job.settings) if key not in ("experiment", "arrangement")]
    return " ".join(own).replace("trick=", "") or "none"


def effects(
    jobs: Sequence[Job],
    number: str,
    name: Callable[[Job], str] = arrangement,
    ratio: bool = False,
    file: str | None = None,
) -> dict[str, Effect]:
    """Return the effect of each name, compared with the first, over seeds and what else the runs differ in."""
    groups: dict[str, dict[tuple[str, str], Sequence[float]]] = {}
    for job in jobs:
        rows = job.scores if file is None else json.loads((job.folder / file).read_text())
        row = values(rows.get(number, {}))
        own = groups.setdefault(name(job), {})
        own[f"{job.folder.parent.name} {job.seed}", chosen(job, "experiment")] = (
            [math.log(value) for value in row] if ratio else row
        )
    first = ("none", *ALIKE)
    ordered = sorted(groups, key=lambda each: (first.index(each) if each in first else len(first), each))
    found: Mapping[str, Runs] = {each: groups[each] for each in ordered}
    return compared(found, ordered[0], best=LEAST if ratio else 0.0)


def values(row: Mapping[str, Any]) -> list[float]:
    """Return a run's number and its values under draws of patients."""
    return [math.nan if value is None else float(value) for value in (row.get("synthetic"), *row.get("draws", ()))]


def table(column: Mapping[str, Effect], ratio: bool = False) -> str:
    """Return the effects in Markdown."""
    by = "quotient" if ratio else "difference"
    lines = [f"| | runs | mean (95 %) | {by} (95 %) | p (Holm) | rank (95 %) |", "|---" * 6 + "|"]
    for name, each in column.items():
        mean, *around = [math.exp(end) if ratio else end for end in (each.mean, *each.interval)]
        off, *apart = [math.exp(end) if ratio else end for end in (each.difference, *each.difference_interval)]
        effect = "" if math.isnan(off) else f"{off:{'' if ratio else '+'}.2f} ({ends(apart)})"
        p = "" if math.isnan(each.p) else f"{each.p:.2g}"
        rank = f"{each.rank:g} ({each.rank_interval[0]:.0f} to {each.rank_interval[1]:.0f})"
        lines.append(f"| {name} | {each.runs} | {mean:.2f} ({ends(around)}) | {effect} | {p} | {rank} |")
    return "\n".join(lines)


def ends(interval: Sequence[float]) -> str:
    """Return an interval as text."""
    return "–" if math.isnan(interval[0]) else f"{interval[0]:.2f} to {interval[1]:.2f}"


def stability(groups: Mapping[str, Sequence[Job]], compare: Callable[..., dict[str, Effect]]) -> str:
    """Return the rank correlation of the groups' means at half of the steps and at all, by recipe."""
    parts = []
    for title, jobs in groups.items():
        half, whole = compare(jobs, file="halfway.json"), compare(jobs)
        if len(both := [(half[key].mean, whole[key].mean) for key in half if key in whole]) > 2:
            parts.append(f"{title} {spearmanr(*zip(*both, strict=True)).statistic:.2f} ({len(both)} groups)")
    return ", ".join(parts) or "too few groups"


if __name__ == "__main__":
    main()
