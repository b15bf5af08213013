"""A tiny database in the layout of PTB-XL: noise for signals, tables as published."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

LEADS = ("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6")
STATEMENTS = """,description,diagnostic,form,rhythm,diagnostic_class,diagnostic_subclass
NDT,non-diagnostic T abnormalities,1.0,1.0,,STTC,STTC
NORM,normal ECG,1.0,,,NORM,NORM
IMI,inferior infarction,1.0,,,MI,IMI
ASMI,anteroseptal infarction,1.0,,,MI,AMI
LVH,left ventricular hypertrophy,1.0,,,HYP,LVH
1AVB,first degree AV block,1.0,,,CD,_AVB
PVC,"ventricular beats, premature",,1.0,,,
SR,sinus rhythm,,,1.0,,
AFIB,atrial fibrillation,,,1.0,,
"""
CODES = (
    "{'NORM': 100.0, 'SR': 0.0}",
    "{'IMI': 35.0, '1AVB': 100.0, 'LVH': 50.0, 'SR': 0.0}",
    "{'ASMI': 0.0, 'NDT': 100.0, 'AFIB': 0.0}",
    "{'NORM': 80.0, 'PVC': 0.0}",
    "{'SR': 0.0}",
)
"""Statements of the records in turn."""
COLUMNS = "ecg_id,patient_id,age,sex,scp_codes,heart_axis,strat_fold,filename_lr,filename_hr"


def write_record(root: Path, name: str, rate: int, seconds: float = 10.0, seed: int = 0) -> None:
    """Write a record of twelve leads of noise in format 16."""
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    digital = np.random.default_rng(seed).integers(-900, 900, (round(rate * seconds), len(LEADS))).astype("<i2")
    digital.tofile(f"{file}.dat")
    sums = digital.sum(axis=0, dtype=np.int16)
    signals = [
        f"{file.name}.dat 16 1000.0(0)/mV 16 0 {digital[0, n]} {sums[n]} 0 {lead}" for n, lead in enumerate(LEADS)
    ]
    Path(f"{file}.hea").write_text("\n".join([f"{file.name} {len(LEADS)} {rate} {len(digital)}", *signals]) + "\n")


def rows(count: int) -> list[dict[str, str]]:
    """Return rows of the table: two records of every tenth patient, folds 1 to 9 in turn."""
    lines = []
    for number in range(1, count + 1):
        patient = number - 1 if number % 10 == 0 else number
        folder = f"{number // 1000:02d}000/{number:05d}"
        lines.append(
            {
                "ecg_id": str(number),
                "patient_id": f"{1000 + patient}.0",
                "age": "" if number % 7 == 0 else f"{300 if number % 11 == 0 else 20 + number}.0",
                "sex": str(number % 2),
                "scp_codes": f'"{CODES[(number - 1) % len(CODES)]}"',
                "heart_axis": ("", "MID", "LAD")[number % 3],
                "strat_fold": str(1 + (patient - 1) % 9),
                "filename_lr": f"records100/{folder}_lr",
                "filename_hr": f"records500/{folder}_hr",
            }
        )
    return lines


def write_tables(root: Path, lines: Sequence[dict[str, str]]) -> None:
    """Write both tables."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "scp_statements.csv").write_text(STATEMENTS)
    text = "\n".join([COLUMNS, *(",".join(line[column] for column in COLUMNS.split(",")) for line in lines)])
    (root / "ptbxl_database.csv").write_text(text + "\n")


def write_database(root: Path, count: int = 18, high: int = 0) -> Path:
    """Write tables and `count` records at 100 Hz, `high` of them at 500 Hz too."""
    lines = rows(count)
    write_tables(root, lines)
    for number, line in enumerate(lines):
        write_record(root, line["filename_lr"], 100, seed=number)
        if number < high:
            write_record(root, line["filename_hr"], 500, seed=number)
    return root
