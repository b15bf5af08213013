"""Samples for the eye: real beside synthetic, and some of each class, as what they are.

Windows are drawn on ECG paper, rows as box plots, counts and correlations, images as images. `compare` and `by_class`
choose by the kind of the samples: `(N, leads, samples)` in mV, `(N, columns)` in the columns' units, `(N, C, H, W)` of
levels 0..255.
"""

import math
from collections.abc import Mapping, Sequence
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from ganlab.core.kind import Image, Kind, Row, Window
from ganlab.core.spread import evenly
from ganlab.core.words import counted, number
from ganlab.plot.ecg_paper import center_windows, draw_windows, lead_name, lead_spans, png_bytes
from ganlab.plot.images import draw_grid, outside, pixels
from ganlab.plot.table import draw_boxes, draw_correlations, draw_counts
from ganlab.report import page
from ganlab.report.page import Html

Array = NDArray[np.floating]

DPI = 170
"""Dots per inch of figures that are not true to scale."""

_WINDOWS, _ROWS, _IMAGES = 6, 4, 9
_SHORT = 4.0
_NOTES = {"Real": "", "Synthetic": page.NOTICE}


@singledispatch
def compare(kind: Kind, real: Array | None, synthetic: Array | None) -> list[Html]:
    """Blocks that show real samples beside synthetic ones; none where neither is given."""
    raise TypeError(f"There is no picture of {kind!r}: known are windows, rows and images.")


@singledispatch
def by_class(kind: Kind, synthetic: Array, labels: NDArray[np.integer], classes: Sequence[str]) -> list[Html]:
    """A block for each class with a few of its generated samples (paper, Figure 20).

    Arguments:
        kind: What the samples are.
        synthetic: Generated samples, N of them.
        labels: The index in `classes` of the class that each was generated for, with shape (N,).
        classes: The classes' names.
    """
    raise TypeError(f"There is no picture of {kind!r}: known are windows, rows and images.")


@compare.register
def _compare_windows(kind: Window, real: Array | None, synthetic: Array | None) -> list[Html]:
    known = _given(real, synthetic)
    if not known:
        return []
    columns = 2 if _seconds(kind) <= _SHORT else 1
    spans = _common_spans([windows[evenly(_WINDOWS, len(windows))] for windows in known.values()], columns)
    cells = [
        page.join([page.heading(name, 3), _ecg(kind, name, windows, columns, spans, note=_NOTES[name])])
        for name, windows in known.items()
    ]
    return [page.paragraph(_how_drawn(kind), "muted"), *_missing(known, kind), page.columns(*cells)]


@compare.register
def _compare_rows(kind: Row, real: Array | None, synthetic: Array | None) -> list[Html]:
    known = _given(real, synthetic)
    if not known:
        return []
    drawings = _drawings(kind, known["Real"], known["Synthetic"]) if len(known) == 2 else []
    return [*_missing(known, kind), *drawings, page.heading("A few rows", 3), _rows(kind, known)]


@compare.register
def _compare_images(kind: Image, real: Array | None, synthetic: Array | None) -> list[Html]:
    known = _given(real, synthetic)
    if not known:
        return []
    cells = [
        page.join([page.heading(name, 3), _grid(kind, name, images, 3, note=_NOTES[name])])
        for name, images in known.items()
    ]
    return [*_missing(known, kind), page.columns(*cells)]


@by_class.register
def _classes_of_windows(
    kind: Window, synthetic: Array, labels: NDArray[np.integer], classes: Sequence[str]
) -> list[Html]:
    members = _members(synthetic, labels, classes)
    columns = 3 if _seconds(kind) <= _SHORT else 1
    shown = [windows[evenly(3, len(windows))] for windows in members.values() if len(windows)]
    spans = _common_spans(shown, columns) if shown else np.zeros((1, 1, 2))
    return [
        _class_block(
            kind, name, windows, _ecg(kind, name, windows, columns, spans, 3, page.NOTICE) if len(windows) else Html("")
        )
        for name, windows in members.items()
    ]


@by_class.register
def _classes_of_rows(kind: Row, synthetic: Array, labels: NDArray[np.integer], classes: Sequence[str]) -> list[Html]:
    return [
        _class_block(kind, name, rows, _rows(kind, {"Synthetic": rows}))
        for name, rows in _members(synthetic, labels, classes).items()
    ]


@by_class.register
def _classes_of_images(
    kind: Image, synthetic: Array, labels: NDArray[np.integer], classes: Sequence[str]
) -> list[Html]:
    return [
        _class_block(kind, name, images, _grid(kind, name, images, 6, 6, page.NOTICE) if len(images) else Html(""))
        for name, images in _members(synthetic, labels, classes).items()
    ]


def _given(real: Array | None, synthetic: Array | None) -> dict[str, Array]:
    given = {"Real": real, "Synthetic": synthetic}
    return {name: np.asarray(samples) for name, samples in given.items() if samples is not None and len(samples)}


def _missing(known: Mapping[str, Array], kind: Kind) -> list[Html]:
    absent = [name for name in ("Real", "Synthetic") if name not in known]
    return [page.paragraph(f"No {name.lower()} {kind.noun}s were given to this report.") for name in absent]


def _members(synthetic: Array, labels: NDArray[np.integer], classes: Sequence[str]) -> dict[str, Array]:
    known = set(range(len(classes)))
    if len(labels) != len(synthetic) or not set(np.unique(labels).tolist()) <= known:
        raise ValueError(f"{len(synthetic)} samples have {len(labels)} labels, not all below {len(classes)}.")
    return {name: synthetic[labels == index] for index, name in enumerate(classes)}


def _class_block(kind: Kind, name: str, samples: Array, picture: Html) -> Html:
    shown = picture if len(samples) else page.paragraph(f"No {kind.noun} of this class was generated.")
    return page.join([page.heading(name, 3), shown])


def _caption(kind: Kind, name: str, shown: int, count: int, *notes: str) -> str:
    return " ".join([f"{name}: {shown} of {counted(count, kind.noun)}, evenly apart.", *filter(None, notes)])


def _seconds(kind: Window) -> float:
    return kind.samples / kind.rate


def _how_drawn(kind: Window) -> str:
    return (
        f"Leads {', '.join(map(lead_name, kind.leads))} at {kind.rate:g} Hz. A small square is 40 ms by 0.1 mV, "
        "a large one 200 ms by 0.5 mV, the same for real and synthetic. Each trace is drawn "
        "about its median; a median that is not 0 mV is written at the end of the trace."
    )


def _common_spans(sets: Sequence[Array], columns: int) -> Array:
    """Ranges `(rows, leads, 2)` in mV that hold every trace of a row of panels, in all the sets."""
    centered = [center_windows(windows)[0] for windows in sets]
    rows = range(0, max(map(len, centered)), columns)
    return np.stack(
        [lead_spans(np.concatenate([windows[row : row + columns] for windows in centered]), share=1.0) for row in rows]
    )


def _ecg(
    kind: Window, name: str, windows: Array, columns: int, spans: Array, most: int = _WINDOWS, note: str = ""
) -> Html:
    chosen = evenly(most, len(windows))
    figure = draw_windows(
        windows[chosen],
        leads=kind.leads,
        rate=kind.rate,
        columns=columns,
        titles=[f"{name} {index + 1}" for index in chosen],
        note=note,
        spans=spans[: math.ceil(len(chosen) / columns)],
        center=True,
    )
    caption = _caption(kind, name, len(chosen), len(windows), note)
    return page.figure(png_bytes(figure), caption, f"{name} ECG windows on ECG paper, 25 mm/s and 10 mm/mV")


def _drawings(kind: Row, real: Array, synthetic: Array) -> list[Html]:
    """Box plots and counts, where there are such columns, and correlations."""
    binary = [column.binary for column in kind.columns]
    boxes = (
        "Continuous features, each in its own unit. A box is the middle half, the line in it the median; whiskers "
        "reach to the last value within one and a half boxes, dots are beyond."
    )
    counts = "Binary features: bars are shares of the rows, the numbers on them are counts."
    relations = "Pearson correlations of all features; constant ones are blank. The third map has its own scale."
    chosen = [
        (not all(binary), draw_boxes, boxes),
        (any(binary), draw_counts, counts),
        (True, draw_correlations, relations),
    ]
    return [
        page.figure(png_bytes(draw(real, synthetic, kind.columns), DPI), f"{caption} {page.NOTICE}", caption)
        for wanted, draw, caption in chosen
        if wanted
    ]


def _rows(kind: Row, known: Mapping[str, Array]) -> Html:
    """A few rows of each set, features downwards."""
    chosen = {name: evenly(_ROWS, len(rows)) for name, rows in known.items()}
    header = ["feature", *(f"{name.lower()} {index + 1}" for name, places in chosen.items() for index in places)]
    shown = np.concatenate([known[name][places] for name, places in chosen.items()])
    cells = [
        (page.breakable(column.name), *(number(float(value)) for value in values))
        for column, values in zip(kind.columns, shown.T, strict=True)
    ]
    said = " ".join(
        _caption(kind, name, len(places), len(known[name]), _NOTES[name]) for name, places in chosen.items()
    )
    return page.join([page.table(cells, header, numeric=range(1, len(header))), page.paragraph(said, "muted")])


def _grid(kind: Image, name: str, levels: Array, columns: int, most: int = _IMAGES, note: str = "") -> Html:
    chosen = evenly(most, len(levels))
    images = pixels(levels[chosen])
    beyond = outside(images)
    said = f"{counted(beyond, 'pixel')} outside 0..255 or no number, drawn as the nearest level or black."
    caption = _caption(kind, name, len(chosen), len(levels), said if beyond else "", note)
    return page.figure(png_bytes(draw_grid(images, columns)), caption, f"{name} images")
