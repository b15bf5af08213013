"""Rhythms that are annotated beside a recording: stretches with a class each, which their windows have.

A rhythm begins at an annotation `+` whose note is its name behind a bracket, such as `(AFIB`, and lasts to the next one
(PhysioNet's annotation files; MIT-BIH: `atr`).
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import BadRecord, UserError
from ganlab.core.record import Record, Segment
from ganlab.dataset.source import Skipped

EVERY_LEAD = ""
"""Lead of a segment that is an annotated rhythm: its `kind` is the index of its class, or OTHER_RHYTHM."""
OTHER_RHYTHM = ""
RHYTHM = "+"


def check_annotations(extension: str, classes: Sequence[str], many_labels: bool) -> None:
    """Raise UserError for annotations without classes, or with an extension that is none."""
    if not extension.isalnum():
        raise UserError(
            f"dataset.annotations={extension}: accepted is the ending of the annotation files, such as atr."
        )
    if many_labels:
        raise UserError(
            "dataset.annotations gives a window one class: the rhythm it lies in. Leave dataset.many_labels out."
        )
    if not classes:
        raise UserError("dataset.annotations needs dataset.classes, the rhythms to tell apart, such as [N, AFIB].")


def annotated(root: Path, record: Record, rate: float, extension: str, classes: Sequence[str]) -> Record:
    """Return a record with its rhythms as segments, and the rhythm that lasts longest as its label.

    `rate` is that of the annotations in Hz. Raises BadRecord where there are none.
    """
    import wfdb

    file = root / f"{record.name}.{extension}"
    if not file.is_file() or not file.resolve().is_relative_to(root.resolve()):
        raise BadRecord(record.name, f"no annotation file {file.name} (dataset.annotations)")
    try:
        notes = wfdb.rdann(str(root / record.name), extension)
    except Exception as error:
        raise BadRecord(record.name, f"{file.name} is not readable ({type(error).__name__}: {error})") from error
    changes = [
        (round(int(sample) * record.rate / rate), note.strip("\0 ").removeprefix("("))
        for sample, symbol, note in zip(notes.sample, notes.symbol, notes.aux_note, strict=True)
        if symbol == RHYTHM and note.startswith("(")
    ]
    marks = [(0, OTHER_RHYTHM), *changes, (record.samples, OTHER_RHYTHM)]
    index = {name: str(number) for number, name in enumerate(classes)}
    rhythms = tuple(
        Segment(index.get(name, OTHER_RHYTHM), EVERY_LEAD, max(0, start), min(stop, record.samples))
        for (start, name), (stop, _) in pairwise(marks)
        if start < stop
    )
    lasting = [sum(each.stop - each.start for each in rhythms if each.kind == kind) for kind in index.values()]
    return replace(record, label=int(np.argmax(lasting)), segments=(*record.segments, *rhythms))


def labelled_starts(record: Record, clear: NDArray[np.int64], span: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return first and last starts `(stretches, 2)` of windows inside one class, and that class, `(stretches,)`.

    `clear` are the stretches of starts that touch no bad segment. Without annotations these are returned, with the
    class -1: the record's own.
    """
    rhythms = [segment for segment in record.segments if segment.lead == EVERY_LEAD]
    if not rhythms:
        return clear, np.full(len(clear), -1, np.int64)
    inside = [
        (max(first, rhythm.start), min(last, rhythm.stop - span), int(rhythm.kind))
        for first, last in clear.tolist()
        for rhythm in rhythms
        if rhythm.kind != OTHER_RHYTHM and max(first, rhythm.start) <= min(last, rhythm.stop - span)
    ]
    starts = np.array(inside, dtype=np.int64).reshape(-1, 3)
    return starts[:, :2], starts[:, 2]


def outside_rhythms(records: Sequence[Record], span: int, others: int) -> list[Skipped]:
    """Return how many windows, laid end to end, lie in no class of the annotated rhythms, or in two.

    `others` are the windows that are used or left out for another reason.
    """
    if not any(segment.lead == EVERY_LEAD for record in records for segment in record.segments):
        return []
    count = sum(record.samples // span for record in records) - others
    reason = f"{count} window(s) in a rhythm outside dataset.classes, or over a change of rhythm (dataset.annotations)"
    return [Skipped("annotations", reason, count, "window")] if count else []
