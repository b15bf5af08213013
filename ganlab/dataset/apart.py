"""Whether the samples of each part are those of the patients whom the split put there."""

import logging
from collections.abc import Mapping, Sequence

from ganlab.core.errors import UserError
from ganlab.dataset.samples import Samples
from ganlab.split.base import Split

log = logging.getLogger(__name__)

SHOWN = 5


def check_apart(split: Split, samples: Samples, shown: Mapping[str, Samples]) -> None:
    """Compare the split with whose samples its parts really hold, and log how many persons it leaves out.

    `samples` are all, `shown` those of each part. Raises UserError where a person's samples are in two parts, or a part
    shows a person that the split did not put there.
    """
    owners: dict[str, str] = {}
    for part, held in shown.items():
        people = set(held.people.tolist())
        if strangers := sorted(people - set(split.of(part))):
            raise UserError(f"split {split.name}: {part} shows {_some(strangers)}, whom the split did not put there.")
        if twice := sorted(people & owners.keys()):
            raise UserError(f"split {split.name}: samples of {_some(twice)} in {owners[twice[0]]} and in {part}.")
        owners |= dict.fromkeys(people, part)
    if nowhere := sorted(set(samples.people.tolist()) - owners.keys()):
        log.warning("split %s: %d person(s) in no part: %s", split.name, len(nowhere), _some(nowhere))


def _some(people: Sequence[str]) -> str:
    more = f" and {len(people) - SHOWN} more" if len(people) > SHOWN else ""
    return f"{', '.join(people[:SHOWN])}{more}"
