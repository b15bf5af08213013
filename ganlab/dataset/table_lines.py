"""Lines of a table's files as numbers, and of each line without all of them the reason why."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganlab.core.kind import Column, places_of
from ganlab.dataset.source import Skipped
from ganlab.dataset.table_values import PLAIN, Notation, read_column

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Entries:
    """Rows of a table's files: values `(N, columns)`, and of each row a name, a patient and a label.

    `bad` are the unusable lines, `others` the whole ones that were not asked for.
    """

    values: NDArray[np.float64]
    names: NDArray[np.str_]
    patients: NDArray[np.str_]
    labels: NDArray[np.int64]
    bad: Sequence[Skipped] = ()
    others: Sequence[Skipped] = ()


class Line(NamedTuple):
    """A data line: its name `file:line`, its patient where no column names one, and its values as written."""

    name: str
    patient: str
    fields: Sequence[str]


def numbered(lines: Iterable[tuple[str, Sequence[str]]]) -> list[Line]:
    """Return lines of name and fields, each a patient of its own, named by its number among them, from 1."""
    lines = list(lines)
    width = len(str(len(lines)))
    return [Line(name, f"{number:0{width}d}", fields) for number, (name, fields) in enumerate(lines, 1)]


def checked(
    lines: Sequence[Line],
    header: Sequence[str],
    columns: Sequence[Column],
    label: str | None = None,
    labels: Mapping[str, int] | None = None,
    patient: str | None = None,
    notation: Notation = PLAIN,
) -> Entries:
    """Return the values of `columns` as numbers, and of each line without all of them the first reason why.

    `label` is the column of the classes, whose indices `labels` holds; `patient` the one with the ids of patients.
    """
    import pandas as pd

    indices = dict(labels or {})
    counts = {number: len(line.fields) for number, line in enumerate(lines)}
    width = len(header)
    reasons = {number: f"{count} values, expected {width}" for number, count in counts.items() if count != width}
    at = [number for number in range(len(lines)) if number not in reasons]
    frame = pd.DataFrame([lines[number].fields for number in at], index=at, columns=list(header), dtype=str)
    numbers = np.empty((len(frame), len(columns)))
    gaps: dict[str, NDArray[np.bool_]] = {}
    for name, places in places_of(columns).items():
        read = read_column(frame[name], [columns[place] for place in places], notation)
        numbers[:, places] = read.numbers
        _complain(reasons, frame[name], ~read.wrong, f"is not {read.accepted}")
        if name in notation.dropping:
            gaps[name] = read.missing
    if label is not None:
        _complain(
            reasons, frame[label], frame[label].isin(list(indices)).to_numpy(), f"is not one of {', '.join(indices)}"
        )
    if patient is not None:
        _complain(reasons, frame[patient], (frame[patient] != "").to_numpy(), "names no patient")
    dropped = np.any(list(gaps.values()), axis=0) if gaps else np.zeros(len(at), bool)
    kept = [place for place, number in enumerate(at) if number not in reasons and not dropped[place]]
    good = [at[place] for place in kept]
    return Entries(
        values=numbers[kept],
        names=np.array([lines[number].name for number in good], dtype=str),
        patients=np.array(
            [lines[number].patient for number in good] if patient is None else frame[patient][good], dtype=str
        ),
        labels=np.array([indices[name] for name in frame[label][good]] if label else [0] * len(good), dtype=np.int64),
        bad=[Skipped(lines[number].name, reasons[number]) for number in sorted(reasons)],
        others=_dropped(gaps, dropped & ~np.isin(at, list(reasons))),
    )


def _dropped(gaps: Mapping[str, NDArray[np.bool_]], rows: NDArray[np.bool_]) -> list[Skipped]:
    """Return how many rows are left out for what they lack, in all and by column."""
    lacking = ", ".join(f"{name} of {int((gap & rows).sum())}" for name, gap in gaps.items() if (gap & rows).any())
    reason = f"{lacking} (dataset.columns: missing=drop; a row may lack several values)"
    return [Skipped("missing values", reason, int(rows.sum()))] if rows.any() else []


def _complain(reasons: dict[int, str], written: "pd.Series[str]", right: NDArray[np.bool_], reason: str) -> None:
    """Add the reason of each line whose `written` value is not `right`, unless the line has one already."""
    for number, value in zip(written.index[~right].tolist(), written[~right].tolist(), strict=True):
        reasons.setdefault(number, f"{written.name}: {value!r} {reason}")
