"""Windows of signals that are no ECG, as lines over time, each lead on an axis in its own unit."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ganlab.core.kind import Array, Window
from ganlab.plot.figure import INK, WIDTH, blank

TALL = 1.1
"""Height of a lead in a row of panels, inches."""


def draw_traces(
    windows: Array, kind: Window, columns: int, titles: Sequence[str] = (), note: str = "", spans: Array | None = None
) -> Figure:
    """Draw windows `(N, leads, samples)`, `columns` in a row; `spans` `(leads, 2)` are the leads' vertical ranges."""
    rows, leads = -(-len(windows) // columns), len(kind.leads)
    figure = blank(WIDTH, 0.6 + rows * (leads * TALL + 0.35))
    grid = figure.subplots(rows * leads, columns, squeeze=False, sharex=True)
    seconds = np.arange(windows.shape[-1]) / kind.rate
    for place, axes in enumerate(grid.T.ravel()):
        column, row = divmod(place, rows * leads)
        number, lead = row // leads * columns + column, row % leads
        if number >= len(windows):
            axes.set_axis_off()
            continue
        axes.plot(seconds, windows[number, lead], linewidth=0.7, color=INK)
        if spans is not None:
            axes.set_ylim(*spans[lead])
        if column == 0:
            axes.set_ylabel(f"{kind.leads[lead]}\n({kind.unit})", fontsize=7)
        if lead == 0 and titles:
            axes.set_title(titles[number], loc="left", fontsize=8)
        axes.tick_params(labelsize=6)
        axes.margins(x=0)
    for axes in grid[-1]:
        axes.set_xlabel("time (s)", fontsize=7)
    if note:
        figure.text(0.01, 0.005, note, fontsize=7)
    return figure


def trace_spans(windows: Array) -> Array:
    """Return the range of each lead of windows `(N, leads, samples)`, with some room, `(leads, 2)`."""
    finite = np.where(np.isfinite(windows), windows, np.nan)
    empty = np.isnan(finite).all(axis=(0, 2))
    finite[:, empty] = 0.0
    low, high = np.nanmin(finite, axis=(0, 2)), np.nanmax(finite, axis=(0, 2))
    room = np.where(high > low, 0.05 * (high - low), 1.0)
    return np.stack([low - room, high + room], axis=1)
