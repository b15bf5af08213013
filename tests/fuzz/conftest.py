"""Many wrong inputs for one target: each ends with a result or a named error, in time, and leaves the rest alone.

`GANLAB_FUZZ_CASES` says how many cases a target gets (25 if it is not set), `GANLAB_FUZZ_LOG` a file that gets a JSON
line of each target.
"""

import faulthandler
import json
import os
import resource
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType

import pytest

from ganlab.core.errors import BadRecord, UserError
from tests.fuzz.cases import CASES

CASE_S = 120
"""Seconds after which a case counts as a hang."""
HANG_S = 300
"""Seconds after which one that does not even listen to signals ends the process with its traceback."""
MEMORY = 4 << 30
"""Bytes that a case may take beside what is taken before it."""

Named = tuple[type[Exception], ...]


class Fuzz:
    """A target: its root, which cases may read and write, and what stands around it, which they may not."""

    def __init__(self, target: str, around: Path) -> None:
        self.target = target
        self.around = around
        self.root = around / "root"
        self.canary = around / "canary"
        self.root.mkdir(parents=True)
        (around / "secret.csv").write_text("name,person\nsecret,secret\n")
        self.counts: Counter[str] = Counter()
        self.slowest_s = 0.0

    def _surroundings(self) -> list[tuple[str, int, int]]:
        """Names, sizes and times of all that stands beside the root and beside its parent."""
        beside = [path for path in self.around.rglob("*") if not path.is_relative_to(self.root)]
        files = [path for path in beside if path.is_file()]
        return sorted(
            [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
            + [(path.name, 0, 0) for path in (*beside, *self.around.parent.iterdir()) if path.is_dir()]
        )

    def filled(self, files: Mapping[str, bytes]) -> Path:
        """The root with these files in it, and nothing else."""
        shutil.rmtree(self.root)
        self.root.mkdir()
        for name, content in files.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_bytes(content)
        return self.root

    def case(self, task: Callable[[], object], named: Named = (UserError, BadRecord)) -> None:
        """Do it; anything but a result or a named error is a failure of the test."""
        said = "a result"
        before, began = self._surroundings(), time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, CASE_S)
        faulthandler.dump_traceback_later(HANG_S, exit=True)
        try:
            task()
            self.counts["results"] += 1
        except named as error:
            self.counts["errors"] += 1
            said = str(error)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()
            self.counts["cases"] += 1
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        assert said.strip(), "an error without a word"
        assert said.encode(), "an error that no log can hold"
        assert not self.canary.exists(), "the input was executed"
        assert self._surroundings() == before, "something changed outside the root"


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"a case took longer than {CASE_S} s")


@pytest.fixture
def fuzz(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fuzz]:
    """The target that a test is named after."""
    target = Fuzz(request.node.originalname.removeprefix("test_"), tmp_path / "around")
    monkeypatch.chdir(target.around)
    before, began = signal.signal(signal.SIGALRM, _too_long), time.monotonic()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, limits[1]))
    try:
        yield target
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.signal(signal.SIGALRM, before)
    assert target.counts["cases"] >= CASES
    assert target.counts["errors"], "no case was wrong: the target was not fuzzed"
    line = {"target": target.target, **{key: target.counts[key] for key in ("cases", "results", "errors")}}
    line |= {"seconds": round(time.monotonic() - began, 1), "slowest_s": round(target.slowest_s, 2)}
    print(json.dumps(line))
    if file := os.environ.get("GANLAB_FUZZ_LOG"):
        with Path(file).open("a") as log:
            log.write(json.dumps(line) + "\n")
