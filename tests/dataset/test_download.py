"""The download against a local server that breaks off, corrupts, refuses and stalls on request."""

import gzip
import hashlib
import logging
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple
from urllib.parse import unquote

import pytest

from ganlab.core.errors import UserError
from ganlab.core.masking import masked
from ganlab.dataset import download as room
from ganlab.dataset import http_body
from ganlab.dataset.download import SUMS, DownloadSummary, download

BIG = "patient001/s0010_re.dat"
SIZE = 400_000
FILES = {
    "RECORDS": b"patient001/s0010_re\npatient002/s0015l re#1\n",
    "patient001/s0010_re.hea": b"s0010_re 15 1000 38400\n",
    BIG: random.Random(0).randbytes(SIZE),
    "patient002/s0015l re#1.xyz": random.Random(1).randbytes(1000),
    "patient002/empty.atr": b"",
}


BOMB = gzip.compress(bytes(20 << 20))
ENDLESS = {
    "gzip": (("Content-Encoding", "gzip"), ("Content-Length", str(len(BOMB)))),
    "huge": (("Content-Length", str(1 << 60)),),
    "drip": (("Content-Length", str(SIZE)),),
    "chunks": (("Transfer-Encoding", "chunked"),),
}
"""Headers of answers that would have no end, in memory, on the disk or in time."""


class Request(NamedTuple):
    name: str
    range: str | None


@dataclass
class Database:
    """What the server holds, which fault each next answer has, and what was asked of it and sent."""

    files: dict[str, bytes] = field(default_factory=lambda: dict(FILES))
    faults: dict[str, Iterator[str]] = field(default_factory=dict)
    sums: str | None = None
    requests: list[Request] = field(default_factory=list)
    sent: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def body(self, name: str) -> bytes | None:
        if name == SUMS:
            return (self.sums if self.sums is not None else self.published()).encode()
        return self.files.get(name)

    def published(self) -> str:
        return "".join(f"{hash_of(content)} {name}\n" for name, content in self.files.items())

    def ranges(self, name: str = BIG) -> list[str | None]:
        return [request.range for request in self.requests if request.name == name]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    database: Database

    def do_GET(self) -> None:
        name = unquote(self.path).removeprefix("/files/db/")
        self.database.requests.append(Request(name, self.headers["Range"]))
        fault, body = next(self.database.faults.get(name, iter(())), ""), self.database.body(name)
        if body is None or fault.isdigit():
            self.answer(int(fault or 404), b"no")
        elif fault == "corrupt":
            self.answer(200, body[:-1] + bytes([body[-1] ^ 1]))
        elif fault in ENDLESS:
            self.without_end(fault)
        elif self.headers["Range"] is None or fault == "ignore range":
            self.answer(200, body, fault)
        else:
            self.continued(body, fault)

    def continued(self, body: bytes, fault: str) -> None:
        start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        start -= 1000 if fault == "earlier" else 0
        if start >= len(body):
            self.answer(416, b"")
        else:
            self.answer(206, body[start:], fault, f"bytes {start}-{len(body) - 1}/{len(body)}")

    def without_end(self, fault: str) -> None:
        """A gzip bomb, a length beyond any disk, a byte now and then, and chunks without end."""
        self.send_response(200)
        for header in ENDLESS[fault]:
            self.send_header(*header)
        self.end_headers()
        self.close_connection = True
        pieces = {
            "gzip": repeat(BOMB, 1),
            "drip": repeat(b"x", 200),
            "chunks": repeat(b"fa0\r\n" + b"x" * 4000 + b"\r\n"),
        }
        with suppress(OSError):
            for piece in pieces.get(fault, ()):
                self.wfile.write(piece)
                if fault == "drip" and self.database.over.wait(0.02):
                    return

    def answer(self, status: int, body: bytes, fault: str = "", content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        body = body[: len(body) // 2] if fault in ("break", "stall") else body
        self.wfile.write(body)
        self.database.sent += len(body)
        self.close_connection = fault in ("break", "stall")
        if fault == "stall":
            self.database.over.wait(10)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    held = Database()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"database": held}))
    held.url = f"http://127.0.0.1:{server.server_port}/files/db/"
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    yield held
    held.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "a folder" / "ptbdb"


@pytest.fixture
def part(root: Path) -> Path:
    """Where the big file grows, in a folder that an earlier download made."""
    (root / BIG).parent.mkdir(parents=True)
    return root / f"{BIG}.part"


fetch = partial(download, retries=3, timeout_s=5, backoff_s=0.001)
fetch_big = partial(fetch, only=[BIG])


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, without the list and the lock."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in files.items() if name not in (SUMS, room.LOCK)}


def test_every_file_of_the_list_is_fetched(database: Database, root: Path) -> None:
    summary = fetch(database.url.rstrip("/"), root)
    assert tree(root) == FILES
    assert summary == DownloadSummary(len(FILES), sum(map(len, FILES.values())), 0)
    assert (root / SUMS).read_text() == database.published()
    assert [request.name for request in database.requests] == [SUMS, *FILES]


def test_a_second_download_fetches_only_the_list(database: Database, root: Path) -> None:
    fetch(database.url, root)
    database.requests.clear()
    assert fetch(database.url, root) == DownloadSummary(0, 0, len(FILES))
    assert database.requests == [(SUMS, None)]


def test_a_file_with_another_hash_is_replaced(database: Database, root: Path) -> None:
    fetch(database.url, root)
    (root / BIG).write_bytes(FILES[BIG][:-1])
    assert fetch(database.url, root) == DownloadSummary(1, SIZE, len(FILES) - 1)
    assert tree(root) == FILES


def test_a_broken_connection_is_continued_where_it_stopped(database: Database, root: Path) -> None:
    database.faults[BIG] = iter(["break", "break"])
    summary = fetch(database.url, root)
    first, *later = database.ranges()
    starts = [int(re.fullmatch(r"bytes=(\d+)-", str(value))[1]) for value in later]  # type: ignore[index]
    assert first is None
    assert 0 < starts[0] < starts[1]
    assert summary.bytes_fetched == sum(map(len, FILES.values()))
    assert tree(root) == FILES


def test_a_silent_server_is_left_and_asked_again(database: Database, root: Path) -> None:
    database.faults[BIG] = iter(["stall"])
    begun = time.monotonic()
    fetch_big(database.url, root, timeout_s=0.2)
    assert time.monotonic() - begun < 5
    assert [bool(value) for value in database.ranges()] == [False, True]
    assert tree(root) == {BIG: FILES[BIG]}


def test_only_the_rest_of_an_earlier_part_is_sent(database: Database, root: Path, part: Path) -> None:
    part.write_bytes(FILES[BIG][:300_000])
    assert fetch_big(database.url, root).bytes_fetched == SIZE - 300_000
    assert database.ranges() == ["bytes=300000-"]
    assert database.sent == SIZE - 300_000 + len(database.published())
    assert tree(root) == {BIG: FILES[BIG]}


@pytest.mark.parametrize(("fault", "sent"), [("ignore range", SIZE), ("earlier", SIZE - 299_000)])
def test_a_server_may_start_before_the_part_ends(
    database: Database, root: Path, part: Path, fault: str, sent: int
) -> None:
    part.write_bytes(FILES[BIG][:300_000])
    database.faults[BIG] = iter([fault])
    assert fetch_big(database.url, root).bytes_fetched == sent
    assert database.ranges() == ["bytes=300000-"]
    assert tree(root) == {BIG: FILES[BIG]}


def test_a_complete_part_is_taken_without_a_byte(database: Database, root: Path, part: Path) -> None:
    part.write_bytes(FILES[BIG])
    assert fetch_big(database.url, root) == DownloadSummary(1, 0, 0)
    assert tree(root) == {BIG: FILES[BIG]}


@pytest.mark.parametrize("wrong", [FILES[BIG] + b"more", b"x" * 1000], ids=["too long", "other bytes"])
def test_a_wrong_part_is_thrown_away(database: Database, root: Path, part: Path, wrong: bytes) -> None:
    part.write_bytes(wrong)
    fetch_big(database.url, root)
    assert database.ranges() == [f"bytes={len(wrong)}-", None]
    assert tree(root) == {BIG: FILES[BIG]}


def test_a_corrupt_file_is_fetched_again(database: Database, root: Path) -> None:
    database.faults[BIG] = iter(["corrupt"])
    assert fetch_big(database.url, root).bytes_fetched == 2 * SIZE
    assert database.ranges() == [None, None]
    assert tree(root) == {BIG: FILES[BIG]}


def test_a_file_that_stays_corrupt_is_refused(database: Database, root: Path) -> None:
    database.faults[BIG] = repeat("corrupt")
    with pytest.raises(UserError) as caught:
        fetch_big(database.url, root)
    seen = hash_of(FILES[BIG][:-1] + bytes([FILES[BIG][-1] ^ 1]))
    assert all(word in str(caught.value) for word in (BIG, hash_of(FILES[BIG]), seen))
    assert len(database.ranges()) == 4
    assert tree(root) == {}


@pytest.mark.parametrize("name", [SUMS, BIG])
@pytest.mark.parametrize("status", ["404", "403"])
def test_a_missing_file_is_told_at_once(database: Database, root: Path, name: str, status: str) -> None:
    database.faults[name] = repeat(status)
    with pytest.raises(UserError) as caught:
        fetch_big(database.url, root)
    for word in (f"{database.url}{name} answered {status}", "expected", "dataset.url=", "dataset.root="):
        assert word in str(caught.value)
    assert len(database.ranges(name)) == 1


@pytest.mark.parametrize("status", ["503", "429", "408"])
def test_a_busy_server_is_asked_again_for_the_rest(database: Database, root: Path, part: Path, status: str) -> None:
    part.write_bytes(FILES[BIG][:300_000])
    database.faults[BIG] = iter([status])
    fetch_big(database.url, root)
    assert database.ranges() == ["bytes=300000-"] * 2
    assert tree(root) == {BIG: FILES[BIG]}


def test_the_wait_doubles_up_to_a_minute(database: Database, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(room.time, "sleep", waits.append)
    database.faults[BIG] = repeat("503")
    with pytest.raises(UserError, match="failed 9 times"):
        fetch_big(database.url, root, retries=8, backoff_s=1)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize(
    ("name", "fault", "message"),
    [
        *((name, "gzip", "answers 'gzip', and identity was asked for") for name in (SUMS, BIG)),
        (SUMS, "huge", r"announces 1,152,921,504,606,846,976 bytes; accepted are"),
        (BIG, "huge", r"announces 1,152,921,504,606,846,976 bytes"),
        *((name, "drip", r"bytes arrived in 0 s") for name in (SUMS, BIG)),
        *((name, "chunks", "sends more than 100,000 bytes") for name in (SUMS, BIG)),
    ],
)
def test_an_answer_without_an_end_is_ended(
    database: Database, root: Path, monkeypatch: pytest.MonkeyPatch, name: str, fault: str, message: str
) -> None:
    """Shortly and in little memory, with a named error; nothing but the list of hashes has its name afterwards."""
    database.faults[name] = repeat(fault)
    if fault == "drip":
        monkeypatch.setattr(http_body, "GRACE_S", 0.2)
        monkeypatch.setattr(http_body, "LEAST_RATE", 1e12)
    if fault == "chunks":
        monkeypatch.setattr(room, "LARGEST_LIST", 100_000)
        monkeypatch.setattr(http_body.shutil, "disk_usage", lambda folder: SimpleNamespace(free=100_000))
    began = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=message):
            fetch_big(database.url, root, retries=0)
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()
    assert time.monotonic() - began < 3
    assert BIG not in (tree(root) if root.exists() else {})


def test_no_network_names_the_three_ways_on(root: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/files/ptbdb/1.0.0/"
        with pytest.raises(UserError) as caught:
            fetch(url, root)
    by_hand = f"by hand: wget -r -c -np -nH --cut-dirs=3 -P '{root}' {url}"
    assert all(word in str(caught.value) for word in ("no network", by_hand, "dataset.root=", "dataset=ptbdb_sim"))
    with pytest.raises(UserError) as caught:
        fetch(url.replace("://", "://u:PLANTQ@"), root)
    assert "PLANTQ" not in masked(str(caught.value))
    assert not root.exists()


@pytest.mark.parametrize("url", ["physionet.org/files/ptbdb", "file:///etc/", "https:///files", "ftp://physionet.org/"])
def test_an_address_that_is_none_is_refused(root: Path, url: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"dataset.url={url!r}")):
        fetch(url, root)


UNSAFE = [
    "/etc/passwd",
    "../outside.dat",
    "patient001/../../outside.dat",
    "patient001/..",
    "patient001\\..\\outside.dat",
    "C:/outside.dat",
    "C:outside.dat",
    "bell\a.dat",
    "null\0.dat",
    ".",
]


@pytest.mark.parametrize("name", UNSAFE)
def test_a_name_that_leads_outside_is_refused_before_writing(
    database: Database, root: Path, tmp_path: Path, name: str
) -> None:
    database.sums = f"{database.published()}{hash_of(b'')}  {name}\n"
    with pytest.raises(UserError, match="not a plain path below"):
        fetch(database.url, root)
    assert list(tmp_path.iterdir()) == []
    assert database.requests == [(SUMS, None)]


def test_an_absolute_name_is_refused_even_inside(database: Database, root: Path) -> None:
    database.sums = f"{hash_of(b'')}  {root}/inside.dat\n"
    with pytest.raises(UserError, match="not a plain path below"):
        fetch(database.url, root)
    assert not root.exists()


@pytest.mark.parametrize("link", ["patient001", BIG, f"{BIG}.part"])
def test_a_link_that_leads_outside_is_refused(database: Database, root: Path, tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / link).parent.mkdir(parents=True)
    (root / link).symlink_to(outside / "file" if link != "patient001" else outside)
    with pytest.raises(UserError, match="not a plain path below"):
        fetch(database.url, root)
    assert list(outside.iterdir()) == []
    assert tree(root) == {}


@pytest.mark.parametrize(
    ("sums", "said"),
    [
        ("<html>log in</html>", "expected lines"),
        (f"{hash_of(b'')[:-1]}  RECORDS", "expected lines"),
        ("\n", "names no file"),
        (f"{hash_of(b'')}  RECORDS\n{hash_of(b'x')}  ./RECORDS\n", "twice"),
    ],
)
def test_a_list_that_is_none_is_refused(database: Database, root: Path, sums: str, said: str) -> None:
    database.sums = sums
    with pytest.raises(UserError, match=said):
        fetch(database.url, root)
    assert not root.exists()


def test_the_forms_of_sha256sum_are_read(tmp_path: Path) -> None:
    one, two = hash_of(b"1"), hash_of(b"2")
    text = f"{one} a/b c\r\n{two.upper()}  ./d\n\n{two} *e\n{one}  {SUMS}\n"
    assert room.parse_sums(text, tmp_path) == {"a/b c": one, "d": two, "e": two}


@pytest.mark.parametrize("only", [("patient002/", "REC"), ["RECORDS", "patient002"]])
def test_only_limits_the_files(database: Database, root: Path, only: list[str]) -> None:
    summary = fetch(database.url, root, only=only)
    assert set(tree(root)) == {"RECORDS", "patient002/s0015l re#1.xyz", "patient002/empty.atr"}
    assert summary.files == 3


def test_one_string_is_one_prefix(database: Database, root: Path) -> None:
    fetch(database.url, root, only="patient001/s")
    assert set(tree(root)) == {"patient001/s0010_re.hea", BIG}


def test_an_only_that_names_nothing_is_refused(database: Database, root: Path) -> None:
    with pytest.raises(UserError, match="patient999"):
        fetch(database.url, root, only=["patient001", "patient999"])
    assert not root.exists()


def test_a_root_that_cannot_be_written_is_told(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be written.*dataset.root="):
        fetch(database.url, tmp_path / "file" / "ptbdb")


def test_a_folder_in_a_files_place_is_told(database: Database, root: Path) -> None:
    (root / BIG).mkdir(parents=True)
    with pytest.raises(UserError, match=rf"{BIG} cannot be written"):
        fetch(database.url, root)


def test_two_downloads_into_one_root_fetch_each_file_once(
    database: Database, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger=room.__name__)
    database.faults[BIG] = iter(["stall"])
    both = partial(fetch_big, database.url, root, timeout_s=0.6)
    with ThreadPoolExecutor() as pool:
        summaries = [job.result() for job in [pool.submit(both), pool.submit(both)]]
    assert sorted(summary.files for summary in summaries) == [0, 1]
    assert sum(summary.bytes_fetched for summary in summaries) == SIZE
    assert "another download" in caplog.text


def test_a_killed_download_leaves_a_part_and_goes_on(database: Database, root: Path) -> None:
    database.faults[BIG] = iter(["stall"])
    call = f"download({database.url!r}, Path({str(root)!r}), only=[{BIG!r}])"
    code = f"from ganlab.dataset.download import *; {call}"
    home = Path(room.__file__).parents[2]
    victim = subprocess.Popen([sys.executable, "-c", code], cwd=home, stderr=subprocess.DEVNULL)
    part, deadline = root / f"{BIG}.part", time.monotonic() + 20
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.005)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    assert list(tree(root)) == [f"{BIG}.part"]
    kept = part.stat().st_size
    assert fetch_big(database.url, root).bytes_fetched == SIZE - kept
    assert database.ranges() == [None, f"bytes={kept}-"]
    assert tree(root) == {BIG: FILES[BIG]}
