"""The page that sums up a sweep: each experiment's settings, what was reported, and the scores of its runs over seeds.

It is written from the folders of the jobs, with what each has left so far; a job that failed or goes on is listed.
Runs that differ in nothing but `seed=` are one experiment.
"""

import io
import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any
from urllib.parse import quote

from PIL import Image

from ganlab.core.errors import RESULT, UserError
from ganlab.core.files import write_whole
from ganlab.core.words import counted, dashed, duration, number
from ganlab.evaluation.rows import complete, direction
from ganlab.plot.collapse import draw_diversity, draw_rates
from ganlab.plot.curves import class_accuracies, draw_curves
from ganlab.report.effects import HEADER, effects_section
from ganlab.report.jobs import Group, Job, common, group_runs, pair, read_jobs, titles
from ganlab.report.numbers import LONG
from ganlab.report.page import NOTICE, Picture, picture, render
from ganlab.report.run import COMPARISON
from ganlab.report.training import grid_files, moment
from ganlab.report.verdict import LightView, read_verdict, view
from ganlab.tracking.collapse import THRESHOLD, Collapse, CollapseRate, collapse_rate, evaluations
from ganlab.tracking.shared import requested

log = logging.getLogger(__name__)

_GRIDS_SHOWN = 5
_GRID_SIDE, _PICTURE_SIDE = 320, 1100
_ROOMS = ("dataset", "split", "standardization", "arrangement", "gan", "architecture", "loss", "trick")


@dataclass(frozen=True)
class Spread:
    """A metric over the finished runs of an experiment: mean and deviation, as text, of generated and real samples."""

    unit: str
    meaning: str
    synthetic: str
    real: str


@dataclass(frozen=True)
class ExperimentSection:
    """What the page shows of runs that differ in their seed alone."""

    name: str
    setting: Mapping[str, str]
    reduced: bool
    reported: str
    rate: CollapseRate
    finished: int
    seconds: float | None
    grids: Sequence[Picture]
    comparison: Picture | None
    curves: Sequence[Picture]
    scores: Mapping[str, Spread]
    measured: int
    runs: Sequence[tuple[str, str, str, Sequence[LightView], str, str]]


def write_summary(folder: Path) -> Path:
    """Write `folder/summary.html` from the jobs in the folder, and return its path. Raises UserError without any."""
    folder = Path(folder)
    jobs = read_jobs(folder)
    if not jobs:
        raise UserError(f"sweep={folder}: it contains no run. Sweeps are in outputs/sweeps: sweep=outputs/sweeps/NAME.")
    groups = group_runs(jobs)
    names = titles(groups)
    experiments = [_experiment(group, name) for group, name in zip(groups, names, strict=True)]
    seconds = [job.seconds for job in jobs if job.seconds is not None]
    sets = _same_metrics(experiments)
    versions = {(job.facts.get("version"), job.facts.get("git_commit")) for job in jobs if job.facts}
    content = render(
        "summary.html",
        title=f"Summary of {folder.resolve().name}",
        name=folder.resolve().name,
        jobs=jobs,
        reduced=sum(job.reduced for job in jobs),
        facts=[
            ("experiments", number(len(groups))),
            ("runs", number(len(jobs))),
            ("finished", number(sum(job.finished for job in jobs))),
            ("time of all runs", duration(sum(seconds)) if seconds else "–"),
        ],
        request=" ".join(map(str, requested(folder))),
        common=" ".join(common(groups)) if len(groups) > 1 else "",
        experiments=experiments,
        threshold=THRESHOLD,
        collapses=_collapses(experiments, groups),
        effects=effects_section(folder, groups, names),
        effects_header=HEADER,
        sets=sets,
        longest=max((len(members[0].scores) for members in sets), default=0),
        long=LONG,
        unfinished=[(job.folder.name, " ".join(job.overrides), job.state) for job in jobs if not job.finished],
        left_out=_left_out(jobs),
        code="; ".join(sorted(f"ganlab {version}, commit {commit}" for version, commit in versions)),
    )
    return write_whole(folder / "summary.html", content)


def summarize(sweep: str | None) -> Path:
    """Write the page of the sweep's folder and log where it lies. Raises UserError where there is no such folder."""
    if not sweep:
        raise UserError("Which sweep? sweep=<folder>, such as sweep=outputs/sweeps/NAME.")
    if not Path(sweep).is_dir():
        raise UserError(f"sweep={sweep}: no such folder. Sweeps are in outputs/sweeps: sweep=outputs/sweeps/NAME.")
    written = write_summary(Path(sweep))
    log.info("summary: %s", written, extra=RESULT)
    return written


def _experiment(group: Group, name: str) -> ExperimentSection:
    seconds = [job.seconds for job in group if job.seconds is not None]
    best = next((job for job in group if job.finished), group[0])
    reported = next((job.config["reported"] for job in group if job.config.get("reported")), "")
    # A run that goes on may still collapse, so it is not judged yet.
    verdicts = (job.verdict if job.trained else Collapse("not judged", 0) for job in group if job.facts)
    return ExperimentSection(
        name=name,
        setting=_setting(group),
        reduced=any(job.reduced for job in group),
        reported=", ".join(map(str, reported)) if isinstance(reported, list) else str(reported),
        rate=collapse_rate(verdicts),
        finished=sum(job.finished for job in group),
        seconds=fmean(seconds) if seconds else None,
        grids=_grids(group),
        comparison=_comparison(best),
        curves=_curves(best),
        scores=_scores(group),
        measured=sum(bool(job.scores) for job in group),
        runs=[_run(job) for job in group],
    )


def _setting(group: Group) -> dict[str, str]:
    """Return the choice of each room, batch size and epochs, as the first run that says so has them; a dash else."""
    job = next((job for job in group if job.facts), group[0])
    chosen = job.facts.get("choices") or {}
    choices = dict(map(pair, job.settings)) | {key: value for key, value in chosen.items() if value is not None}
    trainer = job.config.get("trainer")
    epochs = job.facts.get("epochs", trainer.get("max_epochs") if isinstance(trainer, Mapping) else None)
    setting = {room: number(choices.get(room)) for room in _ROOMS}
    setting["batch"] = number(job.facts.get("batch_size", job.config.get("batch_size")))
    setting["epochs"] = number(None if epochs == -1 else epochs)  # -1: no end by epochs
    return setting


def _run(job: Job) -> tuple[str, str, str, Sequence[LightView], str, str]:
    """Return seed, state, collapse, lights, time, and the report's relative address, empty without one."""
    report = f"{quote(job.folder.name)}/report.html" if (job.folder / "report.html").is_file() else ""
    if not job.facts:
        return number(job.seed), "failed before training", "–", (), duration(None), report
    collapsed = f"{job.verdict}{'' if job.trained else ' so far'}"
    lights = shown.lights if (shown := view(read_verdict(job.folder))) else ()
    return number(job.seed), job.state, collapsed, lights, duration(job.facts.get("seconds")), report


def _scores(group: Group) -> dict[str, Spread]:
    """Return each metric over the finished runs; for real samples their own value, or that of other real samples."""
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for job in group:
        for name, row in job.scores.items():
            rows.setdefault(name, []).append(row if isinstance(row, Mapping) else {"synthetic": row})
    scores = {}
    for name, given in rows.items():
        real = [row.get("floor") if row.get("real") is None else row["real"] for row in given]
        last = given[-1]
        unit = ", ".join(filter(None, (last.get("unit"), direction(complete(last)))))
        synthetic = _spread([row.get("synthetic") for row in given])
        scores[name] = Spread(unit, last.get("meaning") or "", synthetic, _spread(real))
    return scores


def _spread(values: Sequence[Any]) -> str:
    """Return the mean of the values that are numbers, their deviation where they differ, and how many they are."""
    finite = [float(value) for value in values if isinstance(value, int | float) and math.isfinite(value)]
    if not finite:
        return "–"
    wide = f" ± {number(float(f'{stdev(finite):.2g}'))}" if len(set(finite)) > 1 else ""
    lost = f" ({len(finite)} of {len(values)})" if len(finite) < len(values) else ""
    return f"{number(fmean(finite))}{wide}{lost}"


def _same_metrics(experiments: Sequence[ExperimentSection]) -> list[list[ExperimentSection]]:
    """Return experiments with the same metrics together; those without any are left out."""
    sets: dict[tuple[str, ...], list[ExperimentSection]] = {}
    for each in experiments:
        if each.scores:
            sets.setdefault(tuple(each.scores), []).append(each)
    return list(sets.values())


def _collapses(experiments: Sequence[ExperimentSection], groups: Sequence[Group]) -> list[Picture]:
    """Return pictures of collapse rates and diversity; none where no run logged its diversity."""
    if not any(evaluations(job.history.rows) for group in groups for job in group):
        return []
    names = [each.name for each in experiments]
    runs = [[(job.history, job.verdict.state) for job in group] for group in groups]
    return [
        picture(
            draw_rates([each.rate for each in experiments], names),
            "Share of the runs that collapsed, with its exact 95 % interval. Lower is better.",
            "collapse rates with intervals",
            dpi=150,
        ),
        picture(
            draw_diversity(runs, names),
            "Diversity through training, one line a seed: orange collapsed, green recovered, blue healthy. Dashed: the "
            "threshold; a cross marks images with NaN or infinity.",
            "diversity ratio against epochs",
            dpi=130,
        ),
    ]


def _grids(group: Group) -> list[Picture]:
    """Return the last grid of generated images of the first few runs."""
    grids = [(job, files[-1]) for job in group if (files := grid_files(job.folder / "grids"))]
    return [
        Picture(
            _small(grid, _GRID_SIDE), f"seed {job.seed}, {moment(grid, job.history)}: {job.verdict.state}", "last grid"
        )
        for job, grid in grids[:_GRIDS_SHOWN]
    ]


def _small(file: Path, side: int) -> bytes:
    """Return a picture reduced by a whole factor, so that no side is longer than `side` pixels, as a PNG file."""
    image = Image.open(file).convert("RGB")
    buffer = io.BytesIO()
    image.reduce(math.ceil(max(image.size) / side)).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def _comparison(job: Job) -> Picture | None:
    file = job.folder / COMPARISON
    if not file.is_file():
        return None
    caption = f"Real and synthetic samples, seed {job.seed}. {NOTICE}"
    return Picture(_small(file, _PICTURE_SIDE), caption, "real and synthetic samples")


def _curves(job: Job) -> list[Picture]:
    """Return the losses of one run, and how well D tells the classes where it does (paper, Fig. 21)."""
    names = job.history.names()
    losses = {name: legend for name, legend in (("loss/G", "generator"), ("loss/D", "discriminator")) if name in names}
    of_class = class_accuracies(names)
    data = job.facts.get("data")
    classes = data.get("classes") if isinstance(data, Mapping) else None
    # The share of the classes that guesses get right, where the run says how many there are.
    chance = 1 / len(classes) if isinstance(classes, Mapping) and classes else None
    kinds = (
        ("loss", losses, False, None, ""),
        ("accuracy of D on the class", of_class, True, chance, ", of real and generated samples,"),
    )
    return [
        picture(
            draw_curves(job.history, series, label=label, percent=percent, chance=line),
            f"Seed {job.seed}: {label}{samples} against steps.{dashed(line)}",
            f"{label} against steps",
            dpi=110,
        )
        for label, series, percent, line, samples in kinds
        if series
    ]


def _left_out(jobs: Sequence[Job]) -> list[str]:
    """Return each reason why runs left something out, with the number of runs, and what could not be read."""
    lists = [job.facts.get("left_out") for job in jobs]
    reasons = Counter(str(reason) for reasons in lists if isinstance(reasons, list) for reason in reasons)
    counts = [f"{reason} ({counted(runs, 'run')})" for reason, runs in reasons.items()]
    return [*counts, *(line for job in jobs for line in job.trouble)]
