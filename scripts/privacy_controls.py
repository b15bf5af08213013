"""Prints a table of the attacks of metrics=privacy on sets whose leak is known, from a simulated cohort.

python scripts/privacy_controls.py
python scripts/privacy_controls.py --patients 300 --seconds 21 --seeds 3 --run outputs/runs/NAME

Sets: training windows as they are, with noise, 30 % of them among windows of other patients, other recordings of the
training patients that did not train, and windows of patients in neither set. `--run` also attacks the generator of a
run, which must have been trained on this cohort.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganlab.arrangement.leads import Leads
from ganlab.dataset.module import Data
from ganlab.dataset.ptbdb_sim import PTBDBSim
from ganlab.evaluation.attack_sets import attack_sets
from ganlab.evaluation.bootstrap import PatientDraws, interval
from ganlab.evaluation.reference import discriminator_score, generated, real_sets
from ganlab.generator.load import load
from ganlab.metrics.base import Real, SampleSet, Scores
from ganlab.metrics.privacy.attacks import Privacy
from ganlab.metrics.privacy.linkage import Linkage
from ganlab.metrics.privacy.membership import Calibrated, Density, DiscriminatorAttack, Nearest
from ganlab.split.patient import PatientSplit

NOISES = (0.02, 0.05, 0.1, 0.2)
"""Standard deviations, mV."""
SHOWN = ("nearest", "calibrated", "density", "discriminator", "linkage")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=21.0, help="of a recording; every patient has two")
    parser.add_argument("--samples", type=int, default=1000, help="of each set")
    parser.add_argument("--seeds", type=int, default=1, help="of the split: how often everything is done")
    parser.add_argument("--draws", type=int, default=200, help="of patients, for the 95 %% intervals")
    parser.add_argument(
        "--run", nargs="*", default=[], help="run folders, trained on this cohort with split.spare=true"
    )
    parser.add_argument("--only-runs", action="store_true", help="leave the other sets out")
    parser.add_argument("--cache", default="outputs/cache")
    parser.add_argument("--out", help="a JSON file for all that is drawn")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    for seed in range(asked.seeds):
        found[seed] = attack_all(asked, seed)
        print_table(seed, found[seed])
    if asked.out:
        Path(asked.out).write_text(json.dumps(found))


def attack_all(asked: argparse.Namespace, seed: int) -> dict[str, dict[str, Any]]:
    """Return the results of the attacks by set."""
    source = PTBDBSim(patients=asked.patients, recordings=2, seconds=asked.seconds, cache=asked.cache)
    data = Data(source, PatientSplit(seed=seed, spare=True), Leads(["i"]))
    data.setup()
    real = real_sets(data, "validation", None, None)
    measure = Privacy([Nearest(), Calibrated(), Density(), DiscriminatorAttack(), Linkage()])
    ground = measure.select(Real(real.kind, real.train, real.reference, real.classes, attacked=attack_sets(data)))
    judge = measure.fit(ground)
    found = {}
    known = {} if asked.only_runs else made(data, ground, asked.samples, seed)
    for name, samples in known.items():
        result = judge(measure.control(samples, ground))
        assert isinstance(result, Scores)
        found[name] = said(result, samples, ground, asked.draws)
    for run in asked.run if seed == 0 else ():
        trained = load(run)
        samples = SampleSet(
            generated(trained.gan, asked.samples).samples, discriminator=discriminator_score(trained.gan)
        )
        result = judge(samples)
        assert isinstance(result, Scores)
        found[Path(run).name] = said(result, samples, ground, asked.draws)
    return found


def made(data: Data, ground: Real, count: int, seed: int) -> dict[str, SampleSet]:
    """Return the sets whose leak is known, by name."""
    rng = np.random.default_rng([seed, 1])
    assert ground.attacked is not None

    def some(samples: SampleSet, wanted: int) -> SampleSet:
        return SampleSet(samples.take(rng.permutation(len(samples))[:wanted]).values)

    copies = some(ground.train, count)
    others = some(ground.attacked.strangers, count)
    few = [some(ground.train, round(0.3 * count)).values, some(ground.attacked.strangers, round(0.7 * count)).values]
    own = data.collected.judged.of(data.split.of("train"))
    later = np.flatnonzero(np.isin(own.recordings, data.split.spared))
    spared = SampleSet(own.__getitems__(rng.permutation(later)[:count].tolist()).sample.numpy())
    sets = {"copy of training windows": copies}
    for size in NOISES:
        noise = size * rng.standard_normal(copies.values.shape, dtype=np.float32)
        sets[f"copy + {1000 * size:.0f} uV noise"] = SampleSet(copies.values + noise)
    sets["30 % copies, 70 % other patients"] = SampleSet(np.concatenate(few))
    sets["training patients, other recordings"] = spared
    sets["other patients"] = others
    return sets


def said(found: Scores, samples: SampleSet, ground: Real, draws: int) -> dict[str, Any]:
    """Return values and intervals by name, and the values of the figures."""
    everybody = np.ones(len(samples)), np.ones(len(ground.reference))
    values = {name: number(*everybody) for name, number in found.items()}
    drawn = PatientDraws.of(samples, ground.reference, draws)
    ends = {
        name: interval(number, drawn, (0, 1))
        for name, number in found.items()
        if name.endswith("_auc") and "window" not in name
    }
    return {"values": values, "intervals": ends, "shown": found.details, "samples": len(samples)}


def print_table(seed: int, rows: dict[str, dict[str, Any]]) -> None:
    """Print AUC of each attack by patient, the corrected p of the strongest, linkage, screen and epsilon."""
    shown = next(iter(rows.values()))["shown"]
    print(
        f"\nsplit.seed={seed}: {shown['members']} members, {shown['nonmembers']} non-members, {shown['windows']} "
        f"windows; least AUC {shown['least_auc']:.3f}, greatest bound of epsilon {shown['greatest_epsilon']:.2f}"
    )
    recognized = shown["attacks"].get("linkage", {})
    print(
        f"patients across recordings: rank 1 {recognized.get('rank_1'):.3f} of {recognized.get('among')}, "
        f"by window {recognized.get('rank_1_of_windows'):.3f}\n"
    )
    line("set", *SHOWN, "strongest, p", "members linked, p", "nearer to members", "TPR at 10 %, 1 %", "epsilon >=")
    print("|" + "---|" * (6 + len(SHOWN)), flush=True)
    for name, row in rows.items():
        values, drawn = row["values"], row["shown"]
        cells = [with_interval(values, row["intervals"], f"privacy/{attack}_auc") for attack in SHOWN]
        best = drawn["strongest"]
        found = {rate: values[f"privacy/{best['attack']}_tpr_{rate}"] for rate in (10, 1)}
        linked = drawn["attacks"]["linkage"]
        line(
            name,
            *cells,
            f"{best['attack']} {best['auc']:.2f}, {best['p']:.4f}",
            f"{linked['share']:.2f}, {linked['p']:.4f}",
            f"{values['privacy/dcr_share']:.2f}",
            f"{found[10]:.2f}, {found[1]:.2f}",
            f"{max(values['privacy/' + attack + '_epsilon'] for attack in drawn['attacks']):.2f}",
        )


def with_interval(values: dict[str, float], ends: dict[str, Any], name: str) -> str:
    """Return a value with its interval as text, or an empty text."""
    if name not in values:
        return ""
    low, high = ends[name]
    return f"{values[name]:.2f} [{low:.2f}, {high:.2f}]"


def line(*cells: str) -> None:
    """Print a row of the table."""
    print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
