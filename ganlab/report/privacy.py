"""The section on privacy attacks: their scores and pictures, each compared with its controls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganlab.evaluation.rows import NumberRow, undetected
from ganlab.evaluation.verdict import ATTACK
from ganlab.plot.attacks import BARS, SETS, draw_linkage, draw_roc, draw_scores
from ganlab.report.page import Picture, percent, picture

DPI = 150

BySet = Mapping[str, Mapping[str, Any]]
"""Plain values that the privacy metrics keep of a set of samples, by `synthetic`, control or `floor`."""


@dataclass(frozen=True)
class Attacks:
    """What the section shows of the attacks of one metric.

    `own` are the plain values of the generated samples. `verdict` is `blind` where a control is missed, `chance` where
    the strongest attack is no better than permutations, else `found`. The template has the captions of the pictures.
    """

    own: Mapping[str, Any]
    verdict: str
    strongest: str
    results: Sequence[tuple[str, str, str]]
    roc: Picture
    scores: Picture
    linkage: Picture | None
    attributes: Sequence[Sequence[str]]
    rows: Sequence[Sequence[str]]


def attacks(rows: Mapping[str, NumberRow], drawn: Mapping[str, BySet]) -> list[Attacks]:
    """Return a section for each metric that attacked; none where none did.

    `rows` are complete rows of scores, `drawn` by metric the plain values of `ganlab.evaluation.evidence`.
    """
    return [_attacks(rows, columns) for columns in drawn.values() if columns.get("synthetic", {}).get("attacks")]


def _attacks(rows: Mapping[str, NumberRow], columns: BySet) -> Attacks:
    own = columns["synthetic"]
    names = list(own["attacks"])
    strongest = rows.get("privacy/strongest_auc")
    blind = strongest is not None and bool(undetected({"privacy/strongest_auc": strongest}))
    return Attacks(
        own,
        "blind" if blind else "chance" if own["strongest"]["p"] > ATTACK else "found",
        _value(strongest, own["strongest"]["auc"]),
        [_result(rows, name, attack) for name, attack in own["attacks"].items()],
        picture(
            draw_roc(columns, names), "", "ROC curves of the attacks, of the generated samples and of the controls", DPI
        ),
        picture(draw_scores(own, names), "", "scores of patients who trained and of patients who did not", DPI),
        _linkage(columns),
        _attributes(columns),
        _rows(rows, names),
    )


def _result(rows: Mapping[str, NumberRow], name: str, attack: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return an attack's name, its AUC, and the share of members found at 10 % false alarms, as text."""
    row = rows.get(f"privacy/{name}_tpr_10")
    share = "–"
    if row is not None and row["synthetic"] is not None:
        low, high = row["interval"]
        around = "" if None in row["interval"] else f" [{100 * low:.0f}, {100 * high:.0f}]"
        share = f"{100 * row['synthetic']:.0f}{around} %"
    return name, _value(rows.get(f"privacy/{name}_auc"), attack["auc"]), share


def _rows(rows: Mapping[str, NumberRow], names: Sequence[str]) -> list[list[str]]:
    """Return a line per attack: its scores, and the AUC of the same attack on the controls."""
    missed = undetected(rows)
    lines = []
    for name in names:
        row = rows.get(f"privacy/{name}_auc")
        if row is not None:
            blind = missed.get(f"privacy/{name}_auc", [])
            scores = [_value(rows.get(f"privacy/{name}_{each}")) for each in ("auc", "tpr_10", "tpr_1", "epsilon")]
            values = {column: row["controls"].get(column) for column in ("copy", "noisy_copy")}
            marks = {column: " ✗" if column in blind else "" for column in values}
            controls = ["–" if each is None else f"{each:.2f}{marks[column]}" for column, each in values.items()]
            lines.append([name, *scores, *controls, _interval(row["floor"], row["floor_interval"])])
    return lines


def _value(row: NumberRow | None, otherwise: float | None = None) -> str:
    return _interval(otherwise, (None, None)) if row is None else _interval(row["synthetic"], row["interval"])


def _interval(value: float | None, ends: Sequence[float | None]) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if None in ends else f"{value:.2f} [{ends[0]:.2f}, {ends[1]:.2f}]"


def _linkage(columns: BySet) -> Picture | None:
    if "linkage" not in columns["synthetic"]["attacks"]:
        return None
    return picture(draw_linkage(columns), "", "share of windows linked to patients who trained", DPI)


def _attributes(columns: BySet) -> list[list[str]]:
    """Return how often the unknown columns of a table were guessed, a line per set; nothing where none was attacked."""
    if "attributes" not in columns["synthetic"]:
        return []
    guessed = {column: columns.get(column, {}).get("attributes") for column in BARS}
    return [
        [SETS[column], percent(each["members"], 1), percent(each["nonmembers"], 1)]
        for column, each in guessed.items()
        if each
    ]
