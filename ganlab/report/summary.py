"""The page that sums up a sweep: each experiment's settings, what was reported, and what its runs gave over seeds.

It is written from the folders of the jobs, with what each has left so far; a job that failed or goes on is listed.
Runs that differ in nothing but `seed=` are one experiment.
"""

import io
import json
import logging
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from statistics import fmean, stdev
from typing import Any
from urllib.parse import quote

import numpy as np
import yaml
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ganlab.core.errors import UserError
from ganlab.core.files import write_whole
from ganlab.core.words import REDUCED, counted, dashed, duration, number
from ganlab.plot.curves import class_accuracies, draw_curves
from ganlab.plot.ecg_paper import png_bytes
from ganlab.report import page
from ganlab.report.evidence import LONG
from ganlab.report.page import Html
from ganlab.report.run import COMPARISON
from ganlab.tracking.collapse import THRESHOLD, Collapse, Rate, State, collapse, evaluations, rate
from ganlab.tracking.history import History, read_history

log = logging.getLogger(__name__)

RISK = "What a run measured of the risk to the patients whose records trained it stands in its own report."

_GRIDS_SHOWN = 5
_GRID_SIDE, _PICTURE_SIDE = 320, 1100
_COLORS: dict[State, str] = {
    "collapsed": "#d55e00",
    "recovered": "#009e73",
    "healthy": "#0072b2",
    "dead": "#141414",
    "not judged": "#8b9098",
}
_GREY = "#5f646c"
_STYLE = Html("""<style>
.reduced { font-size: clamp(2.4rem, 9vw, 4.6rem); font-weight: 800; letter-spacing: .05em; line-height: 1.1;
  color: var(--accent); margin: 1.2rem 0 0; }
.strip { display: flex; flex-wrap: wrap; gap: 14px; margin: .8rem 0; }
.strip figure { flex: 0 1 196px; margin: 0; }
.strip img { image-rendering: pixelated; }
.overview { margin-bottom: 1.4rem; }
.overview td { font-size: .86rem; padding-right: .8rem; }
.line { display: block; white-space: nowrap; }
.call code { white-space: pre-wrap; overflow-wrap: anywhere; }
.mark { color: var(--accent); font-weight: 700; }
table small { max-width: 40ch; }
a { color: inherit; text-decoration-color: var(--accent); text-underline-offset: 2px; }
section { scroll-margin-top: 4rem; }
</style>""")

Group = Sequence["Job"]


@dataclass(frozen=True)
class Job:
    """A job's folder, and what it has written of itself so far."""

    folder: Path
    facts: Mapping[str, Any]
    config: Mapping[str, Any]
    measured: Mapping[str, Any]
    history: History
    overrides: tuple[str, ...]
    trouble: tuple[str, ...]

    @property
    def seed(self) -> object:
        """Of the run; a dash where none is known."""
        given = [value for key, value in map(_pair, self.overrides) if key == "seed"]
        return self.facts.get("seed", given[-1] if given else "–")

    @property
    def settings(self) -> tuple[str, ...]:
        """The overrides besides the seed."""
        return tuple(override for override in self.overrides if _pair(override)[0] != "seed")

    @property
    def finished(self) -> bool:
        """Trained and measured: the measures are the last thing that a run writes before its report."""
        return (self.folder / "metrics.json").is_file()

    @property
    def trained(self) -> bool:
        """Trained to the end, measured or not."""
        return self.finished or "checkpoint" in self.facts

    @property
    def reduced(self) -> bool:
        """Run with size=reduced."""
        return self.config.get("reduced") is True or "size=reduced" in self.overrides

    @cached_property
    def verdict(self) -> Collapse:
        """Whether and when its generator collapsed."""
        return collapse(self.history.rows)

    @property
    def state(self) -> str:
        """How far it came, and what is known of the reason."""
        if self.finished:
            return "finished"
        if not self.facts:
            return f"failed before training. {_last_error(self.folder)}".strip()
        if self.trained:
            return f"trained, not measured. {_last_error(self.folder)}".strip()
        return f"not finished: {_reached(self.history)}. {_last_error(self.folder)}".strip()


def write_summary(folder: Path) -> Path:
    """Write `folder/summary.html` from the jobs in the folder, and return its path. Raises UserError without any."""
    folder = Path(folder)
    jobs = read_jobs(folder)
    if not jobs:
        raise UserError(f"sweep={folder}: no run lies in it. Sweeps lie in outputs/sweeps: sweep=outputs/sweeps/NAME.")
    groups = group_runs(jobs)
    names = titles(groups)
    blocks = [
        _STYLE,
        _head(folder, jobs, groups),
        _overview(groups, names),
        _collapses(groups, names),
        _side_by_side(groups, names),
        *(_experiment(index, group, names[index]) for index, group in enumerate(groups)),
        _unfinished(jobs),
        _left_out(jobs),
    ]
    target = folder / "summary.html"
    return write_whole(target, page.page(f"Summary of {folder.resolve().name}", blocks, _footer(jobs)))


def summarize(sweep: str | None) -> Path:
    """Write the page of the sweep's folder and log where it lies. Raises UserError where there is no such folder."""
    if not sweep:
        raise UserError("Which sweep? sweep=<folder>, such as sweep=outputs/sweeps/NAME.")
    if not Path(sweep).is_dir():
        raise UserError(f"sweep={sweep}: no such folder. Sweeps lie in outputs/sweeps: sweep=outputs/sweeps/NAME.")
    written = write_summary(Path(sweep))
    log.info("summary: %s", written)
    return written


def read_jobs(folder: Path) -> list[Job]:
    """The jobs of a sweep's folder in the order of their numbers."""
    found = [path for path in folder.iterdir() if (path / ".hydra").is_dir() or (path / "run.json").is_file()]
    return [_read_job(path) for path in sorted(found, key=lambda path: (_first_number(path.name), path.name))]


def group_runs(jobs: Iterable[Job]) -> list[list[Job]]:
    """Jobs that differ in nothing but their seed, together, in the order of the first of each."""
    groups: dict[tuple[str, ...], list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.settings, []).append(job)
    return list(groups.values())


def titles(groups: Sequence[Group]) -> list[str]:
    """A name for each group: its experiment, and in what else it differs from the other groups."""
    common = _common(groups)
    found = []
    for group in groups:
        pairs = [_pair(override) for override in group[0].settings]
        experiment = [value for key, value in pairs if key == "experiment"]
        own = [override for override in group[0].settings if override not in common]
        others = [override for override in own if _pair(override)[0] != "experiment"]
        found.append(" ".join(experiment + others) or " ".join(own) or "defaults")
    return found


def _common(groups: Sequence[Group]) -> list[str]:
    """Overrides that all groups have."""
    return [override for override in groups[0][0].settings if all(override in group[0].settings for group in groups)]


def _pair(override: str) -> tuple[str, str]:
    key, _, value = override.partition("=")
    return key.lstrip("+~"), value


def _called(file: Path) -> list[Any]:
    """The overrides that the sweep was called with, where Hydra has left them."""
    content = _content(file, [])
    for key in ("hydra", "overrides", "task"):
        content = content.get(key) if isinstance(content, Mapping) else None
    return content if isinstance(content, list) else []


def _first_number(name: str) -> int:
    found = re.match(r"\d+", name)
    return int(found.group()) if found else 0


def _read_job(folder: Path) -> Job:
    trouble: list[str] = []
    facts = _mapping(folder / "run.json", trouble)
    told = facts.get("overrides")
    overrides = told if isinstance(told, list) else _content(folder / ".hydra" / "overrides.yaml", trouble)
    history = read_history(folder / "metrics.jsonl")
    if history.unreadable:
        trouble.append(f"{folder.name}/metrics.jsonl: lines that could not be read: {history.unreadable}.")
    return Job(
        folder,
        facts,
        _mapping(folder / "config.yaml", trouble),
        _mapping(folder / "metrics.json", trouble),
        history,
        tuple(map(str, overrides)) if isinstance(overrides, list) else (),
        tuple(trouble),
    )


def _content(file: Path, trouble: list[str]) -> Any:
    """What a JSON or YAML file holds, None where it is absent or damaged; damage is told in `trouble`."""
    if not file.is_file():
        return None
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
        return json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        trouble.append(f"{file.parent.name}/{file.name} could not be read: {error}.")
        return None


def _mapping(file: Path, trouble: list[str]) -> dict[str, Any]:
    content = _content(file, trouble)
    if content is not None and not isinstance(content, Mapping):
        trouble.append(f"{file.parent.name}/{file.name} holds no mapping, so nothing of it is shown.")
    return dict(content) if isinstance(content, Mapping) else {}


def _last_error(folder: Path) -> str:
    """The first line of the last error in the job's log; nothing where there is none."""
    found = []
    for file in sorted(folder.glob("*.log")):
        found += re.findall(r"\[ERROR\] - (.*)", file.read_text(encoding="utf-8", errors="replace"))
    return found[-1] if found else ""


def _reached(history: History) -> str:
    """The last epoch or step that was logged, and when."""
    if not history.rows:
        return "nothing was logged"
    last = history.rows[-1]
    where = f"epoch {last['epoch']:.0f}" if math.isfinite(last.get("epoch", math.nan)) else f"step {last['step']:.0f}"
    when = last.get("time", math.nan)
    said = f", last heard of {datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M} UTC" if math.isfinite(when) else ""
    return f"in {where}{said}"


def _head(folder: Path, jobs: Sequence[Job], groups: Sequence[Group]) -> Html:
    called = _called(folder / "multirun.yaml")
    reduced = sum(job.reduced for job in jobs)
    finished = sum(job.finished for job in jobs)
    seconds = [job.facts["seconds"] for job in jobs if isinstance(job.facts.get("seconds"), int | float)]
    counted = [
        ("experiments", number(len(groups))),
        ("runs", number(len(jobs))),
        ("finished", number(finished)),
        ("time of all runs", duration(sum(seconds)) if seconds else "–"),
    ]
    common = " ".join(_common(groups)) if len(groups) > 1 else ""
    blocks = [
        page.banner(),
        page.heading("Summary of a sweep", 1),
        page.paragraph(page.breakable(folder.resolve().name), "lead"),
        _reduced(reduced, len(jobs)) if reduced else "",
        page.facts(counted),
        _call(called) if called else "",
        page.paragraph(f"All experiments: {common}", "muted") if common else "",
    ]
    return page.join(filter(None, blocks))


def _call(overrides: Iterable[object]) -> Html:
    command = page.code(f"python -m ganlab.run --multirun {' '.join(map(str, overrides))}".replace(",", ",\u200b"))
    return Html(f'<div class="call">{command}</div>')


def _reduced(reduced: int, runs: int) -> Html:
    said = "All runs" if reduced == runs else f"{reduced} of {runs} runs"
    had = REDUCED.removeprefix("REDUCED: ")
    return page.join([Html('<p class="reduced">REDUCED</p>'), page.paragraph(f"{said} had {had}")])


def _overview(groups: Sequence[Group], names: Sequence[str]) -> Html:
    rows = [_row(index, group, names[index]) for index, group in enumerate(groups)]
    header = ("experiment", "data", "networks", "training", "reported", "collapsed", "finished", "time a run")
    said = (
        "One row an experiment: runs that differ in their seed alone. Collapsed is a rate over seeds with its exact "
        "95 % interval (Clopper and Pearson); runs that could not be judged are counted apart."
    )
    table = page.table(rows, header)
    return page.section("Experiments", page.paragraph(said, "muted"), Html(f'<div class="overview">{table}</div>'))


def _row(index: int, group: Group, name: str) -> tuple[object, ...]:
    setting, finished = _setting(group), sum(job.finished for job in group)
    mark = Html('<small class="mark">REDUCED</small>') if _is_reduced(group) else ""
    return (
        page.join([Html(f'<a href="#experiment-{index}">{_breakable(name)}</a>'), mark]),
        _lines(*(setting[key] for key in ("dataset", "split", "standardization", "arrangement"))),
        _lines(*(setting[key] for key in ("gan", "architecture", "loss"))),
        _lines(f"batch {setting['batch']}", f"{setting['epochs']} epochs", *setting["trick"].split(", ")),
        _reported(group) or "–",
        _lines(*str(_rate(group)).split(", ")),
        _lines(f"{finished} of {len(group)}"),
        _lines(duration(_mean_seconds(group))),
    )


def _lines(*parts: object) -> Html:
    """Short words one below the other, each on one line."""
    return Html("".join(f'<span class="line">{page.text(part)}</span>' for part in parts if part != "–") or "–")


def _breakable(name: object) -> Html:
    """A name that may go on in the next line after `/` and `_`."""
    return Html(page.breakable(name).replace("_", "_<wbr>"))


def _setting(group: Group) -> dict[str, str]:
    """The choice of each room, batch size and epochs, as the first run that says so has them; a dash else."""
    told = next((job for job in group if job.facts), group[0])
    given = dict(map(_pair, told.settings))
    chosen = told.facts.get("choices")
    choices = given | ({key: said for key, said in chosen.items() if said is not None} if chosen else {})
    trainer = told.config.get("trainer")
    planned = trainer.get("max_epochs") if isinstance(trainer, Mapping) else None
    rooms = ("dataset", "split", "standardization", "arrangement", "gan", "architecture", "loss", "trick")
    found = {room: number(choices.get(room)) for room in rooms}
    found["batch"] = number(told.facts.get("batch_size", told.config.get("batch_size")))
    found["epochs"] = number(told.facts.get("epochs", planned))
    return found


def _is_reduced(group: Group) -> bool:
    return any(job.reduced for job in group)


def _reported(group: Group) -> str:
    """What the documents report of this experiment."""
    said = next((job.config["reported"] for job in group if job.config.get("reported")), "")
    return ", ".join(map(str, said)) if isinstance(said, list) else str(said)


def _rate(group: Group) -> Rate:
    """Over the runs that began; one that goes on may still collapse, so it is not judged yet."""
    return rate(job.verdict if job.trained else Collapse("not judged", 0) for job in group if job.facts)


def _mean_seconds(group: Group) -> float | None:
    known = [job.facts["seconds"] for job in group if isinstance(job.facts.get("seconds"), int | float)]
    return fmean(known) if known else None


def _collapses(groups: Sequence[Group], names: Sequence[str]) -> Html:
    if not any(evaluations(job.history.rows) for group in groups for job in group):
        said = "No run logged the diversity of its images, so none is judged."
        return page.section("Collapse", page.paragraph(said))
    said = (
        f"The ratio is the mean distance between two generated images over that between two real ones, inside the "
        f"least diverse class where there are classes. Below {THRESHOLD:g} at the last "
        "three looks or more is a collapse; at three looks before that, it recovered. A ratio "
        "of 1 says that the images vary as much as real ones, not that they are right: noise varies too."
    )
    rates = page.figure(
        png_bytes(draw_rates([_rate(group) for group in groups], names), dpi=150),
        "Share of the runs that collapsed, with its exact 95 % interval.",
        "collapse rates with intervals",
    )
    curves = page.figure(
        png_bytes(draw_diversity(groups, names), dpi=130),
        "Diversity through training, one line a seed: orange collapsed, green recovered, blue healthy. Dashed the "
        "threshold; a cross where the images are no numbers.",
        "diversity ratio against epochs",
    )
    return page.section("Collapse", page.paragraph(said, "muted"), rates, curves)


def _side_by_side(groups: Sequence[Group], names: Sequence[str]) -> Html:
    """A table for each set of experiments that measure the same things."""
    sets: dict[tuple[str, ...], list[int]] = {}
    for index, group in enumerate(groups):
        measured = tuple(_measures(group))
        if measured:
            sets.setdefault(measured, []).append(index)
    tables = []
    for measured, members in sets.items():
        found = [_measures(groups[index]) for index in members]
        rows = [
            (_breakable(name), *(_with_real(each[name]) for each in found), found[0][name]["unit"]) for name in measured
        ]
        table = page.table(rows, ("number", *(_breakable(names[index]) for index in members), "unit"))
        tables.append(Html(f'<div class="overview">{table}</div>'))
    if not tables:
        return Html("")
    said = (
        "Mean and standard deviation over the finished runs; below it that of real samples: their own, or for a "
        "distance that of other persons."
    )
    shown = page.join(tables)
    long = max(map(len, sets)) > LONG
    folded = page.details(f"All numbers ({max(map(len, sets))}) of all experiments", shown) if long else shown
    return page.section("Measures", page.paragraph(said, "muted"), folded)


def _with_real(values: Mapping[str, Any]) -> Html:
    real = Html(f"<small>real {page.text(_spread(values['real']))}</small>")
    return _lines(_spread(values["synthetic"]), real)


def _measures(group: Group) -> dict[str, dict[str, Any]]:
    """Each number's unit and meaning, and its values over the finished runs, of generated and of real samples."""
    found: dict[str, dict[str, Any]] = {}
    for job in group:
        for name, row in job.measured.items():
            parts = row if isinstance(row, Mapping) else {"synthetic": row}
            values = found.setdefault(name, {"synthetic": [], "real": []})
            values |= {"unit": parts.get("unit") or "", "meaning": parts.get("meaning") or ""}
            values["synthetic"].append(parts.get("synthetic"))
            values["real"].append(parts.get("floor") if parts.get("real") is None else parts["real"])
    return found


def _spread(values: Sequence[Any]) -> str:
    """Mean of the values that are numbers, their standard deviation where they differ, and how many of all they are."""
    known = [float(value) for value in values if isinstance(value, int | float) and math.isfinite(value)]
    if not known:
        return "–"
    wide = f" ± {number(float(f'{stdev(known):.2g}'))}" if len(set(known)) > 1 else ""
    lost = f" ({len(known)} of {len(values)})" if len(known) < len(values) else ""
    return f"{number(fmean(known))}{wide}{lost}"


def _experiment(index: int, group: Group, name: str) -> Html:
    setting = _setting(group)
    words = [setting[key] for key in ("dataset", "arrangement", "standardization", "gan", "architecture", "trick")]
    reported = _reported(group)
    shown = next((job for job in group if job.finished), group[0])
    blocks = [
        page.paragraph(REDUCED, "mark") if _is_reduced(group) else "",
        page.paragraph(", ".join(word for word in words if word != "–"), "muted"),
        page.paragraph(Html(f"<strong>Reported:</strong> {page.text(reported)}")) if reported else "",
        page.paragraph(Html(f"<strong>Collapsed:</strong> {page.text(_rate(group))}")),
        _grids(group),
        _picture(shown),
        page.columns(*_curves(shown), _runs(group)),
        _measure_table(group),
    ]
    return Html(f'<div id="experiment-{index}">{page.section(_breakable(name), *filter(None, blocks))}</div>')


def _grids(group: Group) -> Html:
    """The last grid of generated images of the first few runs."""
    last = [(job, _last_grid(job.folder)) for job in group]
    found = [(job, grid) for job, grid in last if grid is not None]
    cells = [
        page.figure(_small(grid, _GRID_SIDE), f"seed {job.seed}, {_moment(grid)}: {job.verdict.state}", "last grid")
        for job, grid in found[:_GRIDS_SHOWN]
    ]
    if not cells:
        return Html("")
    share = f"{len(cells)} of {len(group)} runs. " if len(cells) < len(group) else ""
    caption = page.paragraph(f"The last generated images of each seed. {share}{page.NOTICE}", "muted")
    return page.join([Html(f'<div class="strip">{page.join(cells)}</div>'), caption])


def _last_grid(folder: Path) -> Path | None:
    grids = (folder / "grids").glob("*.png")
    return max(grids, key=lambda path: ([int(part) for part in re.findall(r"\d+", path.stem)], path.name), default=None)


def _moment(grid: Path) -> str:
    """`epoch_0005` as "epoch 5"."""
    found = re.fullmatch(r"([a-z]+)_0*(\d+)", grid.stem)
    return f"{found[1]} {found[2]}" if found else grid.stem


def _small(file: Path, side: int) -> bytes:
    """A picture reduced by a whole factor, so that no side is longer than `side` pixels, as a PNG file."""
    picture = Image.open(file).convert("RGB")
    buffer = io.BytesIO()
    picture.reduce(math.ceil(max(picture.size) / side)).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def _picture(job: Job) -> Html:
    file = job.folder / COMPARISON
    if not file.is_file():
        return Html("")
    caption = f"Real beside synthetic, seed {job.seed}. {page.NOTICE}"
    return page.figure(_small(file, _PICTURE_SIDE), caption, "real beside synthetic samples")


def _curves(job: Job) -> list[Html]:
    """Losses of one run, and how well D tells the classes where it does (paper, Fig. 21)."""
    names = job.history.names()
    losses = {"loss/G": "generator", "loss/D": "discriminator"}
    known = {name: legend for name, legend in losses.items() if name in names}
    of_class = class_accuracies(names)
    return [
        *([_curve(job, known, "loss")] if known else []),
        *([_curve(job, of_class, "accuracy of D on the class", percent=True, chance=_chance(job))] if of_class else []),
    ]


def _chance(job: Job) -> float | None:
    """The share of the classes that guesses get right, None where the run does not say how many there are."""
    data = job.facts.get("data")
    classes = data.get("classes") if isinstance(data, Mapping) else None
    return 1 / len(classes) if isinstance(classes, Mapping) and classes else None


def _curve(job: Job, names: dict[str, str], label: str, *, percent: bool = False, chance: float | None = None) -> Html:
    figure = draw_curves(job.history, names, label=label, percent=percent, chance=chance)
    samples = ", of real and generated samples," if percent else ""
    caption = f"Seed {job.seed}: {label}{samples} against steps."
    return page.figure(png_bytes(figure, dpi=110), caption + dashed(chance), f"{label} against steps")


def _runs(group: Group) -> Html:
    rows = [
        (
            number(job.seed),
            job.state if job.facts else "failed before training",
            f"{job.verdict}{'' if job.trained else ' so far'}" if job.facts else "–",
            duration(job.facts.get("seconds")),
            _link(job),
        )
        for job in group
    ]
    return page.table(rows, ("seed", "state", "collapse", "time", "report"))


def _link(job: Job) -> object:
    """To the run's report, relative to the page."""
    if not (job.folder / "report.html").is_file():
        return "–"
    return Html(f'<a href="{quote(job.folder.name)}/report.html">report</a>')


def _measure_table(group: Group) -> Html:
    measures = _measures(group)
    if not measures:
        return Html("")
    rows = [
        (
            page.join([page.breakable(name), Html(f"<small>{page.text(of['meaning'])}</small>")]),
            *(_spread(of[kind]) for kind in ("synthetic", "real")),
            of["unit"],
        )
        for name, of in measures.items()
    ]
    table = page.table(rows, ("measure", "synthetic", "real", "unit"), numeric=(1, 2))
    return page.details(f"Measures, mean and standard deviation over {counted(_measured_runs(group), 'run')}", table)


def _measured_runs(group: Group) -> int:
    return sum(bool(job.measured) for job in group)


def _unfinished(jobs: Sequence[Job]) -> Html:
    rows = [(page.breakable(job.folder.name), " ".join(job.overrides), job.state) for job in jobs if not job.finished]
    title = f"Failed or unfinished: {counted(len(rows), 'run')}"
    return page.section(title, page.table(rows, ("run", "overrides", "state"))) if rows else Html("")


def _left_out(jobs: Sequence[Job]) -> Html:
    """What the runs say that they left out, each reason once with the number of runs, and what could not be read."""
    lists = [job.facts.get("left_out") for job in jobs]
    reasons = Counter(str(reason) for reasons in lists if isinstance(reasons, list) for reason in reasons)
    said = [f"{reason} ({counted(runs, 'run')})" for reason, runs in reasons.items()]
    trouble = [line for job in jobs for line in job.trouble]
    return page.section("Left out", page.items([*said, *trouble])) if said or trouble else Html("")


def _footer(jobs: Sequence[Job]) -> Html:
    known = {(str(job.facts.get("version")), str(job.facts.get("git_commit"))) for job in jobs if job.facts}
    code = "; ".join(f"ganlab {version}, commit {commit}" for version, commit in sorted(known))
    lines = [
        Html(f"<strong>{page.text(page.NOTICE)}</strong>"),
        f"The synthetic data on this page were generated by the runs listed on it. {code}",
        RISK,
    ]
    return page.join(map(page.paragraph, lines))


def draw_rates(rates: Sequence[Rate], names: Sequence[str]) -> Figure:
    """A line an experiment: the share of its judged runs that collapsed, and its interval, in percent."""
    figure = Figure(figsize=(8.4, 0.9 + 0.3 * len(rates)), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for row, found in enumerate(rates):
        _rate_line(axes, row, found)
    axes.set(xlim=(-2, 102), ylim=(len(rates) - 0.4, -0.6), xlabel="runs that collapsed, %")
    axes.set_yticks(range(len(rates)), [_short(name) for name in names])
    axes.grid(axis="x", color="#e8e8e8", linewidth=0.6)
    _plain(axes)
    return figure


def _rate_line(axes: Axes, row: int, found: Rate) -> None:
    axes.text(103, row, str(found), va="center", fontsize=9, color=_GREY, clip_on=False)
    if not found.judged:
        return
    low, high = found.interval()
    color = _COLORS["collapsed" if found.collapsed else "healthy"]
    axes.plot([100 * low, 100 * high], [row, row], color=color, linewidth=2, alpha=0.45, solid_capstyle="round")
    axes.plot(100 * found.collapsed / found.judged, row, "o", color=color, markersize=6, gid="rate")


def draw_diversity(groups: Sequence[Group], names: Sequence[str]) -> Figure:
    """A small panel an experiment: the ratio of each of its runs against epochs, coloured by its state."""
    columns = min(4, len(groups))
    down = math.ceil(len(groups) / columns)
    figure = Figure(figsize=(2.4 * columns + 0.4, 1.95 * down + 0.2), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    panels = np.atleast_1d(figure.subplots(down, columns, sharey=True)).ravel()
    for axes, group, name in zip(panels, groups, names, strict=False):
        _diversity_panel(axes, group, name)
    for axes in panels[len(groups) :]:
        axes.set_visible(False)
    figure.supylabel("generated / real distance", fontsize=9.5, color=_GREY)
    return figure


def _diversity_panel(axes: Axes, group: Group, name: str) -> None:
    for job in group:
        _diversity_line(axes, job)
    if not any(evaluations(job.history.rows) for job in group):
        axes.text(0.5, 0.55, "not logged", transform=axes.transAxes, ha="center", fontsize=8.5, color=_GREY)
        axes.set_xticks([])
    axes.axhline(THRESHOLD, color=_GREY, linewidth=0.8, linestyle="--", gid="threshold")
    axes.set_title(_short(name, 30), loc="left", fontsize=9, color="#1d1f23")
    axes.set_ylim(bottom=-0.04, top=max(1.2, axes.get_ylim()[1]))
    axes.set_xlabel("epoch", fontsize=8.5, color=_GREY)
    axes.grid(color="#e8e8e8", linewidth=0.6)
    _plain(axes)


def _diversity_line(axes: Axes, job: Job) -> None:
    points = evaluations(job.history.rows)
    rate_of_steps = job.history.steps_per_epoch() or 1.0
    times = [step / rate_of_steps for _, _, step in points]
    ratios = [ratio for ratio, *_ in points]
    color = _COLORS[job.verdict.state]
    axes.plot(times, ratios, color=color, linewidth=0.9, alpha=0.8, marker="." if len(points) < 4 else "")
    lost = [time for time, ratio in zip(times, ratios, strict=True) if not math.isfinite(ratio)]
    axes.plot(lost, [0.0] * len(lost), "x", color=_COLORS["dead"], markersize=4)


def _plain(axes: Axes) -> None:
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=8.5, colors=_GREY)
    axes.xaxis.label.set_color(_GREY)


def _short(name: str, width: int = 44) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"
