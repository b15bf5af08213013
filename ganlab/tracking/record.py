"""A run's record of itself, run.json, split.json and config.yaml, read so that damage is a named error with a way on.

`run.json` notes the SHA-256 of the other two in `files`: one that was changed since is refused.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    RootModel,
    ValidationError,
)
from yaml import YAMLError

from ganlab.core.errors import UserError
from ganlab.core.plain_yaml import LARGEST as LARGEST_CONFIG
from ganlab.core.plain_yaml import parsed
from ganlab.core.settings import HYDRA
from ganlab.split.base import Split

FACTS, SPLIT, CONFIG, SCORES = "run.json", "split.json", "config.yaml", "metrics.json"
LARGEST = 64 << 20
"""Bytes of a file; the largest hold the names of every patient and skipped record."""
LISTED = 3
"""Wrong values in a message."""
GROUPS = ("dataset", "split", "standardization", "arrangement", "architecture", "gan", "loss")
"""Keys that every stored configuration has, those of the first version too."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("accepted is printable text")
    return text


_Text = Annotated[str, Field(max_length=1000), AfterValidator(_printable)]
"""Text for logs, headers and cards."""


class _Lenient(BaseModel):
    """Keys of other versions pass, values of another type do not."""

    model_config = ConfigDict(strict=True, extra="allow")


class _Part(_Lenient):
    patients: NonNegativeInt = 0
    samples: NonNegativeInt = 0
    classes: dict[str, NonNegativeInt] = {}


class _Data(_Part):
    noun: _Text = ""
    note: _Text = ""
    parts: dict[str, _Part] = {}


class _Provenance(_Lenient):
    data: dict[str, str] = {}
    machine: dict[str, Any] = {}


def _date(text: str) -> str:
    datetime.fromisoformat(text)
    return text


def _shown(text: str) -> str:
    if not text.isprintable() or set(text) & set("<>`"):
        raise ValueError("accepted is printable text without <, > and `")
    return text


class _Facts(_Lenient):
    id: str = ""
    status: str = ""
    host: str = ""
    pid: PositiveInt | None = None
    name: Annotated[str, AfterValidator(_shown)] = ""
    working_folder: str = ""
    folder: str = ""
    started: Annotated[str, AfterValidator(_date)] = ""
    version: _Text = ""
    git_commit: _Text | None = None
    overrides: list[str] = []
    choices: dict[_Text, _Text | list[_Text] | None] = {}
    tags: dict[str, str] = {}
    in_sweep: bool = False
    data: _Data = _Data()
    provenance: _Provenance = _Provenance()
    resumed: list[str] = []
    resumed_under: list[_Provenance] = []
    files: dict[str, list[str]] = {}
    steps: NonNegativeInt = 0
    seconds: NonNegativeFloat = 0.0
    checkpoint: _Text = ""


class _Split(_Lenient):
    name: str
    seed: int
    parts: dict[str, list[str]]
    spared: list[str] = []


class _Score(_Lenient):
    synthetic: float | None = None


class _Scores(RootModel[dict[str, _Score]]):
    """Numbers by name."""


def read_scores(folder: Path) -> dict[str, Any]:
    """Return what `metrics.json` says; empty where there is none. Raises UserError where it is damaged."""
    file = folder / SCORES
    return _read(file, _Scores, f"Remove it and measure again: {resume(folder)}") if file.is_file() else {}


def read_facts(folder: Path, *needed: str) -> dict[str, Any]:
    """Return what `run.json` says. Raises UserError where it is missing, damaged, or lacks a fact that is `needed`."""
    facts = _read(folder / FACTS, _Facts, begin_again(folder, FACTS))
    if lacking := [name for name in needed if not _says(facts, *name.split("."))]:
        raise UserError(f"{folder / FACTS} does not say {', '.join(lacking)}. {begin_again(folder, FACTS)}")
    return facts


def _says(facts: Mapping[str, Any], name: str, within: str | None = None) -> bool:
    return name in facts and (within is None or facts[name].get(within) is not None)


def read_split(folder: Path) -> Split:
    """Return the stored split. Raises UserError where it is missing, damaged, or not what the run wrote."""
    file, way = folder / SPLIT, f"Restore it from a copy, or remove it and let the run write it again: {resume(folder)}"
    stored = _read(file, _Split, way)
    check_written(folder, SPLIT, way)
    parts = {part: tuple(patients) for part, patients in stored["parts"].items()}
    return Split(stored["name"], stored["seed"], parts, tuple(stored.get("spared", ())))


def config_values(folder: Path) -> dict[str, Any]:
    """Return the stored configuration as plain values, not interpolated. Nothing of it may be built unchecked.

    Raises UserError where it is missing, damaged, or not what the run wrote.
    """
    file, way = folder / CONFIG, begin_again(folder, CONFIG)
    try:
        stored = parsed(_text(file, way, LARGEST_CONFIG))
    except (YAMLError, ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{file} is damaged: {_first_line(error)}. {way}") from error
    lacking = [group for group in GROUPS if not isinstance(stored, dict) or group not in stored]
    if not isinstance(stored, dict) or lacking or not all(isinstance(key, str) for key in stored):
        raise UserError(f"{file} is damaged: it has no {', '.join(lacking) or 'names'}. {way}")
    check_written(folder, CONFIG, f"For another experiment start a new run. {way}")
    return stored


def check_written(folder: Path, name: str, way: str) -> None:
    """Raise UserError where a file is not one that the run wrote; runs of earlier versions noted no hashes."""
    written = read_facts(folder).get("files", {}).get(name, []) if (folder / FACTS).is_file() else []
    now = digest((folder / name).read_bytes())
    if written and now not in written:
        raise UserError(
            f"{folder / name} was changed since the run wrote it: its SHA-256 is {now}, {FACTS} says {written[-1]}. "
            f"{way}"
        )


def note_written(before: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Return `files` with the hashes of texts that are about to be written; earlier ones stay valid until then."""
    files: dict[str, list[str]] = dict(before.get("files", {}))
    for name, text in texts.items():
        now = digest(text.encode())
        files[name] = [*(other for other in files.get(name, []) if other != now), now]
    return files


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file's content in hex digits."""
    return hashlib.sha256(content).hexdigest()


def resume(folder: Path) -> str:
    """Return the command that goes on with a run."""
    return f"python -m ganlab.run resume={folder}"


def begin_again(folder: Path, name: str) -> str:
    """Return the way on without a file of the record."""
    return (
        f"Restore it from a copy. Without one, move {name} aside and give the run's own command again with "
        f"hydra.run.dir={folder}: it goes on from its checkpoints. {folder / HYDRA / 'overrides.yaml'} has the "
        "overrides."
    )


def home(folder: Path) -> Path:
    """Return the folder in which a run's relative paths begin, wherever it and its project lie now.

    That is where the run's folder lies in it as it did when the run began; else the working folder of that time, if
    the run's folder is still in it; else the present one.
    """
    facts, path = read_facts(folder), folder.resolve()
    began = Path(facts.get("working_folder") or Path.cwd())
    within = Path(facts.get("folder") or f"outputs/runs/{path.name}").parts
    if ".." not in within and path.parts[-len(within) :] == within:
        return path.parents[len(within) - 1]
    return began if path.is_relative_to(began) and began.is_dir() else Path.cwd()


def _read(file: Path, form: type[BaseModel], way: str) -> dict[str, Any]:
    try:
        content: Any = json.loads(_text(file, way))
        form.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{file} is damaged: {_values(error.errors(include_url=False))}. {way}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is damaged: {_first_line(error)}. {way}") from error
    result: dict[str, Any] = content
    return result


def _text(file: Path, way: str, largest: int = LARGEST) -> str:
    if not file.is_file():
        raise UserError(f"{file} is missing. {way}")
    try:
        if (size := file.stat().st_size) > largest:
            raise UserError(f"{file} is damaged: it has {size:,} bytes; accepted are {largest:,}. {way}")
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}. {way}") from error


def _first_line(error: Exception) -> str:
    return ascii(" ".join((str(error).splitlines() or [type(error).__name__])[0].split())[:200])[1:-1]


def _values(errors: Sequence[Any]) -> str:
    listed = [f"{'.'.join(map(str, error['loc'])) or 'the whole'}: {error['msg']}" for error in errors[:LISTED]]
    return ascii("; ".join(listed))[1:-1]
