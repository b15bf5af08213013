"""The verdict on a set of samples: three lights, decided by a handful of numbers that were chosen beforehand.

A number is an alarm where it is farther from its best value than groups of as many other real patients are
(`ganlab.evaluation.null`). Real samples of unseen patients raise an alarm anywhere on a page in at most `LEVEL` of all
cases: fidelity and variety together, copies, and the permutation tests of membership and of linkage each have a part
of it. All other numbers of a page are exploratory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ganlab.core.kind import Kind
from ganlab.core.words import counted
from ganlab.evaluation.findings import (
    ALARM,
    BLIND,
    LEAST,
    MISSING,
    RIGHT,
    UNSURE,
    Finding,
    Sizes,
    finding_of,
    finding_of_attack,
    p_values,
    power_of,
)
from ganlab.evaluation.primary import Plan, plans_of
from ganlab.evaluation.rows import NumberRow
from ganlab.evaluation.thresholds import Threshold, thresholds

LEVEL = 0.05
"""Share of pages of unseen real patients that may raise an alarm."""
FIDELITY, COPIES, ATTACK = 0.015, 0.005, 0.01
"""What fidelity and variety together, copies, and each of two attacks, membership and linkage, may spend of it.

Groups of few patients have shorter tails than unseen patients: half of the level is kept for that."""
GREEN, RED, GREY = "green", "red", "grey"
PRIVATE = "private"
"""Name of the light on privacy."""
SHOWN = (2, 2, 1)
"""Numbers of each light among the five that a page begins with."""

Parts = Mapping[str, Sequence[Finding]]


@dataclass(frozen=True)
class Light:
    """One of three lights: what a green one says, its colour, the reason in a sentence, and its numbers by part."""

    name: str
    title: str
    colour: str
    reason: str
    parts: Parts

    @property
    def numbers(self) -> list[Finding]:
        """All numbers of the light."""
        return [each for part in self.parts.values() for each in part]


@dataclass(frozen=True)
class Verdict:
    """Three lights, on how many patients they were decided, and at which level."""

    lights: Sequence[Light]
    sizes: Sizes
    level: float = LEVEL

    @property
    def worst(self) -> str:
        """Red where a light is, else grey where one is, else green."""
        colours = [light.colour for light in self.lights]
        return next((colour for colour in (RED, GREY) if colour in colours), GREEN)

    @property
    def five(self) -> list[Finding]:
        """The numbers that a page begins with: alarms first, then in the order of the file."""
        chosen = []
        for light, count in zip(self.lights, SHOWN, strict=True):
            measured = [each for each in light.numbers if each.state != MISSING]
            chosen += sorted(measured, key=lambda each: each.state != ALARM)[:count]
        return chosen

    def as_json(self) -> dict[str, Any]:
        """Return plain values, as in `verdict.json`."""
        lights = [asdict(light) for light in self.lights]
        five = [each.name for each in self.five]
        return {"worst": self.worst, "lights": lights, "five": five, "level": self.level, "sizes": asdict(self.sizes)}


def verdict(
    rows: Mapping[str, NumberRow],
    kind: Kind,
    null: Mapping[str, Mapping[str, Any]],
    sizes: Sizes,
    details: Mapping[str, Mapping[str, Any]] | None = None,
    strangers: str = "",
) -> Verdict:
    """Return the verdict on a set from its rows and null distributions, those of `ganlab.evaluation.evidence`.

    `details` are what the attacks keep of each set, by metric: among them the p values of their permutation tests.
    `strangers` is the reason why nobody here trained the generator: then what is not found proves nothing.
    """
    plans, p = plans_of(kind), p_values(details or {})
    limits: dict[str, Threshold] = {}
    for private, level in ((False, FIDELITY), (True, COPIES)):
        primaries = [each for plan in plans if (plan.name == PRIVATE) is private for each in plan.primaries]
        usable = {each.name: rows[each.name] for each in primaries if each.name in null and each.name in rows}
        certain = frozenset(each.name for each in primaries if each.certain)
        negligible = {each.name: each.negligible for each in primaries if each.negligible}
        limits |= thresholds(usable, null, level, sizes, certain, negligible)
    lights = []
    for plan in plans:
        parts: dict[str, list[Finding]] = {part.name: [] for part in plan.parts}
        for part in plan.parts:
            for each in part.numbers:
                row, limit = rows.get(each.name), limits.get(each.name)
                finding = (
                    finding_of_attack(each, row, p.get(each.p), ATTACK)
                    if each.p
                    else finding_of(each, row, limit, sizes, plan.controls)
                )
                if row is not None and limit is not None:
                    finding = replace(finding, power=power_of(each, row, limit, null[each.name]["faults"], kind))
                if strangers and plan.name == PRIVATE and finding.state == RIGHT:
                    finding = replace(finding, state=BLIND, reason=strangers)
                parts[part.name].append(finding)
        lights.append(Light(plan.name, plan.title, *_decided(plan, parts, sizes), parts))
    return Verdict(lights, sizes)


def _decided(plan: Plan, parts: Parts, sizes: Sizes) -> tuple[str, str]:
    """Return the colour of a light and the sentence that gives the reason."""
    every = [each for part in parts.values() for each in part]
    measured = [each for each in every if each.state != MISSING]
    alarms = [each for each in every if each.state == ALARM]
    optional = {part.name for part in plan.parts if part.optional}
    lacking = [
        name
        for name, part in parts.items()
        if not any(each.state in (RIGHT, ALARM) for each in (part[:1] if plan.name == PRIVATE else part))
        and not (name in optional and all(each.state == MISSING for each in part))
    ]
    if alarms:
        return RED, _alarmed(plan, alarms, measured)
    if not measured:
        why = _why(every)
        return GREY, f"Not measured: {why}." if why else f"Not measured: {plan.asks} measures it."
    if sizes.fewest < LEAST:
        return GREY, f"{counted(sizes.fewest, sizes.people[:-1])}: at least {LEAST} are needed."
    if lacking:
        return GREY, _lacking(plan, parts, lacking)
    if plan.name == PRIVATE:
        return GREEN, f"{_listed(list(parts)).capitalize()}: looked for and not found. {_brief(measured[0])}."
    count = counted(len(measured), "number")
    return (
        GREEN,
        f"{count}, all within the range of other real {sizes.people}, such as: {_brief(measured[0], small=True)}.",
    )


def _alarmed(plan: Plan, alarms: Sequence[Finding], measured: Sequence[Finding]) -> str:
    begin, verb = "Found. " if plan.name == PRIVATE else "", "is an alarm" if len(alarms) == 1 else "are alarms"
    return f"{begin}{_brief(alarms[0])}; {len(alarms)} of {counted(len(measured), 'number')} {verb}."


def _brief(each: Finding, small: bool = False) -> str:
    """Return a number in words, with value and range."""
    against = each.reference if each.p is not None else f"other real ones {each.reference}"
    words = each.words if small else each.words[:1].upper() + each.words[1:]
    return f"{words} {each.shown} ({against})"


def _lacking(plan: Plan, parts: Parts, lacking: Sequence[str]) -> str:
    """Return what was measured and what not, or proves nothing."""
    blind = [name for name in lacking if any(each.state in (BLIND, UNSURE) for each in parts[name])]
    absent = [name for name in lacking if name not in blind]
    right = [name for name in parts if name not in lacking]
    sentences = []
    if right:
        verb = "not found" if plan.name == PRIVATE else "as real"
        sentences.append(f"{_listed(right).capitalize()}: {verb}.")
    if absent:
        why = _why([each for name in absent for each in parts[name]])
        sentences.append(f"{_listed(absent).capitalize()}: not measured ({why or plan.asks}).")
    if blind:
        reason = next(each.reason for name in blind for each in parts[name] if each.state in (BLIND, UNSURE))
        sentences.append(f"{_listed(blind).capitalize()}: proves nothing, {reason}.")
    return " ".join(sentences)


def _why(numbers: Sequence[Finding]) -> str:
    """Return the first reason why one of these numbers was not measured, without its full stop; empty without any."""
    return next((each.reason.rstrip(".") for each in numbers if each.state == MISSING and each.reason), "")


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
