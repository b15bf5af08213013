"""The sections on scores: what they say together, a picture and a table per family, and what was not measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganlab.evaluation.rows import (
    NumberRow,
    best,
    complete,
    detected,
    direction,
    has_control,
    relative,
    span,
    undetected,
)
from ganlab.plot.distances import COLUMNS, DistanceLine, draw_distances, scale_end
from ganlab.report.content import mapping
from ganlab.report.page import NOTICE, Picture, picture
from ganlab.report.privacy import Attacks, attacks
from ganlab.report.tally import Tally, short, tally

LONG = 8
"""Tables are folded where there are more metrics."""
_VALUES = (("synthetic", "interval"), ("floor", "floor_interval"))


@dataclass(frozen=True)
class ScoreCell:
    """A score as text, with its interval or a remark below it; `mark` is `seen` or `missed` for a control."""

    value: str
    below: str = ""
    mark: str = ""


@dataclass(frozen=True)
class MetricRow:
    """One line of a table: a metric's name without its family, what it says, and its scores."""

    name: str
    unit: str
    direction: str
    meaning: str
    missed: bool
    untested: bool
    cells: Sequence[ScoreCell]


@dataclass(frozen=True)
class Family:
    """Metrics of one name before the slash; columns in which nothing stands are left out of `header`."""

    name: str
    tally: Tally
    header: Sequence[str]
    metrics: Sequence[MetricRow]


@dataclass(frozen=True)
class Numbers:
    """What the sections show; `draws` is how many bootstrap draws make an interval, None where it is not known.

    `within` has for each metric its unit and direction, and a cell for each of the `classes`.
    """

    people: str
    draws: int | None = None
    tally: Tally | None = None
    attacks: Sequence[Attacks] = ()
    pictures: Sequence[Sequence[tuple[str, Picture]]] = ()
    families: Sequence[Family] = ()
    left_out: Sequence[str] = ()
    classes: Sequence[str] = ()
    within: Sequence[tuple[str, str, Sequence[str]]] = ()
    missed: bool = False
    untested: bool = False


def numbers(
    rows: Mapping[str, Any],
    left_out: Sequence[str] = (),
    draws: int | None = None,
    drawn: Mapping[str, Mapping[str, Any]] | None = None,
    people: str = "patients",
) -> Numbers:
    """Return what the sections on scores show.

    `rows` are those of `ganlab.evaluation.evidence.evidence`, as they are or read from JSON; a bare number is one of
    the generated samples. What is missing in a row is left blank. `drawn` is what is drawn of attacks; `people` is
    the word for whose samples they are.
    """
    whole = {str(name): complete(row) for name, row in rows.items()}
    if not whole:
        return Numbers(people, draws, left_out=left_out)
    families: dict[str, dict[str, NumberRow]] = {}
    for name, row in whole.items():
        families.setdefault(name.partition("/")[0], {})[name] = row
    measured = {name: own for name, row in rows.items() if (own := mapping(mapping(row).get("classes")))}
    classes = list(dict.fromkeys(of for own in measured.values() for of in own))
    return Numbers(
        people,
        draws,
        tally(whole),
        attacks(whole, drawn or {}),
        _pictures(families),
        [_family(name, members, mapping((drawn or {}).get(name))) for name, members in families.items()],
        left_out,
        classes,
        [(name, _about(whole[name]), [_both(own.get(of)) for of in classes]) for name, own in measured.items()],
        bool(undetected(whole)),
        not all(map(has_control, whole.values())),
    )


def _about(row: NumberRow) -> str:
    return ", ".join(filter(None, (row["unit"], direction(row))))


def _both(values: Sequence[float | None] | None) -> str:
    """Return the value of generated samples, and in brackets that of other real ones."""
    return "–" if values is None else f"{short(values[0])} ({short(values[1])})"


def _pictures(families: Mapping[str, Mapping[str, NumberRow]]) -> list[list[tuple[str, Picture]]]:
    """Return a picture per family, in two columns of about the same height."""
    drawings = {name: distance_lines(rows) for name, rows in families.items()}
    end = scale_end([line for drawn in drawings.values() for line in drawn])
    columns: tuple[list[tuple[str, Picture]], ...] = ([], [])
    heights = [0, 0]
    for name, drawn in drawings.items():
        if drawn:
            shorter = heights.index(min(heights))
            figure = picture(draw_distances(drawn, end), f"{name}. {NOTICE}", f"{name}: distances from the best")
            columns[shorter].append((name, figure))
            heights[shorter] += len(drawn) + 2
    return [column for column in columns if column]


def distance_lines(rows: Mapping[str, NumberRow]) -> list[DistanceLine]:
    """Return the metrics that can be drawn: those whose distance from the best is known."""
    flagged, lines = undetected(rows), []
    for name, row in rows.items():
        values = {"synthetic": row["synthetic"], "floor": row["floor"]} | row["controls"] | row["baselines"]
        offs = {column: off for column, value in values.items() if (off := relative(row, value)) is not None}
        if "synthetic" in offs:
            real = "" if row["floor"] is None else f", real {short(row['floor'])}"
            text = f"{short(row['synthetic'])}{real} {row['unit']}".rstrip()
            lines.append(DistanceLine(name.partition("/")[2] or name, text, offs, span(row), name in flagged))
    return lines


def _family(name: str, rows: Mapping[str, NumberRow], drawn: Mapping[str, Any]) -> Family:
    missed = undetected(rows)
    listed = {each: row for name, row in rows.items() for each, row in ((name, row), *_by_class(name, row, drawn))}
    metrics = [_metric(each, row, missed.get(each, [])) for each, row in listed.items()]
    header = ["generated", "best", "real versus real", *COLUMNS.values()]
    kept = [k for k in range(len(header)) if k < 1 or any(each.cells[k].value != "–" for each in metrics)]
    return Family(
        name,
        tally(rows),
        [header[k] for k in kept],
        [MetricRow(**(vars(each) | {"cells": [each.cells[k] for k in kept]})) for each in metrics],
    )


def _by_class(name: str, row: NumberRow, drawn: Mapping[str, Any]) -> list[tuple[str, NumberRow]]:
    """Return a row of each class below that of their mean; none where a metric keeps no values by class."""
    if not name.endswith("/class_distance"):
        return []
    sets = {each: mapping(mapping(values).get("classes")) for each, values in drawn.items()}
    alone = {"interval": None, "floor_interval": None, "meaning": "of this class alone"}
    rows = []
    for label in sets.get("synthetic", {}):
        of_class = {each: values.get(label) for each, values in sets.items()}
        others = {key: {each: of_class.get(each) for each in row[key]} for key in ("controls", "baselines")}
        values = {"synthetic": of_class["synthetic"], "floor": of_class.get("floor")}
        rows.append((f"{name} {label}", complete(row | alone | values | others)))
    return rows


def _metric(name: str, row: NumberRow, missed: Sequence[str]) -> MetricRow:
    perfect, noticed = best(row), detected(row)
    marks = {column: "seen" for column, is_seen in noticed.items() if is_seen} | dict.fromkeys(missed, "missed")
    others = row["baselines"] | row["controls"]
    cells = [
        *(
            ScoreCell(short(row[value]), "" if None in row[ends] else " to ".join(map(short, row[ends])))
            for value, ends in _VALUES
        ),
        *(ScoreCell(short(others.get(column)), mark=marks.get(column, "")) for column in COLUMNS),
    ]
    if row.get("not_measurable"):
        cells[0] = ScoreCell("not measurable", row["not_measurable"])
    remark = "as real" if row["best"] is None else "perfect"
    cells.insert(1, ScoreCell("–") if perfect is None else ScoreCell(short(perfect), remark))
    return MetricRow(
        name.partition("/")[2] or name,
        row["unit"],
        direction(row),
        row["meaning"],
        bool(missed),
        not has_control(row),
        cells,
    )
