"""The section on the data of a run: how much of what there is, in which part, and what was left out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganlab.core.words import counted, number
from ganlab.report.content import list_of, mapping


@dataclass(frozen=True)
class DataSection:
    """Totals, parts by class, and records that were left out or are doubtful, each as text."""

    totals: Sequence[tuple[str, str]]
    note: str
    header: Sequence[str]
    parts: Sequence[Sequence[str]]
    noun: str
    skipped_title: str
    skipped: Sequence[Sequence[str]]
    doubtful: Sequence[Sequence[str]]


def data_view(data: Mapping[str, Any], people: str) -> DataSection | None:
    """Return the section on what `run.json` says of the data; None where it says nothing."""
    if not data:
        return None
    noun = f"{data.get('noun', 'sample')}s"
    units = {"records": "records", "patients": people, "samples": noun}
    classes = list(mapping(data.get("classes")))
    parts = {name: mapping(part) for name, part in mapping(data.get("parts")).items()}
    skipped = [mapping(item) for item in list_of(data.get("skipped"))]
    record = "row" if data.get("noun") == "row" else "record"
    totals: Counter[str] = Counter()
    for one in skipped:
        if isinstance(count := one.get("count", 1), int):
            totals[one.get("noun") or record] += count
    return DataSection(
        totals=[(unit, number(data[key])) for key, unit in units.items() if key in data],
        note=str(data.get("note") or ""),
        header=["part", people, noun, *classes],
        parts=[[name, *_counts(part, classes)] for name, part in parts.items()],
        noun=record,
        skipped_title=", ".join(counted(total, of) for of, total in totals.items()),
        skipped=_records(skipped),
        doubtful=_records([mapping(item) for item in list_of(data.get("doubtful"))]),
    )


def _counts(part: Mapping[str, Any], classes: Sequence[str]) -> list[str]:
    of_class = mapping(part.get("classes"))
    return [number(value) for value in (part.get("patients"), part.get("samples"), *map(of_class.get, classes))]


def _records(items: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    return [(one.get("record", "–"), one.get("reason", "–"), number(one.get("count", 1))) for one in items]
