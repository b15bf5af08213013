"""Twelve leads as an ECG machine prints them: three rows of four, and a rhythm strip of lead II below, on ECG paper.

Of windows of eight seconds or more each column shows its quarter of the time, as on paper; of shorter ones each column
shows the whole window, so that no lead is cut.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganlab.core.kind import Array
from ganlab.plot.ecg_paper import (
    ALARM,
    GREY,
    INK,
    center_windows,
    draw_paper,
    draw_pulse,
    draw_trace,
    extent,
    layout,
    lead_name,
    on_lines,
    right_end,
)

ROWS = (("i", "avr", "v1", "v4"), ("ii", "avl", "v2", "v5"), ("iii", "avf", "v3", "v6"))
"""Leads by row and column."""
RHYTHM = "ii"
LONG_S = 8.0
"""From this length on a column shows a quarter of the window."""
COLUMNS = 4


def is_twelve(leads: Sequence[str]) -> bool:
    """Return whether these are the twelve leads of a resting ECG, in any order."""
    return sorted(lead.lower() for lead in leads) == sorted(lead for row in ROWS for lead in row)


def draw_twelve(
    windows: Array, *, leads: Sequence[str], rate: float, titles: Sequence[str] | None = None, note: str = ""
) -> Figure:
    """Draw windows `(N, 12, samples)` in mV, one below the other, each lead about its median. `note` stands below."""
    values = center_windows(np.asarray(windows, dtype=np.float64))[0]
    places = {lead.lower(): place for place, lead in enumerate(leads)}
    seconds = values.shape[-1] / rate
    long = seconds >= LONG_S
    across = seconds / COLUMNS if long else seconds
    bands = [[places[lead] for lead in row] for row in (*ROWS, (RHYTHM,))]
    heights = [np.array([_span(window[band]) for band in bands]) for window in values]
    figure, boxes = layout(heights, 1, COLUMNS * across, note)
    for number, (window, spans, box) in enumerate(zip(values, heights, boxes, strict=True)):
        axes = figure.add_axes(box)
        tall, right = float((spans[:, 1] - spans[:, 0]).sum()), right_end(COLUMNS * across)
        draw_paper(axes, right, tall)
        top = 0.0
        for row, span in zip((*ROWS, (RHYTHM,)), spans, strict=True):
            _row(axes, [(lead, window[places[lead]]) for lead in row], top - span[1], span, rate, across, long)
            top -= float(span[1] - span[0])
        if titles is not None:
            axes.set_title(titles[number], loc="left", fontsize=8.5, color=GREY, pad=3)
    return figure


def _span(traces: Array) -> Array:
    """Return the range of a row that holds all of its traces."""
    low, high = extent(traces)
    return on_lines(low.min(), high.max())


def _row(
    axes: Axes,
    traces: Sequence[tuple[str, Array]],
    zero: float,
    span: Array,
    rate: float,
    across: float,
    long: bool,
) -> None:
    """Draw a row of leads beside one another, or the rhythm strip where there is one, with the calibration mark."""
    draw_pulse(axes, zero)
    for column, (lead, trace) in enumerate(traces):
        begin, end = 0, len(trace)
        if long and len(traces) > 1:
            begin, end = (round(each * across * rate) for each in (column, column + 1))
        part = trace[begin:end]
        name = lead_name(lead) if len(traces) > 1 else f"{lead_name(lead)} (rhythm)"
        draw_trace(axes, column * across + np.arange(len(part)) / rate, part, zero, span, lead)
        axes.text(
            column * across + 0.04, zero + span[1] - 0.06, name, va="top", fontsize=8.5, fontweight="bold", color=INK
        )
        if column:
            axes.plot([column * across] * 2, [zero - 0.25, zero + 0.25], color=INK, linewidth=0.6)
        finite = part[np.isfinite(part)]
        if len(finite) < len(part) or (finite.size and (finite.min() < span[0] or finite.max() > span[1])):
            axes.text(
                column * across + 0.6, zero + span[1] - 0.06, "cut, or not finite", va="top", fontsize=6.5, color=ALARM
            )
