"""The cost of evaluating many windows: minutes and memory of `ganlab.evaluate`, which grow with the number squared.

Not among the default rows: `make bench ARGS="--rows evaluation"` takes about half an hour.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
from measure import Row
from processes import output, outputs

FEW, MANY = 1_000, 5_000
LEADS = "i,ii,iii,avr,avl,avf,v1,v2,v3,v4,v5,v6"
COHORT = ("dataset=ptbdb_sim", "dataset.patients=300", "dataset.seconds=120", f"arrangement.leads=[{LEADS}]")
GIB = 4.0


def evaluation(turns: int) -> Row:
    """Twelve leads, `metrics=ecg`; the largest resident memory of the process, once whatever `turns` says."""
    few, many = (_judged(count) for count in (FEW, MANY))
    return Row(
        f"ganlab.evaluate, {MANY:,} against {MANY:,} windows of 12 leads: largest resident memory",
        f"{GIB:g} GiB ({FEW:,} against {FEW:,}: {few['gib']:.2f} GiB)",
        [many["gib"]],
        most=GIB,
        unit=" GiB",
        note=f"{many['minutes']:.1f} minutes of processor time against {few['minutes']:.1f}",
    )


ROWS = (evaluation,)
LONG = ROWS
"""Rows that are left out unless they are named."""


def _judged(count: int) -> dict[str, float]:
    script = (
        "import json, resource, sys; from ganlab.evaluate import main; main(); "
        "used = resource.getrusage(resource.RUSAGE_SELF); "
        "print(json.dumps({'gib': used.ru_maxrss / 2**20, 'minutes': (used.ru_utime + used.ru_stime) / 60}))"
    )
    settings = (f"synthetic={_windows(count)}", "metrics=ecg", f"metrics.samples={count}", "part=[validation,test]")
    found: dict[str, float] = json.loads(
        output("-c", script, *COHORT, *settings, f"outputs={outputs()}").splitlines()[-1]
    )
    return found


@cache
def _windows(count: int) -> Path:
    """Windows `(count, 12, 2025)` in mV of simulated patients who are not in the cohort, in place of a generator's."""
    from ganlab.arrangement.leads import Leads
    from ganlab.dataset.ptbdb_sim import PTBDBSim

    source = PTBDBSim(patients=100, seconds=120.0, seed=1, cache=outputs() / "cache")
    collected = source.collect(Leads(LEADS.split(",")))
    file = outputs() / f"windows_{count}.npy"
    np.save(file, collected.judged.spread(count).sample.numpy())
    return file
