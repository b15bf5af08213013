"""Measures the cost of few recordings, and extrapolates it to a database of 800,000 records of the same shape.

    python scripts/scale.py
    python scripts/scale.py --counts 2000 8000
    python scripts/scale.py --counts 25000 100000 --samples 256     # short recordings: what depends on their number

Writes recordings as MIMIC-IV-ECG has them (10 s of 12 leads at 500 Hz, five of each patient), prepares and opens them
as a run does before its first step. Two counts show which costs grow faster than the number. Seconds are processor
time, which other work on the machine hardly disturbs; memory is what Linux counts as anonymous. Prints a markdown
table.
"""

import argparse
import json
import math
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
    parser.add_argument("--samples", type=int, default=SAMPLES, help="samples of each lead")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        prepared = (given.measure / "cache").is_dir()
        print(json.dumps((starting if prepared else preparing)(given.measure)))
        return
    measured = [_in_a_process(count, given.samples) for count in given.counts]
    few, many = given.counts
    print(f"| what | {few:,} records | {many:,} records | growth for {many / few:g}x | {ALL:,} records |")
    print("|---|---|---|---|---|")
    for what, (unit, value) in measured[1].items():
        before = measured[0][what][1]
        each = (value - before) / (many - few)
        print(
            f"| {what} | {_text(before, unit)} | {_text(value, unit)} | {value / max(before, 1e-9):.1f}x | "
            f"{_text(value + each * (ALL - many), unit)} |"
        )


def _in_a_process(count: int, samples: int) -> dict[str, tuple[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "records", count, samples)
        command = [sys.executable, __file__, "--measure", folder]
        # The second call opens what the first prepared.
        printed = [subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout for _ in range(2)]
    costs: dict[str, tuple[str, float]] = {}
    for each in printed:
        costs |= json.loads(each.splitlines()[-1])
    return costs


def write(root: Path, count: int, samples: int = SAMPLES) -> None:
    """Write recordings of `samples`, random walks in format 16, into a folder a patient, and list them in RECORDS."""
    draw, names = np.random.default_rng(0), []
    for number in range(count):
        name = f"p{number // OF_EACH:06d}/s{number:06d}"
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        signal = draw.integers(-40, 41, (samples, len(LEADS)), dtype=np.int16).cumsum(0, dtype=np.int16)
        signal.astype("<i2").tofile(place.with_suffix(".dat"))
        sums = signal.sum(0, dtype=np.int16)
        lines = [
            f"{place.name}.dat 16 200.0(0)/mV 16 0 {signal[0, k]} {sums[k]} 0 {lead}" for k, lead in enumerate(LEADS)
        ]
        place.with_suffix(".hea").write_text("\n".join([f"{place.name} {len(LEADS)} {RATE} {samples}", *lines]) + "\n")
        names.append(f"{name}\n")
    (root / "RECORDS").write_text("".join(names))


def preparing(folder: Path) -> dict[str, tuple[str, float]]:
    """Return the costs of preparing the cache from the files, by name and unit."""
    import wfdb  # noqa: F401

    source = _source(folder)
    costs = {"files of the database": (MEGABYTES, _size(folder / "records"))}
    _timed(costs, "prepare: files to cache, once", source.prepare)
    (kept,) = [path for path in (folder / "cache").iterdir() if path.is_dir()]
    costs["cache: signals on disk"] = MEGABYTES, _size(kept / "signal.i16")
    costs["cache: index on disk"] = MEGABYTES, sum(_size(kept / f"index.{ending}") for ending in ("npz", "json"))
    return costs


def starting(folder: Path) -> dict[str, tuple[str, float]]:
    """Return the costs of a run before its first step and in each epoch that depend on the number of records."""
    from ganlab.arrangement.leads import Leads
    from ganlab.dataset.epoch import EpochSampler
    from ganlab.dataset.module import Data
    from ganlab.split.patient import PatientSplit
    from ganlab.tracking.provenance import data_facts

    source, costs = _source(folder), {}
    before = _anonymous_mb()
    _timed(costs, "each start: are the files the same", source.identity)
    _timed(costs, "each start: the same again, and reading the index", source.prepare)
    data = Data(source, PatientSplit(), Leads(["i"], side=min(45, math.isqrt(source.prepare().records[0].samples))))
    _timed(costs, "each start: windows of all records", data.prepare_data)
    _timed(costs, "each start: splitting patients", data.setup)
    _timed(costs, "each start: hashes of members and values", lambda: data_facts(data))
    _timed(costs, "each epoch: its order", lambda: next(iter(EpochSampler(data.train, 0))))
    costs["memory of a started run, beyond its imports"] = MEGABYTES, _anonymous_mb() - before
    return costs


def _source(folder: Path) -> Any:
    from ganlab.dataset.wfdb import WFDB

    return WFDB(folder / "records", float(RATE), cache=folder / "cache")


def _timed(costs: dict[str, tuple[str, float]], what: str, act: Callable[[], Any]) -> None:
    began = time.process_time()
    act()
    costs[what] = SECONDS, time.process_time() - began


def _size(path: Path) -> float:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def _anonymous_mb() -> float:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["RssAnon"].split()[0]) * 1024 / 1e6


def _text(value: float, unit: str) -> str:
    if unit == SECONDS and value >= 120:
        return f"{value / 60:,.0f} min" if value < 7200 else f"{value / 3600:,.1f} h"
    if unit == MEGABYTES and value >= 1000:
        return f"{value / 1000:,.1f} GB"
    return f"{value:.3g} {unit}"


if __name__ == "__main__":
    main()
