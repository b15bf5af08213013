"""Whether the files of a data set are there: all that is listed, none broken off. What they hold, `prepare` checks."""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ganlab.checkup.finding import Finding, some


def data(name: str, dataset: Mapping[str, Any]) -> list[Finding]:
    """Of a data set's configuration, without building it: its `root` or `file`, and its `people`."""
    places = {key: dataset[key] for key in ("root", "file", "people") if dataset.get(key) is not None}
    if missing := [key for key, value in places.items() if value == "???"]:
        said = f"dataset.{missing[0]} is not given"
        return [Finding("wrong", f"dataset={name}", said, f"dataset.{missing[0]}=<where it lies>")]
    if "root" not in places and "file" not in places:
        return [Finding("ok", f"dataset={name}", "needs no files")]
    findings = [finding for key, value in places.items() for finding in _place(name, key, value, dataset)]
    wrong = [finding for finding in findings if finding.state == "wrong"]
    return wrong or findings


def _place(name: str, key: str, value: Any, dataset: Mapping[str, Any]) -> Iterator[Finding]:
    path = Path(str(value)).expanduser()
    what = f"dataset={name}"
    fetch = f"python -m ganlab.prepare dataset={name} dataset.{key}='{path}' dataset.download=true"
    go_on = f"To fetch it: {fetch}" if "download" in dataset else f"dataset.{key}=<where it lies>"
    if not path.exists():
        yield Finding("wrong", what, f"{path} is not there", go_on)
    elif path.is_file():
        empty = path.stat().st_size == 0
        yield Finding(
            "wrong" if empty else "ok", what, f"{path} is {'empty' if empty else 'there'}", go_on if empty else ""
        )
    else:
        yield from _folder(what, path, go_on, recordings="rate" in dataset)


def _folder(what: str, root: Path, go_on: str, recordings: bool) -> Iterator[Finding]:
    parts = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.part"))
    if parts:
        yield Finding(
            "wrong", what, f"{len(parts)} file(s) of a download that broke off in {root}: {some(parts)}", go_on
        )
    if recordings:
        yield from _records(what, root, go_on)
    elif not any(path.is_file() and not path.name.startswith(".") for path in root.rglob("*")):
        yield Finding("wrong", what, f"{root} holds no file", go_on)
    else:
        yield Finding("ok", what, f"{root} holds files")


def _records(what: str, root: Path, go_on: str) -> Iterator[Finding]:
    """Those of RECORDS, or of all headers: a header each, and the files that it names, none of them empty."""
    listing = root / "RECORDS"
    if listing.is_file():
        names = listing.read_text(errors="replace").split()
    else:
        names = sorted(path.relative_to(root).with_suffix("").as_posix() for path in root.rglob("*.hea"))
    if not names:
        said = f"{listing} names no record" if listing.is_file() else f"{root} has neither RECORDS nor a header (*.hea)"
        yield Finding("wrong", what, said, go_on)
        return
    lacking = [missing for name in names for missing in _lacking(root, name)]
    if lacking:
        yield Finding("wrong", what, f"{len(lacking)} file(s) of {len(names)} records missing: {some(lacking)}", go_on)
    else:
        yield Finding("ok", what, f"{len(names)} records with all of their files in {root}")


def _lacking(root: Path, name: str) -> Iterator[str]:
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        yield f"{name} (leads out of {root})"
        return
    header = root / f"{name}.hea"
    if not header.is_file():
        yield f"{name}.hea"
        return
    for file in _signal_files(header):
        there = header.parent / file
        if Path(file).name != file or not there.is_file() or not there.stat().st_size:
            yield (PurePosixPath(name).parent / file).as_posix()


def _signal_files(header: Path) -> list[str]:
    """What the signal lines of a header name first (WFDB, header(5))."""
    text = header.read_text(errors="replace")
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    signals = int(lines[0][1]) if lines and len(lines[0]) > 1 and lines[0][1].isdigit() else 0
    return list(dict.fromkeys(fields[0] for fields in lines[1 : signals + 1]))
