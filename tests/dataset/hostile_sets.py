"""Data sets that try to do something, as somebody may send them: records, images, tables and arrays.

Each changes a whole data set in a folder; `outside` holds a file that no data set may reach. What would be done is to
make a file named CANARY in the working folder, to read the file outside, or to take memory and time without end.
"""

import json
import os
import pickle
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import wfdb
from PIL import Image

from tests.generator.hostile import CANARY

Change = Callable[[Path, Path], object]
SECRET = "PLANTED-SECRET"
FIRST = "p01/r"


class Canary:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (CANARY,)


def records(root: Path, patient: str = "p", count: int = 3) -> None:
    """Write records of so many patients, named alike, two leads of ten seconds at 100 Hz."""
    rng = np.random.default_rng(0)
    names = [f"{patient}{number:02}" for number in range(1, count + 1)]
    for name in names:
        (root / name).mkdir(parents=True)
        signal = rng.normal(0, 0.2, (1000, 2)).cumsum(0) * 0.02 + rng.normal(0, 0.2, (1000, 2))
        wfdb.wrsamp("r", 100, ["mV"] * 2, ["i", "ii"], signal, fmt=["16"] * 2, write_dir=str(root / name))
    (root / "RECORDS").write_text("".join(f"{name}/r\n" for name in names))


def images(root: Path) -> None:
    """Write four grey images of four people."""
    rng = np.random.default_rng(0)
    for number in range(4):
        (root / f"p{number}").mkdir(parents=True)
        Image.fromarray(rng.integers(0, 256, (20, 30), np.uint8)).save(root / f"p{number}" / "a.png")


def table(root: Path) -> None:
    """Write sixty rows."""
    root.mkdir()
    (root / "rows.csv").write_text("x,y\n" + "".join(f"{n},{n * n % 7}\n" for n in range(60)))


def line(file: str, old: str, new: str) -> Change:
    """Change a text in a file of the set."""

    def change(root: Path, outside: Path) -> None:
        path = root / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new.format(outside=outside), 1))

    return change


def link(file: str) -> Change:
    """Put a link to the file outside in the place of one of the set."""

    def change(root: Path, outside: Path) -> None:
        (root / file).unlink()
        (root / file).symlink_to(outside / "secret")

    return change


def pipe(file: str) -> Change:
    """Put a pipe, which never ends, in the place of a file."""

    def change(root: Path, outside: Path) -> None:
        (root / file).unlink()
        os.mkfifo(root / file)

    return change


def content(file: str, data: bytes) -> Change:
    """Replace a file's content."""
    return lambda root, outside: (root / file).write_bytes(data)


def packed(name: str, **entry: Any) -> Change:
    """Put a zip in the place of a folder, with an entry that tries something."""

    def change(root: Path, outside: Path) -> None:
        first = (root / "p0" / "a.png").read_bytes()
        others = [(path.relative_to(root).as_posix(), path.read_bytes()) for path in sorted(root.rglob("*.png"))]
        shutil.rmtree(root)
        root.mkdir()
        with zipfile.ZipFile(root / "images.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for each, data in others:
                archive.writestr(each, data)
            info = zipfile.ZipInfo(name.format(outside=outside))
            info.external_attr = entry.get("mode", 0o644) << 16
            archive.writestr(info, entry.get("data", first), zipfile.ZIP_DEFLATED)

    return change


def png(width: int, height: int, more: bytes = b"") -> bytes:
    """Return a PNG that says it has this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + more + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


HEADER = f"{FIRST}.hea"
WINDOWS: dict[str, Change] = {
    "RECORDS leads out": line("RECORDS", FIRST, "../outside/secret"),
    "RECORDS is absolute": line("RECORDS", FIRST, "{outside}/secret"),
    "RECORDS is an address": line("RECORDS", FIRST, "http://127.0.0.1:1/r"),
    "RECORDS goes up and back": line("RECORDS", FIRST, "p02/../../set/p01/r"),
    "RECORDS has a pipe's name": line("RECORDS", FIRST, "|touch CANARY"),
    "RECORDS has a control sign": line("RECORDS", FIRST, "p01/\x1b[2Jr"),
    "RECORDS is a pipe": pipe("RECORDS"),
    "RECORDS is a link out": link("RECORDS"),
    "a header names a file outside": line(HEADER, "r.dat", "../../outside/secret"),
    "a header names an absolute file": line(HEADER, "r.dat", "{outside}/secret"),
    "a header names a device": line(HEADER, "r.dat", "/dev/zero"),
    "a header names standard input": line(HEADER, "r.dat", "-"),
    "a header names an address": line(HEADER, "r.dat", "http://127.0.0.1:1/r.dat"),
    "a header is a link out": link(HEADER),
    "a header is a pipe": pipe(HEADER),
    "a signal file is a link out": link(f"{FIRST}.dat"),
    "a signal file is a pipe": pipe(f"{FIRST}.dat"),
    "a header has a billion samples": line(HEADER, " 1000", " 1000000000"),
    "a header has a billion leads": line(HEADER, "r 2 ", "r 1000000000 "),
    "a header has endless segments": line(HEADER, "r 2 ", "r/1000000000 2 "),
    "a header has a rate without end": line(HEADER, " 100 ", " 1e308 "),
    "a header has a gain of nothing": line(HEADER, "(", "e-300("),
    "a header is pickled": content(HEADER, pickle.dumps(Canary())),
    "a header is large": content(HEADER, b"# " + b"x" * (8 << 20)),
}
IMAGES: dict[str, Change] = {
    "an image is a link out": link("p0/a.png"),
    "an image is a pipe": pipe("p0/a.png"),
    "an image is pickled": content("p0/a.png", pickle.dumps(Canary())),
    "an image says it is huge": content("p0/a.png", png(60_000, 60_000)),
    "an image is PostScript": content(
        "p0/a.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(CANARY) (w) file\n"
    ),
    "a zip leads out": packed("../../CANARY.png"),
    "a zip is absolute": packed("{outside}/CANARY.png"),
    "a zip has a link": packed("p0/b.png", mode=0o120777, data=b"/etc/passwd"),
    "a zip has a pipe": packed("p0/b.png", mode=0o010644),
    "a zip is a bomb": packed("p0/b.png", data=bytes(20 << 20)),
    "a zip has a control sign": packed("p0/\x1b[2J.png"),
}
NPY = b"\x93NUMPY\x01\x00"


def array(header: str) -> bytes:
    """Return an array with this header."""
    text = header.encode().ljust(117) + b"\n"
    return NPY + struct.pack("<H", len(text)) + text + bytes(96)


TABLES: dict[str, Change] = {
    "a table is pickled": content("rows.csv", pickle.dumps(Canary())),
    "a table is a pipe": pipe("rows.csv"),
    "a table has formulas": content("rows.csv", b"=cmd|' /C touch CANARY'!A0,y\n1,2\n"),
    "a table has a cell without end": content("rows.csv", b"x,y\n1," + b"9" * (1 << 20) + b"\n"),
    "a table has zeros": content("rows.csv", b"x,y\n1,\0\n"),
    "a table has many columns of one name": content("rows.csv", b"x," * 100_000 + b"y\n"),
}
ARRAYS: dict[str, bytes] = {
    "an array of objects": array("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }"),
    "an array whose header is code": array("__import__('os').mkdir('CANARY')"),
    "an array without end": array("{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999, 2, 60), }"),
    "an array of fields with objects": array("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (3,), }"),
    "an array that is pickled": pickle.dumps(Canary()),
}
"""What is read by `synthetic=` alone."""
DESCRIPTIONS: dict[str, str] = {
    "a description of many brackets": "[" * 100_000,
    "a description with a rate without end": json.dumps({"leads": ["i", "ii"]})[:-1]
    + ', "rate_hz": 1'
    + "0" * 400
    + "}",
    "a description with a list for a unit": json.dumps({"leads": ["i", "ii"], "rate_hz": 100, "unit": ["mV"]}),
    "a description that names a class": json.dumps({"leads": {"_target_": "os.mkdir", "path": CANARY}, "rate_hz": 100}),
}


def edf(folder: Path) -> Path:
    """Write an EDF file and return it."""
    import edfio

    signals = [
        edfio.EdfSignal(np.linspace(-1, 1, 200), 100, label=lead, physical_dimension="mV") for lead in ("i", "ii")
    ]
    edfio.Edf(signals).write(folder / "a.edf")
    return folder / "a.edf"


def edf_with(at: int, text: bytes) -> Change:
    """Change a field of an EDF file's header."""

    def change(root: Path, outside: Path) -> None:
        content = edf(root).read_bytes()
        (root / "a.edf").write_bytes(content[:at] + text + content[at + len(text) :])

    return change


def linked_edf(root: Path, outside: Path) -> None:
    """Put a link to an EDF file outside."""
    (root / "a.edf").symlink_to(edf(outside))


def bomb(root: Path, outside: Path) -> None:
    """Write a parquet table of a few kB that becomes 11 million values."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(
        pa.table({"x": pa.array(np.ones(11_000_000, np.int8))}), root / "synthetic.parquet", compression="zstd"
    )


OF_TOOLS: dict[str, Change] = {
    "an EDF file is a link out": linked_edf,
    "an EDF file is a pipe": lambda root, outside: os.mkfifo(root / "a.edf"),
    "an EDF file is pickled": content("a.edf", pickle.dumps(Canary())),
    "an EDF file has endless records": edf_with(236, b"99999999"),
    "an EDF file has endless signals": edf_with(252, b"9999"),
    "an EDF file has no time": edf_with(244, b"1e-300  "),
    "a parquet table is pickled": content("synthetic.parquet", pickle.dumps(Canary())),
    "a parquet table is a bomb": bomb,
}
"""Files of viewers and of data frames, which are read by `synthetic=` alone."""
