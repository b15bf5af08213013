"""Split by a column of a CSV file: any data set's records, rows or images with a fold or part each."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ganlab.core.csv_columns import csv_columns, number_text
from ganlab.core.errors import UserError
from ganlab.core.names import first_few
from ganlab.core.words import counted
from ganlab.split.base import Member, Split
from ganlab.split.folds import Folds


class Listed(Folds):
    """Parts by the `column` of `file`, whose column `record` names each record, row or image as messages do.

    An empty cell leaves a record's patient out of every part. Raises UserError for names that the file does not list,
    and otherwise as `Folds` does.
    """

    name = "listed"
    override = "split.folds"

    def __init__(
        self,
        file: str | Path,
        folds: Mapping[str, Sequence[int | str]],
        column: str = "fold",
        record: str = "name",
        holdout: float = 0.10,
        seed: int = 0,
        spare: bool = False,
    ) -> None:
        super().__init__(folds, holdout, seed, spare)
        self.file = Path(file).expanduser()
        self.column, self.record = column, record

    def __call__(self, members: Sequence[Member]) -> Split:
        """Return the split."""
        table = csv_columns(self.file, (self.record, self.column), "See split.file, split.record and split.column.")
        twice = table[self.record][table[self.record].duplicated()].unique().tolist()
        if twice:
            raise UserError(f"{self.file}: {first_few(twice)} in column {self.record} occurs more than once.")
        fold_of = dict(zip(table[self.record], map(number_text, table[self.column]), strict=True))
        if lacking := [member.name for member in members if member.name not in fold_of]:
            raise UserError(
                f"{self.file} lists no fold for {counted(len(lacking), 'record')} of {len(members)}, such as "
                f"{lacking[0]}; its column {self.record} has names like {', '.join(list(fold_of)[:2]) or 'none'}. "
                "split.record=COLUMN is the column with the names; an empty cell leaves a record out."
            )
        return super().__call__([replace(member, fold=fold_of[member.name]) for member in members])
