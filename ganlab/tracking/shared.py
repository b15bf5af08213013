"""What of a run's folder may leave it: no name of a record or patient, no machine, no path, no password."""

import html
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from ganlab.core.errors import UserError
from ganlab.core.files import inside
from ganlab.core.masking import masked
from ganlab.core.plain_yaml import Error, read_yaml

LEFT_BEHIND = ("host", "pid", "working_folder")
"""Facts of `run.json` that concern one machine."""
SHORTEST_NAME = 4
"""Characters of a name that is looked for in other texts."""
BEGINNING = r"(?:(?<![\w.~/-])|(?<=:/)|(?<=://)|(?<=:///))"
"""Where a path begins: behind what is no part of another one, or behind an address's scheme."""
END = r"(?![\w~-]|\.\w)"
"""Where the last part of a path ends: `/data/a` is no part of `/data/ab`."""
PLACE = re.compile(r"(?:^|[._])(?:root|file|people|cache|outputs|dir|resume)$")
"""End of the name of a setting that holds a path."""
SCHEME = re.compile(r"^[a-z+]+:/{2,3}(?=/|~)")
"""Before the path of a store that is a file."""
PICTURE = re.compile(r"(base64,[A-Za-z0-9+/=]*)")


@dataclass(frozen=True)
class Shared:
    """The texts of a run's folder as they are sent; `paths` are folders of this machine that they may name."""

    paths: Sequence[str]

    @classmethod
    def of(cls, folder: Path, facts: Mapping[str, Any]) -> "Shared":
        """Return what is left out of the texts of a run or sweep with these facts."""
        file, working = folder / "config.yaml", str(facts.get("working_folder", "/"))
        config = _config(file) if file.is_file() else None
        written = [
            {key: re.split(r"\s*[][=,{}'\"]\s*|:\s+", value)}
            for key, _, value in (str(each).partition("=") for each in facts.get("overrides", []))
        ]
        own = [str(folder.absolute().parent), str(folder.resolve().parent), working, str(facts.get("folder", ""))]
        paths = {path.rstrip("/") for each in _paths([config, written, own]) for path in _forms(each, working)}
        return cls(sorted({*paths, str(Path.home())} - {"", "."}, key=len, reverse=True))

    def text(self, text: str) -> str:
        """Return a text or page without credentials, and with the last part of each path alone; pictures stay."""
        parts = PICTURE.split(text)
        return "".join(part if number % 2 else self._plain(part) for number, part in enumerate(parts))

    def _plain(self, text: str) -> str:
        for path in self.paths:
            name = "~" if path == str(Path.home()) else f".../{PurePosixPath(path).name}"
            escaped = html.escape(path).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")  # as jinja2 writes them
            for form in {path, html.escape(path), escaped, json.dumps(path)[1:-1], quote(path)}:
                # Pages let lines break behind signs.
                spelled = "".join(re.escape(sign) + ("" if sign.isalnum() else "(?:<wbr>)?") for sign in form)
                text = re.sub(BEGINNING + spelled + END, name.replace("\\", r"\\"), text)
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


def _paths(value: Any, key: str = "") -> Iterator[str]:
    """Yield the paths among plain values at any depth, by their beginning; relative ones by the name of their key."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _paths(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, key)
    elif isinstance(value, str):
        path = SCHEME.sub("", value)
        if path.startswith(("/", "~", "./", "../")) or ("/" in path and "://" not in path and PLACE.search(key)):
            yield path


def _forms(path: str, working: str) -> Iterator[str]:
    """Yield a path as it is written, and as it is read in this working folder."""
    if "/" in path:
        yield path
    with suppress(RuntimeError):  # a user whom this machine lacks
        yield os.path.normpath(Path(working, Path(path).expanduser()))


def _config(file: Path) -> Any:
    try:
        return read_yaml(file)
    except Error as error:
        raise UserError(f"{file} is damaged: {error}. Restore it from a copy, or remove it.") from error


def requested(sweep: Path) -> list[Any]:
    """Return the overrides that a sweep was started with, empty where Hydra left none that can be read."""
    file = sweep / "multirun.yaml"
    try:
        content = read_yaml(file) if inside(file, sweep) else None
    except Error:
        content = None
    for key in ("hydra", "overrides", "task"):
        content = content.get(key) if isinstance(content, Mapping) else None
    return content if isinstance(content, list) else []


def parsed_json(file: Path, text: str) -> Any:
    """Return the value of a JSON text. Raises UserError, which names the file that it is of, for a damaged one."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is damaged: {error}. Restore it from a copy, or remove it.") from error


def counts_of(split: Mapping[str, Any]) -> dict[str, Any]:
    """Return a split with the number of patients of each part in the place of their ids."""
    parts = split.get("parts")
    counts = {str(part): len(patients) for part, patients in parts.items()} if isinstance(parts, Mapping) else {}
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
