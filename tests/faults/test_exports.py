"""F34, F35: an export is whole or absent, whoever is killed while it is written and whatever the disk can take."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ganlab.core.errors import UserError
from ganlab.exchange.reader import read
from ganlab.exchange.synthetic import Request
from ganlab.generator.load import load
from ganlab.generator.portable import CONFIG, WEIGHTS
from tests.faults.conftest import Record
from tests.faults.process import Commands
from tests.fuzz.test_generator import exported

pytestmark = pytest.mark.fault
FORMS = {"npy": "window", "csv": "window", "wfdb": "window", "png": "image"}
Mount = Callable[[str], Path]


def generator(folder: Path, kind: str) -> Path:
    """An exported generator of this kind."""
    text, weights = exported(kind)
    made = folder / "generator"
    made.mkdir()
    (made / WEIGHTS).write_bytes(weights)
    (made / CONFIG).write_text(json.dumps(text))
    return made


def left(folder: Path) -> list[Path]:
    return [path for path in folder.glob("**/.*") if path.is_dir()]


@pytest.mark.parametrize("form", FORMS)
def test_f34_killed_while_samples_are_written(commands: Commands, rounds: int, record: Record, form: str) -> None:
    folder = commands.folder
    request = Request(load(generator(folder, FORMS[form])).kind, ("healthy", "ill"))
    for number in range(rounds):
        out = folder / f"out{number}"
        call = ("run=generator", f"format={form}", f"out={out.name}")
        started = commands.begin(*call, "n=50000", "batch_size=1", name="sample")
        started.until(lambda: left(folder))
        time.sleep(commands.random.random() / 2)
        started.told(signal.SIGKILL)
        assert started.ended() == -signal.SIGKILL
        assert not out.exists()
        (half,) = left(folder)
        with pytest.raises(UserError, match="was not finished"):
            read(half, request)
        if number == 0:
            refused = commands.run(f"synthetic={half.name}", "out=judged", name="evaluate", code=2).said
            assert "was not finished" in refused or form == "png"
        commands.run(*call, "n=3", name="sample")
        assert not left(folder)
        assert len(read(out, request).values) == 3
    record(
        "F34",
        f"SIGKILL while ganlab.sample format={form} writes",
        rounds,
        "no folder with the final name; remains are refused; the same command again gives a complete folder",
        "as expected",
    )


def test_f35_files_that_may_not_grow(commands: Commands, rounds: int, record: Record) -> None:
    folder = commands.folder
    made = {kind: generator(folder, kind).rename(folder / kind) for kind in ("window", "image")}
    for number in range(rounds):
        for form, kind in FORMS.items():
            call = (f"run={made[kind].name}", f"format={form}", "n=500", f"seed={number}", f"out=out_{form}")
            limit = commands.random.randrange(1_000, 6_000)
            said = commands.run(*call, name="sample", code=2, file_limit=limit).said
            assert "cannot be written" in said
            assert "Traceback" not in said
            assert not (folder / f"out_{form}").exists()
            assert not left(folder)
    record("F35", "files limited to 1 to 6 kB (RLIMIT_FSIZE) while samples are written as npy, csv, wfdb, png",
           rounds, "exit code 2; the error names the file and the free space; no remains", "as expected")  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_f35_a_disk_that_is_full(commands: Commands, mounted: Mount, rounds: int, record: Record, form: str) -> None:
    disk = mounted("size=200k")
    generator(commands.folder, FORMS[form])
    for number in range(rounds):
        out = (disk / "out", disk)[number % 2]
        call = ("run=generator", f"format={form}", "n=1000", f"seed={number}", f"out={out}")
        said = commands.run(*call, name="sample", code=2).said
        assert "cannot be written: No space left" in said or "bytes, and" in said, said
        assert "Traceback" not in said
        assert not [*disk.iterdir()]
    commands.run("run=generator", f"format={form}", "n=2", f"out={disk}", name="sample")
    assert (disk / "README.md").read_text().startswith("# Synthetic")
    record("F35", f"ganlab.sample format={form} to a disk of 200 kB, or in turn to a folder that is the disk", rounds,
           "exit code 2; the error names the free space; with space, complete", "as expected")  # fmt: skip


def test_f35_a_cache_on_a_full_disk(commands: Commands, mounted: Mount, rounds: int, record: Record) -> None:
    disk = mounted("size=1m")
    for number in range(rounds):
        call = ("dataset.patients=12", f"dataset.seconds={60 + number}", f"cache={disk}/cache")
        said = commands.run(*call, name="prepare", code=2).said
        assert "cannot be written: No space left" in said
        assert "cache=<folder>" in said
        assert "Traceback" not in said
        assert not left(disk)
    record(
        "F35",
        "a cache on a disk of 1 MB",
        rounds,
        "exit code 2; the error names the free space and cache=; no remains",
        "as expected",
    )


def test_f35_a_generator_on_a_full_disk(
    commands: Commands, whole: Path, mounted: Mount, rounds: int, record: Record
) -> None:
    disk = mounted("size=8k")
    for _ in range(rounds):
        said = commands.run(f"run={whole}", f"out={disk}/generator", name="export_generator", code=2).said
        assert "needs about" in said or "cannot be written" in said
        assert "Traceback" not in said
        assert not [*disk.iterdir()]
    record("F35", "ganlab.export_generator to a disk of 8 kB", rounds, "exit code 2; the error names the free space",
           "as expected")  # fmt: skip
