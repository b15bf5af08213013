"""Samples as one parquet file, which pandas, polars, DuckDB and Hugging Face's datasets read as it is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ganlab.core.errors import UserError
from ganlab.core.kind import Row, Window, of_kind
from ganlab.core.schema import refuse_formulas
from ganlab.dataset.table_values import write_columns
from ganlab.exchange.generated import Generated

FILE = "synthetic.parquet"


def write_window_parquet(data: Generated, folder: Path) -> int:
    """Write a row for each window: its number, each lead as a list of float32, and its class where there is one."""
    pa = _pyarrow()
    kind = of_kind(data.kind, Window)
    number = pa.field("window", pa.int32())
    leads = [pa.field(lead, pa.list_(pa.float32(), kind.samples)) for lead in kind.leads]
    schema = pa.schema([number, *leads, *([pa.field("label", pa.string())] if data.classes else [])])

    def tables() -> Iterator[Any]:
        done = 0
        for windows, labels in data.checked():
            flat = [pa.array(np.ascontiguousarray(windows[:, n], np.float32).ravel()) for n in range(len(leads))]
            columns = [pa.FixedSizeListArray.from_arrays(lead, kind.samples) for lead in flat]
            numbers = pa.array(range(done + 1, done + 1 + len(windows)), pa.int32())
            yield [numbers, *columns, *([pa.array(labels, pa.string())] if data.classes else [])]
            done += len(windows)

    return _write(data, folder, schema, tables())


def write_row_parquet(data: Generated, folder: Path) -> int:
    """Write the original columns, numbers as float64 and all else as text, and the class where there is one."""
    pa = _pyarrow()
    columns = of_kind(data.kind, Row).columns
    places = {column.written_as for column in columns if column.in_words}
    names = list(dict.fromkeys(column.written_as for column in columns))
    fields = [pa.field(name, pa.string() if name in places else pa.float64()) for name in names]
    schema = pa.schema([*fields, *([pa.field("label", pa.string())] if data.classes else [])])

    def tables() -> Iterator[Any]:
        for rows, labels in data.checked():
            texts = write_columns(columns, rows)
            values = [
                pa.array([text or None for text in texts[name]], pa.string())
                if name in places
                else pa.array([float(text) if text else None for text in texts[name]], pa.float64())
                for name in names
            ]
            yield [*values, *([pa.array(labels, pa.string())] if data.classes else [])]

    return _write(data, folder, schema, tables())


def _write(data: Generated, folder: Path, schema: Any, tables: Iterator[Any]) -> int:
    """Write the tables of a schema, each as a group of rows, with what they are in the file's metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    refuse_formulas([*schema.names, *data.classes], "format=parquet")
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
