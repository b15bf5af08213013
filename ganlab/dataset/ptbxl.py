"""PTB-XL in PhysioNet's layout: 21,799 records of 18,869 patients, 12 leads, 10 s at 100 and at 500 Hz.

Wagner et al., PTB-XL, a large publicly available electrocardiography dataset, Scientific Data 7, 154 (2020). The labels
are the tasks of the published benchmark: Strodthoff et al., Deep Learning for ECG Analysis: Benchmarks and Insights
from PTB-XL, IEEE JBHI 25 (2021), github.com/helme/ecg_ptbxl_benchmarking. It counts a statement whatever its
likelihood, so the least `likelihood` is 0, and leaves out records without a label of the task.
"""

import ast
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ganlab.core.csv_columns import csv_columns, number_text
from ganlab.core.errors import UserError
from ganlab.core.labels import Label, class_names
from ganlab.core.record import Record
from ganlab.core.words import counted, number
from ganlab.dataset.download import download
from ganlab.dataset.label_codes import Classes, Coded, declared_classes, label_of_codes, refuse_unused
from ganlab.dataset.source import Skipped
from ganlab.split.base import Member
from ganlab.split.folds import parts_of

DATABASE, STATEMENTS = "ptbxl_database.csv", "scp_statements.csv"
FILES = {100: "filename_lr", 500: "filename_hr"}
"""Column of the records' names, by rate in Hz."""
CODE = "Unnamed: 0"
"""The column of the statements' codes: the file gives it no name, and this is pandas' name for it."""
TASKS = {
    "superclass": ("diagnostic", "diagnostic_class"),
    "subclass": ("diagnostic", "diagnostic_subclass"),
    "diagnostic": ("diagnostic", CODE),
    "form": ("form", CODE),
    "rhythm": ("rhythm", CODE),
    "statement": (CODE, CODE),
}
"""By task the column of STATEMENTS that marks its statements, and the one with their classes."""
SUPERCLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
"""Normal, myocardial infarction, ST/T change, conduction disturbance, hypertrophy."""
AXES = ("MID", "LAD", "ALAD", "RAD", "ARAD", "AXL", "AXR", "SAG")
"""Heart axes: normal, left and extreme left, right and extreme right deviation, shifted left and right, sagittal."""
ATTRIBUTES = {"sex": "0 male, 1 female", "age": "years", **{f"heart axis {axis}": "0 or 1" for axis in AXES}}
"""Units of attributes by their names."""
HIDDEN_AGE, HIDDEN_AS = 300.0, 90.0
"""The age that stands for all above 89, and the value that it is taken for."""


class PTBXL(Coded):
    """Records below `root` at a `rate` of 100 or 500 Hz, each with the classes of its statements.

    `labels` are one of TASKS, or own classes: their codes by name, or a yaml file of these. `likelihood` in percent is
    the least of a diagnostic statement that counts. Records of the table that are not below `root` are counted.
    `folds` are those of each part under `split=folds`, which takes them from the configuration. Raises UserError for a
    missing or changed table, and where a download fails.
    """

    def __init__(
        self,
        root: str | Path,
        rate: int = 100,
        labels: str | Mapping[str, Sequence[str]] = "superclass",
        likelihood: float = 0.0,
        folds: Mapping[str, Sequence[int]] | None = None,
        download: bool = False,
        url: str = "https://physionet.org/files/ptb-xl/1.0.3/",
        **settings: Any,
    ) -> None:
        if rate not in FILES:
            raise UserError(f"dataset.rate={rate}: accepted are {' and '.join(map(str, FILES))} Hz, as published.")
        if folds is not None:
            parts_of(folds)
        super().__init__(root, float(rate), (), name="ptbxl", **settings)
        self.download, self.url = download, url
        self.labels, self.likelihood = labels, likelihood
        self.column = FILES[int(rate)]
        self.attributes = ATTRIBUTES
        self.classes = SUPERCLASSES if labels == "superclass" else tuple(self._codes)

    @property
    def _published(self) -> bool:
        return isinstance(self.labels, str) and self.labels in TASKS

    @cached_property
    def _codes(self) -> Classes:
        """The codes of each class."""
        if not self._published:
            return declared_classes(self.labels, f"{', '.join(TASKS)}, ")
        marked, named = TASKS[str(self.labels)]
        classes: dict[str, set[str]] = {name: set() for name in SUPERCLASSES} if self.labels == "superclass" else {}
        for row in self._statements:
            if row[marked] and row[named]:
                classes.setdefault(row[named], set()).add(row[CODE])
        return {name: frozenset(codes) for name, codes in classes.items()}

    @cached_property
    def _statements(self) -> list[dict[str, str]]:
        """The rows of STATEMENTS, which is fetched if that is configured: a GAN has to know its classes."""
        if self.download:
            download(self.url, self.root, only=(STATEMENTS,))
        columns = dict.fromkeys(column for task in TASKS.values() for column in task)
        return _rows(self.root / STATEMENTS, [CODE, *(each for each in columns if each != CODE)], self.ways_on())

    def fetch(self) -> None:
        """Download the tables and the records of this rate if `download` is true; whole files are left alone."""
        if self.download:
            download(self.url, self.root, only=(DATABASE, STATEMENTS, f"records{self.rate:g}/"))

    def ways_on(self) -> str:
        """Return the overrides that help: another folder, the download, or the simulated cohort."""
        return (
            "Three possibilities: dataset.root=<folder of PTB-XL>; dataset.download=true to fetch it from PhysioNet "
            f"into {self.root} ({'0.5' if self.rate == 100 else '2.6'} GB); or dataset=ptbdb_sim, which needs no "
            "download."
        )

    @cached_property
    def people(self) -> dict[str, Member]:
        """The members by record, with patient, label, attributes and fold, as the table lists them."""
        file = self.root / DATABASE
        needed = ("ecg_id", "patient_id", "age", "sex", "scp_codes", "heart_axis", "strat_fold", self.column)
        rows = _rows(file, needed, self.ways_on())
        diagnostic = {row[CODE] for row in self._statements if row["diagnostic"]} if self.likelihood > 0 else set()
        members = [self._member(file, row, diagnostic) for row in rows]
        if not self._published:
            refuse_unused([member.label for member in members], self._codes, file)
        name, times = Counter(member.name for member in members).most_common(1)[0] if members else ("", 0)
        if times > 1:
            raise UserError(f"{file}: column {self.column} has {name!r} {times} times; each record stands there once.")
        return {member.name: member for member in members}

    def _member(self, file: Path, row: Mapping[str, str], diagnostic: set[str]) -> Member:
        place = f"{file}: ecg_id {row['ecg_id']}"
        name, patient, fold = row[self.column], number_text(row["patient_id"]), number_text(row["strat_fold"])
        if not patient:
            raise UserError(f"{place}: no patient_id, so its patient is unknown.")
        codes = _likelihoods(place, row["scp_codes"])
        counting = [code for code, sure in codes.items() if code not in diagnostic or sure >= self.likelihood]
        return Member(name, patient, label_of_codes(counting, self._codes), _attributes(row), fold)

    def names(self) -> Sequence[str]:
        """Return the names of the table's records that are below `root`. Raises UserError where none is."""
        return self._present

    @cached_property
    def _present(self) -> list[str]:
        listed = list(self.people)
        if present := [name for name in listed if (self.root / f"{name}.hea").is_file()]:
            return present
        raise UserError(
            f"{self.root}: none of the {counted(len(listed), 'record')} of {DATABASE} is there at {self.rate:g} Hz, "
            f"such as {listed[0] if listed else 'none'}. dataset.rate={600 - self.rate:g} reads the others.\n"
            f"{self.ways_on()}"
        )

    @cached_property
    def others(self) -> list[Skipped]:
        """Records of the table that are not below `root`, counted."""
        listed = len(self.people)
        absent = listed - len(self.names())
        reason = f"{counted(absent, 'record')} of {number(listed)} not below {self.root} at {self.rate:g} Hz"
        return [Skipped(DATABASE, reason, absent, "record")] if absent else []

    def whose(self) -> tuple[str, str]:
        """Return by what the patients of records are known; there is no doubt."""
        return f"by patient_id in {DATABASE}", ""

    def about(self, name: str, comments: Sequence[str]) -> tuple[str, str, Label]:
        """Return patient, the names of its classes and label of a record."""
        member = self.people[name]
        return member.patient, class_names(member.label, self.classes), member.label

    def member(self, record: Record) -> Member:
        """Return a record as a split needs it, with its published fold."""
        return self.people[record.name]


def _rows(file: Path, columns: Sequence[str], setting: str) -> list[dict[str, str]]:
    records = csv_columns(file, columns, setting).to_dict("records")
    return [{str(column): str(value) for column, value in row.items()} for row in records]


def _likelihoods(place: str, text: str) -> dict[str, float]:
    """Return the likelihoods in percent by code, of text such as `{'NORM': 100.0, 'SR': 0.0}`."""
    try:
        return {str(code): float(sure) for code, sure in ast.literal_eval(text).items()}
    except (ValueError, SyntaxError, TypeError, AttributeError, RecursionError, MemoryError) as error:
        example = "{'NORM': 100.0, 'SR': 0.0}"
        raise UserError(f"{place}: scp_codes={text[:80]!a}; accepted are likelihoods such as {example}.") from error


def _attributes(row: Mapping[str, str]) -> tuple[float, ...]:
    """Return the values of ATTRIBUTES, NaN where the table has none."""
    age, sex, axis = _number(row["age"]), _number(row["sex"]), row["heart_axis"]
    axes = [float(axis == each) if axis in AXES else float("nan") for each in AXES]
    return (sex if sex in (0, 1) else float("nan"), HIDDEN_AS if age == HIDDEN_AGE else age, *axes)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
