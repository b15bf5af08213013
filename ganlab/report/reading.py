"""The pages of a blinded reading: the sheet that an expert fills in, and the score.

The sheet tells nothing of an item but its number: all pictures have the same size, span and treatment.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch

from ganlab.core.errors import UserError
from ganlab.core.kind import Array, Image, Kind, Window
from ganlab.core.words import number
from ganlab.evaluation.reading import Proportion, ReaderScore
from ganlab.plot.ecg_paper import draw_windows, lead_spans
from ganlab.plot.figure import png_bytes
from ganlab.plot.images import draw_grid, pixels
from ganlab.report.page import render

WARNING = "Some of what is shown here is synthetic. Not for clinical use."
PAPERS = (("A4", 210.0, 297.0), ("A4 landscape", 297.0, 210.0), ("A3", 297.0, 420.0), ("A3 landscape", 420.0, 297.0))
"""Paper by name, with its width and height in mm."""
MARGIN, BOXES = 10.0, 34.0
"""Margin of a page, and the height of the boxes to tick below a picture, mm."""
GAP = 5.0
"""Space between two cards, mm."""
IMAGE_MM = 80.0
"""Longer side of an image on paper, mm."""


@dataclass(frozen=True)
class Cards:
    """A PNG file of each sample, the width and height in mm of all of them, and what may be wrong, to be ticked."""

    pictures: Sequence[bytes]
    size: tuple[float, float]
    remarks: Sequence[str]
    scale: str = ""


def sheet_page(kind: Kind, samples: Array) -> str:
    """Return the page of samples in the order in which they are numbered.

    They are windows `(N, leads, samples)` in mV about their medians, or images `(N, C, H, W)` of levels 0..255.
    """
    cards = draw(kind, samples)
    paper, across = _paper(cards.size)
    title = f"Reading sheet: {len(cards.pictures)} {kind.noun}s"
    return render("sheet.html", title=title, kind=kind, cards=cards, paper=paper, across=across, warning=WARNING)


@singledispatch
def draw(kind: Kind, samples: Array) -> Cards:
    """Return the samples as cards of one size. Raises TypeError for rows of a table."""
    raise TypeError(f"No reading sheet can be made of {kind.noun}s: accepted are windows and images.")


@draw.register
def _windows(kind: Window, samples: Array) -> Cards:
    if kind.other_unit:
        raise UserError(f"A reading sheet is for readers of ECGs in mV, and these windows are in {kind.unit}.")
    # One span for all, which no trace leaves: a taller panel would stand out.
    spans = lead_spans(samples, share=1.0)
    figures = [
        draw_windows(each[None], leads=kind.leads, rate=kind.rate, columns=1, spans=spans, titles=None)
        for each in samples
    ]
    width, height = figures[0].get_size_inches()
    remarks = ["noise", "baseline", "rhythm", "P", "QRS", "ST-T", "beats differ"]
    return Cards(
        [png_bytes(figure) for figure in figures],
        (25.4 * float(width), 25.4 * float(height)),
        remarks + ["leads disagree"] * (len(kind.leads) > 1),
        " 25 mm/s and 10 mm/mV; the pulse before each trace is 1 mV. Each lead about its median.",
    )


@draw.register
def _images(kind: Image, samples: Array) -> Cards:
    _, height, width = kind.shape
    scale = IMAGE_MM / max(height, width)
    pictures = [png_bytes(draw_grid(pixels(each[None]), 1)) for each in samples]
    remarks = ["blurred", "texture", "shape", "repeated pattern", "edge"]
    return Cards(pictures, (width * scale, height * scale), remarks)


def _paper(size: tuple[float, float]) -> tuple[str, int]:
    """Return the smallest paper that holds a card at its true size, or one cut to it, and how many cards fit a row."""
    width, height = size[0] + 2 * MARGIN, size[1] + BOXES + 2 * MARGIN
    for name, wide, tall in PAPERS:
        if width <= wide and height <= tall:
            return name, max(1, math.floor((wide - 2 * MARGIN + GAP) / (size[0] + GAP)))
    return f"{math.ceil(width)}mm {math.ceil(height)}mm", 1


def scores_page(
    scores: Mapping[str, ReaderScore], kappa: float | None, remarks: Mapping[str, Sequence[tuple[str, str, str, str]]]
) -> str:
    """Return the page of the scores of readers; `remarks` by reader are the item, its truth, the answer, the remark."""
    rows = [
        (
            name,
            *map(_share, (each.accuracy, each.sensitivity, each.specificity)),
            number(each.p_guessing),
            f"{each.cannot_say} of {each.items}",
            number(each.mean_confidence),
        )
        for name, each in scores.items()
    ]
    return render("scores.html", title="Reading: scores", rows=rows, kappa=kappa, remarks=remarks, warning=WARNING)


def _share(rate: Proportion) -> str:
    if rate.share is None or rate.low is None or rate.high is None:
        return "–"
    return f"{rate.right}/{rate.of} = {rate.share:.0%} ({100 * rate.low:.0f}–{100 * rate.high:.0f})"
