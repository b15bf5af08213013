"""The pre-registered numbers of the verdict, read from `verdict.yaml` beside this file."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ganlab.core.kind import Kind

FILE = Path(__file__).with_name("verdict.yaml")


@dataclass(frozen=True)
class Primary:
    """A primary number: `words` say what it is, `why` it is one.

    `fault` is one of `ganlab.evaluation.faults`, empty for none. Where `p` names a test of the attacks, its p value
    decides. A `classifier`'s area is compared with those of sets of patients who do not differ. Where it is `certain`,
    no chance explains a value that no real group has: one sample is an alarm. A distance of up to `negligible`, in its
    unit, is no alarm however little real groups vary.
    """

    name: str
    words: str
    why: str
    fault: str = ""
    p: str = ""
    classifier: bool = False
    certain: bool = False
    negligible: float = 0.0


@dataclass(frozen=True)
class Part:
    """What a light looks at: it takes `leads`, and is left out of samples with less.

    A light may be green without an `optional` part that was not measured.
    """

    name: str
    numbers: tuple[Primary, ...]
    leads: int = 1
    optional: bool = False


@dataclass(frozen=True)
class Plan:
    """A light before it is lit: its title says what a green one means, `asks` what measures it.

    Its numbers prove nothing where they miss one of `controls` that they declare to notice; of all where it is empty.
    """

    name: str
    title: str
    asks: str
    parts: tuple[Part, ...]
    controls: tuple[str, ...] = ()

    @property
    def primaries(self) -> list[Primary]:
        """All numbers of the light."""
        return [each for part in self.parts for each in part.numbers]


def plans_of(kind: Kind) -> tuple[Plan, ...]:
    """Return the lights of a kind of sample."""
    name = "signal" if kind.other_unit else kind.noun
    leads = len(kind.leads)
    return tuple(
        Plan(
            light,
            each["title"],
            each["asks"],
            tuple(part for part in each["parts"] if part.leads <= max(leads, 1)),
            tuple(each.get("controls", ())),
        )
        for light, each in _read()[name].items()
    )


def primaries_of(kind: Kind) -> dict[str, Primary]:
    """Return the primary numbers that have a null distribution, by name."""
    return {each.name: each for plan in plans_of(kind) for each in plan.primaries if not each.p}


@cache
def _read() -> dict[str, dict[str, dict[str, Any]]]:
    kinds = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {
        kind: {
            light: fields | {"parts": [_part(name, part) for name, part in fields["parts"].items()]}
            for light, fields in lights.items()
        }
        for kind, lights in kinds.items()
    }


def _part(name: str, fields: Mapping[str, Any]) -> Part:
    numbers = tuple(Primary(each, **about) for each, about in fields.items() if isinstance(about, Mapping))
    return Part(name, numbers, fields.get("leads", 1), fields.get("optional", False))
