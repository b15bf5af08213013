"""Columns of a CSV file with a header, as text."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ganlab.core.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


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
        frame = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UserError(f"{file} is not readable as CSV: {' '.join(str(error).split())}. {setting}") from error
    if lacking := [column for column in columns if column not in frame.columns]:
        existing = ", ".join(map(str, frame.columns)) or "none"
        raise UserError(f"{file}: no column {', '.join(lacking)}; its columns are {existing}. {setting}")
    return frame[list(columns)].map(str.strip)


def number_text(text: str) -> str:
    """Return the text of a whole number without the decimals that a table program may have added: 3.0 is 3."""
    whole, dot, decimals = text.partition(".")
    return whole if dot and whole.lstrip("-").isdigit() and set(decimals) <= {"0"} else text
