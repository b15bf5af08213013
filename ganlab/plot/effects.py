"""What a swept choice does to a number: one row a group, one column a number or a recipe, points with intervals."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganlab.evaluation.effects import Effect
from ganlab.plot.figure import BLUE, GREY, GRID, INK, WIDTH, bare, blank

ROW, HEAD, MOST_LABEL = 0.27, 1.0, 44


def draw_effects(
    columns: Mapping[str, Mapping[str, Effect]], label: str = "", chance: Sequence[str] = (), differences: bool = False
) -> Figure:
    """Draw each group's mean with its 95 % interval, or its difference from the first group, in the given order.

    With a `label` all columns show the same number, on one scale. The groups named in `chance` differ by chance alone:
    their reach is shaded.
    """
    rows = list(dict.fromkeys(name for column in columns.values() for name in column))
    figure = blank(WIDTH, HEAD + ROW * len(rows))
    axes = figure.subplots(1, len(columns), sharey=True, sharex=bool(label), squeeze=False)[0]
    for panel, (title, column) in zip(axes, columns.items(), strict=True):
        points = {name: _point(effect, differences) for name, effect in column.items()}
        _panel(panel, points, rows, chance)
        if differences:
            panel.axvline(0, color=GREY, linewidth=0.9)
        panel.set_title(title, fontsize=9.5, color=INK)
    if label:
        figure.supxlabel(label, fontsize=9, color=GREY)
    axes[0].set_yticks(range(len(rows)), [name[:MOST_LABEL] for name in rows])
    axes[0].set_ylim(len(rows) - 0.4, -0.6)
    return figure


def _point(effect: Effect, differences: bool) -> tuple[float, float, float]:
    """Return a value and the ends of its interval; the reference group differs by nothing from itself."""
    if not differences:
        return (effect.mean, *effect.interval)
    return (
        (0.0, math.nan, math.nan) if math.isnan(effect.difference) else (effect.difference, *effect.difference_interval)
    )


def _panel(
    axes: Axes, points: Mapping[str, tuple[float, float, float]], rows: Sequence[str], chance: Sequence[str]
) -> None:
    alike = [end for name in chance if name in points for end in points[name][1:] if math.isfinite(end)]
    if alike:
        axes.axvspan(min(alike), max(alike), color=GRID, linewidth=0)
    for name, (value, low, high) in points.items():
        row = rows.index(name)
        axes.plot([low, high], [row, row], color=BLUE, linewidth=2, alpha=0.5, solid_capstyle="round")
        axes.plot(value, row, "o", color=BLUE, markersize=5, gid="effect")
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    bare(axes, 8.5)
