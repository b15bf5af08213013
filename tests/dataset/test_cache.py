"""The cache: bit-exact, memory-mapped, built once by whoever asks first, and never half."""

import hashlib
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ganlab.core.errors import BadRecord, UserError
from ganlab.core.record import Record, Segment
from ganlab.dataset import cache as room
from ganlab.dataset.ptbdb import PTBDB
from ganlab.dataset.recordings import RecordingSource
from ganlab.dataset.source import Skipped
from ganlab.simulator.cohort import write_cohort


class Numbers(RecordingSource):
    """Random records of two leads; each read is a line in the file `reads` beside the cache."""

    name = "numbers"

    def __init__(self, cache: Path, lengths: tuple[int, ...] = (500, 7, 300), slow: float = 0, bad: str = "") -> None:
        super().__init__(cache, "skip")
        self.lengths, self.slow, self.bad = lengths, slow, bad
        self.reads = Path(cache).with_name("reads")

    def identity(self) -> dict[str, Any]:
        return {"lengths": self.lengths}

    def names(self) -> list[str]:
        return [f"p{number}/s1" for number in range(len(self.lengths))]

    def read(self, name: str) -> tuple[Record, NDArray[np.int16]]:
        with self.reads.open("a") as file:
            file.write(f"{name}\n")
        time.sleep(self.slow)
        if name == self.bad:
            raise BadRecord(name, "torn")
        number = self.names().index(name)
        digital = np.random.default_rng(number).integers(-32768, 32768, (2, self.lengths[number]), np.int16)
        gain, length = (2000.0, 1000.5), self.lengths[number]
        return Record(name, f"p{number}", "n/a", 1, ("i", "ii"), length, 1000.0, gain, (0, -7), (3, 5)), digital


Start = Callable[[float], BaseProcess]
FORK = multiprocessing.get_context("fork")
"""A process that begins with what is imported here starts at once."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts a process that prepares the same cache, so many seconds a record, and writes what it sees to a file."""
    started: list[BaseProcess] = []

    def prepare(slow: float, file: Path) -> None:
        recordings = Numbers(folder, slow=slow).prepare()
        file.write_text(f"{len(recordings.records)} {hashlib.sha256(recordings.signal.tobytes()).hexdigest()}")

    def call(slow: float) -> BaseProcess:
        process = FORK.Process(target=prepare, args=(slow, folder.with_name(f"seen{len(started)}")))
        started.append(process)
        process.start()
        return process

    yield call
    for process in started:
        process.kill()
        process.join()


def ended(process: BaseProcess) -> int | None:
    """Its exit status, once it has ended."""
    process.join(timeout=120)
    return process.exitcode


def reads(folder: Path) -> list[str]:
    file = folder.with_name("reads")
    return file.read_text().split() if file.is_file() else []


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def built(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("numbers-*") if path.is_dir())


def unfinished(folder: Path) -> list[Path]:
    return list(folder.glob(".numbers-*"))


def test_what_comes_out_is_what_went_in_bit_for_bit(folder: Path) -> None:
    recordings = Numbers(folder).prepare()
    assert [record.name for record in recordings.records] == ["p0/s1", "p1/s1", "p2/s1"]
    for record in recordings.records:
        expected, digital = Numbers(folder).read(record.name)
        assert record == Record(**{**vars(expected), "offset": record.offset})
        np.testing.assert_array_equal(recordings.digital(record), digital)


def test_the_signal_is_mapped_and_not_loaded(folder: Path) -> None:
    recordings = Numbers(folder).prepare()
    assert isinstance(recordings.signal, np.memmap)
    assert recordings.signal.mode == "r"
    assert np.shares_memory(recordings.digital(recordings.records[1]), recordings.signal)


def test_a_second_run_reads_nothing(folder: Path) -> None:
    first = Numbers(folder).prepare()
    seen = reads(folder)
    second = Numbers(folder).prepare()
    assert reads(folder) == seen == ["p0/s1", "p1/s1", "p2/s1"]
    assert second.records == first.records


def test_a_record_that_was_skipped_stays_skipped_with_its_reason(folder: Path) -> None:
    for _ in range(2):
        recordings = Numbers(folder, bad="p1/s1").prepare()
        assert [record.name for record in recordings.records] == ["p0/s1", "p2/s1"]
        assert [(bad.record, bad.reason) for bad in recordings.skipped] == [("p1/s1", "torn")]
    assert len(reads(folder)) == 3


def test_the_next_record_is_read_while_one_is_used_and_no_other() -> None:
    asked: list[str] = []

    def read(name: str) -> str:
        asked.append(name)
        if name == "c":
            raise OSError(name)
        return name.upper()

    found = room._ahead(read, ["a", "b", "c", "d"])
    assert next(found) == "A"
    wait_for(lambda: len(asked) > 1)
    time.sleep(0.05)
    assert asked == ["a", "b"]
    assert next(found) == "B"
    with pytest.raises(OSError, match="c"):
        next(found)
    assert list(room._ahead(read, ["a"])) == ["A"]
    assert not list(room._ahead(read, []))


def test_other_settings_and_another_format_have_another_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Numbers(folder).prepare()
    Numbers(folder, lengths=(500, 7, 301)).prepare()
    assert len(built(folder)) == 2
    monkeypatch.setattr(room, "FORMAT", room.FORMAT + 1)
    Numbers(folder).prepare()
    assert len(built(folder)) == 3


@pytest.mark.parametrize("name", ["../out", "/out", "a/b", "", ".hidden", "a\n", "x" * 101])
def test_a_name_that_leads_out_of_the_cache_is_refused(folder: Path, name: str) -> None:
    source = Numbers(folder)
    source.name = name
    with pytest.raises(UserError, match=r"dataset\.name=.*accepted are letters, digits"):
        source.prepare()
    assert not folder.exists()


def touch(file: Path) -> None:
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))


def add_a_record(root: Path) -> None:
    listing = root / "RECORDS"
    listing.write_text(listing.read_text() + "patient009/s1\n")


@pytest.mark.parametrize(
    "change",
    [
        lambda root: touch(next(root.glob("*/*.dat"))),
        lambda root: touch(next(root.glob("*/*.hea"))),
        lambda root: next(root.glob("*/*.xyz")).unlink(),
        add_a_record,
    ],
    ids=["samples", "header", "a file less", "a record more"],
)
def test_a_changed_database_is_read_again(change: Callable[[Path], object], folder: Path, tmp_path: Path) -> None:
    write_cohort(tmp_path / "ptbdb", 2, seconds=1, seed=0)

    def prepare(rate: float = 1000.0) -> int:
        PTBDB(tmp_path / "ptbdb", cache=folder, on_bad_record="skip", rate=rate).prepare()
        return len([path for path in folder.iterdir() if path.is_dir()])

    assert [prepare(), prepare(), prepare(rate=500.0)] == [1, 1, 2]
    change(tmp_path / "ptbdb")
    assert prepare() == 3


def test_four_processes_that_ask_at_once_build_once_and_see_the_same(folder: Path, start: Start) -> None:
    assert [ended(process) for process in [start(0.1) for _ in range(4)]] == [0] * 4
    assert Counter(reads(folder)) == dict.fromkeys(["p0/s1", "p1/s1", "p2/s1"], 1)
    content = hashlib.sha256(Numbers(folder).prepare().signal.tobytes()).hexdigest()
    assert [file.read_text() for file in folder.parent.glob("seen*")] == [f"3 {content}"] * 4


def test_a_killed_builder_leaves_no_cache_and_the_one_that_waits_for_it_builds(folder: Path, start: Start) -> None:
    builder = start(60)
    wait_for(lambda: reads(folder))
    waiting = start(0)
    time.sleep(0.5)
    assert waiting.is_alive()
    assert reads(folder) == ["p0/s1"]
    assert not built(folder)
    assert len(unfinished(folder)) == 1
    builder.kill()
    builder.join()
    assert ended(waiting) == 0
    assert folder.with_name("seen1").read_text().startswith("3 ")
    assert reads(folder)[1:] == ["p0/s1", "p1/s1", "p2/s1"]
    assert len(built(folder)) == 1
    assert not unfinished(folder)


def test_a_build_that_fails_leaves_no_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(UserError, match=r"No space left on device.*cache=<folder>"):
            Numbers(folder).prepare()
    assert not built(folder)
    assert not unfinished(folder)
    assert len(Numbers(folder).prepare().records) == 3


def test_a_file_cut_short_is_refused_and_not_mapped(folder: Path) -> None:
    Numbers(folder).prepare()
    file = next(folder.glob("numbers-*/signal.i16"))
    file.write_bytes(file.read_bytes()[:-2])
    with pytest.raises(UserError, match=r"signal\.i16 is damaged: 3,226 bytes, expected 3,228\. Remove"):
        Numbers(folder).prepare()


def test_a_data_set_of_bad_records_alone_is_refused_each_time(folder: Path) -> None:
    for _ in range(2):
        with pytest.raises(UserError, match="none of its 1 records"):
            Numbers(folder, lengths=(5,), bad="p0/s1").prepare()


PLAIN = Record("a/ä b", "p1", "", 0, ("i", "ii"), 500, 250.0, (200.0, 0.5), (0, -3))
VARIED = (
    PLAIN,
    replace(PLAIN, name="c", offset=1000, rate=99.5, wide=True, units=("mV", "NU"), unusable={"ii": "no gain: 'x'"}),
    replace(PLAIN, name="d", label=2, peaks=(3, 99), segments=(Segment("flat", "i", 5, 300), Segment("1", "", 0, 9))),
)


@pytest.mark.parametrize(
    "records",
    [VARIED, (), tuple(replace(each, label=(True, False), attributes=(61.5, -1.0)) for each in VARIED)],
    ids=["one label", "no record", "several labels and attributes"],
)
def test_records_are_read_as_they_were_written(tmp_path: Path, records: tuple[Record, ...]) -> None:
    skipped = [Skipped("bad", "why", 3, "window", "r1")]
    room.write_index(tmp_path, records, skipped)
    assert room.read_index(tmp_path) == (records, tuple(skipped))
