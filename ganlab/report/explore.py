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
from numpy.typing import NDArray

from ganlab import __version__
from ganlab.core.files import write_whole
from ganlab.core.kind import Image, Kind, Row, Window
from ganlab.core.words import counted, number
from ganlab.dataset.source import Skipped
from ganlab.plot.ecg_paper import center_windows, draw_windows, lead_spans, png_bytes
from ganlab.plot.histograms import Histogram, draw_histograms
from ganlab.plot.images import draw_grid, draw_named, pixels
from ganlab.report import page
from ganlab.report.page import Html
from ganlab.report.samples import DPI

Array = NDArray[np.floating]
Images = Mapping[str, Sequence[Array | None]]
"""By arrangement: samples as images `(C, H, W)` in [-1, 1], None for one that it cannot take."""

_VALUES = {Window: ("samples", "mV"), Row: ("rows", ""), Image: ("pixels", "level")}
_BINARY = 2


@dataclass(frozen=True)
class Exploration:
    """What the page says; what is empty is left out."""

    source: str
    """The data set's name."""
    kind: Kind
    """What its samples are."""
    simulated: bool = False
    """Whether no person stands behind the data; the page then says so before anything else."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """What there is in all, such as records, persons, windows."""
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
    """What is written above each sample, n of them or none."""
    images: Images = field(default_factory=dict)
    """The same samples under each arrangement, as many."""
    skipped: Sequence[Skipped] = ()
    doubtful: Sequence[Skipped] = ()
    """What is left out, and why."""
    settings: str = ""
    """The configuration that the page was made from, as text."""


def write_exploration(folder: Path, exploration: Exploration) -> Path:
    """Write `folder/explore.html` and return its path.

    Raises:
        ValueError: images or titles that are not as many as the samples.
    """
    _check(exploration)
    blocks = [
        _head(exploration),
        _counts(exploration.tables),
        _values(exploration),
        _saturation(exploration.saturation),
        _samples(exploration),
        _listed("Left out", exploration.skipped),
        _listed("Used, and doubtful", exploration.doubtful),
        page.details("The whole configuration", page.code(exploration.settings)) if exploration.settings else "",
    ]
    folder.mkdir(parents=True, exist_ok=True)
    return write_whole(folder / "explore.html", page.page(exploration.source, blocks, _footer(exploration)))


def _check(exploration: Exploration) -> None:
    count = 0 if exploration.samples is None else len(exploration.samples)
    lengths = {name: len(images) for name, images in exploration.images.items()}
    if exploration.titles:
        lengths["titles"] = len(exploration.titles)
    wrong = {name: length for name, length in lengths.items() if length != count}
    if wrong:
        raise ValueError(f"{count} samples are given, but {wrong}.")


def _head(exploration: Exploration) -> Html:
    simulated = page.banner(
        page.join([page.heading("Simulated data", 1), f"No person stands behind anything in {exploration.source}."])
    )
    counts = [(name, number(count)) for name, count in exploration.counts.items()]
    return page.join(
        [
            simulated if exploration.simulated else "",
            page.heading(page.breakable(exploration.source), 1),
            page.paragraph("What is in the data set, before anything is trained on it", "lead"),
            page.facts(counts) if counts else "",
        ]
    )


def _counts(tables: Mapping[str, Mapping[str, Mapping[str, int]]]) -> Html:
    blocks = [page.join([page.heading(title, 3), _count_table(rows)]) for title, rows in tables.items() if rows]
    return page.section("Classes", page.columns(*blocks)) if blocks else Html("")


def _count_table(rows: Mapping[str, Mapping[str, int]]) -> Html:
    names = list(dict.fromkeys(name for counts in rows.values() for name in counts))
    cells = [(label, *(number(counts.get(name)) for name in names)) for label, counts in rows.items()]
    return page.table(cells, ("class", *names), numeric=range(1, len(names) + 1))


def _values(exploration: Exploration) -> Html:
    held = {name: histogram for name, histogram in exploration.histograms.items() if histogram.count}
    empty = [name for name in exploration.histograms if name not in held]
    if not exploration.histograms:
        return Html("")
    binary = {name: histogram for name, histogram in held.items() if len(histogram.points()[0]) <= _BINARY}
    spread = {name: histogram for name, histogram in held.items() if name not in binary}
    shaded = "Shaded: the range that the chosen standardization keeps. " if exploration.ranges else ""
    text = (
        f"Dashed: the quantiles below which 1 % and 99 % of the values lie. {shaded}"
        "Where the tails are long the axis of counts is logarithmic."
    )
    blocks = [
        _histograms(exploration, spread, text, 3) if spread else "",
        _histograms(exploration, binary, "Features of two values, with their counts.", 5) if binary else "",
        _quantiles(held) if held else "",
        page.paragraph(f"Without a single finite value: {', '.join(empty)}.") if empty else "",
    ]
    return page.section("Values", *blocks)


def _histograms(exploration: Exploration, held: Mapping[str, Histogram], caption: str, across: int) -> Html:
    noun, unit = _VALUES[type(exploration.kind)]
    figure = draw_histograms(held, noun=noun, unit=unit, ranges=exploration.ranges, across=across)
    return page.figure(png_bytes(figure, DPI), caption, f"Histograms of {', '.join(held)}")


def _quantiles(held: Mapping[str, Histogram]) -> Html:
    numbers = {name: histogram.describe() | {"not finite": histogram.not_finite} for name, histogram in held.items()}
    header = list(next(iter(numbers.values())))
    rows = [(page.breakable(name), *map(number, row.values())) for name, row in numbers.items()]
    return page.table(rows, ("", *header), numeric=range(1, len(header) + 1))


def _saturation(saturation: Mapping[str, float]) -> Html:
    if not saturation:
        return Html("")
    rows = [(name, f"{100 * share:.3g} %") for name, share in saturation.items()]
    text = "What lies beyond a standardization's range takes the range's end, and does not come back."
    table = page.table(rows, ("standardization", "values beyond its range"), numeric=(1,))
    return page.section("What a standardization would cut", page.paragraph(text, "muted"), table)


def _samples(exploration: Exploration) -> Html:
    samples = exploration.samples
    if samples is None or not len(samples):
        return Html("")
    titles = exploration.titles or [f"{exploration.kind.noun} {index + 1}" for index in range(len(samples))]
    title = f"{exploration.kind.noun}s".capitalize() + (" and their images" if exploration.images else "")
    return page.section(title, *_shown(exploration.kind, samples, titles, exploration.images))


@singledispatch
def _shown(kind: Kind, samples: Array, titles: Sequence[str], images: Images) -> list[Html]:
    """Blocks with all samples, each as what it is and as an image under each arrangement."""
    raise TypeError(f"There is no picture of {kind!r}: known are windows, rows and images.")


@_shown.register
def _windows(kind: Window, samples: Array, titles: Sequence[str], images: Images) -> list[Html]:
    spans = lead_spans(center_windows(samples)[0])
    blocks = []
    for index, title in enumerate(titles):
        figure = draw_windows(samples[[index]], leads=kind.leads, rate=kind.rate, columns=1, spans=spans, center=True)
        paper = page.figure(png_bytes(figure), "On ECG paper, about the median of each lead.", f"ECG of {title}")
        beside = _images(index, title, images)
        blocks += [page.heading(title, 3), page.columns(paper, beside) if beside else paper]
    return blocks


@_shown.register
def _rows(kind: Row, samples: Array, titles: Sequence[str], images: Images) -> list[Html]:
    cells = [
        (page.breakable(column.name), *(number(float(value)) for value in values))
        for column, values in zip(kind.columns, samples.T, strict=True)
    ]
    table = page.table(cells, ("feature", *titles), numeric=range(1, len(titles) + 1))
    blocks = [
        page.join([page.heading(title, 3), _images(index, title, images)])
        for index, title in enumerate(titles)
        if images
    ]
    return [page.columns(*blocks) if blocks else Html(""), table]


@_shown.register
def _pictures(kind: Image, samples: Array, titles: Sequence[str], images: Images) -> list[Html]:
    caption = f"In rows: {', '.join(titles)}."
    blocks = [page.figure(png_bytes(draw_grid(pixels(samples), 5)), caption, f"{counted(len(samples), kind.noun)}")]
    for name, arranged in images.items():
        grid = draw_grid(np.stack([image for image in arranged if image is not None]), 5)
        blocks.append(page.figure(png_bytes(grid), f"Arranged: {name}.", f"arrangement {name}"))
    return blocks


def _images(index: int, title: str, images: Images) -> Html:
    """The sample at `index` under all arrangements that can take it."""
    shown = {name: image for name, arranged in images.items() if (image := arranged[index]) is not None}
    if not shown:
        return Html("")
    return page.figure(png_bytes(draw_named(shown), DPI), f"As {', '.join(shown)}.", f"Images of {title}")


def _listed(title: str, some: Sequence[Skipped]) -> Html:
    if not some:
        return Html("")
    rows = [(bad.record, number(bad.count), bad.reason) for bad in some]
    return page.section(title, page.table(rows, (title.lower(), "how many", "reason"), numeric=(1,)))


def _footer(exploration: Exploration) -> Html:
    care = (
        "Everything on this page is simulated."
        if exploration.simulated
        else "Nothing on this page was generated. Its samples are real: who may not see the data may not see the page."
    )
    return page.join([page.paragraph(care), page.paragraph(f"Made by ganlab {__version__} from {exploration.source}.")])
