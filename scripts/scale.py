"""Measures the cost of few recordings, and extrapolates it to a database of 800,000 records of the same shape.

    python scripts/scale.py
    python scripts/scale.py --counts 2000 8000

Writes recordings as MIMIC-IV-ECG has them (10 s of 12 leads at 500 Hz, five of each patient), prepares and opens them
as a run does before its first step. Two counts show which costs grow faster than the number. Seconds are processor
time, which other work on the machine hardly disturbs; memory is what Linux counts as anonymous. Prints a markdown
table.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ALL = 800_035
"""Records of MIMIC-IV-ECG 1.0, of nearly 160,000 patients (doi 10.13026/4nqg-sb35)."""
LEADS = ("i", "ii", "iii", "avr", "avf", "avl", "v1", "v2", "v3", "v4", "v5", "v6")
SAMPLES, RATE, OF_EACH = 5000, 500, 5
SECONDS, MEGABYTES = "s", "MB"


def main() -> None:
    """Measure at both counts, in separate processes, and print the costs and their extrapolation to all records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs=2, default=(2000, 8000), help="records that are measured")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        prepared = (asked.measure / "cache").is_dir()
        print(json.dumps((starting if prepared else preparing)(asked.measure)))
        return
    found = [_in_a_process(count) for count in asked.counts]
    few, many = asked.counts
    print(f"| what | {few:,} records | {many:,} records | growth for {many / few:g}x | {ALL:,} records |")
    print("|---|---|---|---|---|")
    for what, (unit, value) in found[1].items():
        before = found[0][what][1]
        each = (value - before) / (many - few)
        print(
            f"| {what} | {_said(before, unit)} | {_said(value, unit)} | {value / max(before, 1e-9):.1f}x | "
            f"{_said(value + each * (ALL - many), unit)} |"
        )


def _in_a_process(count: int) -> dict[str, tuple[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "records", count)
        command = [sys.executable, __file__, "--measure", folder]
        # The second call finds what the first prepared.
        said = [subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout for _ in range(2)]
    found: dict[str, tuple[str, float]] = {}
    for each in said:
        found |= json.loads(each.splitlines()[-1])
    return found


def write(root: Path, count: int) -> None:
    """Write recordings, random walks in format 16, into a folder for each patient, and list them in RECORDS."""
    draw, names = np.random.default_rng(0), []
    for number in range(count):
        name = f"p{number // OF_EACH:06d}/s{number:06d}"
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        signal = draw.integers(-40, 41, (SAMPLES, len(LEADS)), dtype=np.int16).cumsum(0, dtype=np.int16)
        signal.astype("<i2").tofile(place.with_suffix(".dat"))
        sums = signal.sum(0, dtype=np.int16)
        lines = [
            f"{place.name}.dat 16 200.0(0)/mV 16 0 {signal[0, k]} {sums[k]} 0 {lead}" for k, lead in enumerate(LEADS)
        ]
        place.with_suffix(".hea").write_text("\n".join([f"{place.name} {len(LEADS)} {RATE} {SAMPLES}", *lines]) + "\n")
        names.append(f"{name}\n")
    (root / "RECORDS").write_text("".join(names))


def preparing(folder: Path) -> dict[str, tuple[str, float]]:
    """Return the costs of preparing the cache from the files, by name and unit."""
    import wfdb  # noqa: F401

    source = _source(folder)
    found = {"files of the database": (MEGABYTES, _size(folder / "records"))}
    _timed(found, "prepare: files to cache, once", source.prepare)
    (kept,) = [path for path in (folder / "cache").iterdir() if path.is_dir()]
    found["cache: signals on disk"] = MEGABYTES, _size(kept / "signal.i16")
    found["cache: index on disk"] = MEGABYTES, sum(_size(kept / f"index.{ending}") for ending in ("npz", "json"))
    return found


def starting(folder: Path) -> dict[str, tuple[str, float]]:
    """Return the costs of a run before its first step and in each epoch that depend on the number of records."""
    from ganlab.arrangement.leads import Leads
    from ganlab.dataset.epoch import EpochSampler
    from ganlab.dataset.module import Data
    from ganlab.split.patient import PatientSplit
    from ganlab.tracking.provenance import data_facts

    source, found = _source(folder), {}
    before = _anonymous_mb()
    _timed(found, "each start: are the files the same", source.identity)
    _timed(found, "each start: the same again, and reading the index", source.prepare)
    data = Data(source, PatientSplit(), Leads(["i"]))
    _timed(found, "each start: windows of all records", data.prepare_data)
    _timed(found, "each start: splitting patients", data.setup)
    _timed(found, "each start: hashes of members and values", lambda: data_facts(data))
    _timed(found, "each epoch: its order", lambda: next(iter(EpochSampler(data.train, 0))))
    found["memory of a started run, beyond its imports"] = MEGABYTES, _anonymous_mb() - before
    return found


def _source(folder: Path) -> Any:
    from ganlab.dataset.wfdb import WFDB

    return WFDB(folder / "records", float(RATE), cache=folder / "cache")


def _timed(found: dict[str, tuple[str, float]], what: str, act: Callable[[], Any]) -> None:
    began = time.process_time()
    act()
    found[what] = SECONDS, time.process_time() - began


def _size(path: Path) -> float:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def _anonymous_mb() -> float:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["RssAnon"].split()[0]) * 1024 / 1e6


def _said(value: float, unit: str) -> str:
    if unit == SECONDS and value >= 120:
        return f"{value / 60:,.0f} min" if value < 7200 else f"{value / 3600:,.1f} h"
    if unit == MEGABYTES and value >= 1000:
        return f"{value / 1000:,.1f} GB"
    return f"{value:.3g} {unit}"


if __name__ == "__main__":
    main()
