"""Curves of the series that a run logged over its steps."""

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganlab.core.kind import Array
from ganlab.plot.figure import BLUE, GREEN, GREY, GRID, ORANGE, PINK, SKY, YELLOW, bare, blank
from ganlab.tracking.history import History

_COLORS = (BLUE, ORANGE, GREEN, PINK, SKY, YELLOW)


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
        _percent(axes)
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
    axes.plot(
        steps,
        smooth(values, width),
        color=color,
        linewidth=1.7,
        marker=marker,
        markersize=3,
        label=legend,
        gid="smooth",
    )


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


def _percent(axes: Axes) -> None:
    axes.set_ylim(-0.03, 1.03)
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
