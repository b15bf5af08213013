"""Whom attacks on privacy try to tell apart: persons who trained, and as many of the same classes who did not."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.core.spread import evenly
from ganlab.dataset.module import PARTS, Data
from ganlab.dataset.samples import Samples
from ganlab.metrics.base import Attacked, Metric, Real, SampleSet
from ganlab.split.base import Split

log = logging.getLogger(__name__)

NONMEMBERS = ("holdout", "test")
"""Parts of a split that choose nothing: neither the checkpoint nor a setting."""
OTHERS = ("validation",)
WINDOWS = 16
STRANGERS = 4
"""Times `windows` of each stranger: theirs stand for what a generator makes."""
SEED = 0
"""Of which members are attacked where there are more than non-members."""


def with_attacked(real: Real, data: Data, measures: Mapping[str, Metric], settings: Mapping[str, Any]) -> Real:
    """The real samples with whom to attack, where a measure attacks.

    Raises UserError where nobody can be attacked and nothing else was asked for; else the measure says so itself.
    """
    if not any(measure.attacks for measure in measures.values()):
        return real
    try:
        return replace(real, attacked=attacked(data, **(settings.get("attacked") or {})))
    except UserError as error:
        if all(measure.attacks for measure in measures.values()):
            raise
        log.warning("no attacks on privacy: %s", error)
        return real


def check_attackable(split: Split, measures: Mapping[str, Metric], settings: Mapping[str, Any]) -> None:
    """Before hours of training: raise UserError where all measures attack and nobody can be attacked."""
    if measures and all(measure.attacks for measure in measures.values()):
        asked = settings.get("attacked") or {}
        _people(split, asked.get("nonmembers", NONMEMBERS), asked.get("others", OTHERS))


def attacked(
    data: Data, nonmembers: Sequence[str] = NONMEMBERS, others: Sequence[str] = OTHERS, windows: int = WINDOWS
) -> Attacked:
    """Members and as many non-members of each class, with at most so many windows, or rows, each.

    Of a person with several recordings the last by name is the attacker's, the others are under attack. Half of the
    persons of the parts `others` are what whoever attacks knows, the other half the negative control. Raises UserError
    where everybody trained, a part is empty, or a part stands on both sides.
    """
    assert data.split is not None, "call setup first"
    if windows < 1:
        raise UserError(f"metrics.attacked.windows={windows}: accepted are 1 or more.")
    split, samples = data.split, data.collected.judged
    outside, known = _people(split, nonmembers, others)
    labels = _labels(samples)
    members, chosen = _matched(
        [person for person in split.of("train") if person in labels],
        [person for person in outside if person in labels],
        labels,
    )
    in_order = sorted((person for person in known if person in labels), key=lambda person: (labels[person], person))
    number = {person: place for place, person in enumerate(samples.people.tolist())}
    own, gallery = _recordings(samples)
    log.info(
        "attacked: %d of %d persons who trained, %d of %s; %d of %s are known to whoever attacks",
        *(len(members), len(split.of("train")), len(chosen), " and ".join(nonmembers)),
        *(len(in_order), " and ".join(others)),
    )

    def taken(people: Sequence[str], where: NDArray[np.bool_], each: int) -> SampleSet:
        return _taken(samples, people, where, each, number)

    everything = np.ones(len(samples), bool)
    return Attacked(
        members=taken(members, own, windows),
        nonmembers=taken(chosen, own, windows),
        knowledge=taken(in_order[::2], everything, windows),
        strangers=taken(in_order[1::2], everything, STRANGERS * windows),
        gallery=taken([*members, *chosen], gallery, windows) if gallery.any() else None,
        gallery_trained=not split.spared,
    )


def _people(split: Split, nonmembers: Sequence[str], others: Sequence[str]) -> tuple[list[str], list[str]]:
    """The persons of these parts. Raises UserError where that leaves nobody, or somebody on both sides."""
    for key, parts in (("nonmembers", nonmembers), ("others", others)):
        wrong = [part for part in parts if part not in PARTS or part == "train"]
        if wrong or not parts:
            raise UserError(
                f"metrics.attacked.{key}=[{','.join(parts)}]: accepted are holdout, test and validation; "
                "train are the members."
            )
    if both := set(nonmembers) & set(others):
        raise UserError(
            f"metrics.attacked: {', '.join(sorted(both))} is among nonmembers and others, so that a hold-out would "
            "overlap with what whoever attacks knows. Each part stands on one side."
        )
    found = [[person for part in parts for person in split.of(part)] for parts in (nonmembers, others)]
    for key, parts, people in (("nonmembers", nonmembers, found[0]), ("others", others, found[1])):
        if not people:
            reason = "everybody trained" if set(split.parts) == {"train"} else "nobody is in it"
            raise UserError(
                f"split={split.name}: {reason}, so there are no {key} of {' or '.join(parts)}, and an attack on "
                "privacy needs them. Train and judge with split=patient; see split.holdout=, split.test=, "
                "split.validation=."
            )
    if both := set(split.of("train")) & set(found[0]):
        raise UserError(
            f"split={split.name}: {len(both)} persons of {' and '.join(nonmembers)} also trained (such as "
            f"{sorted(both)[0]}): a hold-out that overlaps with the members measures nothing. Use split=patient."
        )
    return found[0], found[1]


def _labels(samples: Samples) -> dict[str, int]:
    """The class of most samples of each person, of equally many the first."""
    votes: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for person, label in zip(samples.persons.tolist(), samples.labels.tolist(), strict=True):
        votes[person][label] += 1
    return {person: min(own, key=lambda label: (-own[label], label)) for person, own in votes.items()}


def _matched(members: Sequence[str], others: Sequence[str], labels: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """As many of both of every class, drawn where there are more."""
    rng = np.random.default_rng(SEED)
    found: tuple[list[str], list[str]] = ([], [])
    for label in sorted({labels[person] for person in [*members, *others]}):
        sides = [sorted(person for person in side if labels[person] == label) for side in (members, others)]
        count = min(map(len, sides))
        for side, chosen in zip(sides, found, strict=True):
            chosen.extend(np.array(side)[np.sort(rng.permutation(len(side))[:count])].tolist())
    return found


def _recordings(samples: Samples) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which samples are under attack, and which are of a recording that is the attacker's, `(N,)` each."""
    names = samples.recordings
    if names is None:
        return np.ones(len(samples), bool), np.zeros(len(samples), bool)
    last = np.zeros(len(samples), bool)
    for person in samples.people:
        here = np.flatnonzero(samples.persons == person)
        own = np.unique(names[here])
        if len(own) > 1:
            last[here[names[here] == own[-1]]] = True
    return ~last, last


def _taken(
    samples: Samples, people: Sequence[str], where: NDArray[np.bool_], each: int, number: Mapping[str, int]
) -> SampleSet:
    """Of each person at most so many samples, spread evenly over those that are asked for."""
    at: list[int] = []
    for person in people:
        here = np.flatnonzero((samples.persons == person) & where)
        at.extend(here[evenly(each, len(here))].tolist())
    batch = samples.__getitems__(at)
    persons = np.array([number[str(samples.persons[place])] for place in at], np.int64)
    return SampleSet(batch.sample.numpy(), batch.label.numpy(), persons)
