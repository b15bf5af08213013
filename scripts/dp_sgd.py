"""What is left of fidelity at what epsilon: trick=dp_sgd at a few levels of noise, beside clipping with hardly any.

python scripts/dp_sgd.py OUT --noise 0.01 1 2 4 --steps 600
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

RECIPE = (
    *("experiment=laptop", "loss=bce", "trick=[dp_sgd,ema,random_crop]", "architecture.discriminator.spread=false"),
    *(
        "dataset.patients=300",
        "dataset.seconds=20",
        "trainer=cpu",
        "tracking=none",
        "trainer.enable_progress_bar=false",
    ),
    *("architecture.width=0.5", "trick.dp_sgd.rate=0.1", "trick.dp_sgd.windows=2", "batch_size=32"),
    *("metrics.samples=300", "metrics.train=1000", "metrics.draws=50", "trick.dp_sgd.secret=1"),
)
SHOWN = (
    "physiology/plausible_rate",
    "physiology/peaks_1_to_4",
    "physiology/beat_correlation",
    "physiology/noise_uv",
    "distribution/kid",
    "distribution/coverage",
    "distribution/c2st_auc",
)


def main() -> None:
    """Train what has not been trained yet, one after another, and print a markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--noise", type=float, nargs="+", default=[0.01, 1.0, 2.0, 4.0])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--overrides", nargs="*", default=[])
    asked = parser.parse_args()
    rows = []
    for noise in asked.noise:
        for seed in range(asked.seeds):
            folder = asked.out / f"noise_{noise:g}_seed_{seed}"
            if not (folder / "metrics.json").is_file():
                run(folder, noise, seed, asked.steps, asked.overrides)
            rows.append((noise, seed, folder))
    table(rows)


def run(folder: Path, noise: float, seed: int, steps: int, overrides: list[str]) -> None:
    """One run in its folder."""
    command = [sys.executable, "-m", "ganlab.run", *RECIPE, f"trick.dp_sgd.noise={noise}", f"stopping.steps={steps}"]
    subprocess.run([*command, f"seed={seed}", f"hydra.run.dir={folder}", *overrides], check=True)


def table(rows: list[tuple[float, int, Path]]) -> None:
    """Epsilon and a few numbers of each run, beside those of real persons."""
    measured = [json.loads((folder / "metrics.json").read_text()) for *_, folder in rows]
    facts = [json.loads((folder / "run.json").read_text())["differential_privacy"] for *_, folder in rows]
    print("| noise | seed | epsilon | updates | " + " | ".join(name.partition("/")[2] for name in SHOWN) + " |")
    print("|" + "---|" * (4 + len(SHOWN)))
    floor = [measured[0].get(name, {}) for name in SHOWN]
    cells = [f"{row.get('floor'):.3g}" if row.get("floor") is not None else "–" for row in floor]
    print("| real, other persons | | | | " + " | ".join(cells) + " |")
    for (noise, seed, _), found, fact in zip(rows, measured, facts, strict=True):
        cells = [
            f"{value:.3g}" if (value := found.get(name, {}).get("synthetic")) is not None else "–" for name in SHOWN
        ]
        print(f"| {noise:g} | {seed} | {fact['epsilon']:.3g} | {fact['updates']} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
