"""Windows to zoom into, lead by lead, as SVG on the page. It prints as it stands, and needs no script to be seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ganlab.core.kind import Array, Window
from ganlab.core.spread import evenly
from ganlab.plot.ecg_paper import BIG, center_windows, lead_name, lead_spans
from ganlab.plot.traces import trace_spans

LARGEST = 60_000
"""Values that a page takes, some 300 kB; of longer windows fewer are shown, or none."""
MOST = 4
"""Windows of a page."""
TALL = 1000
"""Height of a trace in units of its picture; a unit across is a sample."""
LARGE_S = 0.2
"""Seconds between two heavy lines of ECG paper."""


@dataclass(frozen=True)
class Trace:
    """A lead of a window: its name, its line and the lines of the paper behind it, as SVG paths."""

    lead: str
    line: str
    paper: str


@dataclass(frozen=True)
class Strips:
    """Windows by title, each a trace a lead, of `samples` at `rate` Hz; `leads` are their names."""

    windows: Mapping[str, Sequence[Trace]]
    leads: Sequence[str]
    samples: int
    rate: float
    note: str

    @property
    def tall(self) -> int:
        """Height of a trace in its own units."""
        return TALL


def strips(kind: Window, name: str, windows: Array | None) -> Strips | None:
    """Return a few of the windows `(N, leads, samples)` of a set; None where one has more than LARGEST values.

    Only generated windows are for it: a page of them holds every value, where a picture of real ones holds a drawing.
    """
    most = min(MOST, LARGEST // (len(kind.leads) * kind.samples))
    if not most or windows is None:
        return None
    places = evenly(most, len(windows))
    chosen, titles = windows[places], [f"{name} {place + 1}" for place in places]
    if kind.other_unit:
        spans, names, step = trace_spans(chosen), list(kind.leads), 0.0
        note = f"Each lead from the least to the greatest of its values here, in {kind.unit}."
    else:
        chosen, names, step = center_windows(chosen)[0], [lead_name(lead) for lead in kind.leads], BIG
        spans = lead_spans(chosen, share=1.0)
        note = "A square is 0.2 s by 0.5 mV; not to scale."
    papers = [_paper(kind.samples, kind.rate, span, step) for span in spans]
    traces = {
        title: [Trace(*each) for each in zip(names, map(_line, window, spans), papers, strict=True)]
        for title, window in zip(titles, chosen, strict=True)
    }
    return Strips(traces, names, kind.samples, kind.rate, note)


def _line(trace: Array, span: Array) -> str:
    """Return a trace as a path; values that are no numbers part it."""
    finite = np.isfinite(trace)
    height = np.rint(TALL * (span[1] - np.where(finite, trace, 0.0)) / (span[1] - span[0])).astype(int)
    edges = np.flatnonzero(np.diff(finite)) + 1
    pieces = [piece for piece in np.split(np.arange(len(trace)), edges) if len(piece) and finite[piece[0]]]
    steps = (" ".join(f"1 {step}" for step in np.diff(height[piece])) for piece in pieces)
    lines = (f"M{piece[0]} {height[piece[0]]}l{path}" for piece, path in zip(pieces, steps, strict=True))
    return "".join(lines).replace(" -", "-")


def _paper(samples: int, rate: float, span: Array, step: float) -> str:
    """Return the heavy lines of ECG paper as a path; a `step` of 0 has those of time alone."""
    across = np.rint(np.arange(0, samples / rate, LARGE_S) * rate).astype(int)
    up = np.arange(span[0], span[1] + step / 2, step) if step else np.zeros(0)
    levels = np.rint(TALL * (span[1] - up) / (span[1] - span[0])).astype(int)
    return "".join([f"M{x} 0v{TALL}" for x in across] + [f"M0 {y}h{samples}" for y in levels])
