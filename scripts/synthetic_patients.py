"""What a generator with a heart makes to order: the heart rate that was chosen, and patients who are recognized.

    python scripts/synthetic_patients.py RUN [--rates 60 80 100] [--patients 60] [--seconds 5]

For each rate: in how many recordings the mean interval of the detected beats is within 3 % of it. Then the linkage
attack's network, which learned from simulated patients, looks for each synthetic patient's second recording among the
first recordings of all.
"""

import argparse

import numpy as np
import torch
from numpy.typing import NDArray

import ganlab
from ganlab.core.binomial import proportion_interval
from ganlab.core.kind import Window, of_kind
from ganlab.generator.recordings import RecordingRequest
from ganlab.generator.trained import Trained
from ganlab.metrics.ecg.peaks import find_all_peaks
from ganlab.metrics.privacy.linkage import identification

RECORDINGS, CLOSE = 200, 0.03
"""Recordings of each rate, and how far the measured rate may be off."""


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="folder of a run or of an exported generator of architecture=heart")
    parser.add_argument("--rates", type=float, nargs="+", default=[60, 80, 100], help="heart rates, 1/min")
    parser.add_argument("--patients", type=int, default=60, help="synthetic patients, with two recordings each")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of their recordings")
    given = parser.parse_args()
    torch.set_num_threads(1)
    trained = ganlab.load(given.run).trained
    kind = of_kind(trained.kind, Window)
    print(f"leads {', '.join(kind.leads)}\n")
    print(f"| chosen, 1/min | within {CLOSE:.0%} | median | 5 % to 95 % |\n|---|---|---|---|")
    for rate in given.rates:
        measured = rates(trained, rate)
        low, middle, high = np.quantile(measured, (0.05, 0.5, 0.95))
        share = np.mean(np.abs(measured / rate - 1) <= CLOSE)
        print(f"| {rate:g} | {share:.0%} of {len(measured)} | {middle:.1f} | {low:.1f} to {high:.1f} |")
    hit = recognized(trained, given.patients, given.seconds)
    low, high = proportion_interval(int(hit.sum()), len(hit))
    print(f"\nrank 1: {hit.sum()} of {len(hit)} synthetic patients, 95 % interval {low:.0%} to {high:.0%}; ", end="")
    print(f"{1 / len(hit):.1%} by guessing")


def rates(trained: Trained, rate: float) -> NDArray[np.float64]:
    """Return the mean rate of recordings of 10 s, `(N,)`, in 1/min, by the peaks of lead ii or of the only one."""
    request = RecordingRequest(heart_rate=rate, seconds=10.0)
    values = request.generate(trained, trained.gan.draw_noise(RECORDINGS, torch.Generator().manual_seed(0))).numpy()
    kind = of_kind(trained.kind, Window)
    peaks = find_all_peaks(values[:, min(1, values.shape[1] - 1)], kind.rate)
    return np.array([60 * (len(at) - 1) * kind.rate / np.ptp(at) for at in peaks if len(at) > 2])


def recognized(trained: Trained, patients: int, seconds: float) -> NDArray[np.bool_]:
    """Return for each synthetic patient whether the first recording most like their second one is their own."""
    request = RecordingRequest(seconds=seconds, patients=patients, records_per_patient=2)
    draw = torch.Generator().manual_seed(1)
    noise = request.noise(trained, trained.gan.draw_noise(patients, draw), draw)
    kind = of_kind(trained.kind, Window)
    network = identification(kind.leads, seconds, 200, 800, 0)
    first, second = network(request.generate(trained, noise).numpy(), kind.rate).reshape(patients, 2, -1).swapaxes(0, 1)
    return np.asarray((second @ first.T).argmax(axis=1) == np.arange(patients))


if __name__ == "__main__":
    main()
