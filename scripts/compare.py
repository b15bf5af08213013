"""Prints a markdown table with a column for each run, after a column for the real windows.

python scripts/compare.py outputs/runs/A outputs/runs/B --rows physiology/peaks_1_to_4 distribution/kid
"""

import argparse
import json
from pathlib import Path
from typing import Any

SHOWN = (
    "physiology/peaks_1_to_4",
    "physiology/heart_rate_bpm",
    "physiology/r_amplitude_cv",
    "physiology/beat_correlation",
    "physiology/noise_uv",
    "physiology/baseline_residual_uv",
    "signal/seam_ratio",
    "leads/einthoven_residual_uv",
    "leads/peak_cooccurrence",
    "physiology/plausible_rate",
)


def read(run: Path) -> dict[str, Any]:
    """Return the contents of a run's `run.json` and `metrics.json`."""
    return {name: json.loads((run / f"{name}.json").read_text()) for name in ("run", "metrics")}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--rows", nargs="+", default=SHOWN)
    asked = parser.parse_args()
    runs = [read(path) for path in asked.runs]
    heads = ["real, other patients", *(run["run"]["choices"]["arrangement"] for run in runs)]
    print("| | " + " | ".join(heads) + " |\n|" + "---|" * (len(heads) + 1))
    for fact in ("architecture", "loss"):
        print(f"| {fact} | | " + " | ".join(str(run["run"]["choices"][fact]) for run in runs) + " |")
    print("| steps | | " + " | ".join(str(run["run"]["steps"]) for run in runs) + " |")
    print("| minutes | | " + " | ".join(f"{run['run']['seconds'] / 60:.1f}" for run in runs) + " |")
    for row in asked.rows:
        measured = [run["metrics"].get(row, {}) for run in runs]
        cells = [_number(next((_real(m) for m in measured if m), None))]
        cells += [_number(m.get("synthetic")) for m in measured]
        unit = next((m["unit"] for m in measured if m), "")
        label = row.partition("/")[2].replace("_", " ")
        print(f"| {label}{f' ({unit})' if unit else ''} | " + " | ".join(cells) + " |")


def _real(row: dict[str, Any]) -> float | None:
    """Return the value of real windows, or for a distance the reference value, that of other patients."""
    return row["floor"] if row["real"] is None else row["real"]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    main()
