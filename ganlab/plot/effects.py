"""What a swept choice does to a number: one row a group, one column a number or a recipe, points with intervals."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganlab.evaluation.effects import Effect
from ganlab.plot.figure import BLUE, GREY, GRID, INK, WIDTH, bare, blank

ROW, HEAD, MOST_LABEL = 0.27, 1.0, 44


def draw_effects(
    columns: Mapping[str, Mapping[str, Effect]],
    label: str = "",
    chance: Sequence[str] = (),
    real: Mapping[str, float] | None = None,
) -> Figure:
    """Draw the mean of each group with its 95 % interval, the groups in the order of the first column.

    The groups named in `chance` differ by chance alone: their range is shaded. `real` is the value of real samples in a
    column, a dashed line.
    """
    rows = list(dict.fromkeys(name for column in columns.values() for name in column))
    figure = blank(WIDTH, HEAD + ROW * len(rows))
    axes = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    for panel, (title, column) in zip(axes, columns.items(), strict=True):
        _panel(panel, column, rows, chance)
        if real and title in real:
            panel.axvline(real[title], color=GREY, linewidth=0.9, linestyle="--")
        panel.set_title(title, fontsize=9.5, color=INK)
        panel.set_xlabel(label, fontsize=9, color=GREY)
    axes[0].set_yticks(range(len(rows)), [name[:MOST_LABEL] for name in rows])
    axes[0].set_ylim(len(rows) - 0.4, -0.6)
    return figure


def _panel(axes: Axes, column: Mapping[str, Effect], rows: Sequence[str], chance: Sequence[str]) -> None:
    alike = [end for name in chance if name in column for end in column[name].interval if math.isfinite(end)]
    if alike:
        axes.axvspan(min(alike), max(alike), color=GRID, linewidth=0)
    for name, effect in column.items():
        row = rows.index(name)
        axes.plot(effect.interval, [row, row], color=BLUE, linewidth=2, alpha=0.5, solid_capstyle="round")
        axes.plot(effect.mean, row, "o", color=BLUE, markersize=5, gid="effect")
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    bare(axes, 8.5)
