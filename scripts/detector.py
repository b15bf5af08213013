"""Compares R peaks that ganlab finds in 2.025 s windows with those of wfdb's xqrs and neurokit2 on whole records.

With --simulated the peaks are known. Needs neurokit2, which the extra `compare` installs.

python scripts/detector.py --root data/ptbdb
python scripts/detector.py --simulated 40
"""

import argparse
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly
from wfdb import rdheader, rdsamp
from wfdb.processing import xqrs_detect

from ganlab.core.record import millivolts
from ganlab.metrics.ecg.peaks import Peaks, find_all_peaks, lags
from ganlab.simulator.ecg import simulate_record

SAMPLES, RATE = 2025, 1000.0
"""Of a window, and samples a second."""
LEADS = ("i", "ii")
TOLERANCE = 0.075
"""Largest distance of the same beat, s: half of what the standard for beat detectors (EC57) allows."""
CLEAR = 0.9
"""Records in whose leads i and ii a detector agrees with itself in this share of the beats are clear to it."""

Signal = NDArray[np.float64]
Counts = NDArray[np.int64]
"""Beats of the reference, of these found, beats of ours, of these in the reference."""


@dataclass(frozen=True)
class Recording:
    """Leads i and ii in mV, `(2, samples)`, and the true R peaks if the recording is simulated."""

    name: str
    reason: str
    signal: Signal
    peaks: NDArray[np.int64] | None = None


def xqrs(signal: Signal) -> NDArray[np.int64]:
    """Return R peaks of wfdb's detector at 250 Hz; at 1000 Hz it finds none."""
    return 4 * np.asarray(xqrs_detect(resample_poly(signal - np.median(signal), 1, 4), fs=250, verbose=False), int)


def neurokit(signal: Signal) -> NDArray[np.int64]:
    """Return R peaks of neurokit2's own method on the cleaned record."""
    import neurokit2

    clean = neurokit2.ecg_clean(signal, sampling_rate=int(RATE))
    return np.asarray(neurokit2.ecg_peaks(clean, sampling_rate=int(RATE))[1]["ECG_R_Peaks"], int)


def records(root: Path) -> Iterator[Recording]:
    """Yield the recordings of a folder in the PTB database's layout; those that cannot be read are named."""
    for name in (root / "RECORDS").read_text().split():
        path = str(root / name)
        try:
            signal = rdsamp(path, channel_names=list(LEADS))[0].T
        except OSError as error:
            print(f"{name} is left out: {error}")
            continue
        comments = dict(line.split(": ", 1) for line in rdheader(path).comments if ": " in line)
        yield Recording(name, comments.get("Reason for admission", "n/a"), signal)


def simulated(patients: int) -> Iterator[Recording]:
    """Yield a minute of each simulated patient."""
    for patient in range(1, patients + 1):
        record, digital = simulate_record(patient, 1, seconds=60, seed=0)
        whole = millivolts(digital, np.array(record.gain), np.array(record.baseline))
        leads = [record.leads.index(lead) for lead in LEADS]
        yield Recording(record.name, record.diagnosis, whole[leads].astype(np.float64), np.array(record.peaks))


def cut(peaks: NDArray[np.int64], windows: int) -> Peaks:
    """Return the peaks of a record as peaks of its windows."""
    return [peaks[peaks // SAMPLES == k] - k * SAMPLES for k in range(windows)]


def compare(reference: Peaks, ours: Peaks) -> Counts:
    """Count matching beats of both, away from the windows' edges."""
    forth, back = (
        np.abs(lags(*pair, SAMPLES, RATE)[1]) <= TOLERANCE for pair in ((reference, ours), (ours, reference))
    )
    return np.array([len(forth), forth.sum(), len(back), back.sum()])


def judge(
    recording: Recording, references: dict[str, Callable[[Signal], NDArray[np.int64]]]
) -> dict[str, list[Counts]]:
    """Return, by reference, the counts of leads i and ii, and those of the reference's own leads with each other."""
    windows = recording.signal.shape[1] // SAMPLES
    ours = [find_all_peaks(lead[: windows * SAMPLES].reshape(-1, SAMPLES), RATE) for lead in recording.signal]
    if recording.peaks is not None:
        truth = cut(recording.peaks, windows)
        return {"known": [*(compare(truth, each) for each in ours), compare(truth, truth)]}
    found = {}
    for name, detect in references.items():
        theirs = [cut(detect(lead), windows) for lead in recording.signal]
        found[name] = [*(compare(*pair) for pair in zip(theirs, ours, strict=True)), compare(*theirs)]
    return found


def clear(own: Counts) -> bool:
    """Return whether a detector's beats of two leads are the same."""
    asked, found, others, back = own
    return min(found, back) > 0 and min(found / asked, back / others) > CLEAR


def table(title: str, rows: dict[tuple[str, ...], list[Counts]]) -> str:
    """Return a markdown table with sensitivity and positive predictive value in per cent."""
    lines = [f"\n| {title} | records | beats | sensitivity % | PPV % |", "|---|---|---|---|---|"]
    for names, counts in rows.items():
        asked, found, ours, right = np.sum(counts, axis=0)
        lines.append(
            f"| {', '.join(names)} | {len(counts)} | {asked} | {100 * found / asked:.2f} | {100 * right / ours:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Print the tables, and the records with the largest differences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--root", type=Path, help="folder of the PTB database")
    chosen.add_argument("--simulated", type=int, metavar="N", help="simulated patients instead")
    parser.add_argument("--worst", type=int, default=5, help="records to name")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    overall: dict[tuple[str, ...], list[Counts]] = defaultdict(list)
    by_reason: dict[tuple[str, ...], list[Counts]] = defaultdict(list)
    failures: list[tuple[int, str]] = []
    for recording in records(asked.root) if asked.root else simulated(asked.simulated):
        for name, (*leads, own) in judge(recording, {"xqrs": xqrs, "neurokit2": neurokit}).items():
            for lead, counts in zip(LEADS, leads, strict=True):
                overall[name, lead, "all records"].append(counts)
                if recording.peaks is None and clear(own):
                    overall[name, lead, "clear records"].append(counts)
            by_reason[recording.reason, name].append(leads[0])
            wrong = int(leads[0][0] - leads[0][1] + leads[0][2] - leads[0][3])
            failures.append((wrong, f"{recording.name} ({recording.reason}), lead i compared with {name}: {leads[0]}"))
    print(table("compared with", dict(sorted(overall.items()))))
    print(table("diagnosis, compared with (lead i)", dict(sorted(by_reason.items()))))
    print("\nMost beats in one only (theirs, found by us; ours, found by them):")
    print("\n".join(f"- {text}" for wrong, text in sorted(failures, reverse=True)[: asked.worst] if wrong))


if __name__ == "__main__":
    main()
