"""Windows and recordings read from WFDB records, EDF files, arrays, CSV and parquet tables, in mV."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import BadRecord, UserError
from ganlab.core.kind import RATES_HZ, Array, Window, of_kind
from ganlab.core.names import repeated
from ganlab.core.progress import tracked
from ganlab.core.record import MILLIVOLTS_IN, millivolts
from ganlab.dataset.wfdb import WFDB
from ganlab.dataset.wfdb_header import comment_value
from ganlab.dataset.wfdb_signals import read_header
from ganlab.dataset.windows import unfit
from ganlab.exchange.arrays import Axes, read_array, read_axes
from ganlab.exchange.labels import CLASS_COMMENT, LABEL, PATIENT, Beside, as_numbers, read_beside
from ganlab.exchange.synthetic import LISTED, Request, Selected, Synthetic, refuse_contradiction, refuse_or_count
from ganlab.exchange.tables import line_at, lines_of, read_table

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

RATE_HZ = 1000.0
"""Assumed for arrays that do not name their rate: the PTB database's."""


class _Records(WFDB):
    """WFDB records of somebody's generator: the comments may name a class and a patient, else each is its own."""

    def ways_on(self) -> str:
        return "synthetic=<folder with WFDB records>."

    def about(self, name: str, comments: Sequence[str]) -> tuple[str, str, int]:
        return comment_value(comments, PATIENT) or name, comment_value(comments, CLASS_COMMENT), 0


def read_wfdb(path: Path, request: Request) -> Synthetic:
    """Read a folder of WFDB records at the rate of its first one. Raises UserError where none can be read."""
    rate = _first_rate(path)
    records = _Records(path, rate, name=path.name)
    values, read, bad, leads = [], [], [], lower(request.leads)
    for name in tracked(records.names(), "reading records", "record"):
        try:
            record, digital = records.read(name)
        except BadRecord as error:
            bad.append(str(error))
            continue
        record = record.in_unit(of_kind(request.kind, Window).unit)
        present = {*record.leads, *record.unusable}
        if reason := unfit(record, [lead for lead in leads or present if lead in present], whole=True):
            bad.append(f"{name}: {reason}")
            continue
        leads = leads or record.leads
        order = order_of(f"{path / name}.hea", leads, record.leads)
        values.append(millivolts(digital[order], np.array(record.gain)[order], np.array(record.baseline)[order]))
        read.append(record)
    refuse_or_count(path, bad, request.on_bad)
    refuse_contradiction("rate", request.rate, rate, path)
    if not values:
        raise UserError(f"synthetic={path}: none of its {len(bad)} records can be read. The first: {bad[0]}")
    beside = Beside([record.diagnosis for record in read], [record.patient for record in read])
    if not any(beside.labels):
        file = read_beside(path, [record.name for record in read])
        beside = Beside(file.labels, file.patients or beside.patients)
    facts = {"format": "WFDB records", "read": len(values), "unreadable": len(bad)}
    samples = min(each.shape[-1] for each in values)
    kind = Window(tuple(leads or ()), rate, samples, of_kind(request.kind, Window).unit)
    return Synthetic(kind, values, facts=facts, **as_numbers(path, beside, request))


def _first_rate(path: Path) -> float:
    names = _Records(path, RATE_HZ, name=path.name).names()
    try:
        rate = read_header(path, names[0]).rate
    except (BadRecord, OSError) as error:
        raise UserError(f"synthetic={path}: the header of {names[0]} cannot be read ({error}).") from error
    if not RATES_HZ[0] <= rate <= RATES_HZ[1]:
        raise UserError(
            f"synthetic={path}: {names[0]} has {rate:g} Hz; accepted are {RATES_HZ[0]:g} to {RATES_HZ[1]:g}."
        )
    return rate


def read_array_of_windows(path: Path, request: Request) -> Synthetic:
    """Read an array `(windows, leads, samples)` or `(windows, samples)`, memory-mapped.

    Leads, rate and unit come from the JSON file beside it, else from the request; the rate is else 1000 Hz, the unit
    that of the real windows. Raises UserError where they contradict one another or the array.
    """
    values = read_array(path, (2, 3))
    values = values[:, None] if values.ndim == 2 else values
    return windows_of(path, values, read_axes(path), request, read_beside(path.parent, len(values)), "npy array")


def windows_of(path: Path, values: Array, axes: Axes, request: Request, beside: Beside, form: str) -> Synthetic:
    """Return windows of an array `(windows, leads, samples)`. Raises UserError as `read_array_of_windows` does."""
    named = lower(axes.leads) or lower(request.leads) or request.kind.leads
    if len(named) != values.shape[1]:
        raise UserError(
            f"{path} has shape {values.shape}: {values.shape[1]} leads, and {len(named)} are named: "
            f"{', '.join(named)}. Accepted is an array (windows, leads, samples); name its leads in their order: "
            "leads=[i,ii]."
        )
    leads = lower(request.leads) or named
    order = order_of(path, leads, named)
    refuse_contradiction("rate", request.rate, axes.rate_hz, path)
    refuse_contradiction("unit", request.unit, axes.unit, path)
    given = request.rate if axes.rate_hz is None else axes.rate_hz
    rate = RATE_HZ if given is None else float(given)
    if given is None:
        log.warning("%s does not say its rate; %g Hz are assumed (rate=...)", path, rate)
    wanted = of_kind(request.kind, Window).unit
    factor = factor_of(path, axes.unit or request.unit or wanted, wanted)

    def in_unit(window: Array) -> Array:
        return np.asarray(window[order], np.float32) * factor

    facts = {"format": form, "read": len(values), "rate_assumed": given is None}
    windows = Selected(values, np.arange(len(values)), in_unit)
    kind = Window(tuple(leads), rate, values.shape[-1], wanted)
    return Synthetic(kind, windows, facts=facts, **as_numbers(path, beside, request))


def factor_of(path: Path, unit: str, wanted: str) -> np.float32:
    """Return by what values in `unit` are multiplied to be in the `wanted` one. Raises UserError where they differ."""
    if unit == wanted:
        return np.float32(1)
    if unit not in MILLIVOLTS_IN or wanted not in MILLIVOLTS_IN:
        accepted = ", ".join(MILLIVOLTS_IN) if wanted in MILLIVOLTS_IN else wanted
        raise UserError(f"{path}: unit {unit}; accepted are {accepted}: unit=uV.")
    return np.float32(MILLIVOLTS_IN[unit] / MILLIVOLTS_IN[wanted])


def read_table_of_windows(path: Path, request: Request) -> Synthetic:
    """Read a CSV table with a row for each sample, as `ganlab.sample format=csv` writes it. Raises UserError."""
    columns = next(lines_of(path))[1]
    unit = of_kind(request.kind, Window).unit
    end = f"_{unit.lower()}"
    named = tuple(column[: -len(end)].lower() for column in columns if column.lower().endswith(end))
    if "window" not in columns or not named:
        raise UserError(
            f"{path}: its columns are {', '.join(columns[:LISTED])}. Accepted are window, time_ms, and <lead>{end} for "
            "each lead, a row a sample, as ganlab.sample format=csv writes."
        )
    leads = lower(request.leads) or named
    order_of(path, leads, named)
    of_leads = [next(column for column in columns if column.lower() == f"{lead}{end}") for lead in leads]
    table = read_table(path, [*of_leads, "time_ms"])
    if table.empty:
        raise UserError(f"{path} has no line below the names of its columns.")
    starts = _starts(path, table)
    values = np.split(table[of_leads].to_numpy(np.float32).T, starts[1:], axis=1)
    rate = _rate_of_table(path, table, starts, request)
    beside = Beside(*(list(table[name].to_numpy()[starts]) if name in columns else () for name in (LABEL, PATIENT)))
    kind = Window(tuple(leads), rate, min(each.shape[-1] for each in values), unit)
    facts = {"format": "CSV", "read": len(values)}
    return Synthetic(kind, values, facts=facts, **as_numbers(path, beside, request))


def _starts(path: Path, table: "pd.DataFrame") -> NDArray[np.int64]:
    """Return the first row of each window. Raises UserError for one that appears again, or has two labels."""
    names = table["window"].to_numpy(str)
    begins = names[1:] != names[:-1]
    starts = np.flatnonzero(np.concatenate([[True], begins]))
    if len(again := np.setdiff1d(np.arange(len(starts)), np.unique(names[starts], return_index=True)[1])):
        row = int(starts[again[0]])
        raise UserError(
            f"{path}:{line_at(path, row)}: window {str(names[row])!r} appears again; its rows must be together."
        )
    for column in (LABEL, PATIENT):
        own = table[column].to_numpy(str) if column in table else names
        if len(others := np.flatnonzero((own[1:] != own[:-1]) & ~begins)):
            row = int(others[0]) + 1
            raise UserError(
                f"{path}:{line_at(path, row)}: {column} {str(own[row])!r}, and {str(own[row - 1])!r} above it."
            )
    return starts


def _rate_of_table(path: Path, table: "pd.DataFrame", starts: NDArray[np.int64], request: Request) -> float:
    """Return the rate in Hz by the times of the first window; the requested one where there is no time.

    Raises UserError for times that do not rise by the same step in every window.
    """
    if "time_ms" not in table:
        return RATE_HZ if request.rate is None else float(request.rate)
    times = table["time_ms"].to_numpy(float)
    start = np.repeat(starts, np.diff([*starts, len(times)]))
    first = times[start == 0]
    span = float(first[-1] - first[0]) if len(first) > 1 else 0.0
    if not span > 0:
        raise UserError(f"{path}: time_ms of the first window does not rise; accepted are milliseconds.")
    step = span / (len(first) - 1)
    expected = times[start] + step * (np.arange(len(times)) - start)
    rises = np.concatenate([[True], (np.diff(times) > 0) | (np.diff(start) > 0)])
    if len(wrong := np.flatnonzero(~(rises & (np.abs(times - expected) < step / 2)))):
        row = int(wrong[np.argmin(rises[wrong])])
        raise UserError(
            f"{path}:{line_at(path, row)}: time_ms {times[row]:g} below {times[row - 1]:g}: times rise by the same "
            f"step from the first to the last row of a window, here about {step:g} ms."
        )
    low, high = RATES_HZ
    if not low <= (rate := round(1000 / step, 3)) <= high:
        raise UserError(f"{path}: {rate:g} Hz by its time_ms; accepted are {low:g} to {high:g} Hz.")
    if request.rate is None or not math.isclose(rate, request.rate, rel_tol=1e-4):
        refuse_contradiction("rate", request.rate, rate, path)
        return rate
    return float(request.rate)


def lower(leads: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return names of leads in lower case; None for none."""
    return tuple(str(lead).lower() for lead in leads) if leads else None


def order_of(where: object, leads: Sequence[str], named: Sequence[str]) -> list[int]:
    """Return the positions of leads among those of a file. Raises UserError for one that it lacks, or repeats."""
    if twice := repeated(named):
        raise UserError(f"{where}: lead {', '.join(twice)} occurs twice; names differ by more than their case.")
    if lacking := [lead for lead in leads if lead not in named]:
        raise UserError(
            f"{where}: no lead {', '.join(lacking)}; it has {', '.join(named)}. Another choice: leads=[...]."
        )
    return [named.index(lead) for lead in leads]
