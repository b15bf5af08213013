"""Windows as EDF+ files, which viewers of biosignals read, and as they are read back."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ganlab.core.errors import UserError
from ganlab.core.files import inside
from ganlab.core.kind import RATES_HZ, Window, of_kind
from ganlab.core.progress import tracked
from ganlab.exchange.generated import Generated
from ganlab.exchange.labels import LABEL, PATIENT, as_numbers, read_beside
from ganlab.exchange.synthetic import Request, Synthetic, refuse_or_count
from ganlab.exchange.windows import factor_of, lower, order_of

RANGE_MV = (-16.384, 16.3835)
"""Physical range of leads in mV: 0.5 uV a step, as in the WFDB records."""
WIDTH = 8
"""Characters of a number in a header."""
LARGEST = 61_440
"""Bytes of a data record, 2 a value."""
LONGEST_LABEL = 60
"""Characters of a class beside the others of a header's patient."""


def write_edf(data: Generated, folder: Path) -> int:
    """Write one EDF+ file per window; return how many values were beyond the range of leads in mV, and cut to it.

    A lead in another unit has the range of its own values. Raises UserError where the package edfio is missing, and
    for lengths, leads and units that a header of EDF cannot hold.
    """
    edfio = _edfio()
    kind = of_kind(data.kind, Window)
    data.refuse_formulas((), "format=edf")  # of people.csv
    record_s = _record_s(kind)
    cut = 0
    recording = edfio.Recording(equipment_code="ganlab", additional=["synthetic", "not_for_clinical_use"])
    for number, window in data.one_by_one():
        label, patient = (data.beside[key][number - 1] if key in data.beside else "" for key in (LABEL, PATIENT))
        values = window.astype(np.float64)
        if not kind.other_unit:
            cut += int(((values < RANGE_MV[0]) | (values > RANGE_MV[1])).sum())
            values = values.clip(*RANGE_MV)
        signals = [
            edfio.EdfSignal(
                lead,
                kind.rate,
                label=name,
                physical_dimension=kind.unit,
                physical_range=_own_range(lead) if kind.other_unit else RANGE_MV,
            )
            for name, lead in zip(kind.leads, values, strict=True)
        ]
        if not (label.isascii() and f"_{label}".isprintable() and len(label) <= LONGEST_LABEL):
            raise UserError(
                f"format=edf: class {label!r} has more than {LONGEST_LABEL} letters or others than ASCII; format=wfdb."
            )
        whose = edfio.Patient(code=patient or "synthetic", additional=[label.replace(" ", "_")] if label else [])
        made = edfio.Edf(signals, patient=whose, recording=recording, data_record_duration=record_s)
        made.write(folder / f"{data.name(number)}.edf")
    data.write_people(folder)
    return cut


def read_edf(path: Path, request: Request) -> Synthetic:
    """Read a folder of EDF files, a recording each, at the rate and with the leads of the first.

    Classes and patients stand in `labels.csv` or `people.csv`. Raises UserError where none can be read.
    """
    edfio, unit = _edfio(), of_kind(request.kind, Window).unit
    values, names, bad, leads, rate = [], [], [], lower(request.leads), request.rate
    for file in tracked(edf_files(path), "reading recordings", "file"):
        if not inside(file, path):
            bad.append(f"{file.name}: no file of this folder")
            continue
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", message=".* header indicates")  # a file that was cut
                signals = edfio.read_edf(file).signals
            data, own_rate = [signal.data for signal in signals], signals[0].sampling_frequency
        except Exception as error:  # of what numpy and edfio make of somebody's header
            bad.append(f"{file.name}: not readable as EDF ({type(error).__name__}: {error})")
            continue
        named = tuple(signal.label.lower() for signal in signals)
        leads, rate = leads or named, rate or own_rate
        order = order_of(file, leads, named)
        rates = {signals[at].sampling_frequency for at in order}
        if rates != {rate}:
            bad.append(
                f"{file.name}: its signals have {', '.join(f'{each:g}' for each in sorted(rates))} Hz, not {rate:g}"
            )
            continue
        factors = [factor_of(file, signals[at].physical_dimension, unit) for at in order]
        values.append(
            np.stack([data[at] * factor for at, factor in zip(order, factors, strict=True)]).astype(np.float32)
        )
        names.append(file.name)
    refuse_or_count(path, bad, request.on_bad)
    if not values:
        raise UserError(f"synthetic={path}: none of its {len(bad)} EDF files can be read. The first: {bad[0]}")
    if not RATES_HZ[0] <= float(rate or 0) <= RATES_HZ[1]:
        raise UserError(f"synthetic={path}: {rate:g} Hz; accepted are {RATES_HZ[0]:g} to {RATES_HZ[1]:g}.")
    kind = Window(tuple(leads or ()), float(rate or 0), min(each.shape[-1] for each in values), unit)
    facts = {"format": "EDF files", "read": len(values), "unreadable": len(bad)}
    return Synthetic(kind, values, facts=facts, **as_numbers(path, read_beside(path, names), request))


def edf_files(folder: Path) -> list[Path]:
    """Return the EDF files of a folder by name; recorders write their ending in capitals too."""
    return sorted(file for file in folder.iterdir() if file.suffix.lower() == ".edf")


def _edfio() -> Any:
    try:
        import edfio
    except ImportError:
        raise UserError("EDF needs the package edfio: pip install 'ganlab[edf]'.") from None
    return edfio


def _own_range(values: np.ndarray) -> tuple[float, float]:
    """Return a range around 0 that holds the values, in three digits, which a header has room for."""
    largest = max(float(np.abs(values).max()), 1e-6)
    step = 10.0 ** (np.floor(np.log10(largest)) - 2)
    end = float(f"{np.ceil(largest / step) * step:.3g}")
    return -end, end


def _record_s(kind: Window) -> float:
    """Return the length of a data record: the window's, or the longest equal part that EDF accepts.

    Raises UserError for what a header of EDF cannot hold.
    """
    for name, width in [*((lead, 16) for lead in kind.leads), (kind.unit, WIDTH)]:
        if len(name) > width or not name.isascii():
            raise UserError(f"format=edf: {name!r} has more than {width} letters or others than ASCII; format=wfdb.")
    for samples in range(min(kind.samples, LARGEST // (2 * len(kind.leads))), 0, -1):
        text = f"{samples / kind.rate:.12g}"
        if kind.samples % samples == 0 and len(text) <= WIDTH and float(text) == samples / kind.rate:
            return samples / kind.rate
    raise UserError(
        f"format=edf: {len(kind.leads)} x {kind.samples} samples at {kind.rate:g} Hz are no whole number of "
        f"records of at most {LARGEST:,} bytes whose seconds EDF can hold exactly. format=wfdb or parquet can."
    )
