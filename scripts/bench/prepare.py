"""From ptbdb's files to the cache, compared with the thesis' code and with wfdb's reading alone."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from statistics import median

import numpy as np
from measure import NotRun, Row, in_turns
from processes import HERE, ROOT, output, outputs

DATA = Path(os.environ.get("GANLAB_TEST_DATA", ROOT.parent / "shared" / "data")) / "ptbdb"
SPAN = 2025
"""Samples of a window, in the thesis and in arrangement=z."""
COPIES = 4


def thesis(turns: int) -> Row:
    """Windows of one lead a second. The thesis' way gives those of lead i, the cache those of every lead."""
    root, names = records()

    def ours() -> float:
        return _prepare(root)

    pairs = in_turns(ours, lambda: listing(root, names), min(turns, 3))
    of_one, of_all = _windows(root, names)
    return Row(
        "prepare: windows of a lead a second",
        "thesis listing 8.2: value by value, a DataFrame row by row, lead i only",
        [(of_all / ours) / (of_one / theirs) for ours, theirs in pairs],
        least=250.0,
        note=f"{of_all:,} windows of {of_all // of_one} leads in {median(a for a, _ in pairs):.2f} s against "
        f"{of_one:,} of one lead in {median(b for _, b in pairs):.1f} s",
    )


def wfdb(turns: int) -> Row:
    """Compare reading, checking and caching with reading alone."""
    root, names = records()
    pairs = in_turns(lambda: _prepare(root), lambda: _read(root, names), turns)
    return Row(
        "prepare: time",
        "wfdb.rdrecord of the same files",
        [ours / theirs for ours, theirs in pairs],
        most=2.0,
        note=f"{len(names)} records: {median(a for a, _ in pairs):.2f} s against {median(b for _, b in pairs):.2f} s",
    )


def reading(turns: int) -> Row:
    """Compare reading and checking alone with wfdb's, both in this process."""
    root, names = records()
    pairs = in_turns(lambda: _read(root, names), lambda: _checked(root, names), turns)
    return Row(
        "reading records, checksums and limits among it: records/s",
        "wfdb.rdrecord of the same files, which does not look at checksums",
        [theirs / ours for theirs, ours in pairs],
        least=4.0,
        note=f"{len(names)} records: {median(b for _, b in pairs):.2f} s against {median(a for a, _ in pairs):.2f} s",
    )


def memory(turns: int) -> Row:
    """Anonymous memory that preparing adds, with four times as many records."""
    small, large = records()[0], copies(COPIES)
    pairs = in_turns(lambda: _added(large), lambda: _added(small), min(turns, 3), warm_up=False)
    return Row(
        f"prepare: anonymous memory added, {COPIES}x the records",
        "1x",
        [ours / theirs for ours, theirs in pairs],
        most=1.1,
        note=f"{median(a for a, _ in pairs):.1f} MB against {median(b for _, b in pairs):.1f} MB",
    )


ROWS = (thesis, wfdb, reading, memory)


def listing(root: Path, names: Sequence[str]) -> float:
    """Seconds of the thesis' way, written anew from its listing 8.2.

    Each record's first lead in mV is cut into windows; each value goes from -2..2 mV to 0..255, is bounded and cut to
    a whole number by itself; each window becomes a row of a growing DataFrame, and the whole a CSV file at the end.
    """
    import pandas
    import wfdb as reader

    began = time.perf_counter()
    table, row = pandas.DataFrame(columns=["signal"]), 0
    for name in names:
        signal = reader.rdrecord(str(root / name)).p_signal[:, 0]
        for window in np.split(signal[: len(signal) // SPAN * SPAN], max(1, len(signal) // SPAN)):
            table.at[row, "signal"] = [_level(value) for value in window.tolist()]
            row += 1
    with tempfile.NamedTemporaryFile("w", dir=outputs(), suffix=".csv") as file:
        table.to_csv(file)
        return time.perf_counter() - began


def _level(value: float) -> int:
    level = (value + 2) / 4 * 255
    level = min(level, 255)
    level = max(level, 0)
    return int(level)


def _prepare(root: Path) -> float:
    from ganlab.dataset.ptbdb import PTBDB

    with tempfile.TemporaryDirectory(dir=outputs()) as cache:
        began = time.perf_counter()
        PTBDB(root, cache=cache).prepare()
        return time.perf_counter() - began


def _read(root: Path, names: Sequence[str]) -> float:
    import wfdb as reader

    began = time.perf_counter()
    for name in names:
        reader.rdrecord(str(root / name))
    return time.perf_counter() - began


def _checked(root: Path, names: Sequence[str]) -> float:
    from ganlab.dataset.wfdb_record import read_record

    began = time.perf_counter()
    for name in names:
        read_record(root, name)
    return time.perf_counter() - began


def _added(root: Path) -> float:
    """MB that preparing adds at its largest, in a process of its own."""
    said = output(str(HERE / "prepared.py"), str(root))
    return float(json.loads(said.splitlines()[-1])["added_mb"])


def _windows(root: Path, names: Sequence[str]) -> tuple[int, int]:
    """Windows of lead i, and of all leads."""
    first = [(root / f"{name}.hea").read_text().splitlines()[0].split() for name in names]
    counts = [(int(fields[1]), int(fields[3]) // SPAN) for fields in first]
    return sum(windows for _, windows in counts), sum(leads * windows for leads, windows in counts)


@cache
def records() -> tuple[Path, tuple[str, ...]]:
    """The complete records of the real database that are whole, copied beside the outputs, and their names."""
    if not (DATA / "RECORDS").is_file():
        raise NotRun(f"no records of the PTB database in {DATA}: set GANLAB_TEST_DATA to the folder that holds ptbdb")
    root = copies(1)
    return root, tuple((root / "RECORDS").read_text().split())


@cache
def copies(count: int) -> Path:
    """So many copies of them, each of other patients."""
    root, listed = outputs() / f"records_{count}x", []
    whole = [name for name in (DATA / "RECORDS").read_text().split() if (DATA / f"{name}.xyz").is_file()]
    for number in range(count):
        for name in whole:
            place = root / f"{number}_{name}"
            place.parent.mkdir(parents=True, exist_ok=True)
            for ending in (".hea", ".dat", ".xyz"):
                shutil.copyfile(DATA / f"{name}{ending}", place.with_name(place.name + ending))
            listed.append(f"{number}_{name}\n")
    (root / "RECORDS").write_text("".join(listed))
    return root
