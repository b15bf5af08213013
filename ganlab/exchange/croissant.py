"""Croissant metadata of an exported data set: what machines read of its files, columns and licence (mlcommons.org)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ganlab.core.files import sha256_of
from ganlab.core.kind import Kind, Row, Window
from ganlab.exchange.labels import LABEL, PATIENT
from ganlab.exchange.tables import lines_of

FILE = "croissant.json"
CONFORMS = "http://mlcommons.org/croissant/1.0"
TYPES = {
    **{".parquet": "application/x-parquet", ".csv": "text/csv", ".json": "application/json", ".md": "text/markdown"},
    **{".png": "image/png", ".edf": "application/edf", ".hea": "text/plain", ".dat": "application/octet-stream"},
    ".npy": "application/octet-stream",
}
"""Media types by the suffix of a file."""


def metadata(folder: Path, kind: Kind, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of the files in a folder; `facts` are name, description, license, creator, date and more."""
    files = sorted(path for path in (folder / "data").rglob("*") if path.is_file())
    tables = [path for path in files if path.suffix in (".parquet", ".csv") and path.stem == "synthetic"]
    records = [_records(folder, path, kind) for path in tables]
    return {
        "@context": json.loads((Path(__file__).parent / "templates" / "croissant_context.json").read_text()),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        **{key: value for key, value in facts.items() if value is not None},
        "distribution": [_file(folder, path) for path in files],
        **({"recordSet": records} if records else {}),
    }


def _file(folder: Path, path: Path) -> dict[str, Any]:
    place = path.relative_to(folder).as_posix()
    return {
        "@type": "cr:FileObject",
        "@id": place,
        "name": place,
        "contentUrl": place,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": TYPES.get(path.suffix, "text/plain"),
        "sha256": sha256_of(path),
    }


def _records(folder: Path, path: Path, kind: Kind) -> dict[str, Any]:
    """Return the columns of a table with their types, as a set of records."""
    file, name = path.relative_to(folder).as_posix(), f"{kind.noun}s"
    own = list(_columns(kind, path.suffix))
    beside = _names(path)[len(own) :]
    columns = [*own, *((each, "sc:Text" if each in (LABEL, PATIENT) else "sc:Float", False) for each in beside)]
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"{name}/{column}",
            "name": column,
            "dataType": type_,
            **({"repeated": True} if repeated else {}),
            "source": {"fileObject": {"@id": file}, "extract": {"column": column}},
        }
        for column, type_, repeated in columns
    ]
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "field": fields}


def _names(path: Path) -> list[str]:
    """Return the names of a table's columns; what stands beside the samples is behind their own."""
    if path.suffix == ".csv":
        return next(lines_of(path))[1]
    import pyarrow.parquet as pq

    names: list[str] = pq.read_schema(path).names
    return names


def _columns(kind: Kind, suffix: str) -> Iterator[tuple[str, str, bool]]:
    """Yield the columns of a table of `ganlab.exchange.writers`: name, type, and whether a cell holds a list."""
    if isinstance(kind, Window):
        yield ("window", "sc:Integer", False)
        if suffix == ".parquet":
            yield from ((lead, "sc:Float", True) for lead in kind.leads)
        else:
            yield ("time_ms", "sc:Float", False)
            yield from ((f"{lead}_{kind.unit.lower()}", "sc:Float", False) for lead in kind.leads)
    elif isinstance(kind, Row):
        texts = {column.written_as for column in kind.columns if column.in_words}
        names = dict.fromkeys(column.written_as for column in kind.columns)
        yield from ((name, "sc:Text" if name in texts else "sc:Float", False) for name in names)


def checksums(folder: Path, leave_out: Sequence[str] = ()) -> str:
    """Return the SHA-256 of every file of a folder, as `sha256sum --check` reads them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in leave_out)
    return "".join(f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
