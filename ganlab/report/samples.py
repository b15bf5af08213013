"""Samples for the eye: real ones compared with synthetic ones, and some of each class.

Windows are drawn on ECG paper, or as lines where they are in another unit than mV, rows as box plots, counts and
correlations, images as images. `compare` and `exhibits_by_class` choose by the kind of the samples:
`(N, leads, samples)` in the leads' unit, `(N, columns)` in the columns' units, `(N, C, H, W)` of levels 0..255.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch

import numpy as np

from ganlab.core.kind import Array, Image, Kind, Row, Window, places_of
from ganlab.core.labels import Labels, of_class
from ganlab.core.spread import evenly
from ganlab.core.words import counted, number
from ganlab.dataset.table_values import write_columns
from ganlab.plot.ecg_paper import center_windows, draw_windows, lead_name, lead_spans
from ganlab.plot.figure import PAPER_DPI
from ganlab.plot.images import draw_grid, outside, pixels
from ganlab.plot.table import draw_boxes, draw_correlations, draw_counts
from ganlab.plot.traces import draw_traces, trace_spans
from ganlab.plot.twelve_leads import draw_twelve, is_twelve
from ganlab.report.page import NOTICE, Picture, picture
from ganlab.report.strips import Strips, strips

_ROWS = 4
_SHEETS, _SHEET_MM = 2, 175.0
"""Twelve-lead ECGs of a picture, fewer where they would be taller than a sheet of A4 across has room for, in mm."""
_SHORT = 4.0
_SYNTHETIC = "Synthetic"
REAL, SIMULATED = "Real", "Simulated reference"
"""What the samples are called that generated ones are compared with."""


@dataclass(frozen=True)
class Exhibit:
    """A few samples under a title: a picture, or rows of a table, and a note below them."""

    title: str
    picture: Picture | None = None
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    note: str = ""


@dataclass(frozen=True)
class SideBySide:
    """Real and synthetic samples side by side: the scale they are drawn to, what is missing, pictures of both.

    `closer` are generated windows to zoom into.
    """

    blocks: Sequence[Exhibit]
    scale: str = ""
    missing: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    closer: Strips | None = None


def compare(kind: Kind, real: Array | None, synthetic: Array | None, *, called: str = REAL) -> SideBySide | None:
    """Return real samples, `called` REAL or SIMULATED, compared with synthetic ones, N of each; None without any."""
    given = {called: real, _SYNTHETIC: synthetic}
    sets = {name: np.asarray(samples) for name, samples in given.items() if samples is not None and len(samples)}
    if not sets:
        return None
    shown = _compared(kind, sets)
    absent = [f"No {name.lower()} {kind.noun}s were given to this report." for name in given if name not in sets]
    return replace(shown, missing=absent)


def _notes(sets: Iterable[str]) -> dict[str, str]:
    return {name: NOTICE if name == _SYNTHETIC else "" for name in sets}


@singledispatch
def _compared(kind: Kind, sets: Mapping[str, Array]) -> SideBySide:
    """Return the sets by name, side by side."""
    raise TypeError(f"No picture can be drawn of {kind!r}: accepted are windows, rows and images.")


@_compared.register
def _windows_compared(kind: Window, sets: Mapping[str, Array]) -> SideBySide:
    if kind.other_unit:
        scale = f"Signals {', '.join(kind.leads)} at {kind.rate:g} Hz in {kind.unit}, real and synthetic to one scale."
        return SideBySide(
            _signals(kind, sets, 2, 6, _notes(sets)), scale, closer=strips(kind, _SYNTHETIC, sets.get(_SYNTHETIC))
        )
    named = f"Lead{'s' * (len(kind.leads) > 1)} {', '.join(map(lead_name, kind.leads))}"
    scale = (
        f"{named} at {kind.rate:g} Hz. A small square is 40 ms by 0.1 mV, a large one 200 ms by 0.5 mV, the same for "
        "real and synthetic. Each trace is drawn about its median; a median that is not 0 mV is written at the end "
        "of the trace."
    )
    return SideBySide(
        _ecgs(kind, sets, 2, 6, _notes(sets)), scale, closer=strips(kind, _SYNTHETIC, sets.get(_SYNTHETIC))
    )


@_compared.register
def _rows_compared(kind: Row, sets: Mapping[str, Array]) -> SideBySide:
    (name, real), *others = sets.items()
    pictures = _drawings(kind, real, others[0][1], name.lower()) if others else []
    return SideBySide([_few_rows("A few rows", kind, sets)], pictures=pictures)


@_compared.register
def _images_compared(kind: Image, sets: Mapping[str, Array]) -> SideBySide:
    return SideBySide(_grids(kind, sets, 3, 9, _notes(sets)))


def exhibits_by_class(kind: Kind, synthetic: Array, labels: Labels, classes: Sequence[str]) -> list[Exhibit]:
    """Return a block for each class with a few of its N generated samples (paper, Figure 20).

    `labels`, `(N,)`, are places in `classes`, or multi-hot `(N, classes)`: then a sample may stand in several blocks.
    """
    members = {name: synthetic[of_class(labels, index)] for index, name in enumerate(classes)}
    drawn = _of_classes(kind, {name: samples for name, samples in members.items() if len(samples)})
    blocks = {block.title: block for block in drawn}
    return [blocks.get(name, Exhibit(name, note=f"No {kind.noun} of this class was generated.")) for name in members]


@singledispatch
def _of_classes(kind: Kind, members: Mapping[str, Array]) -> list[Exhibit]:
    """Return a block for each class by name."""
    raise TypeError(f"No picture can be drawn of {kind!r}: accepted are windows, rows and images.")


@_of_classes.register
def _classes_of_windows(kind: Window, members: Mapping[str, Array]) -> list[Exhibit]:
    draw = _signals if kind.other_unit else _ecgs
    return draw(kind, members, 3, 3, dict.fromkeys(members, NOTICE))


@_of_classes.register
def _classes_of_rows(kind: Row, members: Mapping[str, Array]) -> list[Exhibit]:
    return [_few_rows(name, kind, {"Synthetic": rows}) for name, rows in members.items()]


@_of_classes.register
def _classes_of_images(kind: Image, members: Mapping[str, Array]) -> list[Exhibit]:
    return _grids(kind, members, 6, 6, dict.fromkeys(members, NOTICE))


def _caption(kind: Kind, name: str, chosen: int, count: int, *notes: str) -> str:
    return " ".join([f"{name}: {chosen} of {counted(count, kind.noun)}, evenly spaced.", *filter(None, notes)])


def _ecgs(kind: Window, sets: Mapping[str, Array], across: int, most: int, notes: Mapping[str, str]) -> list[Exhibit]:
    """Return each set on ECG paper, all at one scale, `across` windows in a row unless they are long."""
    if is_twelve(kind.leads):
        return _twelve(kind, sets, notes)
    columns = across if kind.samples / kind.rate <= _SHORT else 1
    chosen = {name: windows[evenly(most, len(windows))] for name, windows in sets.items()}
    centered = [center_windows(windows)[0] for windows in chosen.values()]
    rows = [
        np.concatenate([windows[row : row + columns] for windows in centered])
        for row in range(0, max(map(len, centered)), columns)
    ]
    # Ranges that hold every trace of a row of panels, in all the sets.
    spans = np.stack([lead_spans(row, share=1.0) for row in rows])
    blocks = []
    for name, windows in sets.items():
        figure = draw_windows(
            chosen[name],
            leads=kind.leads,
            rate=kind.rate,
            columns=columns,
            titles=[f"{name} {index + 1}" for index in evenly(most, len(windows))],
            note=notes[name],
            spans=spans[: math.ceil(len(chosen[name]) / columns)],
            center=True,
        )
        caption = _caption(kind, name, len(chosen[name]), len(windows), notes[name])
        alt = f"{name} ECG windows on ECG paper, 25 mm/s and 10 mm/mV"
        blocks.append(Exhibit(name, picture(figure, caption, alt, PAPER_DPI)))
    return blocks


def _twelve(kind: Window, sets: Mapping[str, Array], notes: Mapping[str, str]) -> list[Exhibit]:
    """Return each set of twelve leads as an ECG machine prints them, a few windows one below the other."""
    blocks = []
    for name, windows in sets.items():
        note = notes.get(name, "")
        for most in range(_SHEETS, 0, -1):
            places = evenly(most, len(windows))
            titles = [f"{name} {index + 1}" for index in places]
            figure = draw_twelve(windows[places], leads=kind.leads, rate=kind.rate, titles=titles, note=note)
            if 25.4 * figure.get_figheight() <= _SHEET_MM:
                break
        caption = _caption(kind, name, len(places), len(windows), note)
        alt = f"{name} twelve-lead ECGs, three rows of four leads and a rhythm strip, 25 mm/s and 10 mm/mV"
        blocks.append(Exhibit(name, picture(figure, caption, alt, PAPER_DPI)))
    return blocks


def _signals(
    kind: Window, sets: Mapping[str, Array], across: int, most: int, notes: Mapping[str, str]
) -> list[Exhibit]:
    """Return each set as lines in the signals' unit, all at one scale, `across` windows in a row."""
    chosen = {name: windows[evenly(most, len(windows))] for name, windows in sets.items()}
    spans = trace_spans(np.concatenate(list(chosen.values())))
    blocks = []
    for name, windows in sets.items():
        titles = [f"{name} {index + 1}" for index in evenly(most, len(windows))]
        figure = draw_traces(chosen[name], kind, across, titles, notes[name], spans)
        caption = _caption(kind, name, len(chosen[name]), len(windows), notes[name])
        blocks.append(Exhibit(name, picture(figure, caption, f"{name} signals in {kind.unit}")))
    return blocks


def _drawings(kind: Row, real: Array, synthetic: Array, name: str) -> list[Picture]:
    """Return box plots and counts, where there are such columns, and correlations."""
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
        picture(draw(real, synthetic, kind.columns, name), f"{caption} {NOTICE}", caption)
        for wanted, draw, caption in chosen
        if wanted
    ]


def _few_rows(title: str, kind: Row, sets: Mapping[str, Array]) -> Exhibit:
    """Return a few rows of each set, features downwards."""
    chosen = {name: evenly(_ROWS, len(rows)) for name, rows in sets.items()}
    values = np.concatenate([sets[name][places] for name, places in chosen.items()])
    notes = [_caption(kind, name, len(places), len(sets[name]), _notes(sets)[name]) for name, places in chosen.items()]
    header = ["feature", *(f"{name.lower()} {index + 1}" for name, places in chosen.items() for index in places)]
    return Exhibit(title, header=header, rows=feature_rows(kind, values), note=" ".join(notes))


def feature_rows(kind: Row, values: Array) -> list[list[str]]:
    """Return rows `(N, columns)` as text, one line per column of the file: its name, and its value in each row."""
    texts = write_columns(kind.columns, values)

    def shown(name: str, places: Sequence[int]) -> Iterable[str]:
        first = kind.columns[places[0]]
        worded = len(places) > 1 or first.of or first.date or first.yes != "1"
        return (text or "–" for text in texts[name]) if worded else map(number, values[:, places[0]].tolist())

    return [[name, *shown(name, places)] for name, places in places_of(kind.columns).items()]


def _grids(kind: Image, sets: Mapping[str, Array], columns: int, most: int, notes: Mapping[str, str]) -> list[Exhibit]:
    """Return a grid of images of each set."""
    blocks = []
    for name, levels in sets.items():
        images = pixels(levels[evenly(most, len(levels))])
        beyond = outside(images)
        clipped = f"{counted(beyond, 'pixel')} outside 0..255 or no number, drawn as the nearest level, or black."
        caption = _caption(kind, name, len(images), len(levels), clipped if beyond else "", notes[name])
        blocks.append(Exhibit(name, picture(draw_grid(images, columns), caption, f"{name} images")))
    return blocks
