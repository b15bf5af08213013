"""How far clinical measurements are from known ones, and from neurokit2's: the tables of docs/clinical.md.

python scripts/clinical.py                         # simulated patients, whose waves are known
python scripts/clinical.py --ptbxl data/ptbxl      # and neurokit2 on records of PTB-XL; needs .[compare]
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganlab.core.record import millivolts
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
    person, session = draw_anatomy(patient, seed=seed), draw_session(np.random.default_rng([seed, patient, 1]))
    waves = at_session(person.normal, session)
    leads = (session.gain[:, None] * person.leads)[: len(LEADS)]
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


def simulated(patients: range, seed: int = 0, step: int = 2, seconds: float = 10.0) -> tuple[Table, Waves]:
    """Return known values and measurements of simulated patients in sinus rhythm, at 1000 / `step` Hz."""
    windows, truth = [], []
    for patient in patients:
        person = draw_anatomy(patient, seed=seed)
        if person.condition.fibrillation or person.condition.ectopic:
            continue
        record, digital = simulate_record(patient, 1, seconds=seconds, seed=seed)
        at = [record.leads.index(lead) for lead in LEADS]
        mv = millivolts(digital[at], np.array(record.gain)[at], np.array(record.baseline)[at])
        windows.append(mv[:, ::step].astype(np.float32))
        truth.append(known(patient, seed, float(np.median(np.diff(record.peaks))) / 1000))
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


def delineated(signal: NDArray[np.float64], rate: int) -> dict[str, float]:
    """Return neurokit2's median PR, QRS and QT of one lead, ms."""
    import neurokit2

    clean = neurokit2.ecg_clean(signal, sampling_rate=rate)
    peaks = neurokit2.ecg_peaks(clean, sampling_rate=rate)[1]["ECG_R_Peaks"]
    places = neurokit2.ecg_delineate(clean, peaks, sampling_rate=rate, method="dwt")[1]
    at = {name: np.array(places[f"ECG_{name}"], float) for name in ("P_Onsets", "R_Onsets", "R_Offsets", "T_Offsets")}
    pairs = {"pr": ("P_Onsets", "R_Onsets"), "qrs": ("R_Onsets", "R_Offsets"), "qt": ("R_Onsets", "T_Offsets")}
    return {name: 1000 / rate * float(np.nanmedian(at[b] - at[a])) for name, (a, b) in pairs.items()}


def real(root: Path, count: int) -> tuple[Table, Waves]:
    """Return neurokit2's intervals in lead ii and ours of all leads, of records of PTB-XL at 500 Hz."""
    from wfdb import rdrecord

    signals, theirs, spent = [], [], 0.0
    for path in sorted(root.glob("records500/*/*.hea"))[:count]:
        signal = rdrecord(str(path.with_suffix(""))).p_signal.T
        start = time.process_time()
        try:
            theirs.append(delineated(signal[1], 500))
        except (ValueError, IndexError, ZeroDivisionError):
            theirs.append(dict.fromkeys(("pr", "qrs", "qt"), np.nan))
        spent += time.process_time() - start
        signals.append(signal.astype(np.float32))
    start = time.process_time()
    ours = measure(median_beats(np.stack(signals), 500.0))
    mine = time.process_time() - start
    print(f"neurokit2: {1000 * spent / count:.0f} ms a lead; ganlab: {1000 * mine / count:.1f} ms for twelve leads")
    return {name: np.array([each[name] for each in theirs]) for name in theirs[0]}, ours


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ptbxl", type=Path)
    parser.add_argument("--patients", type=int, default=120)
    parser.add_argument("--records", type=int, default=100)
    options = parser.parse_args()
    for step in (1, 2, 10):
        truth, ours = simulated(range(1, options.patients + 1), step=step)
        print(f"\nsimulated, {1000 / step:g} Hz\n{HEAD}")
        print("\n".join(row(name, getattr(ours, name), each) for name, each in truth.items()))
    if options.ptbxl:
        theirs, ours = real(options.ptbxl, options.records)
        print(f"\nPTB-XL, 500 Hz, against neurokit2\n{HEAD}")
        print("\n".join(row(name, getattr(ours, name), each) for name, each in theirs.items()))


if __name__ == "__main__":
    main()
