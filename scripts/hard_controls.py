"""Prints which hard controls a page notices, by its lights and by its numbers, at several numbers of patients.

python scripts/hard_controls.py --root data/ptbxl --patients 18 100 400
python scripts/hard_controls.py --root data/ptbxl --rate 500 --patients 40 --only unseen hum_50 hum_60

Of as many patients are the reference and the unseen windows from which faulty sets are made; twice as many train.
`unseen` is the row that must raise no alarm. The first table has the three lights and the farthest numbers of each
control, the second one all numbers that notice one, at the most patients.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from faulty_sets import hard_controls
from hydra.utils import instantiate

from ganlab.arrangement.leads import Leads
from ganlab.core.settings import CONF
from ganlab.dataset.module import Data
from ganlab.dataset.ptbxl import PTBXL
from ganlab.evaluation.evidence import evidence
from ganlab.evaluation.rows import relative, undetected
from ganlab.evaluation.verdict import verdict
from ganlab.metrics.base import Real, SampleSet
from ganlab.split.patient import PatientSplit

FARTHEST = 3
SIDES = {100: (25, 40), 500: (50, 100)}
"""Pixels of a lead's window of 10 s, by sampling rate."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True, help="folder of PTB-XL")
    parser.add_argument("--patients", nargs="+", type=int, default=[18, 100, 400])
    parser.add_argument("--rate", type=int, default=100, choices=SIDES, help="Hz; hum needs 500")
    parser.add_argument("--metrics", default="ecg", help="a file of conf/metrics without attacks")
    parser.add_argument("--only", nargs="*", help="names of controls")
    parser.add_argument("--draws", type=int, default=100, help="of patients, for the 95 %% intervals")
    parser.add_argument("--cache", default="outputs/cache")
    parser.add_argument("--out", help="a JSON file for all values, written after each size")
    request = parser.parse_args()
    torch.set_num_threads(1)
    samples = windows(request)
    results: dict[int, dict[str, Any]] = {}
    for count in request.patients:
        results[count] = measured(samples, count, request)
        if request.out:
            Path(request.out).write_text(json.dumps(results))
    print_lights(results)
    print_numbers(results[max(results)])


def windows(request: argparse.Namespace) -> tuple[Real, SampleSet]:
    """Return all windows of PTB-XL, 10 s of 12 leads; those who train and those who do not, by halves."""
    twelve = yaml.safe_load((Path(CONF) / "arrangement" / "twelve.yaml").read_text())
    source = PTBXL(request.root, rate=request.rate, cache=request.cache, on_bad_record="skip")
    data = Data(
        source,
        PatientSplit(train=0.5, validation=0, test=0.5, holdout=0),
        Leads(twelve["leads"], side=SIDES[request.rate], derived=twelve["derived"]),
    )
    data.setup()
    sides = []
    for number, part in enumerate(("train", "test")):
        own = data.part(part)
        batch = own.spread(len(own))
        patients = batch.patient.numpy().astype(np.int64) * 2 + number
        sides.append(SampleSet(batch.sample.numpy(), batch.label.numpy(), patients))
    return Real(data.kind, *sides, classes=tuple(source.classes)), sides[1]


def measured(samples: tuple[Real, SampleSet], count: int, request: argparse.Namespace) -> dict[str, Any]:
    """Return lights, and relative distances of numbers, by control, at a number of patients."""
    whole, other = samples
    train, rest = _people(whole.train, 0, 2 * count), _people(other, 0, 2 * count)
    reference, unseen = _people(rest, 0, count), _people(rest, count, 2 * count)
    real = Real(whole.kind, train, reference, whole.classes)
    measures = yaml.safe_load((Path(CONF) / "metrics" / f"{request.metrics}.yaml").read_text())["measures"]
    metrics = {name: instantiate(each) for name, each in measures.items()}
    results = {}
    for name, each in hard_controls(real, unseen).items():
        if request.only and name not in request.only:
            continue
        found = evidence(real, each, metrics, Path(request.cache), measures, request.draws)
        assert found.sizes is not None
        lights = verdict(found.rows, real.kind, found.null, found.sizes, found.details).lights
        missed = undetected(found.rows)
        results[name] = {
            "lights": {light.name: [light.colour, light.reason] for light in lights},
            "numbers": {key: relative(row, row["synthetic"]) for key, row in found.rows.items() if key not in missed},
        }
        print(count, name, results[name]["lights"], flush=True)
    return results


def _people(samples: SampleSet, first: int, last: int) -> SampleSet:
    order = np.random.default_rng(0).permutation(samples.unique_patients)
    return samples.take(np.isin(samples.patients, order[first:last]))


def print_lights(results: Mapping[int, Mapping[str, Any]]) -> None:
    """Print the lights at each number of patients, and the numbers that are farthest off at the most."""
    most = results[max(results)]
    names = list(next(iter(most.values()))["lights"])
    _line("control", *(f"{name}, {count}" for name in names for count in results), f"farthest off, {max(results)}")
    _line(*["---"] * (2 + len(names) * len(results)))
    for control, own in most.items():
        lights = [results[count][control]["lights"][name][0] for name in names for count in results]
        off = {key: value for key, value in own["numbers"].items() if value is not None and value > 1}
        worst = sorted(off, key=lambda key: -off[key])[:FARTHEST]
        _line(control, *lights, f"{len(off)} of {len(own['numbers'])}: {', '.join(f'{k} {off[k]:.1f}' for k in worst)}")


def print_numbers(results: Mapping[str, Any]) -> None:
    """Print which numbers notice which controls: how often each is as far as the end of the reference range."""
    keys = dict.fromkeys(key for own in results.values() for key in own["numbers"])
    _line("number", *results)
    _line(*["---"] * (1 + len(results)))
    for key in keys:
        offs = [own["numbers"].get(key) for own in results.values()]
        if any(off is not None and off > 1 for off in offs):
            _line(key, *("" if off is None or off <= 1 else f"{min(off, 99):.1f}" for off in offs))


def _line(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
