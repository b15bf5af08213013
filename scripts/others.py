"""Windows that nobody here trains for: of the simulator, and of another group's generator, deepfake-ecg.

pip install --no-deps --target DIR deepfake-ecg==1.1.2     # and DIR in PYTHONPATH
"""

import numpy as np
import torch
from deepfake_ecg import LEADS as THEIRS
from deepfake_ecg import THEIR_RATE, generate
from scipy.signal import resample_poly

from ganlab.arrangement.leads import Leads
from ganlab.metrics.base import Array
from ganlab.simulator.ecg import simulate_record

MARGIN_S = 0.5
"""At the end of a simulated recording, which resampling bends."""


def simulated(arrangement: Leads, rate: float, count: int, seed: int) -> Array:
    """Return windows of as many simulated patients, `(count, leads, samples)` in mV."""
    made = []
    for patient in range(1, count + 1):
        seconds = arrangement.samples / rate + MARGIN_S
        record, signal = simulate_record(patient, 1, seconds=seconds, seed=seed)
        places = [record.leads.index(lead) for lead in arrangement.leads]
        made.append(signal[places] / np.float32(record.gain[0]))
    return _window(np.stack(made), record.rate, arrangement, rate)


def deepfake(arrangement: Leads, rate: float, count: int, seed: int) -> Array:
    """Return the beginnings of their recordings, the derived leads from their eight."""
    made = generate(count, seed)
    return _window(made[:, [THEIRS.index(lead) for lead in arrangement.leads]], THEIR_RATE, arrangement, rate)


def _window(signals: Array, own: float, arrangement: Leads, rate: float) -> Array:
    there = resample_poly(signals, round(rate), round(own), axis=-1, padtype="edge") if own != rate else signals
    cut = torch.from_numpy(np.ascontiguousarray(there[..., : arrangement.samples], dtype=np.float32))
    return arrangement.complete(cut).numpy()
