"""A simulated cohort as a WFDB database in the layout of the PTB database."""

from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganlab import __version__
from ganlab.core.record import Record
from ganlab.simulator.ecg import simulate_record
from ganlab.simulator.patient import draw_anatomy


def header_comments(record: Record, *, seed: int) -> list[str]:
    """Return the comments of a PTB header, and one that marks the record as synthetic."""
    anatomy = draw_anatomy(int(record.patient.removeprefix("patient")), seed=seed)
    return [
        f"age: {anatomy.age}",
        f"sex: {anatomy.sex}",
        "ECG date: n/a",
        "Diagnose:",
        f"Reason for admission: {anatomy.condition.reason}",
        f"Acute infarction (localization): {anatomy.condition.acute}",
        f"Former infarction (localization): {anatomy.condition.former}",
        "Additional diagnoses: no",
        f"synthetic: simulated by ganlab {__version__}, seed {seed}, not for clinical use",
    ]


def write_record(record: Record, digital: NDArray[np.int16], folder: Path, *, seed: int) -> None:
    """Write a simulated record like PTB's: a header, twelve leads in a .dat, Frank's three in a .xyz file.

    The `record` is from `simulate_record` with this `seed`, its name the path under `folder`, the root of the database;
    `digital` is its signal in ADC units, with shape `(15, samples)`.
    """
    import wfdb

    path = folder / record.name
    path.parent.mkdir(parents=True, exist_ok=True)
    count = len(record.leads)
    written = wfdb.Record(
        record_name=path.name,
        n_sig=count,
        fs=round(record.rate),
        sig_len=record.samples,
        file_name=[path.name + (".xyz" if lead in ("vx", "vy", "vz") else ".dat") for lead in record.leads],
        fmt=["16"] * count,
        adc_gain=list(record.gain),
        baseline=list(record.baseline),
        units=["mV"] * count,
        adc_res=[16] * count,
        adc_zero=[0] * count,
        sig_name=list(record.leads),
        comments=header_comments(record, seed=seed),
        d_signal=digital.T.astype(np.int64),
    )
    written.set_d_features()
    written.set_defaults()
    written.wrsamp(write_dir=str(path.parent))


def write_cohort(root: Path, patients: int, *, recordings: int = 1, seconds: float, seed: int) -> tuple[Record, ...]:
    """Write the records of patients 1 to `patients` under `root`, with the list RECORDS; return them."""
    root.mkdir(parents=True, exist_ok=True)
    records = []
    for patient, recording in product(range(1, patients + 1), range(1, recordings + 1)):
        record, digital = simulate_record(patient, recording, seconds=seconds, seed=seed)
        write_record(record, digital, root, seed=seed)
        records.append(record)
    (root / "RECORDS").write_text("".join(f"{record.name}\n" for record in records), encoding="utf-8")
    return tuple(records)
