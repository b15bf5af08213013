"""Curves of the series that a run logged over its steps, and of what the stopping rule measured."""

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganlab.core.kind import Array
from ganlab.plot.figure import ALARM, BLUE, GREEN, GREY, GRID, ORANGE, PINK, REAL, SKY, YELLOW, bare, blank
from ganlab.tracking.history import History

_COLORS = (BLUE, ORANGE, GREEN, PINK, SKY, YELLOW)
_PART_COLORS = (*_COLORS, GREY, "#000000", ALARM, "#7a5195")


def smooth(values: Array, width: int) -> Array:
    """Return the mean `(rows,)` over `width` neighbours that are numbers, NaN where there is none."""
    weights = np.isfinite(values).astype(np.float64)
    kernel = np.ones(min(width, max(len(values), 1)))
    total = np.convolve(np.nan_to_num(values), kernel, mode="same")
    count = np.convolve(weights, kernel, mode="same")
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0.5)


def class_accuracies(names: Sequence[str]) -> dict[str, str]:
    """Return the logged accuracies of D on the class, with their legends: means of epochs where there are any."""
    logged = [name for name in names if "accuracy/class_" in name]
    chosen = [name for name in logged if name.startswith("epoch/")] or logged
    return {name: name.partition("accuracy/class_")[2].replace("_", " ") for name in chosen}


def draw_curves(
    history: History, names: Mapping[str, str], *, label: str, percent: bool = False, chance: float | None = None
) -> Figure:
    """Draw series against the step, light as logged and bold smoothed; `names` maps each to its legend.

    Shares are drawn in `percent`, with a dashed line at `chance`: the share 0..1 that guesses get right.
    """
    figure = blank(5.8, 3.4)
    axes = figure.add_subplot()
    colors = cycle(_COLORS[2:] if percent else _COLORS)
    for color, (name, legend) in zip(colors, names.items(), strict=False):
        _curve(axes, *history.series(name), color, legend)
    for index, step in enumerate(history.resumed):
        axes.axvline(step, color=GREY, linewidth=0.9, linestyle=":", label="" if index else "resumed", gid="resumed")
    _dress(axes, label, history.steps_per_epoch())
    if percent:
        axes.set_ylim(-0.03, 1.03)
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
    if chance is not None:
        axes.axhline(chance, color=GREY, linewidth=0.8, linestyle="--", zorder=0.9, gid="chance")
    columns = max(1, len(axes.get_legend_handles_labels()[1]))
    figure.legend(loc="outside upper center", ncols=min(columns, 4), frameon=False, fontsize=9.5)
    return figure


def not_finite(history: History, names: Sequence[str]) -> int:
    """Return how many values of the named series are not finite."""
    return sum(int(np.isnan(history.series(name)[1]).sum()) for name in names)


def _curve(axes: Axes, steps: Array, values: Array, color: str, legend: str) -> None:
    width = max(1, len(values) // 40)
    marker = "o" if np.isfinite(values).sum() < 25 else ""
    if width > 1:
        axes.plot(steps, values, color=color, alpha=0.28, linewidth=0.7, gid="raw")
    look: dict[str, Any] = {"linewidth": 1.7, "marker": marker, "markersize": 3, "label": legend, "gid": "smooth"}
    axes.plot(steps, smooth(values, width), color=color, **look)


def _dress(axes: Axes, label: str, steps_per_epoch: float | None) -> None:
    axes.set_xlabel("step", color=GREY)
    axes.set_ylabel(label, color=GREY)
    axes.xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}".replace(",", "\u202f"))
    axes.grid(color=GRID, linewidth=0.6)
    bare(axes, 9.5)
    if steps_per_epoch:
        rate = steps_per_epoch
        top = axes.secondary_xaxis("top", functions=(_times(1 / rate), _times(rate)))
        top.set_xlabel("epoch", color=GREY)
        top.tick_params(length=0, labelsize=9.5, colors=GREY)
        top.spines[:].set_visible(False)


def _times(factor: float) -> Callable[[Any], Any]:
    return lambda value: np.asarray(value) * factor


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
    for color, name in zip(_PART_COLORS, names, strict=False):
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
    for color, (label, (key, unit, lines)) in zip(_PART_COLORS, drawn.items(), strict=False):
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
