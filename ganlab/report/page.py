"""Pages from jinja2 templates: each page is one HTML file that holds its style and pictures, and requests nothing.

Templates hold all markup and escape all text, so that a name from a header or a configuration can never become markup.
"""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ganlab.core.words import REDUCED, counted, duration, number, p_value
from ganlab.plot.figure import PAPER_DPI, png_bytes

NOTICE = "Synthetic data. Not for clinical use before expert evaluation."
"""What everything generated says about itself (paper, 5.6)."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; script-src"
"""What a browser lets a page do: draw its pictures, and run its own scripts, known by their hashes."""
DPI = 170
"""Dots per inch of figures that are not true to scale."""

UPRIGHT, ACROSS = 190.0, 277.0
"""Width in mm that A4 has within its margins, upright and across."""


@dataclass(frozen=True)
class Picture:
    """A PNG file with its caption; `alt` describes it to those who cannot see it.

    `wide` is the width in mm of a figure on ECG paper, which is printed at this size; None for others.
    """

    png: bytes
    caption: str
    alt: str
    wide: float | None = None


@dataclass(frozen=True)
class Frame:
    """One picture of a series through time: a PNG file and the epoch or step it was made at."""

    label: str
    png: bytes


def picture(drawing: Figure | NDArray[np.uint8], caption: str, alt: str, dpi: float = DPI) -> Picture:
    """Return a figure at `dpi` dots per inch, or a uint8 picture `(height, width, 3)`, with its caption."""
    wide = None
    if isinstance(drawing, Figure) and dpi == PAPER_DPI:
        wide = round(25.4 * float(drawing.get_figwidth()), 2)
    return Picture(png_bytes(drawing, dpi), caption, alt, wide)


def render(template: str, **data: Any) -> str:
    """Return the page that a template makes of the data. Raises UndefinedError for data that are missing."""
    page = environment().get_template(template).render(**data)
    digests = [sha256(script.encode()).digest() for script in re.findall("<script>(.*?)</script>", page, re.DOTALL)]
    scripts = "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return page.replace(POLICY, f"{POLICY}{scripts}", 1)


@cache
def environment() -> Environment:
    """Return the templates with the filters and texts that all of them may use."""
    made = Environment(
        loader=PackageLoader("ganlab.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"UPRIGHT": UPRIGHT, "ACROSS": ACROSS, "NOTICE": NOTICE, "REDUCED": REDUCED, "POLICY": POLICY}
    filters = (counted, data_uri, duration, number, p_value, percent, series)
    made.filters |= {each.__name__: each for each in filters}
    return made


def data_uri(png: bytes) -> str:
    """Return a PNG file as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def percent(share: float, digits: int = 0) -> str:
    """Return a share 0..1 in percent."""
    return f"{100 * share:.{digits}f} %"


def series(frames: Iterable[Frame]) -> list[list[str]]:
    """Return the label and the address of each frame, for the script of a slider."""
    return [[frame.label, data_uri(frame.png)] for frame in frames]
