"""Windows as EDF+ files, which viewers of biosignals read."""

from pathlib import Path

import numpy as np

from ganlab.core.errors import UserError
from ganlab.core.kind import Window, of_kind
from ganlab.core.schema import refuse_formulas
from ganlab.exchange.generated import Generated

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
    try:
        import edfio
    except ImportError:
        raise UserError("format=edf needs the package edfio: pip install 'ganlab[edf]'.") from None
    kind = of_kind(data.kind, Window)
    refuse_formulas(data.classes, "format=edf")  # of labels.csv
    record_s = _record_s(kind)
    labels, cut = [], 0
    recording = edfio.Recording(equipment_code="ganlab", additional=["synthetic", "not_for_clinical_use"])
    for number, window, label in data.one_by_one():
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
        patient = edfio.Patient(code="synthetic", additional=[label.replace(" ", "_")] if label else [])
        made = edfio.Edf(signals, patient=patient, recording=recording, data_record_duration=record_s)
        made.write(folder / f"{data.name(number)}.edf")
        labels.append(label)
    data.write_labels(folder, labels)
    return cut


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
