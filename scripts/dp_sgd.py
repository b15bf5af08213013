"""Measures fidelity at several epsilons: trick=dp_sgd at a few levels of noise, and clipping with hardly any noise.

python scripts/dp_sgd.py OUT --data thyroid --seeds 3
python scripts/dp_sgd.py OUT --data ecg --noise 0.001 1 2 4 --steps 1500

A noise of 0 is the same training without the trick. Finished trainings are not repeated.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import NamedTuple

COMMON = ("trainer=cpu", "trainer.max_epochs=-1", "tracking=none", "trainer.enable_progress_bar=false")


class Data(NamedTuple):
    """A data set, the overrides of its trainings, the same with and without noise, and the metrics in the table."""

    recipe: tuple[str, ...]
    private: tuple[str, ...]
    shown: tuple[str, ...]


THYROID = Data(
    (
        *("dataset=thyroid", "split=patient", "standardization=min_max", "arrangement=thyroid"),
        *("architecture=fcn_thyroid", "stopping=steps", "batch_size=64", "gan.optimizer_g.lr=1e-3"),
        *("metrics=table", "metrics.draws=50"),
    ),
    (
        *("trick=[dp_sgd]", "trick.dp_sgd.rate=0.0165", "trick.dp_sgd.windows=1", "trick.dp_sgd.delta=1e-4"),
        *("trick.dp_sgd.clip=0.5",),
    ),
    (
        *("table/column_shapes", "table/pair_trends", "table/ks_mean", "table/binary_rate_difference"),
        *("table/energy_distance", "table/coverage"),
    ),
)
ECG = Data(
    (
        *(
            "experiment=laptop",
            "architecture=signal",
            "loss=bce",
            "dataset.patients=300",
            "dataset.seconds=20",
            "batch_size=32",
        ),
        *("architecture.width=0.25", "architecture.discriminator.spread=false", "trick=[ema,random_crop]"),
        *("metrics.samples=300", "metrics.train=1000", "metrics.draws=50"),
    ),
    (
        *("trick=[dp_sgd,ema,random_crop]", "trick.dp_sgd.rate=0.1", "trick.dp_sgd.windows=2"),
        *("trick.dp_sgd.clip=0.1", "trick.dp_sgd.every=3"),
    ),
    (
        *("physiology/plausible_rate", "physiology/peaks_1_to_4", "physiology/beat_correlation"),
        *("physiology/noise_uv", "distribution/kid", "distribution/coverage"),
    ),
)


def main() -> None:
    """Run the missing trainings, one after another, and print a markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", choices=("thyroid", "ecg"), default="thyroid")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.001, 1.0, 2.0, 4.0])
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--overrides", nargs="*", default=[])
    asked = parser.parse_args()
    data = {"thyroid": THYROID, "ecg": ECG}[asked.data]
    rows = []
    for noise in asked.noise:
        folders = [asked.out / f"{asked.data}_noise_{noise:g}_seed_{seed}" for seed in range(asked.seeds)]
        for seed, folder in enumerate(folders):
            if not (folder / "metrics.json").is_file():
                run(folder, data, noise, seed, asked.steps, asked.overrides)
        rows.append((noise, folders))
    table(data.shown, rows)


def run(folder: Path, data: Data, noise: float, seed: int, steps: int, overrides: list[str]) -> None:
    """Do one run in its folder, with reproducible draws."""
    private = [*data.private, f"trick.dp_sgd.noise={noise}", "trick.dp_sgd.secret=1"] if noise else []
    command = [sys.executable, "-m", "ganlab.run", *COMMON, *data.recipe, *private, f"stopping.steps={steps}"]
    subprocess.run([*command, f"seed={seed}", f"hydra.run.dir={folder}", *overrides], check=True)


def table(shown: tuple[str, ...], rows: list[tuple[float, list[Path]]]) -> None:
    """Print epsilon and a few metrics of each level over its seeds, and those of real patients."""
    print("| noise | epsilon | " + " | ".join(name.partition("/")[2] for name in shown) + " |")
    print("|" + "---|" * (2 + len(shown)))
    floor = [json.loads((rows[0][1][0] / "metrics.json").read_text()).get(name, {}).get("floor") for name in shown]
    print(
        "| real, other patients | | "
        + " | ".join(f"{value:.3g}" if value is not None else "–" for value in floor)
        + " |"
    )
    for noise, folders in rows:
        found = [json.loads((folder / "metrics.json").read_text()) for folder in folders]
        facts = json.loads((folders[0] / "run.json").read_text()).get("differential_privacy")
        cells = [told([each.get(name, {}).get("synthetic") for each in found]) for name in shown]
        epsilon = f"{facts['epsilon']:.3g}" if facts else "–"
        print(f"| {noise:g} | {epsilon} | " + " | ".join(cells) + " |")


def told(values: list[float | None]) -> str:
    """Return the median of the values, with the least and the greatest if there are several."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    return f"{median(known):.3g}" + (f" ({min(known):.3g} to {max(known):.3g})" if len(known) > 1 else "")


if __name__ == "__main__":
    main()
