"""Prints the tables of docs/answer.md from the folders of scripts/study.py, and draws its figure.

python scripts/answer.py OUT docs/pictures/answer.png
python scripts/answer.py LONG --number distribution/frechet
"""

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scipy.stats import spearmanr

from ganlab.evaluation.effects import Effect, Runs, compared
from ganlab.plot.effects import draw_effects
from ganlab.plot.figure import png_bytes
from ganlab.report.jobs import Job, pair, read_jobs
from ganlab.tracking.collapse import rate

ALIKE = ("z", "transposed", "reversed")
"""One experiment in three disguises: their differences are chance."""
TITLES = {"study/paper": "paper's recipe", "study/paper_tricks": "paper's tricks", "study/modern": "modern recipe"}


def main() -> None:
    """Print, and draw where a picture is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("picture", type=Path, nargs="?")
    parser.add_argument("--number", default="signal/psd_db")
    parser.add_argument("--label", default="spectral distance of lead i, difference from z in dB (left of 0 is better)")
    given = parser.parse_args()
    jobs = [job for job in read_jobs(given.out) if job.scores]
    recipes = {name: [job for job in jobs if chosen(job, "experiment") == name] for name in TITLES}
    columns = {TITLES[name]: effects(own, given.number) for name, own in recipes.items() if own}
    columns["all recipes"] = effects(jobs, given.number)
    for title, column in columns.items():
        print(f"\n{given.number}, {title}\n\n{table(column)}")
    print(f"\nhalf of the steps against all: {stability(recipes, given.number)}")
    for title, own in recipes.items():
        print(f"collapsed, {title}: {rate(job.verdict for job in own)}")
    spent = sum(float(job.facts["processor_seconds"]) for job in jobs)
    training = sorted(float(job.facts["training_processor_seconds"]) for job in jobs)
    print(f"{len(jobs)} runs, {spent / 3600:.2f} hours of a core; training {training[0]:.1f} to {training[-1]:.1f} s")
    if given.picture:
        given.picture.write_bytes(png_bytes(draw_effects(columns, given.label, ALIKE, differences=True), dpi=150))


def chosen(job: Job, key: str) -> str:
    """Return the value of an override of a run."""
    return dict(map(pair, job.settings))[key]


def effects(jobs: Sequence[Job], number: str, file: str | None = None) -> dict[str, Effect]:
    """Return the effect of each arrangement, compared with z, over seeds and what else the runs differ in."""
    groups: dict[str, dict[tuple[str, str], Sequence[float]]] = {}
    for job in jobs:
        rows = job.scores if file is None else json.loads((job.folder / file).read_text())
        own = groups.setdefault(chosen(job, "arrangement"), {})
        own[str(job.seed), chosen(job, "experiment")] = values(rows.get(number, {}))
    ordered = sorted(groups, key=lambda name: (ALIKE.index(name) if name in ALIKE else len(ALIKE), name))
    found: Mapping[str, Runs] = {name: groups[name] for name in ordered}
    return compared(found, "z", best=0.0)


def values(row: Mapping[str, Any]) -> list[float]:
    """Return a run's number and its values under draws of patients."""
    return [math.nan if value is None else float(value) for value in (row.get("synthetic"), *row.get("draws", ()))]


def table(column: Mapping[str, Effect]) -> str:
    """Return the effects in Markdown."""
    lines = [
        "| arrangement | runs | mean (95 %) | difference from z (95 %) | p (Holm) | rank (95 %) |",
        "|---" * 6 + "|",
    ]
    for name, each in column.items():
        apart = "" if math.isnan(each.difference) else f"{each.difference:+.2f} ({ends(each.difference_interval)})"
        p = "" if math.isnan(each.p) else f"{each.p:.2g}"
        rank = f"{each.rank:g} ({each.rank_interval[0]:.0f} to {each.rank_interval[1]:.0f})"
        lines.append(f"| {name} | {each.runs} | {each.mean:.2f} ({ends(each.interval)}) | {apart} | {p} | {rank} |")
    return "\n".join(lines)


def ends(interval: tuple[float, float]) -> str:
    """Return an interval as text."""
    return "–" if math.isnan(interval[0]) else f"{interval[0]:.2f} to {interval[1]:.2f}"


def stability(recipes: Mapping[str, Sequence[Job]], number: str) -> str:
    """Return the rank correlation of the arrangements' means at half of the steps and at all, by recipe."""
    parts = []
    for name, jobs in recipes.items():
        if len({chosen(job, "arrangement") for job in jobs}) < 3:
            continue
        half, whole = effects(jobs, number, "halfway.json"), effects(jobs, number)
        both = [(half[key].mean, whole[key].mean) for key in half if key in whole]
        parts.append(f"{TITLES[name]} {spearmanr(*zip(*both, strict=True)).statistic:.2f} ({len(both)} arrangements)")
    return ", ".join(parts) or "too few arrangements"


if __name__ == "__main__":
    main()
