"""Checks that the test of each guarantee fails without the guarantee's code: in a copy of this checkout, line by line.

Prints a markdown table (in docs/reliability.md) and exits with 1 if no test fails without a line. A test that does not
end counts as failed.

python scripts/mutations.py            # all of them, a quarter of an hour on one core
python scripts/mutations.py G9 zip     # those of a guarantee, and those that say zip
"""

import argparse
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("ganlab", "conf", "tests", "scripts", "docs")
LONGEST_S = 180
MEMORY = 8 << 30
"""Bytes of addresses that a test may take: without a limit on sizes some take all there are."""


CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["pytest", "torch", "pytorch_lightning", "mlflow", "scipy.signal", "wfdb", "hypothesis"])


class Mutation(NamedTuple):
    """A text that stands once in a file, what takes its place, and the test that has to fail then."""

    guarantee: str
    what: str
    file: str
    text: str
    instead: str
    test: str


def read() -> list[Mutation]:
    """Return the mutations of `mutations.yaml`, in its order."""
    rows = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
    return [Mutation(*next(iter(row.items())), row["file"], row["text"], row["instead"], row["test"]) for row in rows]


def main() -> None:
    """Apply each mutation in turn, and print the test that fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", nargs="*", help="G1, G2, ..., or words of what is taken out: all if none is given")
    asked = parser.parse_args().which
    chosen = [each for each in read() if not asked or any(w == each.guarantee or w in each.what for w in asked)]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for file in (*ROOT.glob("*.md"), *ROOT.glob("*.lock"), ROOT / "pyproject.toml"):
            shutil.copy(file, copy)
        if failing := fails(copy, sorted({mutation.test for mutation in chosen})):
            sys.exit(f"{failing} fails with every line in its place.")
        print(
            "| guarantee | what the program does without the line | in | the test that fails |\n|---|---|---|---|",
            flush=True,
        )
        unseen = 0
        for mutation in chosen:
            seen = with_mutation(copy, mutation)
            unseen += seen is None
            where = mutation.file.removeprefix("ganlab/")
            print(f"| {mutation.guarantee} | {mutation.what} | `{where}` | {seen or '**none**'} |", flush=True)
    print(f"\n{len(chosen)} lines taken out, {unseen} unseen.")
    sys.exit(1 if unseen else 0)


def with_mutation(copy: Path, mutation: Mutation) -> str | None:
    """Return the test that fails, or None. Raises ValueError unless the file holds the text exactly once."""
    file = copy / mutation.file
    whole = file.read_text()
    if whole.count(mutation.text) != 1:
        raise ValueError(f"{mutation.file} has {whole.count(mutation.text)} times {mutation.text!r}")
    file.write_text(whole.replace(mutation.text, mutation.instead))
    try:
        return fails(copy, [mutation.test])
    finally:
        file.write_text(whole)


def fails(copy: Path, tests: Sequence[str]) -> str | None:
    """Return the first of these tests that fails or does not end; None if all pass."""
    log = copy / "log.txt"
    process = CONTEXT.Process(target=_pytest, args=(str(copy), tests, str(log)))
    process.start()
    process.join(LONGEST_S * len(tests))
    if process.is_alive():
        assert process.pid is not None
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
        return f"{tests[0].partition('::')[2]} (does not end)"
    if process.exitcode == 0:
        return None
    failed = [line for line in log.read_text().splitlines() if line.startswith(("FAILED", "ERROR"))]
    if not failed and process.exitcode == 1:
        return f"{tests[0].partition('::')[2]} (ends the process)"
    if not failed:
        raise RuntimeError(f"{tests}: exit code {process.exitcode}\n{log.read_text()}")
    return failed[0].partition("::")[2].partition(" - ")[0].partition("[")[0]


def _pytest(copy: str, tests: Sequence[str], log: str) -> None:
    """Run pytest in a process that has not imported ganlab, so that the copy's is tested."""
    os.setsid()
    os.chdir(copy)
    sys.path.insert(0, copy)
    sys.dont_write_bytecode = True
    os.environ |= {"PYTHONPATH": copy, "PYTHONDONTWRITEBYTECODE": "1"}
    os.environ.setdefault("GANLAB_TEST_DATA", str(ROOT.parent / "shared" / "data"))
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.exit(pytest.main(["-x", "-q", "-m", "not fault", "--tb=no", "-p", "no:cacheprovider", *tests]))


if __name__ == "__main__":
    main()
