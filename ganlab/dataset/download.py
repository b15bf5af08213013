"""Download of a PhysioNet database: every file that its SHA256SUMS.txt names, resumed where it broke off.

A file grows as `<name>.part` beside its place and takes its name only once its SHA-256 is the published one.
So a name without `.part` is a whole, verified file, whenever the download was stopped.
"""

import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TypeVar
from urllib.parse import quote, urlsplit

import requests
from filelock import FileLock, Timeout
from tqdm import tqdm

from ganlab.core.errors import UserError
from ganlab.core.files import on_disk, sha256_of, write_whole
from ganlab.dataset.http_body import body_of

T = TypeVar("T")

PTBDB = "https://physionet.org/files/ptbdb/1.0.0/"
SUMS = "SHA256SUMS.txt"
LOCK = ".download.lock"
SETTING = "dataset.root"
"""The override of the folder that files are brought to."""
LARGEST_LIST = 64 << 20
"""Bytes of a list of hashes."""
LONGEST_WAIT_S = 60.0
FIRST_CONTACT_RETRIES = 2

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DownloadSummary:
    """Result of a call: files fetched, bytes received for them, and files that were whole before."""

    files: int
    bytes_fetched: int
    already_there: int


class Damaged(Exception):
    """A file that is not the published one; the message is the reason."""


def download(
    url: str,
    root: Path,
    *,
    retries: int = 5,
    timeout_s: float = 30,
    only: Sequence[str] = (),
    backoff_s: float = 1.0,
) -> DownloadSummary:
    """Fetch the database at `url` into the folder `root`; a second call fetches only what is missing.

    Each file is tried `retries` times again (the list of files at most twice), after `backoff_s`, twice that,
    ... seconds, at most 60; `timeout_s` is the longest silence of the server in seconds. `only` limits the
    files to those whose path starts with one of its strings, `patient001/` for example. Progress counts
    files, as SHA256SUMS.txt gives no sizes. A second process that downloads into the same `root` waits for
    the first.

    Raises:
        UserError: no network, a missing or damaged file, a name that points outside `root`, an `only` that
            names no file, or a `root` that cannot be written.
    """
    root = Path(root)
    with requests.Session() as session:
        source = Remote(session, base_url(url), root, retries, timeout_s, backoff_s)
        text = source.sums()
        chosen = _chosen(parse_sums(text, root), only)
        with on_disk(root, SETTING), alone(root):
            write_whole(root / SUMS, text, SETTING)
            return source.fetch(chosen)


def parse_sums(text: str, root: Path) -> dict[str, str]:
    """Return the SHA-256, in lower-case hex digits, by path below `root`, of the lines `<sha256>  <path>`.

    Raises:
        UserError: a line of another form, no line at all, two hashes for one path, or an unsafe path.
    """
    sums: dict[str, str] = {}
    for line in filter(str.strip, text.split("\n")):
        match = re.fullmatch(r"([0-9a-fA-F]{64}) +\*?(\S.*?)\s*", line)
        if match is None:
            raise UserError(f"{SUMS}: expected lines `<sha256>  <path>`, saw {line[:80]!r}; check dataset.url=")
        name, digest = _safe(match[2], root), match[1].lower()
        if sums.setdefault(name, digest) != digest:
            raise UserError(f"{SUMS} names {name!r} twice, with different hashes; check dataset.url=")
    sums.pop(SUMS, None)
    if not sums:
        raise UserError(f"{SUMS} names no file; check dataset.url=")
    return sums


@dataclass
class Remote:
    """Files below `url`, brought to `root` over one session."""

    session: requests.Session
    url: str
    root: Path
    retries: int
    timeout_s: float
    backoff_s: float
    received: int = 0

    def sums(self) -> str:
        """Return the published list of hashes. Raises UserError where it cannot be had."""
        body = self._retried(SUMS, self._sums, min(self.retries, FIRST_CONTACT_RETRIES))
        try:
            return body.decode()
        except UnicodeDecodeError as error:
            raise UserError(f"{self._url_of(SUMS)} is not UTF-8 text; check dataset.url=") from error

    def fetch(self, sums: dict[str, str]) -> DownloadSummary:
        """Fetch the files that are missing or damaged."""
        log.info("%d files of %s into %s", len(sums), self.url, self.root)
        fetched = 0
        with tqdm(sums.items(), desc="download", unit="file") as bar:
            for name, expected in bar:
                with on_disk(self.root / name, SETTING):
                    fetched += self._bring(name, expected)
                bar.set_postfix_str(f"{self.received / 1e6:.1f} MB", refresh=False)
        summary = DownloadSummary(fetched, self.received, len(sums) - fetched)
        log.info("%d files fetched (%d bytes), %d were there", fetched, self.received, summary.already_there)
        return summary

    def _bring(self, name: str, expected: str) -> bool:
        target = self.root / name
        if target.exists():
            damage = self._damage(target, expected)
            if damage is None:
                return False
            log.warning("%s: %s: downloaded again", target, damage)
        part = part_of(target)
        part.parent.mkdir(parents=True, exist_ok=True)
        self._retried(name, lambda: self._attempt(name, part, expected), self.retries)
        part.replace(target)
        return True

    def _attempt(self, name: str, part: Path, expected: str) -> None:
        have = part.stat().st_size if part.exists() else 0
        with self._get(name, have) as response:
            if response.status_code != requests.codes.requested_range_not_satisfiable:
                self._append(response, part, have)
        damage = self._damage(part, expected)
        if damage is not None:
            part.unlink()
            raise damage

    def _damage(self, file: Path, expected: str) -> Damaged | None:
        """Return what is wrong with a file that should be whole; None for a file as published."""
        digest = sha256_of(file)
        return None if digest == expected else Damaged(f"its SHA-256 is {digest}, {SUMS} names {expected}")

    def _append(self, response: requests.Response, part: Path, have: int) -> None:
        start = 0
        if response.status_code == requests.codes.partial_content:
            match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
            start = min(int(match[1]), have) if match else have
        with part.open("ab") as file:
            file.truncate(start)
            for chunk in body_of(response, folder=part.parent):
                file.write(chunk)
                self.received += len(chunk)
            file.flush()
            os.fsync(file.fileno())

    def _sums(self) -> bytes:
        with self._get(SUMS, 0) as response:
            return b"".join(body_of(response, LARGEST_LIST))

    def _get(self, name: str, have: int) -> requests.Response:
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        response = self.session.get(
            self._url_of(name),
            headers=headers,
            stream=True,
            timeout=(min(self.timeout_s, 10), self.timeout_s),
        )
        try:
            self._check(name, response, have)
        except BaseException:
            response.close()
            raise
        return response

    def _check(self, name: str, response: requests.Response, have: int) -> None:
        status = response.status_code
        if have and status == requests.codes.requested_range_not_satisfiable:
            return
        passing = (requests.codes.request_timeout, requests.codes.too_many_requests)
        if 400 <= status < 500 and status not in passing:
            raise self._refused(name, status)
        response.raise_for_status()

    def _retried(self, name: str, action: Callable[[], T], retries: int) -> T:
        for attempt in range(retries + 1):
            try:
                return action()
            except (requests.RequestException, Damaged) as error:
                if attempt == retries:
                    head = f"{self._url_of(name)} failed {attempt + 1} times, the last time because {error}"
                    if isinstance(error, requests.ConnectionError | requests.Timeout):
                        head = f"no network, or no connection to {urlsplit(self.url).netloc.rpartition('@')[2]}: {head}"
                    raise UserError(f"{head}.\n{self._ways_on()}") from error
                wait = min(self.backoff_s * 2**attempt, LONGEST_WAIT_S)
                log.warning("%s: %s; retry %d of %d in %g s", name, error, attempt + 1, retries, wait)
                time.sleep(wait)
        raise ValueError(f"retries={retries}: expected 0 or more")

    def _refused(self, name: str, status: int) -> UserError:
        expected = "the list of a PhysioNet database's files" if name == SUMS else f"a file that {SUMS} lists"
        return UserError(
            f"{self._url_of(name)} answered {status}: expected {expected}. Give the database's own address, "
            f"dataset.url=<url> (as {PTBDB}), or a folder that holds its files, dataset.root=<folder>"
        )

    def _ways_on(self) -> str:
        depth = len(PurePosixPath(urlsplit(self.url).path).parts) - 1
        return (
            "Downloaded files are kept: the same command continues where this one stopped. Or\n"
            f"- download by hand: wget -r -c -np -nH --cut-dirs={depth} -P '{self.root}' {self.url}\n"
            "- give a folder that holds the files, dataset.root=<folder>, or another server, dataset.url=\n"
            "- take simulated recordings, dataset=ptbdb_sim"
        )

    def _url_of(self, name: str) -> str:
        return self.url + quote(name)


def base_url(url: str) -> str:
    """Return the URL of a folder with a slash at its end. Raises UserError for anything else."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UserError(f"dataset.url={url!r}: expected http(s)://host/folder/, {PTBDB} for example")
    return url.rstrip("/") + "/"


def _safe(raw: str, root: Path) -> str:
    name = PurePosixPath(raw)
    wild = not raw.isprintable() or "\\" in raw or ".." in name.parts
    if wild or name.is_absolute() or PureWindowsPath(raw).drive or not _below(root.resolve(), root / name):
        raise UserError(
            f"{SUMS} names {raw!r}, which is not a plain path below dataset.root={root}: nothing was "
            "written; check dataset.url=, and links inside that folder"
        )
    return str(name)


def _below(root: Path, target: Path) -> bool:
    return all(path.resolve().is_relative_to(root) for path in (target, part_of(target)))


def _chosen(sums: dict[str, str], only: Sequence[str]) -> dict[str, str]:
    prefixes = (only,) if isinstance(only, str) else tuple(only)
    idle = [prefix for prefix in prefixes if not any(name.startswith(prefix) for name in sums)]
    if idle:
        raise UserError(f"only={idle}: no path in {SUMS} starts like this; its paths are like {list(sums)[:3]}")
    return {name: digest for name, digest in sums.items() if not prefixes or name.startswith(prefixes)}


def part_of(target: Path) -> Path:
    """Return the path of a file until it is whole."""
    return target.with_name(target.name + ".part")


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Hold the lock of downloads into `root`: another download waits."""
    root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("another download into %s is running: waiting for it", root)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
