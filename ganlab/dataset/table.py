"""Rows of a table, of numbers and of 0 and 1: any CSV file.

A row is a sample. Where no column names the patient of a row, every row is its own patient.
"""

import logging
from abc import abstractmethod
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ganlab.arrangement.base import Arrangement
from ganlab.arrangement.table import Table as TableArrangement
from ganlab.core.columns import Columns, columns_of
from ganlab.core.errors import UserError
from ganlab.core.kind import Row
from ganlab.dataset.csv_lines import Entries, Line, checked, numbered, read_csv
from ganlab.dataset.samples import Place, Samples
from ganlab.dataset.source import Collected, Skipped, Source
from ganlab.split.base import Member

log = logging.getLogger(__name__)


class Rows(Samples):
    """Rows in memory, `values` `(N, columns)` in the columns' units."""

    def __init__(self, values: NDArray[np.float32], labels: NDArray[np.int64], persons: NDArray[np.str_]) -> None:
        super().__init__(labels, persons)
        self.values = values

    def read(self, places: Sequence[Place]) -> NDArray[np.float32]:
        """Return rows `(B, columns)`; a row has no start to choose."""
        return self.values[np.array([place.number for place in places], dtype=np.int64)]

    def of(self, people: Collection[str]) -> Self:
        """Return the rows of these patients."""
        return self.at(np.flatnonzero(np.isin(self.persons, list(people))))

    def at(self, numbers: NDArray[np.int64]) -> Self:
        """Return the rows of these numbers, in this order."""
        return type(self)(self.values[numbers], self.labels[numbers], self.persons[numbers])


class TableSource(Source):
    """A data set of rows within the closed limits of their columns, or of a seeded `subsample_to` of them."""

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
        """Return the rows, fetched if that is configured, read and checked."""

    def kind(self, arrangement: Arrangement) -> Row:
        """Return the kind, a row of all columns. Raises UserError for an arrangement of other data or columns."""
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
        """Return the arrangement of the columns one after another."""
        return TableArrangement([column.name for column in self.columns])

    def collect(self, arrangement: Arrangement) -> Collected:
        """Return the usable rows. Raises UserError for bad ones, as `on_bad_record` says, and where none is left.

        `members` include rows beyond the limits or left out by `subsample_to`, so that neither moves a patient to
        another part of a split. Each row that was left out is counted once in `skipped`.
        """
        self.kind(arrangement)
        entries = self.entries()
        self.refuse_or_log(entries.bad)
        inside, beyond = self._inside(entries.values)
        kept, left_out = self._subsample(inside)
        if not len(kept):
            first = "".join(
                f" {bad.count} row(s) left out, {bad.record}: {bad.reason}."
                for bad in [*entries.bad, *beyond, *entries.others][:1]
            )
            raise UserError(f"{self.name}: no row is left.{first}")
        unused = [*entries.others, *beyond, *left_out]
        for skipped in unused:
            log.info("%s: %d row(s) left out, %s: %s", self.name, skipped.count, skipped.record, skipped.reason)
        rows = Rows(entries.values.astype(np.float32), entries.labels, entries.persons).at(kept)
        doubtful = self._repeated(rows)
        people = zip(entries.names.tolist(), entries.persons.tolist(), entries.labels.tolist(), strict=True)
        return Collected([Member(*person) for person in people], rows, rows, [*entries.bad, *unused], doubtful)

    def _repeated(self, rows: Rows) -> list[Skipped]:
        """Count and log the rows that equal an earlier one in every value and the class."""
        whole = np.column_stack([rows.values, rows.labels])
        count = len(whole) - len(np.unique(whole, axis=0))
        if not count:
            return []
        reason = "equal an earlier row in all columns, and may stand on another side of the split than it"
        log.warning("%s: %d row(s) %s", self.name, count, reason)
        return [Skipped("repeated rows", f"{count} row(s) {reason}", count, "row")]

    def _inside(self, values: NDArray[np.float64]) -> tuple[NDArray[np.int64], list[Skipped]]:
        """Return the numbers of the rows within all limits, and how many are beyond, in all and by column."""
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


class Table(TableSource):
    """A CSV file with a header, comma-separated; `columns` says which of its columns are taken, and their limits.

    `person` names the column with the ids of patients, `label` that of the classes; without them every row is its own
    patient, and there are no classes.
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
        """Return the file's rows. Raises UserError where the file or one of the columns is missing."""
        header, lines = self._lines()
        wanted = {column.name: "columns" for column in self.columns}
        wanted |= {name: key for name, key in ((self.person, "person"), (self.label, "label")) if name is not None}
        for name, key in wanted.items():
            if header.count(name) != 1:
                count = "no column" if name not in header else f"{header.count(name)} columns"
                raise UserError(f"{self.file} has {count} {name!r}; it has {', '.join(header)}. See dataset.{key}=.")
        labels = {name: number for number, name in enumerate(self.classes)}
        return checked(lines, header, self.columns, self.label, labels, self.person)

    def _lines(self) -> tuple[list[str], list[Line]]:
        if not self.file.is_file():
            raise UserError(f"No such file: {self.file}. Name a CSV file with a header: dataset.file=<file>.")
        lines = read_csv(self.file, "dataset.file")
        if not lines:
            raise UserError(f"{self.file} is empty. Name a CSV file with a header: dataset.file=<file>.")
        return lines[0][1], numbered((f"{self.file.name}:{number}", fields) for number, fields in lines[1:])
