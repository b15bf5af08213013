"""Text of a CSV file, what parts its fields, its lines, and its columns as text."""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ganlab.core.errors import UserError
from ganlab.core.names import MOST_NAMES, first_few

if TYPE_CHECKING:
    import pandas as pd


CHUNK = 1 << 20
"""Bytes of a file that are decoded at a time."""
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def encoding_of(file: Path) -> str:
    """Return the encoding of a file: UTF-16 with its mark, else UTF-8, else Windows-1252, else Latin-1."""
    with file.open("rb") as opened:
        if opened.read(2) in UTF_16:
            return "utf-16"
    return next(name for name in ("utf-8-sig", "cp1252", "latin-1") if _decodes(file, name))


def _decodes(file: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with file.open("rb") as opened:
            while chunk := opened.read(CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def read_text(file: Path) -> str:
    """Return a file's text in the encoding that it has. Raises UserError for UTF-16 that is cut off."""
    try:
        return file.read_bytes().decode(encoding_of(file))
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not text: {error}.") from error


DELIMITERS = ",;\t|"


def delimiter_of(file: Path, columns: Sequence[str]) -> str:
    """Return what parts the first line into the most of these columns: comma, semicolon, tab or |."""
    first = next((line for line in read_text(file).splitlines() if line.strip()), "")

    def named(delimiter: str) -> int:
        try:
            fields = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:  # a field of more than 128 KiB
            return 0
        return len({field.strip() for field in fields} & set(columns))

    return max(DELIMITERS, key=named)


def csv_lines(
    file: Path, delimiter: str = ",", setting: str = "", lenient: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields, without blanks around them, of each line that is not empty.

    A `lenient` reader passes over lines above all others that begin with # and a blank, and over blanks before quotes.
    Raises UserError, which names the line and the `setting` of the file, for what is no text parted by the delimiter.
    """
    number = 0
    try:
        with file.open(encoding=encoding_of(file), newline="") as opened:
            above, first = 0, opened.readline()
            while lenient and first.startswith("# "):
                above, first = above + 1, opened.readline()
            reader = csv.reader(chain([first], opened), delimiter=delimiter, strict=True, skipinitialspace=lenient)
            for fields in filter(None, reader):
                number = above + reader.line_num
                yield number, [field.strip() for field in fields]
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not text: {error}.{setting}") from error
    except csv.Error as error:
        raise UserError(f"{file}:{number + 1} is not CSV: {error}.{setting}") from error


def csv_columns(file: Path, columns: Sequence[str], setting: str) -> "pd.DataFrame":
    """Return these columns as text without blanks around it, an empty cell as "".

    Raises UserError, which names the `setting` of the file, for a missing file or column, or for what is no CSV.
    """
    import pandas as pd

    if not file.is_file():
        raise UserError(
            f"No such file: {file}. It has to be a CSV file with the columns {', '.join(columns)}. {setting}"
        )
    try:
        text, delimiter = io.StringIO(read_text(file)), delimiter_of(file, columns)
        frame = pd.read_csv(text, sep=delimiter, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{file} is not readable as CSV: {' '.join(str(error).split())}. {setting}") from error
    if lacking := [column for column in columns if column not in frame.columns]:
        existing = first_few([*map(str, frame.columns)], MOST_NAMES) or "none"
        raise UserError(f"{file}: no column {', '.join(lacking)}; its columns are {existing}. {setting}")
    return frame[list(columns)].map(str.strip)


def number_text(text: str) -> str:
    """Return the text of a whole number without the decimals that a table program may have added: 3.0 is 3."""
    whole, dot, decimals = text.partition(".")
    return whole if dot and whole.lstrip("-").isdigit() and set(decimals) <= {"0"} else text
