"""The score of a blinded reading: how often readers distinguish real from generated samples, and whether they agree."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganlab.core.binomial import proportion_interval
from ganlab.core.csv_columns import read_text
from ganlab.core.errors import UserError
from ganlab.core.words import number

REAL, GENERATED, UNDECIDED = "real", "generated", "cannot say"
ANSWERS = (REAL, GENERATED, UNDECIDED)
CONFIDENCE = ("1", "2", "3", "4", "5")


@dataclass(frozen=True)
class Proportion:
    """`right` answers of `of`, with the Clopper-Pearson 95 % confidence interval; None where `of` is 0."""

    right: int
    of: int
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ReaderScore:
    """The score of one reader. Proportions are of the items that were decided; `cannot_say` counts the others.

    `sensitivity` is the proportion of generated items called generated, `specificity` that of real ones called real.
    `p_guessing` is the p value of the two-sided binomial test against 1/2.
    """

    items: int
    cannot_say: int
    accuracy: Proportion
    sensitivity: Proportion
    specificity: Proportion
    p_guessing: float | None
    mean_confidence: float | None


def sentence(score: ReaderScore) -> str:
    """Return a score as a sentence."""
    rate = score.accuracy
    if rate.share is None or rate.low is None or rate.high is None:
        return f"no item of {score.items} decided"
    return (
        f"{rate.right} of {rate.of} right, {rate.share:.0%} (95 % interval {rate.low:.0%} to {rate.high:.0%}), against "
        f"guessing p = {number(score.p_guessing)}; {score.cannot_say} of {score.items} cannot say"
    )


def scored(real: Mapping[str, bool], answers: Mapping[str, Mapping[str, str]]) -> ReaderScore:
    """Return the score of a reader's answers by item; `real` says which items are real."""
    from scipy.stats import binomtest

    decided = {item: row["answer"] == REAL for item, row in answers.items() if row["answer"] != UNDECIDED}
    right = {item: called_real == real[item] for item, called_real in decided.items()}
    confidence = [int(row["confidence"]) for row in answers.values() if row["confidence"]]
    return ReaderScore(
        items=len(answers),
        cannot_say=len(answers) - len(decided),
        accuracy=_proportion(list(right.values())),
        sensitivity=_proportion([hit for item, hit in right.items() if not real[item]]),
        specificity=_proportion([hit for item, hit in right.items() if real[item]]),
        p_guessing=float(binomtest(sum(right.values()), len(right), 0.5).pvalue) if right else None,
        mean_confidence=float(np.mean(confidence)) if confidence else None,
    )


def _proportion(hits: Sequence[bool]) -> Proportion:
    if not hits:
        return Proportion(0, 0, None, None, None)
    return Proportion(sum(hits), len(hits), sum(hits) / len(hits), *proportion_interval(sum(hits), len(hits)))


def agreement(answers: Sequence[Sequence[str]]) -> float | None:
    """Return the agreement of readers beyond chance: Cohen's kappa of two, Fleiss' of more, None where undefined."""
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
    """Return the answer files by readers' names: those of the files, or their paths where names are equal."""
    names = [path.stem for path in answers]
    if len(set(names)) < len(names):
        names = [str(path) for path in answers]
    if len(set(names)) < len(names):
        raise UserError("answers: the same file is named twice.")
    return dict(zip(names, answers, strict=True))


def answers_of(path: Path, items: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return a reader's answers by item. Raises UserError where an item has none."""
    rows = table_of(path, ("item", "answer", "confidence"), {"answer": ANSWERS, "confidence": ("", *CONFIDENCE)}, items)
    if missing := [item for item in items if item not in rows]:
        raise UserError(
            f"{path}: no answer to item {', '.join(missing)}. Accepted is one line for each item of the key."
        )
    return rows


def table_of(
    path: Path, columns: Sequence[str], accepted: Mapping[str, Sequence[str]], items: Sequence[str] | None = None
) -> dict[str, dict[str, str]]:
    """Return the lines of a CSV file by item, words in lower case. Semicolons, as spreadsheets write, are accepted.

    Raises UserError, with file and line, for a missing column, an unknown or repeated item, and words not `accepted`.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file.")
    text = read_text(path)
    first = text.partition("\n")[0]
    reader = csv.DictReader(text.splitlines(), delimiter=";" if first.count(";") > first.count(",") else ",")
    if missing := [column for column in columns if column not in (reader.fieldnames or [])]:
        raise UserError(f"{path}, line 1: no column {', '.join(missing)}; expected are {', '.join(columns)}.")
    rows: dict[str, dict[str, str]] = {}
    for line in reader:
        texts = {name: value if isinstance(value, str) else "" for name, value in line.items() if name is not None}
        row = {str(name): " ".join(value.split()) for name, value in texts.items()}
        if not any(row.values()):
            continue
        _check(f"{path}, line {reader.line_num}", row, accepted, items, rows)
        rows[row["item"]] = row
    return rows


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
            names = ", ".join(word or "nothing" for word in words)
            raise UserError(f"{where}: {column} of item {item} is {row[column]!r}; accepted are {names}.")
