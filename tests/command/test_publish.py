"""A published folder is complete, says what was measured, and is read by mlcroissant and datasets."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ganlab.command.publish import publish
from ganlab.core.errors import UserError
from ganlab.generator.load import load
from tests.conftest import LIMB

VERDICT = {
    "lights": [{"title": "Private?", "colour": "grey", "reason": "no attack | was run"}],
    "date": "2026-01-02",
    "version": "0.1.0",
}


@pytest.fixture
def published(made_run: Callable[..., Path], tmp_path: Path) -> Path:
    run = shutil.copytree(made_run(*LIMB), tmp_path / "run")
    (run / "verdict.json").write_text(json.dumps(VERDICT))
    return publish(str(run), str(tmp_path / "out"), "Our hospital", title='Of "ours"', n=3, url="https://example.org")


def test_the_folder_holds_what_a_repository_asks_for(published: Path) -> None:
    files = {path.relative_to(published).as_posix() for path in published.rglob("*") if path.is_file()}
    assert files == {
        *("README.md", "LICENSE", "CITATION.cff", "croissant.json", "checksums.sha256", "verdict.json"),
        *("data/README.md", "data/synthetic.parquet"),
    }
    sums = dict(reversed(line.split("  ")) for line in (published / "checksums.sha256").read_text().splitlines())
    assert sums == {
        name: hashlib.sha256((published / name).read_bytes()).hexdigest() for name in files - {"checksums.sha256"}
    }
    card = (published / "README.md").read_text()
    header = yaml.safe_load(card.split("---\n")[1])
    assert (header["license"], header["pretty_name"]) == ("cc-by-4.0", 'Of "ours"')
    assert r"| Private? | **grey** | no attack \| was run |" in card
    assert "they are of no patient" in card
    citation = yaml.safe_load((published / "CITATION.cff").read_text())
    assert citation["authors"] == [{"name": "Our hospital"}]
    assert citation["type"] == "dataset"


def test_the_newest_verdict_on_the_published_checkpoint_is_shown(made_run: Callable[..., Path], tmp_path: Path) -> None:
    run = shutil.copytree(made_run(*LIMB), tmp_path / "run")
    chosen = load(run).checkpoint
    (run / "verdict.json").write_text(json.dumps(VERDICT))
    newer = {**VERDICT, "date": "2026-02-03", "synthetic": "/home/somebody/run", "checkpoint": chosen}
    (run / "evaluated.json").write_text(json.dumps(newer))
    out = publish(str(run), str(tmp_path / "newest"), "Our hospital", n=2)
    assert "(2026-02-03, ganlab" in (out / "README.md").read_text()
    assert "somebody" not in (out / "verdict.json").read_text()
    for name in ("verdict.json", "evaluated.json"):
        (run / name).write_text(json.dumps({**VERDICT, "checkpoint": "epoch_9999"}))
    other = publish(str(run), str(tmp_path / "other"), "Our hospital", n=2)
    assert "**Nothing was measured**" in (other / "README.md").read_text()
    assert not (other / "verdict.json").exists()


def test_a_run_without_a_verdict_says_that_nothing_was_measured(made_run: Callable[..., Path], tmp_path: Path) -> None:
    run = shutil.copytree(made_run(*LIMB), tmp_path / "run")
    (run / "verdict.json").unlink(missing_ok=True)
    out = publish(str(run), str(tmp_path / "out"), "Our hospital", n=2, format="wfdb")
    assert "**Nothing was measured**" in (out / "README.md").read_text()
    assert (out / "data" / "synthetic00002.hea").is_file()


def test_mlcroissant_takes_the_metadata_and_reads_the_records(published: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    dataset = mlcroissant.Dataset(jsonld=str(published / "croissant.json"))
    assert dataset.metadata.ctx.issues.errors == set()
    records = list(dataset.records("windows"))
    assert [record["windows/window"] for record in records] == [1, 2, 3]
    assert len(records[0]["windows/avr"]) == 2025


@pytest.mark.slow
def test_datasets_reads_the_folder(published: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    table = datasets.load_dataset(str(published), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(table) == 3
    assert len(table[0]["i"]) == 2025


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"out": None}, "out=<folder>"),
        ({"creator": None}, "creator=<name>"),
        ({"licence": "as you like"}, "licence=as you like: accepted is an SPDX identifier"),
    ],
)
def test_what_is_missing_is_asked_for(changes: dict[str, str | None], message: str) -> None:
    with pytest.raises(UserError, match=message):
        publish(**{"run": "x", "out": "y", "creator": "z"} | changes)  # type: ignore[arg-type]
