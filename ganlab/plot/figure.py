"""What all figures share: colours, an empty sheet, axes without frames, one legend, and the PNG file at the end."""

import io
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

BLUE, ORANGE, GREEN, PINK, SKY, YELLOW = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"
"""Colours that colour-blind readers can distinguish (Okabe and Ito 2008)."""
GREY, INK, ALARM, REAL, GRID = "#5f646c", "#1d1f23", "#b00020", "#00795a", "#e8e8e8"
WIDTH = 11.1
"""Width of a figure that has the page to itself, inches."""
PAPER_DPI = 203.2
"""8 dots a millimetre, so that all lines of ECG paper come out alike."""


def blank(width: float, height: float, **options: Any) -> Figure:
    """Return an empty white figure of this size in inches; its parts are laid out so that none overlaps another."""
    figure = Figure(figsize=(width, height), facecolor="white", **({"layout": "constrained"} | options))
    FigureCanvasAgg(figure)
    return figure


def panels(count: int, across: int, height: float, width: float = WIDTH, **options: Any) -> tuple[Figure, list[Axes]]:
    """Return a figure of `count` panels, each `height` inches tall, at most `across` in a row of `width` inches."""
    across = min(across, count)
    down = math.ceil(count / across)
    figure = blank(width, down * height + 0.3)
    axes = figure.subplots(down, across, squeeze=False, **options).ravel().tolist()
    for empty in axes[count:]:
        empty.set_visible(False)
    return figure, axes[:count]


def bare(axes: Axes, size: float, which: Any = "major") -> None:
    """Remove the frame and the tick marks; tick labels become grey and `size` points high."""
    axes.spines[:].set_visible(False)
    axes.tick_params(which=which, length=0, labelsize=size, colors=GREY)


def dress(axes: Axes, title: str, size: float = 9.5) -> None:
    """Give a panel its name above, a fine grid across, and no frame."""
    axes.set_title(title, loc="left", fontsize=size, fontweight="bold", color=INK)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    bare(axes, 8.5, "both")


def legend(figure: Figure, axes: Iterable[Axes], place: Any = "outside upper center", **options: Any) -> None:
    """Draw one legend for all axes, each label once; none where nothing is labelled."""
    handles: dict[str, Artist] = {}
    for panel in axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if handles:
        figure.legend(list(handles.values()), list(handles), loc=place, frameon=False, **options)


def thousands(value: float) -> str:
    """Return a number as text for an axis, its thousands apart."""
    return f"{value:,.0f}".replace(",", "\u202f") if abs(value) >= 1000 else f"{value:.4g}".replace("-", "−")


def png_bytes(picture: Figure | NDArray[np.uint8], dpi: float = PAPER_DPI) -> bytes:
    """Return a figure at `dpi` dots per inch, or a uint8 picture `(height, width, 3)` as it is, as a PNG file."""
    buffer = io.BytesIO()
    if isinstance(picture, Figure):
        picture.savefig(buffer, format="png", dpi=dpi)
    else:
        Image.fromarray(picture).save(buffer, format="png", optimize=True)
    return buffer.getvalue()
