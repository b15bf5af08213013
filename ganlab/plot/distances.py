"""Distances of scores from their best value on one log scale, where 1 is the end of the real-versus-real range."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from ganlab.plot.figure import ALARM, BLUE, GREY, GRID, INK, ORANGE, REAL, bare, blank, legend

LEAST, MOST = 0.1, 1000.0
"""Ends of the scale; distances beyond them are drawn at the end."""
COLUMNS = {
    "copy": "copy",
    "noisy_copy": "noisy copy",
    "collapsed": "collapsed",
    "noise": "noise",
    "bootstrap": "bootstrap",
    "pca_gaussian": "PCA-Gaussian",
}
"""Names of the controls and baselines on pages and in pictures."""
_RANGE = "#dff0e8"
_MARKERS: Mapping[str, Mapping[str, Any]] = {
    "copy": {"marker": "s", "color": GREY},
    "noisy_copy": {"marker": "D", "color": GREY},
    "collapsed": {"marker": "v", "color": GREY},
    "noise": {"marker": "x", "color": GREY},
    "bootstrap": {"marker": "+", "color": ORANGE},
    "pca_gaussian": {"marker": "^", "color": ORANGE},
}


@dataclass(frozen=True)
class DistanceLine:
    """One metric in the picture: its name, its values as text, and distances from the best value.

    `distances` has `synthetic`, `floor` (the real-versus-real comparison), controls and baselines by name, `span` the
    ends of the interval of the generated samples; both in multiples of the end of the real-versus-real range. With
    `flagged` the metric is marked as one that proves nothing.
    """

    name: str
    values: str
    distances: Mapping[str, float]
    span: tuple[float, float] | None = None
    flagged: bool = False


def scale_end(lines: Sequence[DistanceLine]) -> float:
    """Return the right end of a scale for all lines: the next power of ten of the greatest, from 10 to `MOST`."""
    offs = [off for line in lines for off in (*line.distances.values(), line.span[1] if line.span else 0.0)]
    most = max((off for off in offs if math.isfinite(off)), default=10.0)
    beyond = any(math.isinf(off) for off in offs)
    return MOST if beyond else min(MOST, 10.0 ** math.ceil(math.log10(max(most, 10.0))))


def draw_distances(lines: Sequence[DistanceLine], end: float = MOST) -> Figure:
    """Draw one line per metric on a log scale from `LEAST` to `end`; what is beyond stands at the ends."""
    figure = blank(4.8, 0.95 + 0.5 * len(lines))
    axes = figure.add_subplot()
    axes.axvspan(LEAST / 1.3, 1, color=_RANGE, linewidth=0, zorder=0)
    for place, line in enumerate(lines):
        _line(axes, place, line, end)
    _scale(axes, len(lines), end)
    style = {"fontsize": 8.2, "handletextpad": 0.2, "columnspacing": 0.8, "labelcolor": INK}
    legend(figure, [axes], "outside upper left", ncols=4, **style)
    return figure


def _line(axes: Axes, place: int, line: DistanceLine, end: float) -> None:
    def within(off: float) -> float:
        return min(max(off, LEAST), end)

    above, below, offs = place + 0.02, place + 0.27, line.distances
    if place:
        axes.axhline(place - 0.52, color=GRID, linewidth=0.6, zorder=0.5)
    if "floor" in offs:
        axes.plot(within(offs["floor"]), above, "|", color=REAL, ms=11, mew=2, label="real versus real", gid="floor")
    if line.span:
        axes.plot([within(each) for each in line.span], [above, above], color=BLUE, linewidth=2.2, gid="span")
    axes.plot(within(offs["synthetic"]), above, "o", color=BLUE, ms=6.5, label="generated", gid="synthetic")
    for column, style in _MARKERS.items():
        if column in offs:
            look = {"linestyle": "", "ms": 5.2, "mfc": "none", "mew": 1.2, **style}
            axes.plot(within(offs[column]), below, label=COLUMNS[column], gid=column, **look)
    name = f"{line.name}: proves nothing here" if line.flagged else line.name
    text: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center", "parse_math": False}
    axes.text(0.012, place - 0.3, name, color=ALARM if line.flagged else INK, fontsize=8.8, ha="left", **text)
    axes.text(0.988, place - 0.3, line.values, color=GREY, fontsize=7.8, ha="right", **text)


def _scale(axes: Axes, lines: int, end: float) -> None:
    ticks = [10.0**power for power in range(-1, round(math.log10(end)) + 1)]
    names = [f"{tick:g}" for tick in ticks]
    names[0] = f"≤ {names[0]}"
    names[-1] = f"≥ {names[-1]}" if end == MOST else names[-1]
    axes.set_xscale("log")
    axes.set_xlim(LEAST / 1.3, end * 1.35)
    axes.set_ylim(lines - 0.5, -0.55)
    axes.set_xticks(ticks, names)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks([])
    axes.axvline(1, color=REAL, linewidth=0.9, zorder=0.9)
    axes.grid(axis="x", color=GRID, linewidth=0.6, zorder=0.4)
    bare(axes, 9)
    axes.set_xlabel("distance from the best; 1: end of the real-versus-real range", color=GREY, fontsize=8.8)
