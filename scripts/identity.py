"""How often the linkage attack's network recognizes real people of ECG-ID in recordings of another day.

    python scripts/identity.py data/ecgid            raw signals
    python scripts/identity.py data/ecgid --filtered

Each person's earliest recording is known to the attacker, and the windows of the latest one are looked for: rank 1
counts the people whose known recording is the nearest of all people's. The network learned from simulated patients.
"""

import argparse
from datetime import date
from itertools import pairwise

import numpy as np
import torch

from ganlab.arrangement.leads import Leads
from ganlab.core.binomial import proportion_interval
from ganlab.dataset.ecgid import ECGID
from ganlab.metrics.privacy.linkage import directions, identification

GAPS = (0, 1, 7, 30, 100000)
"""Least days between both recordings, and an end."""


def day(recording: str) -> date:
    """Return the date in a record's name, such as `Person_01/2004-12-07 rec_02`."""
    return date.fromisoformat(recording.partition("/")[2].partition(" ")[0])


def main() -> None:
    """Print rank 1 with its interval, by the days between both recordings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", help="folder with Person_01, Person_02, ...")
    parser.add_argument("--filtered", action="store_true", help="the filtered signals instead of the raw ones")
    parser.add_argument("--cache", default="outputs/cache", help="folder of recordings as they were digitized")
    parser.add_argument("--side", type=int, default=50, help="a window has side x side samples")
    parser.add_argument("--persons", type=int, default=200, help="simulated ones that the network learns from")
    parser.add_argument("--steps", type=int, default=800, help="of its training")
    given = parser.parse_args()
    torch.set_num_threads(1)
    source = ECGID(given.root, filtered=given.filtered, cache=given.cache, on_bad_record="skip")
    leads = Leads(("i",), side=given.side)
    kind, samples = source.kind(leads), source.collect(leads).judged
    network = identification(("i",), kind.samples / kind.rate, given.persons, given.steps, 0)
    embedded = network(samples.read(samples.places(range(len(samples)))), kind.rate)
    recordings, people = samples.recordings, np.arange(len(samples.unique_patients))
    assert recordings is not None
    own = [np.unique(recordings[samples.patient == patient]) for patient in people]
    several = np.array([len(names) > 1 for names in own])
    first, last = ([names[at] for names in own] for at in (0, -1))
    known = np.isin(recordings, first)
    gallery = directions(embedded[known], samples.patient[known], people)
    sought = np.isin(recordings, last) & several[samples.patient]
    probes = directions(embedded[sought], samples.patient[sought], people[several])
    hit = (probes @ gallery.T).argmax(axis=1) == people[several]
    gap = np.array([(day(last[patient]) - day(first[patient])).days for patient in people[several]])
    print(f"{len(people)} people, {several.sum()} with several recordings; by chance {1 / len(people):.1%} at rank 1")
    for least, end in pairwise(GAPS):
        chosen = (gap >= least) & (gap < end)
        low, high = proportion_interval(int(hit[chosen].sum()), int(chosen.sum()))
        between = f"{gap[chosen].min()} to {gap[chosen].max()} days apart" if chosen.any() else f"{least} days or more"
        print(f"{between}: rank 1 {hit[chosen].sum()} of {chosen.sum()} people, 95 % interval {low:.0%} to {high:.0%}")
    low, high = proportion_interval(int(hit.sum()), len(hit))
    print(f"all: rank 1 {hit.sum()} of {len(hit)}, {low:.0%} to {high:.0%}")


if __name__ == "__main__":
    main()
