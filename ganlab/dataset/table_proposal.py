"""A proposal of `dataset.columns` for a table whose columns nobody has declared yet."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ganlab.core.csv_columns import DELIMITERS, csv_lines
from ganlab.dataset.table_values import Notation

if TYPE_CHECKING:
    import pandas as pd

MOST = 20
"""Different texts that a category is proposed for."""
CODES = 6
"""Different whole numbers that may be codes of a category."""
REPEATED = 3
"""Rows to each of them, on average, at least."""
DATES = ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S")


def proposal(file: Path, notation: Notation) -> str:
    """Return a message with lines for the configuration: the columns of a file, of what kind they may be."""
    import pandas as pd

    parted = {each: [*csv_lines(file, each, " See dataset.file=.")] for each in notation.delimiter or DELIMITERS}
    (_, header), *lines = max(parted.values(), key=lambda read: len(read[0][1]) if read else 0) or [(0, [])]
    whole = [fields for _, fields in lines if len(fields) == len(header)]
    frame = pd.DataFrame(whole, columns=range(len(header)), dtype=str)
    gaps = notation.gaps
    commas = any(_commas(frame[place][~frame[place].isin(gaps)]) for place in frame)
    kinds = [_kind(frame[place], "," if commas else notation.decimal, gaps) for place in range(len(header))]
    names = [json.dumps(name, ensure_ascii=False) for name in header]
    proposed = "\n".join(
        f"    {name}: {kind}" if kind.startswith("{") else f"    # {name} is left out: {kind}"
        for name, kind in zip(names, kinds, strict=True)
    )
    return (
        f"dataset.columns is missing: which columns of {file} are to be learned, and of what kind are they? A proposal "
        f"from its {len(whole)} rows, to be checked and put under `dataset:` in a yaml of yours (docs/own_data.md):\n"
        + ('  decimal: ","\n' if commas else "")
        + f"  columns:\n{proposed}"
    )


def _kind(written: "pd.Series[str]", decimal: str, gaps: Sequence[str]) -> str:
    """Return the properties of a column as YAML, or why it is left out."""
    import pandas as pd

    empty = written.isin(gaps)
    values = written[~empty]
    missing = ["missing: column"] if empty.any() else []
    different = sorted(values.unique())
    numbers = pd.to_numeric(values.str.replace(",", ".", regex=False) if decimal == "," else values, errors="coerce")
    dated = next((form for form in DATES if _dated(values, form)), None)
    if len(different) < 2:
        return f"the same in every row, {different[0]!r}" if different else "empty"
    whole = bool(numbers.notna().all() and (numbers == numbers.round()).all())
    if set(numbers) == {0, 1}:
        parts = ["binary: true", *missing]
    elif numbers.notna().all():
        parts = ["whole: true", *missing] if whole else missing
    elif dated:
        parts = [f'date: "{dated}"', *missing]
    elif len(different) == 2:
        parts = [f"binary: {json.dumps(different, ensure_ascii=False)}", *missing]
    elif len(different) <= MOST and len(values) >= REPEATED * len(different):
        parts = [f"categories: {json.dumps(different, ensure_ascii=False)}", *missing]
    else:
        return f"{len(different)} different texts, such as {different[0][:40]!r}"
    remark = ""
    if whole and len(different) == len(written):
        remark = " # another value in each row: an id? Then leave it out, or dataset.person="
    elif whole and 2 < len(different) <= CODES and len(values) >= REPEATED * len(different):
        remark = f" # or, where the numbers are codes, categories: {json.dumps(different)}"
    return f"{{{', '.join(parts)}}}{remark}"


def _commas(values: "pd.Series[str]") -> bool:
    return bool(len(values) and values.str.fullmatch(r"[-+]?\d+,\d+").all())


def _dated(values: "pd.Series[str]", form: str) -> bool:
    import pandas as pd

    return bool(pd.to_datetime(values, format=form, errors="coerce").notna().all())
