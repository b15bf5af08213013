"""The score of a blinded reading: how often readers told real samples from generated ones, and whether they agree."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ganlab.core.binomial import proportion_interval
from ganlab.core.errors import UserError
from ganlab.core.words import number

REAL, GENERATED, UNDECIDED = "real", "generated", "cannot say"
ANSWERS = (REAL, GENERATED, UNDECIDED)
CONFIDENCE = ("1", "2", "3", "4", "5")


@dataclass(frozen=True)
class Share:
    """So many of so many, with the Clopper-Pearson 95 % interval; None where there are none."""

    right: int
    of: int
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Score:
    """How one reader did. Shares are of the items that were decided; `cannot_say` counts the others.

    `sensitivity` is the share of generated items called generated, `specificity` that of real ones called real.
    `p_guessing` is of the two-sided binomial test against 1/2.
    """

    items: int
    cannot_say: int
    accuracy: Share
    sensitivity: Share
    specificity: Share
    p_guessing: float | None
    mean_confidence: float | None


def sentence(found: Score) -> str:
    """A score as a sentence."""
    rate = found.accuracy
    if rate.share is None or rate.low is None or rate.high is None:
        return f"no item of {found.items} decided"
    return (
        f"{rate.right} of {rate.of} right, {rate.share:.0%} (95 % interval {rate.low:.0%} to {rate.high:.0%}), against "
        f"guessing p = {number(found.p_guessing)}; {found.cannot_say} of {found.items} cannot say"
    )


def scored(real: Mapping[str, bool], answers: Mapping[str, Mapping[str, str]]) -> Score:
    """The score of a reader's answers to items that are `real` or not."""
    from scipy.stats import binomtest

    decided = {item: row["answer"] == REAL for item, row in answers.items() if row["answer"] != UNDECIDED}
    right = {item: said_real == real[item] for item, said_real in decided.items()}
    sure = [int(row["confidence"]) for row in answers.values() if row["confidence"]]
    return Score(
        items=len(answers),
        cannot_say=len(answers) - len(decided),
        accuracy=_share(list(right.values())),
        sensitivity=_share([hit for item, hit in right.items() if not real[item]]),
        specificity=_share([hit for item, hit in right.items() if real[item]]),
        p_guessing=float(binomtest(sum(right.values()), len(right), 0.5).pvalue) if right else None,
        mean_confidence=float(np.mean(sure)) if sure else None,
    )


def _share(hits: Sequence[bool]) -> Share:
    if not hits:
        return Share(0, 0, None, None, None)
    return Share(sum(hits), len(hits), sum(hits) / len(hits), *proportion_interval(sum(hits), len(hits)))


def agreement(answers: Sequence[Sequence[str]]) -> float | None:
    """How far readers agree beyond chance: Cohen's kappa of two, Fleiss' of more, None where it is not defined."""
    if len(answers) < 2:
        return None
    if len(answers) == 2:
        words = [np.array(row) for row in answers]
        expected = sum(float(np.mean(words[0] == word) * np.mean(words[1] == word)) for word in ANSWERS)
        observed = float(np.mean(words[0] == words[1]))
    else:
        counts = np.array([[column.count(word) for word in ANSWERS] for column in zip(*answers, strict=True)])
        readers = len(answers)
        observed = float(((counts * (counts - 1)).sum(axis=1) / (readers * (readers - 1))).mean())
        expected = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return (observed - expected) / (1 - expected) if expected < 1 else None


def readers_of(answers: Sequence[Path]) -> dict[str, Path]:
    """Files by the readers' names, which are those of the files, or of their folders where these are alike."""
    names = [path.stem for path in answers]
    if len(set(names)) < len(names):
        names = [str(path) for path in answers]
    if len(set(names)) < len(names):
        raise UserError("answers: the same file is named twice.")
    return dict(zip(names, answers, strict=True))


def answers_of(path: Path, items: Sequence[str]) -> dict[str, dict[str, str]]:
    """A reader's answers by item. Raises UserError where an item has none."""
    rows = table_of(path, ("item", "answer", "confidence"), {"answer": ANSWERS, "confidence": ("", *CONFIDENCE)}, items)
    lacking = [item for item in items if item not in rows]
    if lacking:
        raise UserError(
            f"{path}: no answer to item {', '.join(lacking)}. Accepted is one line for each item of the key."
        )
    return rows


def table_of(
    path: Path,
    columns: Sequence[str],
    accepted: Mapping[str, Sequence[str]],
    items: Sequence[str] | None = None,
) -> dict[str, dict[str, str]]:
    """Lines of a CSV file by their item; words in any case. Semicolons are what some spreadsheets write."""
    if not path.is_file():
        raise UserError(f"{path}: there is no such file.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        text = path.read_text(encoding="cp1252")
    reader = csv.DictReader(text.splitlines(), delimiter=_delimiter(text))
    lacking = [column for column in columns if column not in (reader.fieldnames or [])]
    if lacking:
        raise UserError(f"{path}, line 1: no column {', '.join(lacking)}; wanted are {', '.join(columns)}.")
    rows: dict[str, dict[str, str]] = {}
    for line in reader:
        row = {str(name): _plain(value) for name, value in line.items() if name is not None}
        if not any(row.values()):
            continue
        _check(f"{path}, line {reader.line_num}", row, accepted, items, rows)
        rows[row["item"]] = row
    return rows


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return ";" if first.count(";") > first.count(",") else ","


def _plain(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _check(
    where: str,
    row: dict[str, str],
    accepted: Mapping[str, Sequence[str]],
    items: Sequence[str] | None,
    before: Mapping[str, object],
) -> None:
    item = row["item"]
    if items is not None and item not in items:
        raise UserError(f"{where}: the key has no item {item!r}; accepted are {', '.join(items)}.")
    if item in before:
        raise UserError(f"{where}: item {item} was answered before; accepted is one line for each item.")
    for column, words in accepted.items():
        row[column] = row[column].lower()
        if row[column] not in words:
            shown = ", ".join(word or "nothing" for word in words)
            raise UserError(f"{where}: {column} of item {item} is {row[column]!r}; accepted are {shown}.")
