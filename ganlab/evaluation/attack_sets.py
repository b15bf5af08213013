"""Members and non-members for attacks on privacy: patients who trained, and as many of the same classes who did not."""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.core.labels import strata
from ganlab.core.spread import evenly
from ganlab.dataset.module import PARTS, Data
from ganlab.dataset.samples import Samples
from ganlab.metrics.base import Attacked, Metric, Real, SampleSet
from ganlab.split.base import Split

log = logging.getLogger(__name__)

NONMEMBERS = ("holdout", "test")
"""Parts of a split that choose nothing: neither the checkpoint nor a setting."""
OTHERS = ("validation",)
"""Parts of which one half is known to the attacker and the other half is the negative control."""
WINDOWS = 16
STRANGERS = 4
"""Samples of each patient of the negative control, as a multiple of `windows`: they stand for generated ones."""
SEED = 0
"""Seed of the choice of members where there are more than non-members."""


def with_attack_sets(real: Real, data: Data, metrics: Mapping[str, Metric], settings: Mapping[str, Any]) -> Real:
    """Return the real samples with those of members and non-members, where a metric attacks.

    Raises UserError where nobody can be attacked and all metrics attack; otherwise these metrics say so themselves.
    """
    if not any(metric.attacks for metric in metrics.values()):
        return real
    try:
        return replace(real, attacked=attack_sets(data, **(settings.get("attacked") or {})))
    except UserError as error:
        if all(metric.attacks for metric in metrics.values()):
            raise
        log.warning("no attacks on privacy: %s", error)
        return real


def check_attackable(split: Split, metrics: Mapping[str, Metric], settings: Mapping[str, Any]) -> None:
    """Raise UserError, before training, where all metrics attack and nobody can be attacked."""
    if metrics and all(metric.attacks for metric in metrics.values()):
        request = settings.get("attacked") or {}
        _people(split, request.get("nonmembers", NONMEMBERS), request.get("others", OTHERS))


def attack_sets(
    data: Data, nonmembers: Sequence[str] = NONMEMBERS, others: Sequence[str] = OTHERS, windows: int = WINDOWS
) -> Attacked:
    """Return members and as many non-members of each class, with at most `windows` samples each.

    Of a patient with several recordings the last by name is the attacker's, the others are attacked. Half of the
    patients of the parts `others` are known to the attacker, the other half is the negative control. Raises UserError
    where everybody trained, a part is empty, or a part stands on both sides.
    """
    if windows < 1:
        raise UserError(f"metrics.attacked.windows={windows}: accepted are 1 or more.")
    split, samples = data.split, data.collected.judged
    outside, rest = _people(split, nonmembers, others)
    labels = _labels(samples)
    members, matched = _matched(
        [patient for patient in split.of("train") if patient in labels],
        [patient for patient in outside if patient in labels],
        labels,
    )
    rest = sorted((patient for patient in rest if patient in labels), key=lambda patient: (labels[patient], patient))
    log.info(
        "attacked: %d of %d patients who trained, %d of %s; %d of %s are known to whoever attacks",
        *(len(members), len(split.of("train")), len(matched), " and ".join(nonmembers)),
        *(len(rest), " and ".join(others)),
    )
    gallery = _gallery(samples)
    every = np.ones(len(samples), bool)
    return Attacked(
        members=_take(samples, members, ~gallery, windows),
        nonmembers=_take(samples, matched, ~gallery, windows),
        knowledge=_take(samples, rest[::2], every, windows),
        strangers=_take(samples, rest[1::2], every, STRANGERS * windows),
        gallery=_take(samples, [*members, *matched], gallery, windows) if gallery.any() else None,
        gallery_trained=not split.spared,
    )


def _people(split: Split, nonmembers: Sequence[str], others: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the patients of these parts. Raises UserError where one side is empty, or somebody is on two sides."""
    sides = {"nonmembers": nonmembers, "others": others}
    for key, parts in sides.items():
        if not parts or any(part not in PARTS or part == "train" for part in parts):
            raise UserError(
                f"metrics.attacked.{key}=[{','.join(parts)}]: accepted are holdout, test and validation; "
                "train are the members."
            )
    if both := set(nonmembers) & set(others):
        raise UserError(
            f"metrics.attacked: {', '.join(sorted(both))} is among nonmembers and others, so that the attacker "
            "would know attacked patients. Name each part once."
        )
    patients = {key: [patient for part in parts for patient in split.of(part)] for key, parts in sides.items()}
    for key, parts in sides.items():
        if not patients[key]:
            reason = "everybody trained" if set(split.parts) == {"train"} else "it has no patients"
            raise UserError(
                f"split={split.name}: {reason}, so there are no {key} of {' or '.join(parts)}, and an attack on "
                "privacy needs them. Train and evaluate with split=patient; see split.holdout=, split.test=, "
                "split.validation=."
            )
    if both := set(split.of("train")) & set(patients["nonmembers"]):
        raise UserError(
            f"split={split.name}: {len(both)} patients of {' and '.join(nonmembers)} also trained (such as "
            f"{sorted(both)[0]}): a hold-out that overlaps with the members measures nothing. Use split=patient."
        )
    return patients["nonmembers"], patients["others"]


def _labels(samples: Samples) -> dict[str, int]:
    """Return the most frequent class of each patient's samples, the first of equally frequent ones.

    A sample of several classes counts for the rarest.
    """
    votes: dict[str, Counter[int]] = defaultdict(Counter)
    for patient, label in zip(samples.patients.tolist(), strata(samples.labels).tolist(), strict=True):
        votes[patient][label] += 1
    return {patient: min(own, key=lambda label: (-own[label], label)) for patient, own in votes.items()}


def _matched(members: Sequence[str], others: Sequence[str], labels: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """Return equally many patients of both sides in every class, drawn where one side has more."""
    rng = np.random.default_rng(SEED)
    matched: tuple[list[str], list[str]] = ([], [])
    for label in sorted({labels[patient] for patient in [*members, *others]}):
        sides = [sorted(patient for patient in side if labels[patient] == label) for side in (members, others)]
        count = min(map(len, sides))
        for side, chosen in zip(sides, matched, strict=True):
            chosen.extend(np.array(side)[np.sort(rng.permutation(len(side))[:count])].tolist())
    return matched


def _gallery(samples: Samples) -> NDArray[np.bool_]:
    """Return which samples, `(N,)`, are of the last recording of a patient with several: it is the attacker's."""
    last, recordings = np.zeros(len(samples), bool), samples.recordings
    if recordings is not None:
        for patient in samples.unique_patients:
            own = samples.patients == patient
            names = np.unique(recordings[own])
            last |= own & (recordings == names[-1]) & (len(names) > 1)
    return last


def _take(samples: Samples, unique_patients: Sequence[str], where: NDArray[np.bool_], count: int) -> SampleSet:
    """Return at most `count` samples of each patient among those where a mask is true, spread evenly over them."""
    places: list[int] = []
    for patient in unique_patients:
        own = np.flatnonzero((samples.patients == patient) & where)
        places.extend(own[evenly(count, len(own))].tolist())
    batch = samples.__getitems__(places)
    patients = samples.patient[places].astype(np.int64)
    return SampleSet(batch.sample.numpy(), batch.label.numpy(), patients)
