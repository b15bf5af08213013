"""The records of a folder: those that RECORDS lists, or all headers but those of segments."""

import contextlib
import hashlib
import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from ganlab.core.csv_columns import encoding_of
from ganlab.core.errors import UserError
from ganlab.core.names import first_few, repeated
from ganlab.dataset.wfdb_header import segment_names

log = logging.getLogger(__name__)

DEEPEST = 9
"""Lists that may lie within one another."""
LONGEST_NAME = 200
"""Characters of each part of a record's name: a file system has 255 bytes for a file's name."""


def listed_names(listing: Path, depth: int = 0) -> list[str]:
    """Return the names in a RECORDS file, a line each; a folder stands for its own RECORDS, or for all its headers.

    Raises UserError for a name that would leave the root, that occurs twice, or for a list of none.
    """
    if not listing.resolve().is_relative_to(listing.parent.resolve()) or not listing.is_file():
        raise UserError(f"{listing} is not a file in its folder. Nothing was read.")
    try:
        text = listing.read_text(encoding="utf-16" if encoding_of(listing) == "utf-16" else "utf-8-sig")
    except (OSError, ValueError) as error:
        raise UserError(f"{listing} is not readable as text ({error}).") from error
    names: list[str] = []
    root = str(listing.parent)
    inside: dict[str, set[str]] = {}
    for line in filter(None, (line.strip() for line in re.split(r"[\r\n]", text))):
        _refuse_name(listing, line)
        folder, (above, _, own) = f"{root}/{line}", line.rpartition("/")
        if above not in inside:
            inside[above] = _files_in(f"{root}/{above}")
        if not own or (f"{own}.hea" not in inside[above] and Path(folder).is_dir()):
            if not Path(folder).is_dir():
                raise UserError(f"{listing}: its line {line} names a folder that is not there.")
            names += [(PurePosixPath(line) / name).as_posix() for name in _within(Path(folder), listing, depth)]
        else:
            names.append(line.removesuffix(".hea"))
    if twice := repeated(names):
        raise UserError(f"{listing} names {first_few(twice)} more than once; each would count twice.")
    return names


def _files_in(folder: str) -> set[str]:
    """Return the names of the files in a folder; none where there is no folder. A Path for each would take seconds."""
    try:
        return set(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return set()


def _within(folder: Path, listing: Path, depth: int) -> list[str]:
    """Return the names of the records in a folder that a list names. Raises UserError for one out of the root."""
    if not folder.resolve().is_relative_to(listing.parent.resolve()):
        raise UserError(f"{listing}: {folder.name} points outside its folder. Nothing was read.")
    if depth == DEEPEST:
        raise UserError(f"{listing}: more than {DEEPEST} lists within one another.")
    own = folder / "RECORDS"
    return listed_names(own, depth + 1) if own.exists() else unlisted_names(folder)


def unlisted_names(root: Path) -> list[str]:
    """Return the names of all headers below the root, without those that are segments of other records."""
    headers = sorted(root.rglob("*.hea"))
    segments = {file.parent / f"{name}.hea" for file in headers if file.is_file() for name in segment_names(file)}
    if left_out := segments & set(headers):
        log.info("%s: %d header(s) are segments of other records", root, len(left_out))
    names = [f.relative_to(root).as_posix().removesuffix(".hea") for f in headers if f not in segments]
    for name in names:
        _refuse_name(root, name)
    return names


def files_of(root: Path, names: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Yield name, size and time of all files of these records; each folder is listed once."""
    folders: dict[str, dict[str, list[os.DirEntry[str]]]] = {}
    for name in names:
        above, _, own = name.rpartition("/")
        if above not in folders:
            folders[above] = _by_beginning(f"{root}/{above}")
        for file in folders[above].get(own.partition(".")[0], ()):
            if file.name.startswith(f"{own}.") and (status := _status(file)):
                yield f"{above}/{file.name}" if above else file.name, status.st_size, status.st_mtime_ns


def files_hash(root: Path, names: Sequence[str]) -> str:
    """Return the hash of name, size and time of all files of these records."""
    digest = hashlib.sha256()
    for file in files_of(root, names):
        digest.update(f"{file}\n".encode())
    return digest.hexdigest()


def _status(file: os.DirEntry[str]) -> os.stat_result | None:
    """Return size and time of a file; None for a link to nothing."""
    try:
        return file.stat()
    except FileNotFoundError:
        return None


def _by_beginning(folder: str) -> dict[str, list[os.DirEntry[str]]]:
    """Return the files of a folder in order, by their names up to the first dot; none where there is no folder."""
    files: dict[str, list[os.DirEntry[str]]] = {}
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for file in sorted(entries, key=lambda each: each.name):
            files.setdefault(file.name.partition(".")[0], []).append(file)
    return files


def _refuse_name(where: Path, name: str) -> None:
    """Raise UserError for a record's name that would leave the root, or that is not a plain path."""
    parts = name.rstrip("/").split("/")
    if name.startswith("/") or ".." in parts or "\\" in name:
        raise UserError(f"{where}: the record name {name!a} points outside its folder. Nothing was read.")
    # With a colon, wfdb's file layer takes a name for the address of another file system.
    if not name.isprintable() or ":" in name or parts[-1] in ("", ".") or max(map(len, parts)) > LONGEST_NAME:
        raise UserError(
            f"{where}: the record name {name[:LONGEST_NAME]!a} is not a plain path: accepted are printable characters "
            f"without a colon, at most {LONGEST_NAME} in a row without a slash. Nothing was read."
        )
