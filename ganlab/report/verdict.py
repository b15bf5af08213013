"""The verdict as a file, as a table at the terminal, and as what a page begins with.

Pages, cards and the terminal show what `verdict.json` in the folder of a run or an evaluation holds.
"""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ganlab import __version__
from ganlab.core.errors import UserError
from ganlab.core.files import inside, write_whole
from ganlab.core.kind import Kind
from ganlab.evaluation.evidence import Evidence
from ganlab.evaluation.findings import ALARM, MISSING
from ganlab.evaluation.null import Sizes
from ganlab.evaluation.verdict import GREEN, GREY, PRIVATE, RED, verdict
from ganlab.report.content import list_of, mapping, read_mapping

log = logging.getLogger(__name__)

FILE = "verdict.json"
"""The verdict, beside `metrics.json`."""
EVALUATED = "evaluated.json"
"""In the folder of a run: the verdict of the last `ganlab.evaluate` of it, for the cards of exports."""
ANSWERS = {GREEN: "yes", RED: "no", GREY: "not known"}
"""What a light says to its title."""
EXIT_CODES = {GREEN: 0, RED: 3, GREY: 4}
"""Exit codes of `ganlab.evaluate gate=true`."""


def write_verdict(folder: Path, evidence: Evidence, kind: Kind, **facts: object) -> dict[str, Any]:
    """Write the verdict on the evidence with these facts, date and version to the folder; return what it holds.

    With the fact `other_data` nobody here trained the generator, and with `trained_by_unknown` that is not known: then
    privacy is never green.
    """
    sizes = evidence.sizes or Sizes(0, 0, 0, 0, kind.people)
    strangers = "who trained the generator is not known" if facts.get("trained_by_unknown") else ""
    if facts.get("other_data"):
        strangers = f"none of the {kind.people} here trained the generator"
    lights = verdict(evidence.rows, kind, evidence.null, sizes, evidence.details, strangers)
    content = lights.as_json() | {"date": datetime.now(UTC).date().isoformat(), "version": __version__, **facts}
    write_whole(Path(folder) / FILE, json.dumps(content, indent=1), "out")
    return content


def keep_for_cards(folder: Path, content: Mapping[str, Any]) -> None:
    """Write a verdict to the folder of the evaluated run, for the cards of its exports; log where it is read-only."""
    try:
        write_whole(Path(folder) / EVALUATED, json.dumps(content, indent=1), "synthetic")
    except UserError as error:
        log.warning("cards of this run's exports will not carry this verdict: %s", error)


@dataclass(frozen=True)
class LightView:
    """A light as a page shows it: colour, title, what it answers, the reason, and its parts with their states."""

    name: str
    colour: str
    title: str
    answer: str
    reason: str
    parts: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]


@dataclass(frozen=True)
class VerdictView:
    """Three lights, the five numbers that a page begins with, and all primary ones."""

    lights: Sequence[LightView]
    five: Sequence[Mapping[str, Any]]
    level: str
    people: str
    date: str = ""
    version: str = ""
    compared_with: str = ""
    simulated: bool = False

    @property
    def private(self) -> LightView | None:
        """The light on privacy."""
        return next((light for light in self.lights if light.name == PRIVATE), None)


def view(content: Mapping[str, Any]) -> VerdictView | None:
    """Return what a page shows of the content of `verdict.json`; None where it is empty or damaged."""
    lights = [_light(mapping(each)) for each in list_of(content.get("lights"))]
    if not lights:
        return None
    every = {each["name"]: each for light in lights for _, part in light.parts for each in part}
    five = [every[name] for name in list_of(content.get("five")) if isinstance(name, str) and name in every]
    people = str(mapping(content.get("sizes")).get("people") or "patients")
    date, version, compared_with = (_text(content.get(key)) for key in ("date", "version", "compared_with"))
    share = content.get("level")
    level = 100 * share if isinstance(share, int | float) else 0
    return VerdictView(
        lights, five, f"{level:g} %", people, date, version, compared_with, bool(content.get("simulated"))
    )


def _text(value: object) -> str:
    """Return a text on one line; empty for None."""
    return "" if value is None else " ".join(str(value).split())


_TEXTS = ("name", "words", "why", "state", "better", "shown", "reference", "power", "reason")


def _number(finding: Mapping[str, Any]) -> dict[str, Any]:
    texts = {key: _text(finding.get(key)) for key in _TEXTS}
    return {**finding, **texts, "state": texts["state"] or MISSING}


def _light(light: Mapping[str, Any]) -> LightView:
    texts = {key: _text(light.get(key)) for key in ("name", "title", "colour", "reason")}
    colour = texts["colour"] if texts["colour"] in ANSWERS else GREY
    parts = [
        (part, [_number(mapping(each)) for each in list_of(numbers)])
        for part, numbers in mapping(light.get("parts")).items()
    ]
    return LightView(texts["name"], colour, texts["title"], ANSWERS[colour], texts["reason"], parts)


def table(content: Mapping[str, Any], page: Path | None = None, following: str = "") -> list[str]:
    """Return at most ten lines for the terminal: three lights, five numbers, the page, and the next command."""
    shown = view(content)
    lines = []
    for light in shown.lights if shown else ():
        lines.append(f"{light.colour.upper():<6}{light.title}: {light.answer}. {light.reason}")
    for each in shown.five if shown else ():
        against = f"{each['reference']}" if each.get("p") is not None else f"other real ones {each['reference']}"
        mark = "!" if each["state"] == ALARM else " "
        lines.append(f"  {mark} {each['words']}: {each['shown']} ({against}; {each['better']})")
    lines += [f"page  {page}"] if page else []
    lines += [f"next  {following}"] if following else []
    return lines


def following(content: Mapping[str, Any], measure: str, share: str) -> str:
    """Return the command that the verdict suggests: `share` where nothing is grey, `measure` where a light is."""
    lights = {str(light.get("name")): light.get("colour") for light in map(mapping, list_of(content.get("lights")))}
    private = lights.pop(PRIVATE, GREY)
    if RED in lights.values() or private == RED:
        return ""
    return measure if GREY in (private, *lights.values()) else share


def measuring(command: str, kind: Kind) -> str:
    """Return a command with the metrics that measure all lights of a kind of sample; empty where none do."""
    group = {"window": "full", "row": "table_full"}.get("" if kind.other_unit else kind.noun)
    return f"{command} metrics={group}" if group else ""


def exit_with(worst: str) -> None:
    """Exit with the code of the worst light: 3 where it is red, 4 where it is grey; return where all are green."""
    if code := EXIT_CODES[worst]:
        sys.exit(code)


def of_checkpoint(folder: Path, checkpoint: str, run: Mapping[str, Any]) -> VerdictView | None:
    """Return the newest verdict on the generator of a run's checkpoint, for the card of an export; None without one."""
    return view(content_of_checkpoint(folder, checkpoint, run))


def content_of_checkpoint(folder: Path, checkpoint: str, run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the newest verdict on a checkpoint holds, without the name of a folder; empty without one."""
    for file in (Path(folder) / name for name in (EVALUATED, FILE)):
        content = read_mapping(file, []) if inside(file, Path(folder)) else {}
        if content and (content.get("checkpoint") or run.get("checkpoint")) == checkpoint:
            return {key: value for key, value in content.items() if key != "synthetic"}
    return {}


def read_verdict(folder: Path, trouble: list[str] | None = None) -> dict[str, Any]:
    """Return the content of the verdict in a folder, empty where there is none or it is damaged."""
    return read_mapping(Path(folder) / FILE, [] if trouble is None else trouble)
