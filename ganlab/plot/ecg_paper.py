"""ECG paper: windows drawn as a cardiologist reads them.

On ECG paper 1 mm is 40 ms across and 0.1 mV upwards, with a heavier line every 5 mm. That is 25 mm/s and
10 mm/mV. Figures are sized in millimetres, so that they are true to scale when printed at full size. The
vertical axis of a panel is in mV: the leads are stacked, each in a band of its own, its 0 mV on a heavy line.
"""

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from ganlab.core.kind import Array
from ganlab.plot.figure import blank

SPEED = 25.0
"""Paper speed in mm/s."""
GAIN = 10.0
"""Height of a millivolt in mm."""
TALLEST = 20.0
"""A band ends here, in mV above or below 0; what lies beyond is cut, and the panel says so."""

BIG = 5 / GAIN
BEFORE = 0.4
TITLE, _GAP, _MARGIN, _FOOT = 6.0, 4.0, 3.0, 8.0
PAPER, _FINE, HEAVY, INK, GREY, ALARM = "#fffaf8", "#f8d9d4", "#eba39a", "#141414", "#6b5b58", "#b00020"
_LETTER, _LINE = 1.5, 3.4
"""Width of a letter and height of a line below a figure, mm, at 7.5 points."""
_NAMES = {"avr": "aVR", "avl": "aVL", "avf": "aVF"}


def lead_name(lead: str) -> str:
    """Return the name of a lead as it is printed on an ECG: `avr` is aVR, `ii` is II."""
    return _NAMES.get(lead.lower(), lead.upper())


def lead_spans(windows: Array, share: float = 0.9) -> Array:
    """Return the vertical range of each lead of windows `(N, leads, samples)`: `(leads, 2)` in mV, on heavy lines.

    A `share` of the windows stays above its lower end, and below its upper end; -0.5 to 1 mV, the calibration
    mark, is always in it.
    """
    low, high = extent(windows)
    return on_lines(np.quantile(low, 1 - share, axis=0), np.quantile(high, share, axis=0))


def center_windows(windows: Array) -> tuple[Array, Array]:
    """Return windows `(N, leads, samples)` about their medians, and the medians `(N, leads)`, both in mV."""
    finite = np.where(np.isfinite(windows), windows, np.nan)
    empty = np.isnan(finite).all(axis=-1, keepdims=True)
    medians = np.nanmedian(np.where(empty, 0.0, finite), axis=-1)
    return windows - medians[..., None], medians


def draw_windows(
    windows: Array,
    *,
    leads: Sequence[str],
    rate: float,
    columns: int = 3,
    titles: Sequence[str] | None = None,
    note: str = "",
    spans: Array | None = None,
    center: bool = False,
) -> Figure:
    """Draw windows `(N, leads, samples)` in mV, sampled at `rate` Hz, on ECG paper.

    `columns` windows share a row. `spans` in mV is the vertical range `(leads, 2)` of all rows of
    panels, or `(rows, leads, 2)`, by default `lead_spans(windows)`; a row in which a trace leaves it is made
    taller. With `center` each trace is drawn about its median, as an ECG machine without DC does, and a
    median that is not 0 is written at the end of the trace. `note` stands below the figure.
    """
    values: Array = np.asarray(windows, dtype=np.float64)
    medians: Array = np.zeros(values.shape[:2])
    if center:
        values, medians = center_windows(values)
    common = lead_spans(values) if spans is None else np.asarray(spans, dtype=np.float64)
    rows = [values[first : first + columns] for first in range(0, len(values), columns)]
    spread = np.broadcast_to(common, (len(rows), len(leads), 2))
    heights = [_row_spans(row, spans) for row, spans in zip(rows, spread, strict=True)]
    figure, boxes = layout(heights, min(columns, len(values)), values.shape[-1] / rate, note)
    for index, window in enumerate(values):
        axes = figure.add_axes(boxes[index])
        _panel(axes, window, medians[index], heights[index // columns], leads, rate)
        if titles is not None:
            axes.set_title(titles[index], loc="left", fontsize=8.5, color=GREY, pad=3)
    return figure


def extent(windows: Array) -> tuple[Array, Array]:
    """Return the least and greatest finite value of each trace, `(N, leads)` each; 0 where there is none."""
    finite = np.isfinite(windows)
    low = np.where(finite, windows, np.inf).min(axis=-1)
    high = np.where(finite, windows, -np.inf).max(axis=-1)
    return np.where(np.isinf(low), 0.0, low), np.where(np.isinf(high), 0.0, high)


def on_lines(low: Array, high: Array) -> Array:
    """Return ranges `(leads, 2)` that end on heavy lines and leave half a millimetre above and below the trace."""
    low = np.minimum(np.floor((low - 0.05) / BIG) * BIG, -BIG)
    high = np.maximum(np.ceil((high + 0.05) / BIG) * BIG, 2 * BIG)
    return np.clip(np.stack([low, high], axis=-1), -TALLEST, TALLEST)


def _row_spans(row: Array, common: Array) -> Array:
    low, high = extent(row)
    own = on_lines(low.min(axis=0), high.max(axis=0))
    return np.stack([np.minimum(common[:, 0], own[:, 0]), np.maximum(common[:, 1], own[:, 1])], axis=-1)


def layout(
    heights: Sequence[Array], columns: int, seconds: float, note: str
) -> tuple[Figure, list[tuple[float, float, float, float]]]:
    """Return an empty figure of the right size in mm, with its note, and the place of each panel in it."""
    across = SPEED * (BEFORE + right_end(seconds))
    tall = [GAIN * (BIG + float((spans[:, 1] - spans[:, 0]).sum())) for spans in heights]
    width = 2 * _MARGIN + columns * across + (columns - 1) * _GAP
    scale = f"{SPEED:g} mm/s   {GAIN:g} mm/mV"
    beside = len(note + scale) * _LETTER + 3 * _MARGIN <= width
    lines = [] if beside or not note else textwrap.wrap(note, max(20, int((width - 2 * _MARGIN) / _LETTER)))
    height = _FOOT + len(lines) * _LINE + sum(tall) + len(tall) * TITLE + _MARGIN
    figure = blank(width / 25.4, height / 25.4, layout=None)
    boxes = []
    for row, high in enumerate(tall):
        bottom = height - _MARGIN - sum(tall[: row + 1]) - (row + 1) * TITLE + _MARGIN / 2
        lefts = [_MARGIN + column * (across + _GAP) for column in range(columns)]
        boxes += [(left / width, bottom / height, across / width, high / height) for left in lefts]
    figure.text(1 - _MARGIN / width, 3 / height, scale, ha="right", fontsize=7.5, color=GREY)
    text, bottom = ("\n".join(lines), 3 + _LINE) if lines else (note, 3)
    figure.text(_MARGIN / width, bottom / height, text, ha="left", fontsize=7.5, color=ALARM)
    return figure, boxes


def right_end(seconds: float) -> float:
    """Return the right end of a panel in s, on a heavy line, with room for a remark after the trace."""
    return math.ceil(round((seconds + 0.14) / 0.2, 6)) * 0.2


def _panel(axes: Axes, window: Array, medians: Array, spans: Array, leads: Sequence[str], rate: float) -> None:
    """Draw one window `(leads, samples)` in mV; from y = 0 the leads go down, each in its band."""
    tall = float((spans[:, 1] - spans[:, 0]).sum())
    right = right_end(window.shape[-1] / rate)
    draw_paper(axes, right, tall)
    top = 0.0
    for lead, trace, median, (low, high) in zip(leads, window, medians, spans, strict=True):
        _lead(axes, trace, top - high, (low, high), lead, rate)
        _remarks(axes, trace, median, (low, high), (right - 0.03, top - high))
        top -= high - low


def draw_paper(axes: Axes, right: float, tall: float) -> None:
    """Make the axes a sheet of ECG paper from before the trace to `right` in s, and down to `tall` in mV."""
    axes.set(xlim=(-BEFORE, right), ylim=(-tall, BIG), xticks=[], yticks=[], facecolor=PAPER)
    axes.set_aspect(GAIN / SPEED)
    axes.spines[:].set(color=HEAVY, linewidth=0.8)
    for millimetres, color, width in ((1, _FINE, 0.3), (5, HEAVY, 0.65)):
        across = -BEFORE + millimetres / SPEED * np.arange(round((right + BEFORE) * SPEED / millimetres) + 1)
        upwards = BIG - millimetres / GAIN * np.arange(round((tall + BIG) * GAIN / millimetres) + 1)
        lines = [[(x, -tall), (x, BIG)] for x in across] + [[(-BEFORE, y), (right, y)] for y in upwards]
        axes.add_collection(
            LineCollection(lines, colors=color, linewidths=width, gid=f"{millimetres} mm", zorder=0.5), autolim=False
        )


def _lead(axes: Axes, trace: Array, zero: float, span: tuple[float, float], lead: str, rate: float) -> None:
    draw_pulse(axes, zero)
    axes.text(-0.34, zero - 0.06, lead_name(lead), va="top", fontsize=9, fontweight="bold", color=INK)
    draw_trace(axes, np.arange(len(trace)) / rate, trace, zero, span, lead)


def draw_pulse(axes: Axes, zero: float) -> None:
    """Draw the calibration mark of 1 mV before a trace whose 0 mV is at `zero`."""
    pulse = np.array([(-0.36, 0), (-0.32, 0), (-0.32, 1), (-0.12, 1), (-0.12, 0), (-0.08, 0)])
    axes.plot(pulse[:, 0], pulse[:, 1] + zero, color=INK, linewidth=0.7, gid="1 mV")


def draw_trace(axes: Axes, seconds: Array, trace: Array, zero: float, span: Sequence[float] | Array, lead: str) -> None:
    """Draw a trace `(samples,)` in mV at these times, cut at the ends of its span, with its 0 mV at `zero`."""
    drawn = np.where(np.isfinite(trace), np.clip(trace, *span), np.nan)
    axes.plot(seconds, drawn + zero, color=INK, linewidth=0.65, gid=f"lead {lead}")


def _remarks(axes: Axes, trace: Array, median: float, span: tuple[float, float], place: tuple[float, float]) -> None:
    """Write what the trace cannot show: its median where it was subtracted, what was cut, what is not a number."""
    finite = trace[np.isfinite(trace)]
    remarks = []
    if len(finite) < len(trace):
        remarks.append(f"{len(trace) - len(finite)} samples are not finite")
    if finite.size and (finite.min() < span[0] or finite.max() > span[1]):
        remarks.append(f"cut: {finite.min():.3g} to {finite.max():.3g} mV")
    style: dict[str, Any] = {"ha": "right", "fontsize": 6.5}
    if abs(median) >= 0.05:
        text = f"{median:+.2f} mV".replace("-", "−")
        axes.text(place[0], place[1] + 0.25, text, color=GREY, rotation=90, va="center", **style)
    if remarks:
        axes.text(place[0] - 0.12, place[1] + span[1] - 0.06, ", ".join(remarks), color=ALARM, va="top", **style)
