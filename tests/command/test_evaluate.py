"""Any synthetic set beside real data, from the command."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from ganlab.core.kind import Image, Row, Window
from ganlab.metrics.base import Metric, Number, Real, SampleSet, Scorer, Statistic
from ganlab.metrics.weighted import mean
from tests.conftest import TINY

Command = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("blank_figures")

SIM = ("dataset.patients=20", "dataset.seconds=9")
LEVEL = ("metrics=paper", "metrics.draws=20", "+metrics.measures.level._target_=tests.command.test_evaluate.Level")
ROWS = ("dataset=thyroid_sim", "dataset.rows=200", *LEVEL)
IRIS = ("dataset=iris_sim", "dataset.people=12", "dataset.images_per_eye=1", *LEVEL)


NUMBERS = {"level/mean": Number("", "mean of all values")}


class Level(Metric):
    """Mean of all values."""

    numbers = NUMBERS
    kinds = (Window, Row, Image)

    def fit(self, real: Real) -> Scorer:
        def judge(samples: SampleSet) -> dict[str, Statistic]:
            values = samples.values.reshape(len(samples), -1).mean(axis=1)
            return {"level/mean": lambda w, _: mean(values, w)}

        return judge


def judged(command: Command, *overrides: str) -> dict[str, Any]:
    folder = command("evaluate", *overrides, "out=judged")
    assert (folder / "judged" / "report.html").stat().st_size > 1000
    return json.loads((folder / "judged" / "metrics.json").read_text())


@pytest.fixture
def windows(tmp_path: Path) -> Path:
    values = np.random.default_rng(0).normal(3, 1, size=(30, 2025)).astype(np.float32)
    np.save(tmp_path / "windows.npy", values)
    return tmp_path / "windows.npy"


def test_an_array_beside_a_cohort(command: Command, windows: Path) -> None:
    found = judged(command, *SIM, *LEVEL, f"synthetic={windows}", "leads=[i]")
    row, facts = found["numbers"]["level/mean"], found["facts"]
    assert row["synthetic"] == pytest.approx(np.load(windows).mean(), abs=1e-5)
    assert abs(row["real"]) < 1
    assert set(row["controls"]) == {"copy", "noisy_copy", "collapsed", "noise"}
    assert (facts["judged"], facts["leads"], facts["rate_hz"], facts["samples"]) == (30, ["i"], 1000, 2025)
    assert (facts["training_persons"], facts["reference_persons"]) == (12, 3)
    assert (facts["compared_with"], facts["simulated"], facts["rate_assumed"]) == ("test", True, True)
    assert len(facts["sha256"]) == 64


def test_both_parts_of_other_persons_can_be_compared_with(command: Command, windows: Path) -> None:
    found = judged(command, *SIM, *LEVEL, f"synthetic={windows}", "part=[test,validation]")
    assert (found["facts"]["reference_persons"], found["facts"]["compared_with"]) == (6, "test and validation")


def test_where_everybody_trained_the_page_says_so(command: Command, windows: Path) -> None:
    facts = judged(command, *SIM, *LEVEL, f"synthetic={windows}", "split=paper")["facts"]
    assert (facts["training_persons"], facts["reference_persons"]) == (10, 10)
    assert "both trained the generator" in facts["both_halves_trained"]


def test_other_leads_than_the_arrangements_are_compared_in_theirs(command: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((9, 2, 1000), np.float32))
    found = judged(command, *SIM, *LEVEL, f"synthetic={tmp_path / 'x.npy'}", "leads=[v5,II]", "rate=500")
    facts = found["facts"]
    assert (facts["leads"], facts["rate_hz"], facts["length_s"]) == (["v5", "ii"], 500, 2)


def test_rows_and_images_need_no_arrangement(command: Command, tmp_path: Path) -> None:
    from tests.test_conf import composed

    (tmp_path / "images").mkdir()
    columns = composed(*ROWS[:2]).dataset.columns
    values = ["0" if (column or {}).get("binary") else "0.1" for column in columns.values()]
    table = [",".join(columns), *[",".join(values)] * 5]
    (tmp_path / "rows.csv").write_text("\n".join(table))
    found = judged(command, *ROWS, f"synthetic={tmp_path / 'rows.csv'}")
    assert found["numbers"]["level/mean"]["synthetic"] == pytest.approx(0.1 * values.count("0.1") / len(values))
    for level in range(4):
        Picture.new("L", (64, 48), 50 + level).save(tmp_path / "images" / f"{level}.png")
    found = judged(command, *IRIS, f"synthetic={tmp_path / 'images'}")
    assert found["numbers"]["level/mean"]["synthetic"] == pytest.approx(51.5)
    assert found["facts"]["judged"] == 4


ERRORS = [
    (("part=holdout",), "not used for anything else"),
    (("part=train",), r"part=\[train\]: accepted are test, validation"),
    (("leads=[v9]",), r"have lead v9, which ptbdb_sim lacks; it has i, ii"),
    (("rate=10000",), r"Windows of 0.203 s are too short for a heartbeat"),
    (("metrics.objective=level/x",), r"measured are level/mean"),
    (("split.test=0", "part=test"), r"part=test: it has no patients"),
    (("on_bad=ask",), r"on_bad=ask: accepted are error and skip"),
]


def refused(command: Command, capsys: pytest.CaptureFixture[str], *overrides: str) -> str:
    """What the command says when it refuses, on one line."""
    with pytest.raises(SystemExit) as stopped:
        command("evaluate", *LEVEL, *overrides)
    assert stopped.value.code == 2
    shown = capsys.readouterr()
    return " ".join((shown.out + shown.err).split())


@pytest.mark.parametrize(("overrides", "message"), ERRORS)
def test_what_cannot_work_is_named(
    overrides: tuple[str, ...], message: str, command: Command, windows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert re.search(message, refused(command, capsys, *SIM, f"synthetic={windows}", *overrides))


@pytest.fixture(scope="module")
def run(made_run: Callable[..., Path]) -> Path:
    return made_run(*TINY, "tracking=none", "gan=acgan")


def test_a_run_is_judged_on_the_persons_of_its_own_split(command: Command, run: Path) -> None:
    found = judged(command, f"synthetic={run}", *LEVEL, "metrics.samples=6", "dataset.on_bad_record=skip")
    facts, split = found["facts"], json.loads((run / "split.json").read_text())
    assert facts["training_persons"] == len(split["parts"]["train"])
    assert facts["reference_persons"] == len(split["parts"]["test"])
    assert (facts["judged"], facts["format"], facts["checkpoint"][:5]) == (6, "run folder", "step_")


def test_a_run_is_not_judged_on_persons_whom_it_did_not_know(
    command: Command, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(command, capsys, f"synthetic={run}", "dataset.patients=15", "dataset.seconds=9")
    assert "3 patients of the data are not in it" in said
    assert "says who trained" in refused(command, capsys, f"synthetic={run}", "split.seed=3")


def test_the_page_of_a_run_is_not_overwritten(command: Command, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is a run folder" in refused(command, capsys, f"synthetic={run}", f"out={run}")
