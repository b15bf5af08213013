"""What of a run's folder may leave it: no name of a record or patient, no machine, no path, no password."""

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ganlab.core.errors import UserError
from ganlab.core.masking import masked
from ganlab.core.plain_yaml import read_yaml

LEFT_BEHIND = ("host", "pid", "working_folder")
"""Facts of `run.json` that concern one machine."""
SHORTEST_NAME = 4
"""Characters of a name that is looked for in other texts."""
BEGINNING = r"(?:(?<![\w.~/-])|(?<=:/)|(?<=://)|(?<=:///))"
"""Where a path begins: behind what is no part of another one, or behind an address's scheme."""
END = r"(?![\w~-]|\.\w)"
"""Where the last part of a path ends: `/data/a` is no part of `/data/ab`."""
PICTURE = re.compile(r"(base64,[A-Za-z0-9+/=]*)")


@dataclass(frozen=True)
class Shared:
    """The texts of a run's folder as they are sent; `paths` are folders of this machine that they may name."""

    paths: Sequence[str]

    @classmethod
    def of(cls, folder: Path, facts: Mapping[str, Any]) -> "Shared":
        """Return what is left out of the texts of a run or sweep with these facts."""
        file = folder / "config.yaml"
        config = read_yaml(file) if file.is_file() else None
        written = [
            part for each in facts.get("overrides", []) for part in re.split(r"\s*[][=,{}'\"]\s*|:\s+", str(each))
        ]
        paths = {str(folder.absolute().parent), str(folder.resolve().parent), str(facts.get("working_folder", "/"))}
        return cls(sorted({*paths, *_absolute([config, written]), str(Path.home())} - {"/"}, key=len, reverse=True))

    def text(self, text: str) -> str:
        """Return a text or page without credentials, and with the last part of each path alone; pictures stay."""
        parts = PICTURE.split(text)
        return "".join(part if number % 2 else self._plain(part) for number, part in enumerate(parts))

    def _plain(self, text: str) -> str:
        for path in self.paths:
            name = "~" if path == str(Path.home()) else f".../{PurePosixPath(path).name}"
            for form in {path, html.escape(path)}:
                text = re.sub(BEGINNING + re.escape(form) + END, name.replace("\\", r"\\"), text)
        return masked(text)

    def facts(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Return the facts of `run.json` without machine and names; of an error, which may name a record, the kind."""
        shared: dict[str, Any] = {key: value for key, value in facts.items() if key not in LEFT_BEHIND}
        if isinstance(data := shared.get("data"), Mapping):
            lists = {key: nameless(data[key]) for key in ("skipped", "doubtful") if isinstance(data.get(key), list)}
            shared["data"] = {**data, **lists}
        if "error" in shared:
            shared["error"] = str(shared["error"]).partition(":")[0]
        return shared


def _absolute(value: Any) -> Iterator[str]:
    """Yield the absolute paths among plain values, at any depth."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _absolute(inner)
    elif isinstance(value, str) and value.startswith("/"):
        yield value.rstrip("/") or "/"


def parsed(file: Path, text: str) -> Any:
    """Return the value of a JSON text. Raises UserError, which names the file that it is of, for a damaged one."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is damaged: {error}. Restore it from a copy, or remove it.") from error


def counts_of(split: Mapping[str, Any]) -> dict[str, Any]:
    """Return a split with the number of patients of each part in the place of their ids."""
    parts = split.get("parts")
    counts = {str(part): len(people) for part, people in parts.items()} if isinstance(parts, Mapping) else {}
    return {"name": split.get("name"), "seed": split.get("seed"), "patients": counts}


def nameless(items: Sequence[Any], noun: str = "record") -> list[dict[str, Any]]:
    """Return records that were left out or are doubtful by reason, each single one as `noun` instead of by its name."""
    counts: dict[tuple[str, str, str | None], int] = {}
    for one in items:
        if not isinstance(one, Mapping):
            continue
        name, count = str(one.get("record", "–")), one.get("count", 1)
        single, count = count == 1 or "/" in name, count if isinstance(count, int) else 1
        reason = _without(str(one.get("reason", "–")), name) if single else str(one.get("reason", "–"))
        key = (noun if single else name, reason, one.get("noun"))
        counts[key] = counts.get(key, 0) + count
    return [
        {"record": record, "reason": reason, "count": count, "noun": of}
        for (record, reason, of), count in counts.items()
    ]


def _without(reason: str, name: str) -> str:
    """Return a reason without the name of its record, and without the parts of that name."""
    for part in (name, *re.split(r"[/:\\]", name), PurePosixPath(name).stem):
        if len(part) >= SHORTEST_NAME:
            reason = reason.replace(part, "...")
    return reason
