"""How often the runs of an experiment collapsed, and the diversity of their images through training."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganlab.plot.figure import BLUE, GREEN, GREY, GRID, INK, ORANGE, bare, blank, panels
from ganlab.tracking.collapse import THRESHOLD, CollapseRate, State, evaluations
from ganlab.tracking.history import History

LoggedRuns = Sequence[tuple[History, State]]
"""The runs of one experiment: what each logged, and whether it collapsed."""
_COLORS: dict[State, str] = {
    "collapsed": ORANGE,
    "recovered": GREEN,
    "healthy": BLUE,
    "dead": "#141414",
    "not judged": "#8b9098",
}


def draw_rates(rates: Sequence[CollapseRate], names: Sequence[str]) -> Figure:
    """Draw one line per experiment: the share of its judged runs that collapsed, and its interval, in percent."""
    figure = blank(8.4, 0.9 + 0.3 * len(rates))
    axes = figure.add_subplot()
    for row, rate in enumerate(rates):
        axes.text(103, row, str(rate), va="center", fontsize=9, color=GREY, clip_on=False)
        if not rate.judged:
            continue
        low, high = rate.interval()
        color = _COLORS["collapsed" if rate.collapsed else "healthy"]
        axes.plot([100 * low, 100 * high], [row, row], color=color, linewidth=2, alpha=0.45, solid_capstyle="round")
        axes.plot(100 * rate.collapsed / rate.judged, row, "o", color=color, markersize=6, gid="rate")
    axes.set(xlim=(-2, 102), ylim=(len(rates) - 0.4, -0.6), xlabel="runs that collapsed, %")
    axes.set_yticks(range(len(rates)), [_short(name) for name in names])
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    _plain(axes)
    return figure


def draw_diversity(experiments: Sequence[LoggedRuns], names: Sequence[str]) -> Figure:
    """Draw one panel per experiment: the diversity ratio of each run against epochs, coloured by its state."""
    columns = min(4, len(experiments))
    figure, axes = panels(len(experiments), columns, 1.95, 2.4 * columns + 0.4, sharey=True)
    for panel, runs, name in zip(axes, experiments, names, strict=True):
        _panel(panel, runs, name)
    figure.supylabel("generated / real distance", fontsize=9.5, color=GREY)
    return figure


def _panel(axes: Axes, runs: LoggedRuns, name: str) -> None:
    for history, state in runs:
        points, steps_per_epoch = evaluations(history.rows), history.steps_per_epoch() or 1.0
        times, ratios = [step / steps_per_epoch for *_, step in points], [ratio for ratio, *_ in points]
        axes.plot(times, ratios, color=_COLORS[state], linewidth=0.9, alpha=0.8, marker="." if len(points) < 4 else "")
        lost = [time for time, ratio in zip(times, ratios, strict=True) if not math.isfinite(ratio)]
        axes.plot(lost, [0.0] * len(lost), "x", color=_COLORS["dead"], markersize=4)
    if not any(evaluations(history.rows) for history, _ in runs):
        axes.text(0.5, 0.55, "not logged", transform=axes.transAxes, ha="center", fontsize=8.5, color=GREY)
        axes.set_xticks([])
    axes.axhline(THRESHOLD, color=GREY, linewidth=0.8, linestyle="--", gid="threshold")
    axes.set_title(_short(name, 30), loc="left", fontsize=9, color=INK)
    axes.set_ylim(bottom=-0.04, top=max(1.2, axes.get_ylim()[1]))
    axes.set_xlabel("epoch", fontsize=8.5, color=GREY)
    axes.grid(color=GRID, linewidth=0.6)
    _plain(axes)


def _plain(axes: Axes) -> None:
    bare(axes, 8.5)
    axes.xaxis.label.set_color(GREY)


def _short(name: str, width: int = 44) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"
