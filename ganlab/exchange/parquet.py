"""Samples as one parquet file, which pandas, polars, DuckDB and Hugging Face's datasets read as it is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.core.kind import Row, Window, of_kind
from ganlab.core.schema import validated
from ganlab.dataset.table_values import write_columns
from ganlab.exchange.arrays import Axes
from ganlab.exchange.generated import Generated
from ganlab.exchange.labels import LABEL, PATIENT, Beside
from ganlab.exchange.rows import rows_of
from ganlab.exchange.synthetic import LISTED, Request, Synthetic
from ganlab.exchange.windows import windows_of

FILE = "synthetic.parquet"

DENSEST = 100
"""Values for each byte of a file: a table of one value alone, over and over, is a bomb."""
FEW = 10_000_000
"""Values that are read at any density."""


def write_window_parquet(data: Generated, folder: Path) -> int:
    """Write a row for each window: its number, each lead as a list of float32, and what stands beside the window."""
    pa = _pyarrow()
    kind = of_kind(data.kind, Window)
    number = pa.field("window", pa.int32())
    leads = [pa.field(lead, pa.list_(pa.float32(), kind.samples)) for lead in kind.leads]
    schema = pa.schema([number, *leads, *_fields(data)])

    def tables() -> Iterator[Any]:
        done = 0
        for windows in data.checked():
            flat = [pa.array(np.ascontiguousarray(windows[:, n], np.float32).ravel()) for n in range(len(leads))]
            columns = [pa.FixedSizeListArray.from_arrays(lead, kind.samples) for lead in flat]
            numbers = pa.array(range(done + 1, done + 1 + len(windows)), pa.int32())
            yield [numbers, *columns, *_columns(data, done, len(windows))]
            done += len(windows)

    return _write(data, folder, schema, tables())


def write_row_parquet(data: Generated, folder: Path) -> int:
    """Write the original columns, numbers as float64 and all else as text, and what stands beside the rows."""
    pa = _pyarrow()
    columns = of_kind(data.kind, Row).columns
    places = {column.written_as for column in columns if column.in_words}
    names = list(dict.fromkeys(column.written_as for column in columns))
    fields = [pa.field(name, pa.string() if name in places else pa.float64()) for name in names]
    schema = pa.schema([*fields, *_fields(data)])

    def tables() -> Iterator[Any]:
        done = 0
        for rows in data.checked():
            texts = write_columns(columns, rows)
            values = [
                pa.array([text or None for text in texts[name]], pa.string())
                if name in places
                else pa.array([float(text) if text else None for text in texts[name]], pa.float64())
                for name in names
            ]
            yield [*values, *_columns(data, done, len(rows))]
            done += len(rows)

    return _write(data, folder, schema, tables())


def read_window_parquet(path: Path, request: Request) -> Synthetic:
    """Read a table with a row for each window, its columns of lists the leads, equally long.

    Rate and unit are those of the file's metadata, as `ganlab.sample format=parquet` writes them, else those requested.
    """
    pa, table = _pyarrow(), _read(path)
    leads = [field.name for field in table.schema if pa.types.is_nested(field.type)]
    if not leads or not len(table):
        raise UserError(
            f"{path}: {len(table)} rows of {', '.join(table.column_names[:LISTED])}. Accepted is a row for each "
            "window, each lead a column of lists, as ganlab.sample format=parquet writes."
        )
    try:
        values = np.stack([_lists(table[lead]) for lead in leads], axis=1)
        stored = json.loads((table.schema.metadata or {}).get(b"ganlab", b"{}"))
    except (pa.ArrowException, TypeError, ValueError, RecursionError) as error:
        raise UserError(
            f"{path}: accepted are lists of numbers of one length, a column for each lead ({error})."
        ) from error
    facts = {key: stored.get(key) for key in ("rate_hz", "unit")} if isinstance(stored, dict) else {}
    axes = validated(Axes, {"leads": leads, **facts}, str(path))
    beside = Beside(*(_texts(table[name]) if name in table.column_names else () for name in (LABEL, PATIENT)))
    return windows_of(path, values, axes, request, beside, "parquet")


def read_row_parquet(path: Path, request: Request) -> Synthetic:
    """Read a table by the names of its columns, with the same values as in a CSV file. Raises UserError."""
    table = _read(path)
    columns = [_texts(table[name]) for name in table.column_names]
    lines = list(enumerate(map(list, zip(*columns, strict=True)), start=1))
    return rows_of(path, table.column_names, lines, request, "parquet")


def _read(path: Path) -> Any:
    """Return a table of pyarrow. Raises UserError for a file that is none."""
    pa = _pyarrow()
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
            values = sum(group.column(at).num_values for group in groups for at in range(group.num_columns))
            if values > max(FEW, DENSEST * path.stat().st_size):
                raise UserError(f"{path} would become {values:,} values, more than {DENSEST:,} a byte: it is refused.")
            return file.read()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path} is not a parquet file ({str(error)[:200]}).") from error


def _lists(column: Any) -> NDArray[np.float32]:
    """Return a column of lists `(N, samples)`. Raises ValueError where they differ in length, or one is missing."""
    import pyarrow.compute as pc

    lengths = pc.unique(pc.list_value_length(column)).to_pylist()
    if len(lengths) != 1 or not lengths[0]:
        raise ValueError(f"lengths {', '.join(map(str, lengths[:LISTED]))}")
    return np.asarray(pc.list_flatten(column).to_numpy(), np.float32).reshape(len(column), -1)


def _texts(column: Any) -> list[str]:
    return ["" if value is None else str(value) for value in column.to_pylist()]


def _fields(data: Generated) -> list[Any]:
    """Return the fields of what stands beside the samples: attributes as float64, all else as text."""
    pa = _pyarrow()
    return [pa.field(name, pa.float64() if name in data.attributes else pa.string()) for name in data.beside]


def _columns(data: Generated, done: int, count: int) -> list[Any]:
    """Return the columns of `_fields` of `count` samples behind the first `done`."""
    part = slice(done, done + count)
    return [
        _pyarrow().array([float(text) for text in column[part]] if name in data.attributes else column[part])
        for name, column in data.beside.items()
    ]


def _write(data: Generated, folder: Path, schema: Any, tables: Iterator[Any]) -> int:
    """Write the tables of a schema, each as a group of rows, with what they are in the file's metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    data.refuse_formulas(schema.names, "format=parquet")
    facts = {"about": list(data.about), **data.kind.axes}
    schema = schema.with_metadata({"ganlab": json.dumps(facts)})
    with pq.ParquetWriter(folder / FILE, schema) as writer:
        for columns in tables:
            writer.write_table(pa.table(columns, schema=schema))
    return 0


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise UserError("format=parquet needs the package pyarrow: pip install 'ganlab[parquet]'.") from None
    return pyarrow
