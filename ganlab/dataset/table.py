"""Rows of a table, of numbers and of 0 and 1: any CSV file.

A row is a sample. Where no column says whose rows are whose, every row is its own person.
"""

import csv
import io
import logging
from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ganlab.arrangement.base import Arrangement
from ganlab.core.columns import Columns, columns_of
from ganlab.core.errors import UserError
from ganlab.core.kind import Column, Row
from ganlab.dataset.samples import Place, Samples
from ganlab.dataset.source import Collected, Skipped, Source
from ganlab.split.base import Member

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


class Rows(Samples):
    """Rows in memory, `values` `(N, columns)` in the columns' units."""

    def __init__(self, values: NDArray[np.float32], labels: NDArray[np.int64], persons: NDArray[np.str_]) -> None:
        super().__init__(labels, persons)
        self.values = values

    def read(self, places: Sequence[Place]) -> NDArray[np.float32]:
        """Rows `(B, columns)`; a row has no start to choose."""
        return self.values[np.array([place.number for place in places], dtype=np.int64)]

    def of(self, people: Collection[str]) -> Self:
        """The rows of these persons."""
        return self.at(np.flatnonzero(np.isin(self.persons, list(people))))

    def at(self, numbers: NDArray[np.int64]) -> Self:
        """The rows of these numbers, in this order."""
        return type(self)(self.values[numbers], self.labels[numbers], self.persons[numbers])


@dataclass(frozen=True)
class Entries:
    """What a table's files hold: values `(N, columns)` with a name, person and label a row.

    `bad` are the unusable lines, `others` the whole ones that were not asked for.
    """

    values: NDArray[np.float64]
    names: NDArray[np.str_]
    persons: NDArray[np.str_]
    labels: NDArray[np.int64]
    bad: Sequence[Skipped] = ()
    others: Sequence[Skipped] = ()


class TableSource(Source):
    """Rows within the closed limits of their columns, or a seeded `subsample_to` of them."""

    def __init__(
        self, columns: Columns, on_bad_record: str = "error", subsample_to: int | None = None, seed: int = 0
    ) -> None:
        super().__init__(on_bad_record)
        if subsample_to is not None and subsample_to < 1:
            raise UserError(f"dataset.subsample_to={subsample_to}: accepted is a number of rows, or null for all.")
        self.columns = columns_of(columns)
        self.subsample_to = subsample_to
        self.seed = seed

    @abstractmethod
    def entries(self) -> Entries:
        """Fetch if asked to, read and check."""

    def kind(self, arrangement: Arrangement) -> Row:
        """A row of all columns. Raises UserError for an arrangement that does not take rows, or those of others."""
        from ganlab.arrangement.table import Table as TableArrangement

        if not isinstance(arrangement, TableArrangement):
            raise UserError(
                f"The data set {self.name} gives rows; arrangement {type(arrangement).__name__} does not take them. "
                "arrangement=table arranges the rows of any table."
            )
        names = tuple(column.name for column in self.columns)
        if arrangement.columns != names:
            raise UserError(
                f"arrangement.columns={list(arrangement.columns)}, and {self.name} has {list(names)}; accepted are the "
                "same in the same order: arrangement.columns='${keys:${dataset.columns}}'."
            )
        return Row(self.columns)

    def plain(self) -> Arrangement:
        """The columns one after another."""
        from ganlab.arrangement.table import Table as TableArrangement

        return TableArrangement([column.name for column in self.columns])

    def collect(self, arrangement: Arrangement) -> Collected:
        """Rows that can be used. Raises UserError for bad ones, as `on_bad_record` says, and where none is left.

        `members` are those beyond the limits or left out by `subsample_to` too, so that neither moves a person to
        another side of a split. Each row that was left out is counted once in `skipped`.
        """
        self.kind(arrangement)
        entries = self.entries()
        self.refuse_or_log(entries.bad)
        inside, beyond = self._inside(entries.values)
        kept, left_out = self._subsample(inside)
        if not len(kept):
            raise UserError(f"{self.name}: {_none_left([*entries.bad, *beyond, *entries.others])}")
        unused = [*entries.others, *beyond, *left_out]
        for skipped in unused:
            log.info("%s: %d row(s) left out, %s: %s", self.name, skipped.count, skipped.record, skipped.reason)
        rows = Rows(entries.values.astype(np.float32), entries.labels, entries.persons).at(kept)
        doubtful = self._repeated(rows)
        people = zip(entries.names.tolist(), entries.persons.tolist(), entries.labels.tolist(), strict=True)
        return Collected([Member(*person) for person in people], rows, rows, [*entries.bad, *unused], doubtful)

    def _repeated(self, rows: Rows) -> list[Skipped]:
        """How many rows equal an earlier one in every value and the class; logged."""
        whole = np.column_stack([rows.values, rows.labels])
        count = len(whole) - len(np.unique(whole, axis=0))
        if not count:
            return []
        reason = "equal an earlier row in all columns, and may stand on another side of the split than it"
        log.warning("%s: %d row(s) %s", self.name, count, reason)
        return [Skipped("repeated rows", f"{count} row(s) {reason}", count, "row")]

    def _inside(self, values: NDArray[np.float64]) -> tuple[NDArray[np.int64], list[Skipped]]:
        """Numbers of the rows within all limits, and how many are not, with how many are beyond each column's."""
        low = np.array([-np.inf if column.low is None else column.low for column in self.columns])
        high = np.array([np.inf if column.high is None else column.high for column in self.columns])
        outside = (values < low) | (values > high)
        total = int(outside.any(axis=1).sum())
        columns = [
            f"{column.name} of {count} outside {a:g}..{b:g}"
            for column, count, a, b in zip(self.columns, outside.sum(axis=0), low, high, strict=True)
            if count
        ]
        reason = f"{', '.join(columns)} (dataset.columns; a row may be beyond several limits)"
        return np.flatnonzero(~outside.any(axis=1)), [Skipped("beyond limits", reason, total)] if total else []

    def _subsample(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[Skipped]]:
        wanted = self.subsample_to
        if wanted is None or wanted == len(numbers):
            return numbers, []
        if wanted > len(numbers):
            raise UserError(f"dataset.subsample_to={wanted}: {self.name} has {len(numbers)} rows; null takes them all.")
        chosen = np.random.default_rng(self.seed).permutation(len(numbers))[:wanted]
        left_out = len(numbers) - wanted
        reason = f"{left_out} of {len(numbers)} rows left out at random (dataset.seed={self.seed})"
        return numbers[np.sort(chosen)], [Skipped(f"subsample_to {wanted}", reason, left_out)]


def _none_left(skipped: Sequence[Skipped]) -> str:
    shown = "".join(f" {bad.count} row(s) left out, {bad.record}: {bad.reason}." for bad in skipped[:1])
    return f"no row is left.{shown}"


class Line(NamedTuple):
    """A data line: its name `file:line`, the person it is where no column says so, and its values as written."""

    name: str
    person: str
    fields: Sequence[str]


def numbered(lines: Iterable[tuple[str, Sequence[str]]]) -> list[Line]:
    """Lines of name and fields, each a person of its own, called by its number among them, from 1."""
    lines = list(lines)
    width = len(str(len(lines)))
    return [Line(name, f"{number:0{width}d}", fields) for number, (name, fields) in enumerate(lines, 1)]


def checked(
    lines: Sequence[Line],
    header: Sequence[str],
    columns: Sequence[Column],
    label: str | None = None,
    labels: Mapping[str, int] | None = None,
    person: str | None = None,
) -> Entries:
    """The values of `columns` as numbers, and of each line that has not all of them the first reason why.

    `label` is the column whose values `labels` says the classes of, `person` the one with the ids of persons.
    """
    import pandas as pd

    known = dict(labels or {})
    reasons = _ragged(lines, len(header))
    at = [number for number in range(len(lines)) if number not in reasons]
    frame = pd.DataFrame([lines[number].fields for number in at], index=at, columns=list(header), dtype=str)
    numbers = pd.DataFrame({column.name: pd.to_numeric(frame[column.name], errors="coerce") for column in columns})
    for column in columns:
        expected, right = _accepted(column, numbers[column.name].to_numpy(float))
        _complain(reasons, frame[column.name], right, f"is not {expected}")
    if label is not None:
        _complain(reasons, frame[label], frame[label].isin(list(known)).to_numpy(), f"is none of {', '.join(known)}")
    if person is not None:
        _complain(reasons, frame[person], (frame[person] != "").to_numpy(), "names no person")
    good = [number for number in at if number not in reasons]
    return Entries(
        values=numbers.loc[good].to_numpy(float),
        names=np.array([lines[number].name for number in good], dtype=str),
        persons=np.array(
            [lines[number].person for number in good] if person is None else frame[person][good], dtype=str
        ),
        labels=np.array([known[seen] for seen in frame[label][good]] if label else [0] * len(good), dtype=np.int64),
        bad=[Skipped(lines[number].name, reasons[number]) for number in sorted(reasons)],
    )


def _ragged(lines: Sequence[Line], expected: int) -> dict[int, str]:
    seen = {number: len(line.fields) for number, line in enumerate(lines)}
    return {number: f"{count} values, expected {expected}" for number, count in seen.items() if count != expected}


def _accepted(column: Column, values: NDArray[np.float64]) -> tuple[str, NDArray[np.bool_]]:
    """What a column's values have to be, in words, and which of them are."""
    if column.binary:
        return "0 or 1", np.isin(values, (0, 1))
    number = np.abs(values) <= np.finfo(np.float32).max
    if column.whole:
        return "a whole number", number & (np.round(values) == values)
    return "a number", number


def _complain(reasons: dict[int, str], written: "pd.Series[str]", right: NDArray[np.bool_], said: str) -> None:
    """Say of the lines that are not `right` what was `written`, where nothing has been said before."""
    for number, value in zip(written.index[~right].tolist(), written[~right].tolist(), strict=True):
        reasons.setdefault(number, f"{written.name}: {value!r} {said}")


def read_text(file: Path) -> str:
    """A file's text: UTF-8, or Latin-1 where it is none."""
    raw = file.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


class Table(TableSource):
    """A CSV file with a header, comma-separated; `columns` says which of its columns are taken, and their limits.

    `person` names the column with the ids of persons, `label` that of the classes; without them every row is its own
    person, and there are no classes.
    """

    def __init__(
        self,
        file: str | Path,
        columns: Columns,
        person: str | None = None,
        label: str | None = None,
        classes: Sequence[str] = (),
        on_bad_record: str = "error",
        subsample_to: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(columns, on_bad_record, subsample_to, seed)
        if (label is None) != (not classes):
            raise UserError(
                f"dataset.label={label}, dataset.classes={list(classes)}: accepted are both or neither, such as "
                "dataset.label=Class dataset.classes=[healthy,ill]."
            )
        self.file = Path(file).expanduser()
        self.name = self.file.stem
        self.person = person
        self.label = label
        self.classes = tuple(str(name) for name in classes)

    def entries(self) -> Entries:
        """The file's rows. Raises UserError for a file, or a column of it, that is not there."""
        header, lines = self._lines()
        wanted = {column.name: "columns" for column in self.columns}
        wanted |= {name: key for name, key in ((self.person, "person"), (self.label, "label")) if name is not None}
        for name, key in wanted.items():
            if header.count(name) != 1:
                seen = "no column" if name not in header else f"{header.count(name)} columns"
                raise UserError(f"{self.file} has {seen} {name!r}; it has {', '.join(header)}. See dataset.{key}=.")
        labels = {name: number for number, name in enumerate(self.classes)}
        return checked(lines, header, self.columns, self.label, labels, self.person)

    def _lines(self) -> tuple[list[str], list[Line]]:
        if not self.file.is_file():
            raise UserError(f"No such file: {self.file}. Name a CSV file with a header: dataset.file=<file>.")
        reader = csv.reader(io.StringIO(read_text(self.file), newline=""), strict=True)
        try:
            found = [(reader.line_num, [field.strip() for field in fields]) for fields in reader if fields]
        except csv.Error as error:
            raise UserError(f"{self.file}:{reader.line_num} is not CSV: {error}. See dataset.file=.") from error
        if not found:
            raise UserError(f"{self.file} is empty. Name a CSV file with a header: dataset.file=<file>.")
        return found[0][1], numbered((f"{self.file.name}:{number}", fields) for number, fields in found[1:])
