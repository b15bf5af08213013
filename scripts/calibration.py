"""Calibration of the verdict: how often real patients raise an alarm, and which faults do.

Patients are divided at random into thirds, who stand for those who trained, a generated set, and the reference. The
page of real against real must raise an alarm in at most 5 % of the divisions. Each page is a line of the file `--out`:
started again, the script goes on after these.

python scripts/calibration.py dataset=ptbxl dataset.root=DIR arrangement=twelve window_seconds=10 --windows 60
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir

from ganlab.compose import compose_metrics, set_window
from ganlab.core.binomial import proportion_interval
from ganlab.core.instantiate import build
from ganlab.core.settings import CONF
from ganlab.core.spread import evenly
from ganlab.dataset.module import Data
from ganlab.dataset.samples import Samples
from ganlab.evaluation.evidence import _blank, _finite
from ganlab.evaluation.findings import ALARM
from ganlab.evaluation.null import null_of, sizes_of
from ganlab.evaluation.primary import primaries_of
from ganlab.evaluation.verdict import Verdict, verdict
from ganlab.metrics.base import Metric, Real, SampleSet


def main() -> None:
    """Print the rate of alarms, and by number."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="+", help="of ganlab.evaluate: dataset=, dataset.root=, arrangement=, ...")
    parser.add_argument("--divisions", type=int, default=50)
    parser.add_argument("--first", type=int, default=0, help="number of the first division, the seed of its draw")
    parser.add_argument("--windows", type=int, default=150, help="of each third, at most")
    parser.add_argument("--patients", type=int, help="in each third, at most")
    parser.add_argument("--anonymous", action="store_true", help="the generated third has no patient ids")
    parser.add_argument("--out", type=Path, default=Path("calibration.jsonl"), help="a line of JSON for each page")
    request = parser.parse_args()
    done = [json.loads(line) for line in request.out.read_text().splitlines()] if request.out.is_file() else []
    wanted = range(request.first, request.first + request.divisions)
    if left := sorted({*wanted} - {each["division"] for each in done}):
        with request.out.open("a") as lines:
            for page in _pages(request, left):
                print(json.dumps(page), file=lines, flush=True)
                done.append(page)
    pages = [each for each in done if each["division"] in wanted]
    alarms = Counter(name for each in pages for name in each["alarms"])
    red = sum(bool(each["alarms"]) for each in pages)
    low, high = proportion_interval(red, len(pages))
    print(f"alarms on {red} of {len(pages)} pages: {red / len(pages):.1%} [{low:.1%}, {high:.1%}]")
    for name, count in alarms.most_common():
        print(f"  {name}: {count}")


def _pages(request: argparse.Namespace, divisions: Sequence[int]) -> Iterator[dict[str, Any]]:
    with initialize_config_dir(CONF, version_base="1.3"):
        cfg = compose("evaluate", [*request.overrides, "synthetic=none"])
    source = build(cfg.dataset)
    set_window(cfg, source)
    data = Data(source, build(cfg.split), build(cfg.arrangement))
    data.setup()
    metrics = compose_metrics(cfg.metrics).by_name
    for division in divisions:
        made = _divided(data, metrics, division, request)
        alarmed = [each for light in made.lights for each in light.numbers if each.state == ALARM]
        words = [f"{each.name} {each.shown} ({each.reference})" for each in alarmed]
        print(division, *(light.colour for light in made.lights), *words, file=sys.stderr, flush=True)
        yield {"division": division, "alarms": [each.name for each in alarmed], "words": words}


def _divided(data: Data, metrics: dict[str, Metric], seed: int, request: argparse.Namespace) -> Verdict:
    """Return the verdict on one division of the patients into thirds."""
    samples = data.collected.judged
    patients = np.random.default_rng(seed).permutation(samples.unique_patients)
    most = request.patients or len(patients)
    train, other, reference = (_taken(samples, patients[k::3][:most], request.windows) for k in range(3))
    real = Real(data.kind, train, reference, tuple(data.source.classes))
    if request.anonymous:
        other = SampleSet(other.values, other.labels)
    sizes, rows, null = sizes_of(real, other), {}, {}
    for metric in metrics.values():
        primary = {
            name: replace(each, fault="") for name, each in primaries_of(data.kind).items() if name in metric.numbers
        }
        if not primary:
            continue
        scorer = metric.fit(real)
        alone = {name for name in primary if metric.numbers[name].best is None}
        null |= null_of(scorer, real, sizes, primary, alone)
        scores = scorer(other)
        own = scorer(reference) if any(metric.numbers[name].best is None for name in primary) else scores
        for name in primary.keys() & scores.keys():
            ones = np.ones(len(reference))
            row = _blank(metric.numbers[name], "")
            row["synthetic"] = _finite(scores[name](np.ones(len(other)), ones))
            rows[name] = row | {"real": _finite(own[name](ones, ones)) if row["best"] is None else None}
    return verdict(rows, data.kind, null, sizes)


def _taken(samples: Samples, patients: np.ndarray, count: int) -> SampleSet:
    places = np.flatnonzero(np.isin(samples.patients, patients))
    places = places[evenly(count, len(places))]
    batch = samples.__getitems__(places.tolist())
    return SampleSet(batch.sample.numpy(), batch.label.numpy(), samples.patient[places].astype(np.int64))


if __name__ == "__main__":
    main()
