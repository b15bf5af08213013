"""How far clinical measurements are from known ones, beside neurokit2's: the tables of docs/clinical.md.

python scripts/clinical.py                         # simulated patients, whose waves are known; needs .[compare]
python scripts/clinical.py --ptbxl data/ptbxl      # and what cardiologists state of records of PTB-XL
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.kind import Window
from ganlab.core.record import Record, millivolts
from ganlab.metrics.ecg import clinical
from ganlab.metrics.ecg.median_beat import median_beats
from ganlab.metrics.ecg.waves import Waves, measure
from ganlab.simulator.condition import INDEPENDENT, Wave
from ganlab.simulator.ecg import simulate_record
from ganlab.simulator.patient import at_session, draw_anatomy, draw_session

LEADS = INDEPENDENT[:8]
"""Leads compared: i, ii, v1 to v6."""
TIME = np.arange(-400.0, 700.0)
"""Time about R, ms."""
EDGE = 0.02
"""Share of QRS's greatest height, RMS over leads, at which it begins and ends."""
HEAD = "| | usual | not measurable | bias | 90 % of errors | r |\n|---|---|---|---|---|---|"
Table = dict[str, NDArray[np.float64]]


def course(
    waves: Mapping[str, Wave], names: Sequence[str], leads: NDArray[np.float64], rr: float
) -> NDArray[np.float64]:
    """Return some waves of a beat in each lead, `(leads, ms)` in mV, at an RR interval in s."""
    dipole = np.zeros((3, len(TIME)))
    for name in names:
        wave, stretch = waves[name], rr ** waves[name].stretch
        shape = np.exp(-0.5 * ((TIME - wave.center * stretch) / (wave.width * stretch)) ** 2)
        dipole += np.array(wave.vector)[:, None] * shape
    return leads @ dipole


def known(patient: int, seed: int, rr: float) -> dict[str, NDArray[np.float64]]:
    """Return what a simulated patient's normal beat has, intervals in ms, heights in mV in each of `LEADS`.

    A Gaussian's steepest tangent meets 0 two deviations from its top: there P begins and T ends. QRS lasts while its
    waves alone are above 2 % of their greatest height, RMS over leads.
    """
    anatomy, session = draw_anatomy(patient, seed=seed), draw_session(np.random.default_rng([seed, patient, 1]))
    waves = at_session(anatomy.normal, session)
    leads = (session.gain[:, None] * anatomy.leads)[: len(LEADS)]
    ventricle = [name for name in waves if name[0] in "qr" or name in ("s", "notch_first", "notch_second")]
    repolarized = [name for name in waves if name.startswith("t")]
    qrs = course(waves, ventricle, leads, rr)
    size = np.sqrt((qrs**2).mean(axis=0))
    loud = np.flatnonzero(size > EDGE * size.max())
    onset, offset = TIME[loud[0]], TIME[loud[-1]]
    p, t, late = waves["p_right"], waves["t_late"], rr ** waves["t_late"].stretch
    begin = (p.center - 2 * p.width) * rr**p.stretch
    whole = course(waves, list(waves), leads, rr)
    level = whole[:, onset > TIME][:, -8:].mean(axis=1, keepdims=True)
    inside = (whole - level)[:, (onset <= TIME) & (offset >= TIME)]
    after = (whole - level)[:, offset + 70 < TIME]
    return {
        "pr": np.array(onset - begin),
        "qrs": np.array(offset - onset),
        "qt": np.array((t.center + 2 * t.width) * late - onset),
        "p": _extreme(course(waves, ["p_right", "p_left"], leads, rr)),
        "r": inside.max(axis=1).clip(0),
        "s": inside.min(axis=1).clip(max=0),
        "st": (whole - level)[:, round(offset + 60 - TIME[0])],
        "t": _extreme(after) if repolarized else np.zeros(len(LEADS)),
    }


def _extreme(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x[np.arange(len(x)), np.abs(x).argmax(axis=1)]


def _records(patients: range, seed: int, seconds: float) -> Iterator[tuple[Record, NDArray[np.float64]]]:
    """Yield the records in sinus rhythm of simulated patients, with their signal `(15, samples)` in mV at 1000 Hz."""
    for patient in patients:
        condition = draw_anatomy(patient, seed=seed).condition
        if not condition.fibrillation and not condition.ectopic:
            record, digital = simulate_record(patient, 1, seconds=seconds, seed=seed)
            yield record, millivolts(digital, np.array(record.gain), np.array(record.baseline))


def simulated(patients: range, seed: int = 0, step: int = 2, seconds: float = 10.0) -> tuple[Table, Waves]:
    """Return known values and measurements of simulated patients in sinus rhythm, at 1000 / `step` Hz."""
    windows, truth = [], []
    for record, signal in _records(patients, seed, seconds):
        windows.append(signal[[record.leads.index(lead) for lead in LEADS], ::step].astype(np.float32))
        truth.append(known(int(record.patient[-3:]), seed, float(np.median(np.diff(record.peaks))) / 1000))
    table = {name: np.stack([each[name] for each in truth]) for name in truth[0]}
    return table, measure(median_beats(np.stack(windows), 1000 / step))


def row(name: str, values: NDArray[np.float64], truth: NDArray[np.float64]) -> str:
    """Return a line of a table: missing values, bias, the middle 90 % of errors, and their correlation."""
    both = np.isfinite(values) & np.isfinite(truth)
    error = (values - truth)[both]
    low, middle, high = np.quantile(error, [0.05, 0.5, 0.95])
    r = np.corrcoef(values[both], truth[both])[0, 1]
    usual = np.median(truth[both])
    return f"| {name} | {usual:.3g} | {1 - both.mean():.1%} | {middle:+.3g} | {low:+.3g} to {high:+.3g} | {r:.2f} |"


def delineated(patients: range, seed: int = 0) -> Table:
    """Return neurokit2's PR, QRS and QT of lead ii of the simulated patients of `simulated`, ms, at 500 Hz."""
    import neurokit2

    rows, spent = [], 0.0
    for record, signal in _records(patients, seed, 10.0):
        lead = signal[record.leads.index("ii"), ::2]
        start = time.process_time()
        clean = neurokit2.ecg_clean(lead, sampling_rate=500)
        peaks = neurokit2.ecg_peaks(clean, sampling_rate=500)[1]["ECG_R_Peaks"]
        places = neurokit2.ecg_delineate(clean, peaks, sampling_rate=500, method="dwt")[1]
        spent += time.process_time() - start
        p, on, off, t = (
            np.array(places[f"ECG_{name}"], float) for name in ("P_Onsets", "R_Onsets", "R_Offsets", "T_Offsets")
        )
        rows.append([2 * np.nanmedian(each) for each in (on - p, off - on, t - on)])
    print(f"\nneurokit2, simulated, 500 Hz, lead ii: {1000 * spent / len(rows):.0f} ms a lead")
    return dict(zip(("pr", "qrs", "qt"), np.transpose(rows), strict=True))


STATED: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "1AVB": ("PR above 200 ms", lambda x: x["pr"] > 200),
    "AFIB": ("no P wave", lambda x: np.isnan(x["pr"]) & np.isfinite(x["qrs"])),
    "CLBBB": ("QRS of 120 ms or more", lambda x: x["qrs"] >= 120),
    "CRBBB": ("QRS of 120 ms or more", lambda x: x["qrs"] >= 120),
    "LNGQT": ("QTc above 460 ms", lambda x: x["qtc"] > 460),
    "SBRAD": ("rate below 60", lambda x: x["heart_rate"] < 60),
    "STACH": ("rate above 100", lambda x: x["heart_rate"] > 100),
    "LAD": ("axis left of -30 degrees", lambda x: x["axis"] < -30),
    "RAD": ("axis right of 90 degrees", lambda x: x["axis"] > 90),
    "MID": ("axis -30 to 90 degrees", lambda x: (x["axis"] >= -30) & (x["axis"] <= 90)),
}
"""What cardiologists state of records of PTB-XL (scp codes and heart axis), and what should be measured then."""


def stated(root: Path, most: int | None = None) -> dict[str, tuple[float, float]]:
    """Print how many records of which a statement is made, and of all others, have what it says; return these shares.

    `most` records are read, all for None.
    """
    import pandas as pd
    from wfdb import rdrecord

    table = pd.read_csv(root / "ptbxl_database.csv")
    table = table[[(root / f"{name}.hea").is_file() for name in table.filename_lr]][:most]
    signals = np.stack([rdrecord(str(root / name)).p_signal.T for name in table.filename_lr]).astype(np.float32)
    names = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")
    start = time.process_time()
    columns = clinical.measured(signals, Window(names, 100.0, signals.shape[2]), names).columns
    spent = 1000 * (time.process_time() - start) / len(signals)
    print(f"\nPTB-XL, 100 Hz, {len(signals)} records, {spent:.1f} ms for twelve leads")
    print("| stated | records | measured | of these | of all others |\n|---|---|---|---|---|")
    shares = {}
    for code, (words, test) in STATED.items():
        of = table.scp_codes.str.contains(f"'{code}'").to_numpy() | (table.heart_axis == code).to_numpy()
        having = test(columns)
        if of.any():
            shares[code] = float(having[of].mean()), float(having[~of].mean())
            print(f"| {code} | {of.sum()} | {words} | {shares[code][0]:.0%} | {shares[code][1]:.0%} |")
    return shares


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ptbxl", type=Path)
    parser.add_argument("--patients", type=int, default=120)
    options = parser.parse_args()
    for step in (1, 2, 10):
        truth, ours = simulated(range(1, options.patients + 1), step=step)
        print(f"\nsimulated, {1000 / step:g} Hz\n{HEAD}")
        print("\n".join(row(name, getattr(ours, name), each) for name, each in truth.items()))
    truth, _ = simulated(range(1, options.patients + 1))
    theirs = delineated(range(1, options.patients + 1))
    print(HEAD)
    print("\n".join(row(name, each, truth[name]) for name, each in theirs.items()))
    if options.ptbxl:
        stated(options.ptbxl)


if __name__ == "__main__":
    main()
