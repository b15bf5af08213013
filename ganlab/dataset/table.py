"""Rows of a table, of numbers, categories, dates and gaps: any CSV file.

A row is a sample. Where no column names the patient of a row, every row is its own patient.
"""

import logging
import re
from abc import abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ganlab.arrangement.base import Arrangement
from ganlab.arrangement.table import Table as TableArrangement
from ganlab.core.columns import Columns, columns_of, dropping
from ganlab.core.csv_columns import csv_lines, delimiter_of
from ganlab.core.errors import UserError
from ganlab.core.kind import Row
from ganlab.core.names import MOST_NAMES, first_few, name_of, names_of, spelled
from ganlab.dataset.samples import Place, Samples
from ganlab.dataset.source import Collected, Skipped, Source
from ganlab.dataset.table_lines import Entries, Line, checked, numbered
from ganlab.dataset.table_proposal import proposal
from ganlab.dataset.table_values import Notation
from ganlab.split.base import Member

log = logging.getLogger(__name__)

ROW = "row"
"""What stands for a column of patients where each row is another patient's."""
OF_PATIENTS = re.compile(
    r"(?:patient|person|participant|proband|volunteer|subject)(?:[ _-]*(?:id|nr|no|num|number|code))?"
    r"|(?:subj|sub|pat|pt)[ _-]*(?:id|nr|no|num|number|code)|mrn",
    re.IGNORECASE,
)
"""Names of a column that holds patients' ids."""


class Rows(Samples):
    """Rows in memory, `values` `(N, columns)` in the columns' units."""

    def __init__(self, values: NDArray[np.float32], labels: NDArray[np.int64], patients: NDArray[np.str_]) -> None:
        super().__init__(labels, patients)
        self.values = values

    def read(self, places: Sequence[Place]) -> NDArray[np.float32]:
        """Return rows `(B, columns)`; a row has no start to choose."""
        return self.values[np.array([place.number for place in places], dtype=np.int64)]

    def of(self, patients: Collection[str]) -> Self:
        """Return the rows of these patients."""
        return self.at(np.flatnonzero(np.isin(self.patients, list(patients))))

    def at(self, numbers: NDArray[np.int64]) -> Self:
        """Return the rows of these numbers, in this order."""
        return type(self)(self.values[numbers], self.labels[numbers], self.patients[numbers])


class TableSource(Source):
    """A data set of rows within the closed limits of their columns, or of a seeded `subsample_to` of them."""

    def __init__(
        self,
        columns: Columns,
        on_bad_record: str = "error",
        subsample_to: int | None = None,
        seed: int = 0,
        target: str | None = None,
    ) -> None:
        super().__init__(on_bad_record)
        if subsample_to is not None and subsample_to < 1:
            raise UserError(f"dataset.subsample_to={subsample_to}: accepted is a number of rows, or null for all.")
        self.columns = columns_of(columns)
        self.subsample_to = subsample_to
        self.seed = seed
        self.target = None if target is None else name_of(target)
        """The column that others predict: one of `columns`, or that of the classes."""

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
        declared = self.target in {column.written_as for column in self.columns}
        return Row(self.columns, self.target if declared and not self.classes else None)

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
        rows = Rows(entries.values.astype(np.float32), entries.labels, entries.patients).at(kept)
        doubtful = [*self._rounded(entries.values[kept]), *self._repeated(rows)]
        members = zip(entries.names.tolist(), entries.patients.tolist(), entries.labels.tolist(), strict=True)
        return Collected([Member(*member) for member in members], rows, rows, [*entries.bad, *unused], doubtful)

    def _rounded(self, values: NDArray[np.float64]) -> list[Skipped]:
        """Count and log whole numbers and times that single precision, in which rows are kept, does not hold."""
        single = values.astype(np.float32)
        steps = np.array([86400.0 if column.date else 1.0 for column in self.columns])
        times = np.array([bool(column.date) for column in self.columns])
        changed = (np.rint(values * steps) != np.rint(single * steps)) & ((np.rint(values) == values) | times)
        if not changed.any():
            return []
        columns = [
            f"{column.name} of {own.sum()} rows, by {np.abs(single[own, n] - values[own, n]).max() * steps[n]:.3g}"
            f"{' s' if column.date else ''} at most"
            for n, (column, own) in enumerate(zip(self.columns, changed.T, strict=True))
            if own.any()
        ]
        reason = f"rounded to single precision: {', '.join(columns)}. Subtract a constant in the file to keep numbers"
        log.warning("%s: %s", self.name, reason)
        return [Skipped("rounded values", reason, int(changed.any(axis=1).sum()), "row")]

    def _repeated(self, rows: Rows) -> list[Skipped]:
        """Count and log the rows that equal an earlier one in every value and the class."""
        whole = np.column_stack([rows.values, rows.labels])
        count = len(whole) - len(np.unique(whole, axis=0))
        if not count:
            return []
        reason = "equal an earlier row in all columns, and may be in another part of the split"
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
            raise UserError(
                f"dataset.subsample_to={wanted}: {self.name} has {len(numbers)} rows; null uses all of them."
            )
        chosen = np.random.default_rng(self.seed).permutation(len(numbers))[:wanted]
        left_out = len(numbers) - wanted
        reason = f"{left_out} of {len(numbers)} rows left out at random (dataset.seed={self.seed})"
        return numbers[np.sort(chosen)], [Skipped(f"subsample_to {wanted}", reason, left_out)]


class Table(TableSource):
    """A CSV file with a header; `columns` says which of its columns are taken, of what kind, and their limits.

    `person` names the column with the ids of patients. Without one, and with ROW, every row is its own patient; without
    one a column of patients with several rows is refused. `target` names the
    column of the `classes`, or, where there are none, one of `columns` that others are to predict. `written` are the
    values of `ganlab.dataset.table_values.Notation`, and `label` is the older name of `target`.
    """

    def __init__(
        self,
        file: str | Path,
        columns: Columns | None,
        person: str | None = None,
        target: str | None = None,
        classes: Sequence[str] = (),
        on_bad_record: str = "error",
        subsample_to: int | None = None,
        seed: int = 0,
        **written: Any,
    ) -> None:
        self.file = Path(file).expanduser()
        label = written.pop("label", None)
        self.notation = Notation(**written)
        if columns is None:
            self._raise_if_missing()
            raise UserError(proposal(self.file, self.notation))
        super().__init__(columns, on_bad_record, subsample_to, seed, label if target is None else target)
        self.classes = names_of(classes)
        among = self.target in {column.written_as for column in self.columns}
        if (self.classes and self.target is None) or not (self.target is None or self.classes or among):
            raise UserError(
                f"dataset.target={self.target}, dataset.classes={list(self.classes)}: accepted is a column with its "
                "classes, such as dataset.target=Class dataset.classes=[healthy,ill], or one of dataset.columns."
            )
        self.name = self.file.stem
        self.declared_alone = person == ROW
        self.person = None if person in (None, ROW) else name_of(person)
        self.notation = replace(self.notation, dropping=dropping(columns))

    def entries(self) -> Entries:
        """Return the file's rows. Raises UserError where the file or one of the columns is missing."""
        wanted = {column.written_as: "columns" for column in self.columns}
        label = self.target if self.classes else None
        wanted |= {name: key for name, key in ((self.person, "person"), (label, "target")) if name is not None}
        header, lines = self._lines(list(wanted))
        if self.person is None and not self.declared_alone:
            self._refuse_repeated(header, lines)
        for name, key in wanted.items():
            if header.count(name) != 1:
                count = "no column" if name not in header else f"{header.count(name)} columns"
                raise UserError(
                    f"{self.file} has {count} {name!r}; it has {first_few(header, MOST_NAMES)}. See dataset.{key}=."
                )
        return checked(lines, header, self.columns, label, spelled(self.classes), self.person, self.notation)

    def _refuse_repeated(self, header: Sequence[str], lines: Sequence[Line]) -> None:
        """Raise UserError for a column of patients that is not declared, where some have several rows."""
        for place, name in enumerate(header):
            if OF_PATIENTS.fullmatch(name):
                ids = [line.fields[place] for line in lines if len(line.fields) == len(header)]
                if len(different := set(ids)) < len(ids):
                    raise UserError(
                        f"{self.file}: its column {name!r} has {len(different)} values in {len(ids)} rows, and rows of "
                        f"a patient would be on both sides of the split. dataset.person={name} declares patients; "
                        f"dataset.person={ROW} declares that each row is another patient's."
                    )

    def _raise_if_missing(self) -> None:
        if not self.file.is_file():
            raise UserError(f"No such file: {self.file}. Name a CSV file with a header: dataset.file=<file>.")

    def _lines(self, wanted: Sequence[str]) -> tuple[list[str], list[Line]]:
        self._raise_if_missing()
        delimiter = self.notation.delimiter or delimiter_of(self.file, wanted)
        lines = [*csv_lines(self.file, delimiter, " See dataset.file=.")]
        if not lines:
            raise UserError(f"{self.file} is empty. Name a CSV file with a header: dataset.file=<file>.")
        return lines[0][1], numbered((f"{self.file.name}:{number}", fields) for number, fields in lines[1:])
