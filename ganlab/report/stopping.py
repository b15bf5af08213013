"""What stopping=rule saw through training, and what it chose, from the `stopping.json` that it left."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ganlab.core.words import number
from ganlab.plot.ecg_paper import png_bytes
from ganlab.report import page
from ganlab.report.page import Html

FILE = "stopping.json"
_NAMES = {
    "kid": "kernel distance (KID)",
    "spectrum": "spectrum",
    "heart_rate": "heart rates",
    "r_amplitude": "R-amplitude variation",
    "beats": "beat correlation",
    "baseline": "baseline residual",
    "noise": "noise above 40 Hz",
    "coverage": "coverage, from 1",
    "seam": "seam",
    "einthoven": "Einthoven's law",
}
_GREY, _ALARM, _GOOD, _LINE = "#5f646c", "#b00020", "#00795a", "#0072b2"
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#5f646c", "#000000", "#b00020", "#7a5195")


def stopping_section(folder: Path) -> Html:
    """How far from real, through training, with guards and the choice; nothing where no rule chose."""
    file = folder / FILE
    if not file.is_file():
        return Html("")
    found = json.loads(file.read_text(encoding="utf-8"))
    if not found["evaluations"]:
        return Html("")
    caption = (
        f"Q of {found['windows']} generated windows against those of {found['persons']} validation persons: 0 is no "
        "farther from them than training persons are. Bars: one standard error over draws of persons. Hollow: a guard "
        "does not hold. Below: each component in deviations above its floor, and what the guards look at with their "
        "limits, dashed."
    )
    return page.section(
        "The choice of the checkpoint",
        page.paragraph(found["why"][:1].upper() + found["why"][1:] + "."),
        page.figure(
            png_bytes(draw_stopping(found), dpi=150), caption, "Q, its components and the guards against steps"
        ),
        page.details("The components where it was chosen, with their floors", _table(found)),
    )


def draw_stopping(found: Mapping[str, Any]) -> Figure:
    """Q, its components and the guards against steps, from the content of `stopping.json`."""
    figure = Figure(figsize=(7.2, 7.4), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    score, parts, guards = figure.subplots(3, 1, sharex=True)
    evaluations = [each for each in found["evaluations"] if each["q"] is not None]
    _score(score, evaluations, found["chosen_step"])
    _parts(parts, evaluations)
    _guards(guards, evaluations, found["limits"])
    for axes in (score, parts, guards):
        axes.grid(color="#e8e8e8", linewidth=0.6)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelsize=9, colors=_GREY)
        if found["chosen_step"] is not None:
            axes.axvline(found["chosen_step"], color=_GOOD, linewidth=1, zorder=0.9)
    guards.set_xlabel("step", color=_GREY)
    return figure


def _score(axes: Axes, evaluations: Sequence[Mapping[str, Any]], chosen: int | None) -> None:
    steps, q, error = (np.array([each[key] for each in evaluations]) for key in ("step", "q", "error"))
    eligible = np.array([each["eligible"] for each in evaluations], bool)
    axes.errorbar(steps, q, error, color=_LINE, linewidth=1.4, elinewidth=0.8)
    axes.scatter(steps[eligible], q[eligible], s=28, color=_LINE, zorder=3, label="eligible")
    axes.scatter(steps[~eligible], q[~eligible], s=28, facecolor="white", edgecolor=_LINE, zorder=3, label="not")
    if chosen is not None:
        at = steps == chosen
        axes.scatter(steps[at], q[at], s=110, facecolor="none", edgecolor=_GOOD, zorder=4, label="chosen")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("Q", color=_GREY)
    axes.legend(frameon=False, fontsize=8.5, ncols=3)


def _parts(axes: Axes, evaluations: Sequence[Mapping[str, Any]]) -> None:
    names = [name for name in _NAMES if any(name in each["z"] for each in evaluations)]
    for color, name in zip(_COLORS, names, strict=False):
        points = [(each["step"], each["z"][name]) for each in evaluations if name in each["z"]]
        axes.plot(
            *zip(*points, strict=True), color=color, linewidth=1.2, marker="o", markersize=2.5, label=_NAMES[name]
        )
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("deviations above floor", color=_GREY)
    _legend(axes)


def _guards(axes: Axes, evaluations: Sequence[Mapping[str, Any]], limits: Mapping[str, Any]) -> None:
    drawn = {
        "coverage, of its limit": ("coverage", limits["coverage"] or 1.0, _COLORS[0], [1.0]),
        "mean distance, of training windows'": ("pairwise", 1.0, _COLORS[1], limits["pairwise"]),
        "memory of D": ("memory", 1.0, _COLORS[2], [limits["memory"]]),
        "C_T, of its limit": ("copying", limits["copying"], _COLORS[3], [1.0]),
    }
    for legend, (key, unit, color, lines) in drawn.items():
        points = [(each["step"], each[key] / unit) for each in evaluations if each[key] is not None]
        if points:
            axes.plot(*zip(*points, strict=True), color=color, linewidth=1.3, marker="o", markersize=2.5, label=legend)
        for line in lines:
            axes.axhline(line, color=color, linewidth=0.8, linestyle="--", zorder=0.8)
    axes.set_ylim(-1, 3)
    axes.set_ylabel("guards", color=_GREY)
    _legend(axes)


def _table(found: Mapping[str, Any]) -> Html:
    scored = [each for each in found["evaluations"] if each["q"] is not None]
    shown = next((each for each in scored if each["step"] == found["chosen_step"]), scored[-1] if scored else None)
    rows = [
        (
            _NAMES.get(name, name),
            number(floor["value"]),
            number(floor["deviation"]),
            number(shown["z"].get(name)) if shown else "–",
        )
        for name, floor in found["floors"].items()
    ]
    return page.table(rows, ("component", "floor", "deviation", "deviations above"), numeric=(1, 2, 3))


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, fontsize=7.5, ncols=2)
