"""The thyroid data set of UCI and KEEL: 7,200 patients, 6 continuous and 15 binary features, three classes.

Thesis and KEEL call the classes normal (1), hyperthyroidism (2) and hypothyroidism (3), and the thesis imitates class 3
as hypothyroidism. The values say otherwise: TSH, which rises when the thyroid gives too little, has a median of 0.0015
in class 3, 0.0097 in class 2 and 0.053 in class 1. Class 3, the largest, is the normal group.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import requests

from ganlab.core.csv_columns import read_text
from ganlab.core.errors import UserError
from ganlab.core.files import on_disk
from ganlab.core.kind import Column
from ganlab.dataset.download import SETTING, Damaged, DownloadSummary, Remote, alone, base_url
from ganlab.dataset.source import Skipped
from ganlab.dataset.table import Columns, TableSource
from ganlab.dataset.table_lines import Entries, Line, checked, numbered

URL = "https://archive.ics.uci.edu/ml/machine-learning-databases/thyroid-disease/"
ROWS = {"ann-train.data": 3772, "ann-test.data": 3428}
"""UCI's files, and how many rows each has."""
KEEL = "thyroid.dat"
CLASS = "Class"
CLASSES = ("1", "2", "3")
HEADER = (
    *("Age", "Sex", "On_thyroxine", "Query_on_thyroxine", "On_antithyroid_medication", "Sick", "Pregnant"),
    *("Thyroid_surgery", "I131_treatment", "Query_hypothyroid", "Query_hyperthyroid", "Lithium", "Goitre", "Tumor"),
    *("Hypopituitary", "Psych", "TSH", "T3", "TT4", "T4U", "FTI", CLASS),
)
"""Names of a line's values: KEEL's, as UCI's files have no header."""


class Thyroid(TableSource):
    """The patients of `disease_class`, or of all three with `disease_class=null`, which then are the classes.

    `root` holds UCI's `ann-train.data` and `ann-test.data`, which are taken first, or KEEL's `thyroid.dat`: the same
    7,200 rows in another order, so that the patients have other numbers.
    """

    name = "thyroid"
    note = (
        "The thesis calls class 3 hypothyroidism. Its TSH is 35 times lower than that of class 1, so it is the normal "
        "group."
    )

    def __init__(
        self,
        root: str | Path,
        columns: Columns,
        disease_class: int | None = 3,
        download: bool = False,
        url: str = URL,
        on_bad_record: str = "error",
        subsample_to: int | None = None,
        seed: int = 0,
        target: str | None = "Sex",
    ) -> None:
        super().__init__(columns, on_bad_record, subsample_to, seed, target)
        if disease_class not in (1, 2, 3, None):
            raise UserError(f"dataset.disease_class={disease_class}: accepted are 1, 2, 3, and null for all three.")
        refuse_unknown(self.columns)
        self.root = Path(root).expanduser()
        self.taken = CLASSES if disease_class is None else (str(disease_class),)
        self.classes = () if disease_class is not None else tuple(f"class_{name}" for name in CLASSES)
        self.download = download
        self.url = url

    def entries(self) -> Entries:
        """Return the rows of the class. Raises UserError where their files are missing, or a download fails."""
        if self.download:
            fetch(self.url, self.root)
        lines = numbered(self._lines())
        others = Counter(line.fields[-1] for line in lines if self._other(line))
        reason = f"not asked for (dataset.disease_class={self.taken[0]})"
        mine = [line for line in lines if not self._other(line)]
        labels = {name: number for number, name in enumerate(self.taken)}
        return replace(
            checked(mine, HEADER, self.columns, CLASS, labels),
            others=[Skipped(f"class {name}", reason, count) for name, count in sorted(others.items())],
        )

    def _other(self, line: Line) -> bool:
        """Return whether a whole line is of a class that is not taken; a damaged line is checked like the others."""
        return len(line.fields) == len(HEADER) and line.fields[-1] in set(CLASSES) - set(self.taken)

    def _lines(self) -> list[tuple[str, list[str]]]:
        if all((self.root / name).is_file() for name in ROWS):
            return [line for name in ROWS for line in _uci_lines(self.root / name)]
        if (self.root / KEEL).is_file():
            return _keel_lines(self.root / KEEL)
        raise UserError(
            f"Neither {' and '.join(ROWS)} nor {KEEL} are in {self.root}.\nThree possibilities: "
            "dataset.root=<folder that "
            f"holds them>; dataset.download=true to fetch them from UCI into {self.root} (0.5 MB); or "
            "dataset=thyroid_sim, which needs no download."
        )


def refuse_unknown(columns: Sequence[Column]) -> None:
    """Raise UserError for columns that the data set does not have."""
    unknown = [column.name for column in columns if column.name not in HEADER[:-1]]
    if unknown:
        raise UserError(f"dataset.columns names {', '.join(unknown)}; there are {', '.join(HEADER[:-1])}.")


def _uci_lines(file: Path) -> list[tuple[str, list[str]]]:
    return _fields(file, read_text(file).splitlines(), 1)


def _keel_lines(file: Path) -> list[tuple[str, list[str]]]:
    """Return the lines under `@data`. Raises UserError where the header's names are not those of this data set."""
    lines = read_text(file).splitlines()
    head = [line.split() for line in lines if line.startswith("@")]
    names = tuple(words[1] for words in head if words[0].lower() == "@attribute" and len(words) > 1)
    if names != HEADER:
        raise UserError(f"{file} has the attributes {', '.join(names) or 'none'}; expected {', '.join(HEADER)}.")
    start = next((number for number, line in enumerate(lines, 1) if line.strip().lower() == "@data"), len(lines))
    return _fields(file, lines[start:], start + 1)


def _fields(file: Path, lines: Sequence[str], first: int) -> list[tuple[str, list[str]]]:
    """Return name and values of each line that is not empty: by commas, of which one may end the line, or blanks."""
    return [
        (f"{file.name}:{number}", re.split(r"\s*,\s*", text.removesuffix(",")) if "," in text else text.split())
        for number, text in enumerate(map(str.strip, lines), first)
        if text
    ]


class _Uci(Remote):
    """A folder without a list of hashes: a file is whole when it has all its rows."""

    def _damage(self, file: Path, expected: str) -> Damaged | None:
        rows = sum(len(fields) == len(HEADER) for _, fields in _uci_lines(file))
        return None if rows == int(expected) else Damaged(f"it has {rows} whole rows, expected are {expected}")

    def _refused(self, name: str, status: int) -> UserError:
        return UserError(f"{self._url_of(name)} answered {status}: expected a file of {URL}.\n{self._ways_on()}")

    def _ways_on(self) -> str:
        return (
            f"- fetch {' and '.join(ROWS)} by hand and give their folder, dataset.root=<folder>\n"
            f"- another address of that folder, dataset.url=<url> (as {URL})\n"
            "- take simulated rows, dataset=thyroid_sim"
        )


def fetch(url: str, root: Path, *, retries: int = 5, timeout_s: float = 30, backoff_s: float = 1.0) -> DownloadSummary:
    """Fetch UCI's two files into the folder `root` as `ganlab.dataset.download.download` does, but without hashes.

    A broken download goes on where it stopped; a file has its name only when it has all its rows.
    Raises UserError for no network, a missing or incomplete file, or a `root` that cannot be written.
    """
    with requests.Session() as session, on_disk(root, SETTING), alone(root):
        return _Uci(session, base_url(url), root, retries, timeout_s, backoff_s).fetch(
            {name: str(rows) for name, rows in ROWS.items()}
        )
