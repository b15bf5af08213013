"""The check that each part holds samples of the patients whom the split put there, and of no others."""

import logging
from collections.abc import Mapping, Sequence

from ganlab.core.errors import UserError
from ganlab.dataset.samples import Samples
from ganlab.split.base import Split

log = logging.getLogger(__name__)

SHOWN = 5
"""Patients that a message names."""


def check_apart(split: Split, samples: Samples, parts: Mapping[str, Samples]) -> None:
    """Check that the samples of each part are those of its patients, and log how many patients are in no part.

    `samples` are all, `parts` those of each part. Raises UserError where a patient's samples are in two parts, or in a
    part where the split did not put the patient.
    """
    owners: dict[str, str] = {}
    for part, held in parts.items():
        people = set(held.people.tolist())
        if strangers := sorted(people - set(split.of(part))):
            raise UserError(f"split {split.name}: {part} shows {_some(strangers)}, whom the split did not put there.")
        if twice := sorted(people & owners.keys()):
            raise UserError(f"split {split.name}: samples of {_some(twice)} in {owners[twice[0]]} and in {part}.")
        owners |= dict.fromkeys(people, part)
    if nowhere := sorted(set(samples.people.tolist()) - owners.keys()):
        log.warning("split %s: %d patient(s) in no part: %s", split.name, len(nowhere), _some(nowhere))


def _some(people: Sequence[str]) -> str:
    more = f" and {len(people) - SHOWN} more" if len(people) > SHOWN else ""
    return f"{', '.join(people[:SHOWN])}{more}"
