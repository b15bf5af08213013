"""Whether the files of a data set are complete. Their content is checked by `ganlab.prepare`."""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ganlab.checkup.finding import Finding, ok, wrong
from ganlab.core.errors import UserError
from ganlab.core.names import first_few
from ganlab.dataset.wfdb_header import parse_header
from ganlab.dataset.wfdb_names import listed_names, unlisted_names


def data(name: str, dataset: Mapping[str, Any]) -> list[Finding]:
    """Return findings on `root` or `file`, and `people`, of a data set's configuration, without building it."""
    what = f"dataset={name}"
    places = {key: dataset[key] for key in ("root", "file", "people") if dataset.get(key) is not None}
    for key, value in places.items():
        if value == "???":
            return [wrong(what, f"dataset.{key} is not given", f"dataset.{key}=<where it lies>")]
    if "root" not in places and "file" not in places:
        return [ok(what, "needs no files")]
    findings = [finding for key, value in places.items() for finding in _place(name, key, value, dataset)]
    return [finding for finding in findings if finding.state == "wrong"] or findings


def _place(name: str, key: str, value: Any, dataset: Mapping[str, Any]) -> Iterator[Finding]:
    path = Path(str(value)).expanduser()
    what = f"dataset={name}"
    fetch = f"python -m ganlab.prepare dataset={name} dataset.{key}='{path}' dataset.download=true"
    advice = f"To fetch it: {fetch}" if "download" in dataset else f"dataset.{key}=<where it lies>"
    if not path.exists():
        yield wrong(what, f"{path} is not there", advice)
    elif path.is_dir():
        yield from _folder(what, path, advice, recordings="rate" in dataset)
    elif path.stat().st_size:
        yield ok(what, f"{path} is there")
    else:
        yield wrong(what, f"{path} is empty", advice)


def _folder(what: str, root: Path, advice: str, recordings: bool) -> Iterator[Finding]:
    if parts := sorted(path.relative_to(root).as_posix() for path in root.rglob("*.part")):
        message = f"{len(parts)} file(s) of an interrupted download in {root}: {first_few(parts)}"
        yield wrong(what, message, advice)
    if recordings:
        yield _records(what, root, advice)
    elif not any(path.is_file() and not path.name.startswith(".") for path in root.rglob("*")):
        yield wrong(what, f"{root} holds no file", advice)
    else:
        yield ok(what, f"{root} holds files")


def _records(what: str, root: Path, advice: str) -> Finding:
    """Return whether each record of RECORDS, or each header, has its header and the files it names, none empty."""
    listing = root / "RECORDS"
    try:
        names = listed_names(listing) if listing.is_file() else unlisted_names(root)
    except UserError as error:
        return wrong(what, str(error).rstrip("."), advice)
    if not names:
        none = f"{listing} names no record" if listing.is_file() else f"{root} has neither RECORDS nor a header (*.hea)"
        return wrong(what, none, advice)
    if missing := [file for name in names for file in _missing(root, name)]:
        return wrong(what, f"{len(missing)} file(s) of {len(names)} records missing: {first_few(missing)}", advice)
    return ok(what, f"{len(names)} records with all of their files in {root}")


def _missing(root: Path, name: str) -> Iterator[str]:
    """Yield the files of a record that are missing or empty."""
    header = root / f"{name}.hea"
    if not header.is_file():
        yield f"{name}.hea"
        return
    try:
        files = dict.fromkeys(line.file for line in parse_header(header.read_bytes()).signals)
    except ValueError as error:
        files = dict.fromkeys([f"{header.name} ({error})"])
    for file in files:
        path = header.parent / file
        if Path(file).name != file or not path.is_file() or not path.stat().st_size:
            yield (PurePosixPath(name).parent / file).as_posix()
