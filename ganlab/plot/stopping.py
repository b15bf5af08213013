"""What the stopping rule measured through training: Q, its components and the guards, from `stopping.json`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganlab.plot.figure import ALARM, BLUE, GREEN, GREY, GRID, ORANGE, PINK, REAL, SKY, YELLOW, bare, blank

NAMES = {
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
"""Components of Q, with their names on the page."""
_COLORS = (BLUE, ORANGE, GREEN, PINK, SKY, YELLOW, GREY, "#000000", ALARM, "#7a5195")

Evaluations = Sequence[Mapping[str, Any]]


def draw_stopping(content: Mapping[str, Any]) -> Figure:
    """Draw Q, its components and the guards against steps, from the content of `stopping.json`."""
    figure = blank(7.2, 7.4)
    score, parts, guards = figure.subplots(3, 1, sharex=True)
    evaluations = [each for each in content["evaluations"] if each["q"] is not None]
    _score(score, evaluations, content["chosen_step"])
    _parts(parts, evaluations)
    _guards(guards, evaluations, content["limits"])
    for axes in (score, parts, guards):
        axes.grid(color=GRID, linewidth=0.6)
        bare(axes, 9)
        if content["chosen_step"] is not None:
            axes.axvline(content["chosen_step"], color=REAL, linewidth=1, zorder=0.9)
    guards.set_xlabel("step", color=GREY)
    return figure


def _score(axes: Axes, evaluations: Evaluations, chosen: int | None) -> None:
    steps, q, error = (np.array([each[key] for each in evaluations]) for key in ("step", "q", "error"))
    eligible = np.array([each["eligible"] for each in evaluations], bool)
    axes.errorbar(steps, q, error, color=BLUE, linewidth=1.4, elinewidth=0.8)
    axes.scatter(steps[eligible], q[eligible], s=28, color=BLUE, zorder=3, label="eligible")
    axes.scatter(steps[~eligible], q[~eligible], s=28, facecolor="white", edgecolor=BLUE, zorder=3, label="not")
    if chosen is not None:
        at = steps == chosen
        axes.scatter(steps[at], q[at], s=110, facecolor="none", edgecolor=REAL, zorder=4, label="chosen")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("Q", color=GREY)
    axes.legend(frameon=False, fontsize=8.5, ncols=3)


def _parts(axes: Axes, evaluations: Evaluations) -> None:
    names = [name for name in NAMES if any(name in each["z"] for each in evaluations)]
    for color, name in zip(_COLORS, names, strict=False):
        _line(axes, [(each["step"], each["z"][name]) for each in evaluations if name in each["z"]], color, NAMES[name])
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("deviations above range", color=GREY)
    _legend(axes)


def _guards(axes: Axes, evaluations: Evaluations, limits: Mapping[str, Any]) -> None:
    drawn = {
        "coverage, of its limit": ("coverage", limits["coverage"] or 1.0, [1.0]),
        "mean distance, of training windows'": ("pairwise", 1.0, limits["pairwise"]),
        "memory of D": ("memory", 1.0, [limits["memory"]]),
        "C_T, of its limit": ("copying", limits["copying"], [1.0]),
    }
    for color, (label, (key, unit, lines)) in zip(_COLORS, drawn.items(), strict=False):
        _line(axes, [(each["step"], each[key] / unit) for each in evaluations if each[key] is not None], color, label)
        for line in lines:
            axes.axhline(line, color=color, linewidth=0.8, linestyle="--", zorder=0.8)
    axes.set_ylim(-1, 3)
    axes.set_ylabel("guards", color=GREY)
    _legend(axes)


def _line(axes: Axes, points: Sequence[tuple[float, float]], color: str, label: str) -> None:
    if points:
        axes.plot(*zip(*points, strict=True), color=color, linewidth=1.3, marker="o", markersize=2.5, label=label)


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, fontsize=7.5, ncols=2)
