"""What a split is: disjoint groups of persons."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ganlab.dataset.samples import Samples
from ganlab.dataset.source import Member
from ganlab.errors import UserError

log = logging.getLogger(__name__)

SHOWN = 5


@dataclass(frozen=True)
class Split:
    """Persons of each part. Raises UserError where a person stands in two parts or nobody trains.

    `spared` are the names of recordings of training persons that do not train.
    """

    name: str
    seed: int
    parts: dict[str, tuple[str, ...]]
    spared: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        people = Counter(person for part in self.parts.values() for person in part)
        twice = sorted(person for person, parts in people.items() if parts > 1)
        if twice:
            raise UserError(f"split {self.name}: {', '.join(twice[:5])} in more than one part.")
        if not self.parts.get("train"):
            raise UserError(f"split {self.name}: nobody is left to train on.")

    def of(self, part: str) -> tuple[str, ...]:
        """The persons of a part, none where the split has no such part."""
        return self.parts.get(part, ())


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


class Splitter(Protocol):
    """Assigns persons to parts."""

    def __call__(self, members: Sequence[Member]) -> Split:
        """Split the persons of these records, rows or images."""
