"""Exports: plain files that any tool reads, with finite values, and nothing that a spreadsheet executes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.core.kind import Column, Image, Kind, Row, Window
from ganlab.exchange.reader import read
from ganlab.exchange.synthetic import Request
from ganlab.exchange.writers import FORMATS, Generated

WINDOW = Window(("i", "ii"), 250.0, 500)
ROW = Row((Column("age, years"), Column("sex", binary=True)))
IMAGE = Image((1, 2, 2))
CLASSES = ('with "quotes", and commas', "-1")
EACH = [(kind, form) for kind in (WINDOW, ROW, IMAGE) for form in FORMATS[type(kind)]]


def written(
    folder: Path, kind: Kind, form: str, classes: Sequence[str] = (), value: float = 1
) -> tuple[Path, NDArray[np.float32]]:
    values = np.full((3, *kind.shape), value, np.float32)
    values[0] = 0

    folder.mkdir()
    labels = [classes[k % 2] for k in range(3)] if classes else []
    FORMATS[type(kind)][form][0](Generated(kind, iter([values]), 3, ["synthetic"], classes, labels), folder)
    return folder, values


@pytest.mark.parametrize("kind", [WINDOW, ROW])
def test_a_table_is_plain_csv(kind: Kind, tmp_path: Path) -> None:
    folder, _ = written(tmp_path / "out", kind, "csv", CLASSES)
    table = pd.read_csv(folder / "synthetic.csv")
    assert list(table)[-1] == "label"
    assert set(table["label"]) == set(CLASSES)
    labels = read(folder, Request(kind, CLASSES)).labels
    assert labels is not None
    assert labels.tolist() == [0, 1, 0]


def test_times_of_a_long_window_are_exact(tmp_path: Path) -> None:
    kind = Window(("i",), 360.0, 40_000)
    folder, _ = written(tmp_path / "out", kind, "csv")
    assert read(folder, Request(kind)).kind == kind


@pytest.mark.parametrize(("kind", "form"), EACH)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_not_written(kind: Kind, form: str, value: float, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"2 of 3 \w+s hold NaN or infinity, so nothing was written"):
        written(tmp_path / "out", kind, form, value=value)


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "@SUM(1+1)", "+A1|x", "-2+cmd|x", "\t=1"])
def test_what_a_spreadsheet_would_execute_is_not_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="would execute"):
        written(tmp_path / "names", Row((Column(name),)), "csv")
    for kind, form in EACH:
        with pytest.raises(UserError, match="would execute"):
            written(tmp_path / f"classes_{kind.noun}_{form}", kind, form, (name, "b"))


def test_edf_files_hold_windows_marked_as_synthetic(tmp_path: Path) -> None:
    edfio = pytest.importorskip("edfio")
    folder, values = written(tmp_path / "out", WINDOW, "edf", ("MI", "NORM"))
    edf = edfio.read_edf(folder / "synthetic00002.edf")
    assert [(signal.label, signal.sampling_frequency, signal.physical_dimension) for signal in edf.signals] == [
        ("i", 250.0, "mV"),
        ("ii", 250.0, "mV"),
    ]
    np.testing.assert_allclose([signal.data for signal in edf.signals], values[1], atol=5e-4)
    assert (edf.patient.code, edf.patient.additional) == ("synthetic", ("NORM",))
    assert pd.read_csv(folder / "people.csv")["label"].tolist() == ["MI", "NORM", "MI"]
    other = Window(("flow",), 250.0, 500, unit="l/min")
    folder, values = written(tmp_path / "other", other, "edf", value=31.4159)
    np.testing.assert_allclose(edfio.read_edf(folder / "synthetic00003.edf").signals[0].data, values[2, 0], atol=1e-3)


@pytest.mark.parametrize("label", ["Überleitung", "a" * 61, "a\tb"])
def test_edf_refuses_classes_that_its_header_cannot_hold(tmp_path: Path, label: str) -> None:
    pytest.importorskip("edfio")
    with pytest.raises(UserError, match=r"format=edf: class .* has more than 60 letters or others than ASCII"):
        written(tmp_path / "out", WINDOW, "edf", (label, "NORM"))


def test_a_long_window_has_several_edf_records_of_the_size_that_edf_allows(tmp_path: Path) -> None:
    edfio = pytest.importorskip("edfio")
    kind = Window(tuple(f"v{number}" for number in range(12)), 1000.0, 10_000)
    folder, values = written(tmp_path / "out", kind, "edf")
    edf = edfio.read_edf(folder / "synthetic00002.edf")
    assert (edf.num_data_records, edf.data_record_duration) == (4, 2.5)
    np.testing.assert_allclose(edf.signals[11].data, values[1, 11], atol=5e-4)


def test_edf_refuses_what_its_header_cannot_hold_and_counts_what_it_cuts(tmp_path: Path) -> None:
    pytest.importorskip("edfio")
    with pytest.raises(UserError, match=r"1 x 500 samples at 360 Hz .* can hold exactly\. format=wfdb"):
        written(tmp_path / "rate", Window(("i",), 360.0, 500), "edf")
    with pytest.raises(UserError, match="more than 16 letters or others than ASCII"):
        written(tmp_path / "lead", Window(("ä",), 250.0, 500), "edf")
    (tmp_path / "cut").mkdir()
    data = Generated(Window(("i",), 250.0, 4), iter([np.full((1, 1, 4), 20, np.float32)]), 1, ["synthetic"])
    assert FORMATS[Window]["edf"][0](data, tmp_path / "cut") == 4


@pytest.mark.parametrize("kind", [WINDOW, ROW])
def test_a_parquet_file_says_what_it_is(kind: Kind, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    folder, values = written(tmp_path / "out", kind, "parquet", ("MI", "NORM"))
    table = pq.read_table(folder / "synthetic.parquet")
    assert b'"about": ["synthetic"]' in table.schema.metadata[b"ganlab"]
    assert table["label"].to_pylist() == ["MI", "NORM", "MI"]
    first = "i" if kind is WINDOW else "age, years"
    np.testing.assert_array_equal(table[first].to_pylist(), values[:, 0])


def test_two_texts_of_which_one_is_a_digit_are_text_in_parquet(tmp_path: Path) -> None:
    kind = Row((Column("ill", binary=True, no="f", yes="1"), Column("old", binary=True)))
    folder, _ = written(tmp_path / "out", kind, "parquet")
    table = pd.read_parquet(folder / "synthetic.parquet")
    assert table.to_dict("list") == {"ill": ["f", "1", "1"], "old": [0.0, 1.0, 1.0]}
