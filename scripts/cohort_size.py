"""Privacy against cohort size: the same generators trained on few and on many patients of PTB-XL, attacked.

    nice -n 15 python scripts/cohort_size.py OUT --root data/ptbxl               # what is missing in OUT; restart it
    python scripts/cohort_size.py OUT --report docs/pictures/cohort_size.png     # the table, and the figure

No generator sees 200 of the patients, of whom as many are attacked as there are members. The attacker knows patients of
neither set. A run that has its metrics.json is not made again; all runs of a seed come before the next.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ganlab.plot.figure import png_bytes

SIZES = (60, 250, 600, 1200)
PATIENTS, NONMEMBERS = 1606, 200
"""Patients with a superclass among the first 1,744 records, and those of them whom no generator sees."""
COMMON = ("experiment=ptbxl", "gan=gan", "dataset.on_bad_record=skip", "trainer=cpu", "tracking=none")
MEASURED = (
    *("metrics=privacy", "metrics.samples=600", "metrics.attacked.windows=1", "metrics.draws=100"),
    "+metrics.measures.physiology={_target_: ganlab.metrics.ecg.visual_criteria.VisualCriteria}",
)
SIGNAL = ("architecture=signal", "architecture.decimation=1", "architecture.width=0.25")
DP = (
    *("loss=bce", "trick=[dp_sgd,ema]", "architecture.discriminator.spread=false"),
    *("trick.dp_sgd.noise=1.0", "trick.dp_sgd.windows=1", "trick.dp_sgd.clip=0.1", "trick.dp_sgd.secret=1"),
)
RECIPES = {"heart": (), "signal": SIGNAL, "signal, DP-SGD": (*SIGNAL, *DP)}
DRAWN = 32
"""Patients whom a step of DP-SGD draws, on average."""
ATTACKS = {
    "strongest": "privacy/strongest_auc",
    "nearest": "privacy/nearest_auc",
    "discriminator": "privacy/discriminator_auc",
    "linkage": "privacy/linkage_auc",
}


def main() -> None:
    """Make what is missing, or print and draw what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--root", help="folder of PTB-XL")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--only", nargs="+", default=list(RECIPES), choices=RECIPES)
    parser.add_argument("--set", nargs="*", default=[], help="more overrides")
    parser.add_argument("--report", type=Path, help="a PNG file: print and draw only")
    given = parser.parse_args()
    if given.report:
        results = read(given.out)
        print(table(results))
        given.report.write_bytes(png_bytes(draw(results), dpi=110))
        return
    for seed in range(given.seeds):
        for size in SIZES:
            for name in given.only:
                folder = given.out / f"{name.replace(', ', '_')}_{size}_seed{seed}"
                if not (folder / "metrics.json").is_file():
                    run(folder, name, size, seed, given)


def run(folder: Path, name: str, size: int, seed: int, given: argparse.Namespace) -> None:
    """Train on `size` patients, attack, and write the folder."""
    shares = {"train": size, "validation": PATIENTS - NONMEMBERS - size, "test": 0, "holdout": NONMEMBERS}
    split = ["split=patient", f"split.seed={seed}", *(f"split.{part}={count}" for part, count in shares.items())]
    private = (f"trick.dp_sgd.rate={DRAWN / size}", f"trick.dp_sgd.delta={min(1e-3, 0.5 / size)}")
    own = private if "DP" in name else ()
    fixed = [f"dataset.root={given.root}", f"cache={given.out / 'cache'}", f"seed={seed}", f"hydra.run.dir={folder}"]
    words = [*COMMON, *RECIPES[name], *own, *split, *MEASURED, f"stopping.steps={given.steps}", *fixed, *given.set]
    subprocess.run([sys.executable, "-m", "ganlab.run", *words], check=True)


def read(out: Path) -> list[dict[str, Any]]:
    """Return the facts of each finished run."""
    results = []
    for name in RECIPES:
        for size in SIZES:
            for folder in sorted(out.glob(f"{name.replace(', ', '_')}_{size}_seed?")):
                if (folder / "metrics.json").is_file():
                    attacks = json.loads((folder / "attacks.json").read_text())
                    facts = {"numbers": json.loads((folder / "metrics.json").read_text()), "attacks": attacks}
                    results.append(
                        facts
                        | {"run": json.loads((folder / "run.json").read_text())}
                        | {"name": name, "size": size, "seed": folder.name[-1]}
                    )
    return results


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return a row of Markdown for each run: AUC by patient with its interval, and what these patients could show."""
    heads = ["generator", "patients", "seed", "attacked", *ATTACKS, "p", "least detectable", "plausible", "epsilon"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for each in results:
        numbers, attacks = each["numbers"], each["attacks"]["privacy"]["synthetic"]
        cells = [each["name"], each["size"], each["seed"], attacks["members"]]
        cells += [_with_interval(numbers.get(number, {})) for number in ATTACKS.values()]
        cells += [f"{attacks['strongest']['p']:.2g}", f"{attacks['least_auc']:.2f}"]
        cells.append(f"{numbers['physiology/plausible_rate']['synthetic']:.0%}")
        private = each["run"].get("differential_privacy")
        cells.append(f"{private['epsilon']:.3g}" if private else "")
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return "\n".join(lines)


def _with_interval(row: Mapping[str, Any]) -> str:
    if row.get("synthetic") is None:
        return ""
    low, high = row["interval"]
    return f"{row['synthetic']:.2f} [{low:.2f}, {high:.2f}]"


def draw(results: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw one panel per attack: AUC by number of training patients, one colour per generator."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    for ax, (attack, number) in zip(figure.subplots(2, 2, sharex=True, sharey=True).flat, ATTACKS.items(), strict=True):
        for k, name in enumerate(RECIPES):
            own = [each for each in results if each["name"] == name and number in each["numbers"]]
            at = [each["size"] * 1.06 ** (k - 1 + 0.3 * int(each["seed"])) for each in own]
            middle = [each["numbers"][number]["synthetic"] for each in own]
            ends = [each["numbers"][number]["interval"] for each in own]
            away = [[m - low, high - m] for m, (low, high) in zip(middle, ends, strict=True)]
            ax.errorbar(at, middle, list(zip(*away, strict=True)) or None, fmt="o", ms=4, capsize=2, label=name)
        ax.axhline(0.5, color="grey", lw=0.8)
        ax.set(title=attack, xscale="log", xticks=SIZES, xticklabels=SIZES, ylabel="AUC by patient")
        ax.minorticks_off()
    figure.axes[0].legend()
    figure.supxlabel("patients who trained the generator (PTB-XL, 12 leads, 10 s)")
    return figure


if __name__ == "__main__":
    main()
