"""Rows of a table, real compared with synthetic: box plots, counts of binary features, correlations.

Arrays are `(N, columns)` in the columns' own units.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from ganlab.core.kind import Array, Column
from ganlab.metrics.table.columns import column_correlations
from ganlab.plot.figure import GREY, INK, dress, panels, thousands

REAL, SYNTHETIC = "#4f97c6", "#e08a4a"
"""Colours of real and synthetic rows."""
LEAST_SCALE = 0.25
"""The scale of differences of correlations ends here at least, so that noise does not look like a finding."""


def draw_boxes(real: Array, synthetic: Array, columns: Sequence[Column], name: str = "real") -> Figure:
    """Draw two box plots for each continuous feature, in its own unit (thesis, Figure 6.15).

    A box holds the middle half of the values, the line in it is the median; whiskers reach to the last value within one
    and a half times the box's height, dots are beyond. Values that are not finite are left out and counted.
    """
    chosen = [index for index, column in enumerate(columns) if not column.binary]
    figure, axes = panels(len(chosen), 3, 2.6)
    for panel, index in zip(axes, chosen, strict=True):
        _boxes(panel, real[:, index], synthetic[:, index], columns[index].name, name)
    _legend(figure, real, synthetic, name)
    return figure


def draw_counts(real: Array, synthetic: Array, columns: Sequence[Column], name: str = "real") -> Figure:
    """Draw for each binary feature how many rows have 0 and 1 (thesis, Figures 6.16 and 8.1).

    Bars are shares, so that sets of different size compare; the numbers on them are counts. Values that are neither are
    counted in the title.
    """
    chosen = [index for index, column in enumerate(columns) if column.binary]
    figure, axes = panels(len(chosen), 5, 1.7, sharey=True)
    for place, (panel, index) in enumerate(zip(axes, chosen, strict=True)):
        _counts(panel, real[:, index], synthetic[:, index], columns[index].name)
        if place % 5 == 0:
            panel.set_ylabel("share of rows", color=GREY, fontsize=8.5)
    axes[0].set_ylim(0, 1.18)
    axes[0].set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    _legend(figure, real, synthetic, name)
    return figure


def draw_correlations(real: Array, synthetic: Array, columns: Sequence[Column], name: str = "real") -> Figure:
    """Draw three heat maps of Pearson correlations: real, synthetic, and their difference (thesis, chapter 7).

    Constant columns have no correlation and stay blank; rows with a value that is no number are left out and counted.
    """
    kept = [rows[np.isfinite(rows).all(axis=1)] for rows in (real, synthetic)]
    maps = [column_correlations(rows) if len(rows) > 1 else np.full((len(columns),) * 2, np.nan) for rows in kept]
    difference = maps[1] - maps[0]
    limit = max(LEAST_SCALE, float(np.abs(np.nan_to_num(difference)).max()))
    figure, axes = panels(3, 3, 5.1, sharey=True)
    missing = [_missing(len(rows) - len(left), "row") for rows, left in zip((real, synthetic), kept, strict=True)]
    names = [f"{name.capitalize()}{missing[0]}", f"Synthetic{missing[1]}", f"Synthetic − {name}"]
    for panel, values, title, end in zip(axes, (*maps, difference), names, (1.0, 1.0, limit), strict=True):
        _heat_map(figure, panel, values, title, end)
    for panel in axes:
        panel.set_xticks(range(len(columns)), [column.name for column in columns], rotation=90)
    axes[0].set_yticks(range(len(columns)), [column.name for column in columns])
    return figure


def _boxes(axes: Axes, real: Array, synthetic: Array, name: str, real_name: str) -> None:
    sets = [values[np.isfinite(values)] for values in (real, synthetic)]
    missing = len(real) + len(synthetic) - sum(map(len, sets))
    boxes = axes.boxplot(
        sets,
        widths=0.5,
        patch_artist=True,
        flierprops={"marker": ".", "markersize": 3.5, "markeredgewidth": 0, "alpha": 0.6},
        medianprops={"color": INK, "linewidth": 1.3},
        whiskerprops={"color": GREY, "linewidth": 0.9},
        capprops={"color": GREY, "linewidth": 0.9},
    )
    for box, dots, color in zip(boxes["boxes"], boxes["fliers"], (REAL, SYNTHETIC), strict=True):
        box.set(facecolor=color, edgecolor=GREY, linewidth=0.8)
        dots.set(markerfacecolor=color)
    dress(axes, f"{name}{_missing(missing, 'value')}")
    axes.set_xticks([1, 2], [real_name, "synthetic"])
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _counts(axes: Axes, real: Array, synthetic: Array, name: str) -> None:
    others = 0
    for values, color, shift in ((real, REAL, -0.2), (synthetic, SYNTHETIC, 0.2)):
        counts = np.array([(values == value).sum() for value in (0, 1)])
        others += len(values) - int(counts.sum())
        bars = axes.bar(np.arange(2) + shift, counts / len(values), width=0.36, color=color, gid="bars")
        axes.bar_label(bars, [thousands(count) for count in counts], fontsize=7, color=GREY, padding=1)
    dress(axes, f"{name} ({others} neither)" if others else name, size=8.5)
    axes.set_xticks([0, 1], ["0", "1"])


def _heat_map(figure: Figure, axes: Axes, values: Array, name: str, end: float) -> None:
    colors = colormaps["RdBu_r"].with_extremes(bad="#ececec")
    image = axes.imshow(np.ma.masked_invalid(values), cmap=colors, vmin=-end, vmax=end, gid="correlations")
    dress(axes, name)
    axes.grid(visible=False)
    axes.tick_params(length=0, labelsize=8, colors=GREY)
    bar = figure.colorbar(image, ax=axes, location="top", shrink=0.6, aspect=30, pad=0.03, ticks=[-end, 0, end])
    bar.ax.set_xticklabels([f"{value:+.2g}".replace("-", "−") if value else "0" for value in (-end, 0, end)])
    bar.ax.tick_params(length=0, labelsize=8, colors=GREY)
    bar.outline.set_visible(False)


def _missing(count: int, noun: str) -> str:
    return f" ({count} {noun}{'' if count == 1 else 's'} not finite)" if count else ""


def _legend(figure: Figure, real: Array, synthetic: Array, name: str) -> None:
    names = [f"{each}, {thousands(len(rows))} rows" for each, rows in ((name, real), ("synthetic", synthetic))]
    patches = [Patch(color=color, label=name) for color, name in zip((REAL, SYNTHETIC), names, strict=True)]
    figure.legend(handles=patches, loc="outside upper center", ncols=2, frameon=False, fontsize=9.5)
