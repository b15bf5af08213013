"""A markdown table of runs beside each other, with the real windows as the first column.

python scripts/compare.py outputs/runs/A outputs/runs/B --rows peaks_1_to_4 beat_correlation
"""

import argparse
import json
from pathlib import Path
from typing import Any

SHOWN = (
    "peaks_1_to_4",
    "heart_rate_bpm",
    "r_amplitude_cv",
    "beat_correlation",
    "noise_uv",
    "baseline_residual_uv",
    "seam_ratio",
    "einthoven_residual_uv",
    "peak_cooccurrence",
    "plausible_rate",
)


def read(run: Path) -> dict[str, Any]:
    """What a run wrote at its end."""
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
        measured = [run["metrics"].get(f"physiology/{row}", {}) for run in runs]
        cells = [_number(next((m["real"] for m in measured if m), None))]
        cells += [_number(m.get("synthetic")) for m in measured]
        unit = next((m["unit"] for m in measured if m), "")
        print(f"| {row.replace('_', ' ')}{f' ({unit})' if unit else ''} | " + " | ".join(cells) + " |")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    main()
