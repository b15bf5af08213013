"""A page about a data set, to be read before anything is trained on it.

How much there is of what (paper, Tables 1 and 2), how the values are distributed (paper, Figure 9; thesis, Figures 6.10
and 6.17), what each standardization would cut, and what samples look like beside their images (paper, Figures 5, 10
and 13).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from pathlib import Path

import numpy as np

from ganlab import __version__
from ganlab.core.files import write_whole
from ganlab.core.kind import Array, Image, Kind, Row, Window
from ganlab.core.words import counted, number
from ganlab.dataset.source import Skipped
from ganlab.plot.ecg_paper import center_windows, draw_windows, lead_spans
from ganlab.plot.figure import PAPER_DPI
from ganlab.plot.histograms import Histogram, draw_histograms
from ganlab.plot.images import draw_grid, draw_named, pixels
from ganlab.plot.layout import Layout, draw_layouts
from ganlab.plot.traces import draw_traces, trace_spans
from ganlab.report.page import Picture, picture, render
from ganlab.report.samples import feature_rows

Arranged = Mapping[str, Sequence[Array | None]]
"""By arrangement: samples as images `(C, H, W)` in [-1, 1], None for one that it cannot take."""

COLOURS = ("rgb",)
"""Arrangements whose three channels are shown one by one."""
_VALUES = {Window: ("samples", "mV"), Row: ("rows", ""), Image: ("pixels", "level")}


@dataclass(frozen=True)
class Exploration:
    """What the page shows; what is empty is left out."""

    source: str
    """The data set's name."""
    kind: Kind
    """What its samples are."""
    simulated: bool = False
    """Whether the data are simulated; the page then says so before anything else."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Counts of the whole data set, such as records, patients, windows."""
    tables: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
    """By title: a table that has, by class, such counts."""
    histograms: Mapping[str, Histogram] = field(default_factory=dict)
    """By lead, feature or channel: all its values, in mV, its own unit or levels."""
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """By lead, feature or channel: the ends of the range that the chosen standardization keeps, in the same unit."""
    saturation: Mapping[str, float] = field(default_factory=dict)
    """By standardization: the share of the values that lie beyond its range."""
    samples: Array | None = None
    """A few real samples, all of which are drawn: `(n, leads, samples)` mV, `(n, columns)` or `(n, C, H, W)` levels."""
    titles: Sequence[str] = ()
    """The title above each sample, n of them or none."""
    images: Arranged = field(default_factory=dict)
    """The same samples under each arrangement, as many."""
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    """By arrangement: which value stands at which pixel."""
    skipped: Sequence[Skipped] = ()
    doubtful: Sequence[Skipped] = ()
    """Records that are left out or doubtful, and why."""
    settings: str = ""
    """The configuration that the page was made from, as text."""


@dataclass(frozen=True)
class Gallery:
    """Samples one by one, each with its title and pictures; pictures of all of them, and a table of their values."""

    each: Sequence[tuple[str, Sequence[Picture]]] = ()
    pictures: Sequence[Picture] = ()
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    columns: bool = False


def write_exploration(folder: Path, exploration: Exploration) -> Path:
    """Write `folder/explore.html` and return its path."""
    held = {name: histogram for name, histogram in exploration.histograms.items() if histogram.count}
    numbers = {name: histogram.describe() | {"not finite": histogram.not_finite} for name, histogram in held.items()}
    content = render(
        "explore.html",
        title=exploration.source,
        data=exploration,
        counts=[(name, number(count)) for name, count in exploration.counts.items()],
        tables=[(title, *_count_table(rows)) for title, rows in exploration.tables.items() if rows],
        histograms=_histograms(exploration, held),
        header=["", *next(iter(numbers.values()), ())],
        quantiles=[[name, *map(number, row.values())] for name, row in numbers.items()],
        empty=[name for name in exploration.histograms if name not in held],
        saturation=[(name, f"{100 * share:.3g} %") for name, share in exploration.saturation.items()],
        samples=_gallery(exploration),
        layouts=_layouts(exploration),
        version=__version__,
    )
    folder.mkdir(parents=True, exist_ok=True)
    return write_whole(folder / "explore.html", content)


def _count_table(rows: Mapping[str, Mapping[str, int]]) -> tuple[list[str], list[list[str]]]:
    """Return the header and the lines of a table that has, by class, counts by name."""
    names = list(dict.fromkeys(name for counts in rows.values() for name in counts))
    return ["class", *names], [[label, *(number(counts.get(name)) for name in names)] for label, counts in rows.items()]


def _histograms(exploration: Exploration, held: Mapping[str, Histogram]) -> list[Picture]:
    """Return the histograms of features with many values, and of those with two."""
    binary = {name: histogram for name, histogram in held.items() if len(histogram.points()[0]) <= 2}
    spread = {name: histogram for name, histogram in held.items() if name not in binary}
    shaded = "Shaded: the range that the chosen standardization keeps. " if exploration.ranges else ""
    caption = (
        f"Dashed: the quantiles below which 1 % and 99 % of the values lie. {shaded}If the tails are long, the axis "
        "of counts is logarithmic."
    )
    noun, unit = _VALUES[type(exploration.kind)]
    unit = exploration.kind.other_unit or unit
    return [
        picture(
            draw_histograms(some, noun=noun, unit=unit, ranges=exploration.ranges, across=across),
            text,
            f"Histograms of {', '.join(some)}",
        )
        for some, text, across in ((spread, caption, 3), (binary, "Features of two values, with their counts.", 5))
        if some
    ]


def _layouts(exploration: Exploration) -> Picture | None:
    if not exploration.layouts:
        return None
    caption = "Samples count from 1 along time, from dark to light; cells of a table hold its features."
    return picture(draw_layouts(exploration.layouts), caption, "Orders of pixels", dpi=130)


def _gallery(exploration: Exploration) -> Gallery | None:
    """Return the samples with their pictures; None where there are none."""
    samples, kind = exploration.samples, exploration.kind
    if samples is None or not len(samples):
        return None
    titles = exploration.titles or [f"{kind.noun} {index + 1}" for index in range(len(samples))]
    return _drawn(kind, samples, titles, exploration.images)


@singledispatch
def _drawn(kind: Kind, samples: Array, titles: Sequence[str], images: Arranged) -> Gallery:
    """Return all samples, each as what it is and as an image under each arrangement."""
    raise TypeError(f"No picture can be drawn of {kind!r}: accepted are windows, rows and images.")


@_drawn.register
def _windows(kind: Window, samples: Array, titles: Sequence[str], images: Arranged) -> Gallery:
    each: list[tuple[str, list[Picture]]] = []
    if kind.other_unit:
        for index, title in enumerate(titles):
            drawn = draw_traces(samples[[index]], kind, 1, spans=trace_spans(samples))
            each.append((title, [picture(drawn, f"In {kind.unit}.", f"{title}"), *_images(index, title, images)]))
        return Gallery(each)
    spans = lead_spans(center_windows(samples)[0])
    for index, title in enumerate(titles):
        figure = draw_windows(samples[[index]], leads=kind.leads, rate=kind.rate, columns=1, spans=spans, center=True)
        paper = picture(figure, "On ECG paper, about the median of each lead.", f"ECG of {title}", PAPER_DPI)
        each.append((title, [paper, *_images(index, title, images)]))
    return Gallery(each)


@_drawn.register
def _rows(kind: Row, samples: Array, titles: Sequence[str], images: Arranged) -> Gallery:
    each = [(title, _images(index, title, images)) for index, title in enumerate(titles) if images]
    return Gallery(each, header=("feature", *titles), rows=feature_rows(kind, samples), columns=True)


@_drawn.register
def _pictures(kind: Image, samples: Array, titles: Sequence[str], images: Arranged) -> Gallery:
    caption = f"In rows: {', '.join(titles)}."
    own = picture(draw_grid(pixels(samples), 5), caption, counted(len(samples), kind.noun))
    arranged = [
        picture(
            draw_grid(np.stack([image for image in some if image is not None]), 5),
            f"Arranged: {name}.",
            f"arrangement {name}",
        )
        for name, some in images.items()
    ]
    return Gallery(pictures=[own, *arranged])


def _images(index: int, title: str, images: Arranged) -> list[Picture]:
    """Return a picture of the sample at `index` under all arrangements that can take it; none where none can."""
    taken = {name: image for name, arranged in images.items() if (image := arranged[index]) is not None}
    pictures = [picture(draw_named(taken), f"As {', '.join(taken)}.", f"Images of {title}")] if taken else []
    return pictures + [_planes(name, image) for name, image in taken.items() if name in COLOURS]


def _planes(name: str, image: Array) -> Picture:
    """Return the three planes of a colour image beside it (paper, Figure 13)."""
    planes = {colour: image[[channel]] for channel, colour in enumerate(("red", "green", "blue"))}
    return picture(draw_named({**planes, name: image}, columns=4), f"The planes of {name}, and the image.", "Planes")
