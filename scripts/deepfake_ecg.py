"""Makes a set to evaluate with another group's generator, the pip package deepfake-ecg: one lead, cut to two seconds.

    pip install deepfake-ecg==1.1.2
    python scripts/deepfake_ecg.py 300 deepfake
    python -m ganlab.evaluate dataset=ptbdb dataset.root=DIR synthetic=deepfake

The package writes 10 s of 8 leads at 500 Hz in microvolts. Its README names leads and rate; the unit follows from the
values: half of its windows of lead I range over more than 0.89 mV, of the PTB database's over more than 0.85 mV.
Thambawita et al., doi 10.1101/2021.04.27.21256189.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

LEADS = ("i", "ii", "v1", "v2", "v3", "v4", "v5", "v6")
THEIR_RATE, RATE = 500, 1000
SAMPLES = 2000
"""Two seconds."""
MICROVOLTS = 1e-3
"""In mV."""


def main() -> None:
    """Generate, cut, and write `synthetic.npy`, and `synthetic.json`, which describes it."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("count", type=int, help="recordings; each gives one window")
    asked.add_argument("folder", type=Path, help="where synthetic.npy is written")
    asked.add_argument("--lead", default="i", choices=LEADS)
    asked.add_argument("--seed", type=int, default=0)
    told = asked.parse_args()
    windows = cut(generate(told.count, told.seed), LEADS.index(told.lead))
    told.folder.mkdir(parents=True, exist_ok=True)
    np.save(told.folder / "synthetic.npy", windows)
    about = f"deepfake-ecg, {told.count} recordings, seed {told.seed}: the first {SAMPLES} samples at {RATE} Hz of each"
    said = {"leads": [told.lead], "rate_hz": float(RATE), "unit": "mV", "about": [about]}
    (told.folder / "synthetic.json").write_text(json.dumps(said, indent=1))
    print(
        f"{windows.shape} in {told.folder}; half of them range over more than {np.median(np.ptp(windows, -1)):.2f} mV"
    )


def generate(count: int, seed: int) -> NDArray[np.float32]:
    """Return recordings `(count, 8 leads, 5000)` in mV at 500 Hz, as the package writes them to its files."""
    import torch
    from deepfakeecg import generate as write

    torch.manual_seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        write(count, folder)
        recordings = [np.loadtxt(f"{folder}/{number}.asc").T for number in range(count)]
    return np.stack(recordings).astype(np.float32) * np.float32(MICROVOLTS)


def cut(recordings: NDArray[np.float32], lead: int) -> NDArray[np.float32]:
    """Return the beginning of a lead as windows `(count, 1, SAMPLES)` at `RATE`."""
    faster = resample_poly(recordings[:, [lead]], RATE, THEIR_RATE, axis=-1, padtype="edge")
    return np.ascontiguousarray(faster[..., :SAMPLES], dtype=np.float32)


if __name__ == "__main__":
    main()
