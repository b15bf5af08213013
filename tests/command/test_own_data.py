"""Your own recordings, table and images: from the declarations of docs/own_data.md to samples."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb
import yaml
from PIL import Image

from tests.conftest import ROOT, newest_run
from tests.test_docs import blocks

SMALL = (
    *("batch_size=8", "trainer.max_epochs=1", "trainer.enable_progress_bar=false", "metrics.samples=16"),
    *("tracking=none", "architecture.width=0.1", "diversity.images=8"),
)


@pytest.fixture
def declared(command: Callable[..., Path], tmp_path: Path) -> Path:
    """The declarations of the page in `mine`."""
    folder = tmp_path / "mine" / "experiment"
    folder.mkdir(parents=True)
    for text in blocks(ROOT / "docs" / "own_data.md", "yaml"):
        dataset = yaml.safe_load(text)["dataset"]
        (folder / f"{dataset.get('name') or Path(dataset['file']).stem}.yaml").write_text(text)
    return tmp_path


def own(command: Callable[..., Path], name: str, *overrides: str) -> Path:
    return newest_run(command("run", "--config-dir", "./mine", f"experiment={name}", *SMALL, *overrides))


def said(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return captured.out + captured.err


def recordings(folder: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        wave = np.cumsum(rng.normal(size=(4200, 2)), axis=0) / 50
        leads = {"units": ["mV", "mV"], "sig_name": ["II", "V5"], "fmt": ["16", "16"]}
        wfdb.wrsamp(f"r{number}", fs=500, p_signal=wave, write_dir=str(folder), **leads)
    rows = [f"r{number},patient{number},{'ill' if number % 2 else 'healthy'}" for number in range(6)]
    (folder / "people.csv").write_text("\n".join(["name,person,label", *rows]) + "\n")


def ward(file: Path) -> pd.DataFrame:
    """A table with texts, dates, gaps, semicolons and decimal commas."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "patient": np.arange(80) // 2,
            "age": rng.integers(18, 100, 80),
            "died": rng.integers(0, 2, 80),
            "smoker": rng.choice(["no", "yes", ""], 80),
            "ward": rng.choice(["surgery", "medicine", "day clinic", "?"], 80),
            "admitted": pd.Timestamp("2020-03-01") + pd.to_timedelta(rng.integers(0, 300, 80), unit="D"),
            "discharged": (pd.Timestamp("2020-03-08") + pd.to_timedelta(rng.integers(0, 300, 80), unit="D")),
            "haemoglobin": rng.uniform(8, 16, 80).round(1),
            "creatinine": rng.uniform(0.5, 3, 80).round(2),
            "crp": np.where(rng.random(80) < 0.3, np.nan, rng.exponential(20, 80).round(1)),
        }
    )
    table["discharged"] = table["discharged"].dt.strftime("%d.%m.%Y").where(rng.random(80) < 0.9, "NA")
    table.to_csv(file, index=False, sep=";", decimal=",")
    return table


def photographs(folder: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(24):
        size = (60, 80, 3) if number % 2 else (70, 50, 3)
        Image.fromarray(rng.integers(0, 256, size, dtype=np.uint8)).save(folder / f"{number}.png")
    rows = [f"{number}.png,patient{number // 2},{'melanoma' if number % 4 < 2 else 'naevus'}" for number in range(24)]
    (folder / "people.csv").write_text("\n".join(["name,person,label", *rows]) + "\n")


def test_recordings_of_two_leads_at_500_hz(declared: Path, command: Callable[..., Path]) -> None:
    recordings(declared / "holter")
    run = own(command, "holter", "gan=acgan", "gan.class_weight=0.5")
    command("sample", f"run={run}", "n=3", "label=ill", "out=samples")
    record = wfdb.rdrecord(str(declared / "samples" / "synthetic00002"))
    assert (record.fs, record.sig_name, record.p_signal.shape) == (500, ["ii", "v5"], (1024, 2))
    assert "class: ill" in record.comments


def pulses(folder: Path) -> None:
    """Eight patients' pulses of 1 to 1.5 Hz about 2000 NU, and a lead of an ECG that nobody asks for."""
    time = np.arange(1300) / 100
    for number in range(8):
        (folder / f"patient{number:03d}").mkdir(parents=True)
        wave = 2000 + 40 * np.sin(2 * np.pi * (1 + number / 16) * time) + number
        leads = {"units": ["NU", "mV"], "sig_name": ["PLETH", "II"], "fmt": ["16", "16"]}
        both = np.stack([wave, np.sin(time)], axis=1)
        wfdb.wrsamp("r", fs=100, p_signal=both, write_dir=str(folder / f"patient{number:03d}"), **leads)


def test_pulses_in_their_own_unit(declared: Path, command: Callable[..., Path]) -> None:
    pulses(declared / "pulses")
    run = own(command, "pulses")
    page = (run / "report.html").read_text()
    assert "Signals pleth at 100 Hz in NU" in page
    assert "ECG paper" not in page
    assert "signal/psd_db" in (run / "metrics.json").read_text()
    log = (run / "run.log").read_text()
    assert "pulses: 8 patient(s) in 8 records, by the names of their folders, such as patient000" in log
    command("sample", f"run={run}", "n=4", "format=csv", "out=table")
    command("sample", f"run={run}", "n=4", "format=wfdb", "out=samples")
    table = pd.read_csv(declared / "table" / "synthetic.csv")
    assert list(table) == ["window", "time_ms", "pleth_nu"]
    assert table["pleth_nu"].between(1900, 2100).all()
    record = wfdb.rdrecord(str(declared / "samples" / "synthetic00001"))
    assert record.units == ["NU"]
    np.testing.assert_allclose(record.p_signal[:, 0], table["pleth_nu"][:400], atol=0.01)
    for folder in ("table", "samples"):
        given = ("--config-dir", "./mine", "experiment=pulses", f"synthetic={folder}", "metrics.samples=16")
        command("evaluate", *given, f"out={folder}_out")
        numbers = json.loads((declared / f"{folder}_out" / "metrics.json").read_text())
        assert "signal/psd_db" in str(numbers)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("standardization=adapted_range", "has its range in mV, and these windows are in NU"),
        ("metrics=ecg", "measures ECGs in mV, and these windows are in NU: metrics=signal"),
        ("stopping=rule", "stopping=rule scores ECGs in mV"),
        ("dataset.unit=mV", r"signal pleth cannot be used: it is in NU, .*dataset\.unit=NU"),
    ],
)
def test_what_is_in_millivolts_refuses_pulses(
    declared: Path, command: Callable[..., Path], capsys: pytest.CaptureFixture[str], override: str, message: str
) -> None:
    pulses(declared / "pulses")
    with pytest.raises(SystemExit):
        own(command, "pulses", override)
    assert re.search(message, said(capsys))


def test_a_table_with_texts_dates_and_gaps(declared: Path, command: Callable[..., Path]) -> None:
    """From the declaration to the pages; what was generated has the file's own columns."""
    table = ward(declared / "ward.csv")
    run = own(command, "ward")
    command("sample", f"run={run}", "n=30", "out=samples")
    sampled = pd.read_csv(declared / "samples" / "synthetic.csv", keep_default_na=False)
    assert list(sampled) == list(table)[1:]
    assert set(sampled["smoker"]) <= {"no", "yes", ""}
    assert set(sampled["ward"]) <= {"surgery", "medicine", "day clinic", ""}
    assert sampled["age"].between(18, 100).all()
    assert pd.to_datetime(sampled["admitted"], format="%Y-%m-%d").between("2020-03-01", "2020-12-26").all()
    assert pd.to_datetime(sampled["discharged"], format="%d.%m.%Y").dt.year.isin([2020, 2021]).all()
    data = json.loads((run / "run.json").read_text())["data"]
    assert data["samples"] == (table["discharged"] != "NA").sum()
    assert "discharged of" in data["skipped"][0]["reason"]
    assert {"table/new_combinations", "table/tstr_auroc"} <= json.loads((run / "metrics.json").read_text()).keys()
    assert "day clinic" in (run / "report.html").read_text()


def test_colour_images(declared: Path, command: Callable[..., Path]) -> None:
    photographs(declared / "skin")
    run = own(command, "skin")
    command("sample", f"run={run}", "n=2", "out=samples")
    with Image.open(declared / "samples" / "synthetic00001.png") as image:
        assert (image.size, image.mode) == ((64, 48), "RGB")
        assert "not for clinical use" in image.text["Description"]  # type: ignore[attr-defined]
    assert len(list((declared / "samples").glob("*.png"))) == 2


def test_a_column_that_is_not_there(
    declared: Path, command: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    ward(declared / "ward.csv")
    with pytest.raises(SystemExit):
        own(command, "ward", "+dataset.columns.sodium={low: 100, high: 180}")
    assert "no column 'sodium'; it has patient, age" in said(capsys)


def test_acgan_on_data_without_labels(
    declared: Path, command: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    photographs(declared / "skin")
    with pytest.raises(SystemExit):
        own(command, "skin", "gan=acgan", "dataset.classes=[]", "dataset.people=null")
    assert "two or more classes" in said(capsys)


def test_a_class_without_samples(
    declared: Path, command: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    photographs(declared / "skin")
    with pytest.raises(SystemExit):
        own(command, "skin", "gan=acgan", "dataset.classes=[naevus,melanoma,carcinoma]")
    assert re.search(r"no training image of class carcinoma \(there are: .*0 carcinoma\)", said(capsys))
