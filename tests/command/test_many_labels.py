"""Records with several statements and attributes each, from a CSV file to samples of a conditional generator."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ganlab.core.labels import SEPARATOR
from ganlab.exchange.reader import read
from ganlab.exchange.synthetic import Request
from ganlab.generator.load import load
from tests.conftest import newest_run

CLASSES = ["NORM", "MI", "LVH", "SR"]
CELLS = ["NORM;SR", "MI;LVH;SR", "MI", "NORM", "", "MI;LVH;SR"]
SMALL = (
    *("batch_size=8", "trainer.max_epochs=1", "trainer.enable_progress_bar=false", "metrics=paper", "tracking=none"),
    *("diversity.images=8", "architecture=signal", "architecture.width=0.05", "architecture.decimation=1"),
)
DATA = (
    *("dataset=wfdb", "dataset.root=records", "dataset.rate=100", "dataset.people=people.csv"),
    *(f"dataset.classes=[{','.join(CLASSES)}]", "dataset.many_labels=true", "dataset.attributes={age: years}"),
    *("arrangement.leads=[ii]", "window_seconds=5", "standardization=quantile_range"),
)


@pytest.fixture(scope="module")
def statements(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 24 records of 24 patients, 10 s at 100 Hz, their statements and ages."""
    folder = tmp_path_factory.mktemp("statements")
    (folder / "records").mkdir()
    rng = np.random.default_rng(0)
    rows = ["name,person,label,age"]
    for number in range(24):
        wave = np.cumsum(rng.normal(size=(1000, 1)), axis=0) / 50
        kinds = {"units": ["mV"], "sig_name": ["II"], "fmt": ["16"]}
        wfdb.wrsamp(f"r{number}", fs=100, p_signal=wave, write_dir=str(folder / "records"), **kinds)
        rows.append(f"r{number},p{number},{CELLS[number % 6]},{30 + number if number % 5 else ''}")
    (folder / "people.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.mark.usefixtures("blank_figures")
def test_from_statements_to_samples_of_them(
    command: Callable[..., Path], statements: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("records", "people.csv"):
        (tmp_path / name).symlink_to(statements / name)
    command("prepare", *DATA[:7])
    assert "24 records, 24 patients, 4 min of signal, 0 left out\n  NORM: 8 records" in capsys.readouterr().out
    command("explore", *DATA, "choices.window.arrangements=[z]", "choices.window.standardizations=[fixed_range]")
    page = (tmp_path / "outputs" / "explore" / "wfdb" / "explore.html").read_text()
    assert all(words in page for words in ("3 classes", "no class", "LVH"))
    conditional = ("gan=acgan", "gan.conditions.attributes=[age]", "trick=balanced_sampler")
    run = newest_run(command("run", *DATA, *SMALL, *conditional))
    facts = json.loads((run / "run.json").read_text())
    assert facts["data"]["classes"] == {"NORM": 16, "MI": 24, "LVH": 16, "SR": 24}
    assert "class_1" in (run / "metrics.jsonl").read_text()
    command(
        "sample",
        f"run={run}",
        "label={NORM: 3, MI+LVH+SR: 1, SR+MI+LVH: 1}",
        "attributes={age: 60}",
        "format=wfdb",
        "out=some",
    )
    comments = [wfdb.rdheader(str(tmp_path / "some" / f"synthetic0000{n}")).comments for n in (1, 5)]
    assert [each[-2:] for each in comments] == [[f"class: {each}", "age (years): 60"] for each in ("NORM", "MI;LVH;SR")]
    card = (tmp_path / "some" / "README.md").read_text()
    assert "With each window: label, age (years), in `people.csv`." in card
    given = shlex.split(card.partition("As a data set: `")[2].partition("`")[0].replace("=.", "=some", 1))
    command("prepare", *[each.replace("=people", "=some/people") for each in given])
    assert "5 records, 5 patients, 25 s of signal, 0 left out\n  NORM: 3 records" in capsys.readouterr().out
    for form in ("wfdb", "csv", "npy"):
        command("sample", f"run={run}", "n=40", f"format={form}", f"out={form}")
        request = Request(load(run).kind, tuple(CLASSES), many_labels=True)
        back = read(tmp_path / form, request).labels
        assert back is not None
        kinds = {SEPARATOR.join(np.array(CLASSES)[row]) for row in back}
        assert back.shape == (40, 4)
        assert kinds == set(CELLS)
    command("export_generator", f"run={run}", "out=shared")
    given, own = load(tmp_path / "shared"), load(run)
    label = given.label_of("MI+SR")
    assert given.gan.sample(3, label=label, age=50.0).equal(own.gan.sample(3, label=label, age=50.0))
    for label, words in (("label=AF", "not AF"), ("label={NORM: 0}", "label={NORM: 0}"), ("attributes={w: 1}", "age")):
        with pytest.raises(SystemExit):
            command("sample", f"run={run}", label, "out=never")
        assert words in capsys.readouterr().out
