"""What ganlab writes it reads back; what cannot be read is named."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import wfdb
from numpy.typing import NDArray

from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError
from ganlab.core.kind import Column, Image, Kind, Row, Window
from ganlab.dataset.images import Images
from ganlab.dataset.wfdb import WFDB
from ganlab.evaluation.common_ground import common_ground
from ganlab.exchange.reader import read
from ganlab.exchange.synthetic import Request, Synthetic
from ganlab.exchange.writers import FORMATS, Generated
from ganlab.metrics.base import Real, SampleSet

WINDOW = Window(("i", "avr"), 360.0, 500)
SECONDS = replace(WINDOW, rate=250.0)
"""A length that EDF can hold."""
ROW = Row((Column("age", 0, 1), Column("sex", binary=True), Column("visits", 0, 90, whole=True)))
IMAGE = Image((3, 6, 5))
CLASSES = ("healthy", "ill")
RNG = np.random.default_rng(0)
WINDOWS = RNG.normal(size=(7, 2, 500)).astype(np.float32)
ROWS = np.stack([RNG.random(7), RNG.integers(2, size=7), RNG.integers(90, size=7)], 1).astype(np.float32)
IMAGES = RNG.integers(256, size=(7, 3, 6, 5)).astype(np.float32)
NAMES = [CLASSES[k % 2] for k in range(7)]
LABELS = [k % 2 for k in range(7)]
SETS: dict[type, tuple[Kind, NDArray[np.float32]]] = {
    Window: (WINDOW, WINDOWS),
    Row: (ROW, ROWS),
    Image: (IMAGE, IMAGES),
}
STEP = {"wfdb": 1 / 4000 + 1e-6, "edf": 1 / 4000 + 1e-6, "csv": 5e-5 + 1e-6, "parquet": 1e-6, "npy": 0.0, "png": 0.0}
"""How far what a format holds may lie from what was written."""


def write(
    folder: Path, kind: Kind, values: NDArray[np.float32], form: str, labelled: bool = True, **beside: Any
) -> Path:
    folder.mkdir(exist_ok=True)
    batches = (values[start : start + 3] for start in range(0, len(values), 3))
    own = ({"classes": CLASSES, "labels": NAMES} if labelled else {}) | beside
    FORMATS[type(kind)][form][0](Generated(kind, batches, len(values), ["synthetic: # 1", "of tests"], **own), folder)
    return folder


def stacked(found: Synthetic) -> NDArray[np.float32]:
    return np.stack([found.values[k] for k in range(len(found.values))])


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize(("kind", "form"), [(kind, form) for kind in SETS for form in FORMATS[kind]])
def test_what_is_written_is_read_back(kind: type, form: str, labelled: bool, tmp_path: Path) -> None:
    what, values = (SECONDS, WINDOWS) if form == "edf" else SETS[kind]
    found = read(write(tmp_path / "out", what, values, form, labelled), Request(what, CLASSES))
    assert found.kind == what
    np.testing.assert_allclose(stacked(found), values, atol=STEP[form])
    assert (found.labels is None) == (not labelled)
    if labelled:
        assert found.labels is not None
        assert found.labels.tolist() == LABELS
    assert (found.facts["read"], found.facts["not_finite"]) == (7, 0)


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("form", FORMATS[Window])
def test_patients_and_attributes_are_written_beside_windows_and_patients_read_back(
    form: str, labelled: bool, tmp_path: Path
) -> None:
    attributes = {"age (years)": np.arange(7) + 60.5, "sex (0 male, 1 female)": np.arange(7) % 2}
    folder = write(tmp_path / "out", SECONDS, WINDOWS, form, labelled, attributes=attributes, records_per_patient=3)
    found = read(folder, Request(SECONDS, CLASSES if labelled else ()))
    assert found.patients is not None
    assert found.patients.tolist() == [0, 0, 0, 1, 1, 1, 2]
    real = SampleSet(WINDOWS, None, np.arange(7))
    _, samples, _ = common_ground(Real(SECONDS, real, real), found, 7)
    assert samples.patients is not None
    assert samples.patients.tolist() == [-1, -1, -1, -2, -2, -2, -3]
    texts = {name: [f"{value:g}" for value in values] for name, values in attributes.items()}
    if form in ("csv", "parquet"):
        table = (
            pd.read_csv(folder / "synthetic.csv") if form == "csv" else pd.read_parquet(folder / "synthetic.parquet")
        )
        one = table.drop_duplicates("window")
        assert one["age (years)"].tolist() == attributes["age (years)"].tolist()
        assert one["patient"].tolist() == [f"patient0000{k // 3 + 1}" for k in range(7)]
        assert ("label" in one) == labelled
        return
    given = {"attributes": {"age": "years", "sex": "0 or 1"}} | ({"classes": CLASSES} if labelled else {})
    source = WFDB(folder, rate=250.0, people=folder / "people.csv", cache=tmp_path / "cache", **given)
    members = list(source.people.values())
    assert [member.attributes for member in members] == list(zip(*attributes.values(), strict=True))
    assert [member.patient for member in members] == [f"patient0000{k // 3 + 1}" for k in range(7)]
    assert [member.label for member in members] == (LABELS if labelled else [0] * 7)
    if form == "wfdb":
        marks = dict(each.split(": ") for each in wfdb.rdheader(str(folder / "synthetic00002")).comments[-2:])
        assert marks == {name: own[1] for name, own in texts.items()}
        collected = source.collect(Leads(["i", "avr"], side=[20, 25]))
        np.testing.assert_allclose(collected.judged.attributes, np.stack([*attributes.values()], axis=1))
    if form == "edf":
        edfio = pytest.importorskip("edfio")
        assert edfio.read_edf(folder / "synthetic00004.edf").patient.code == "patient00002"


@pytest.mark.parametrize(("kind", "form"), [(kind, form) for kind in SETS for form in FORMATS[kind]])
def test_several_labels_and_patients_of_every_kind_are_read_back(kind: type, form: str, tmp_path: Path) -> None:
    classes = ("NA", "ill", "null")
    labels = ["NA;ill", "", "ill", "NA", "", "null", "NA;null"]
    what, values = (SECONDS, WINDOWS) if form == "edf" else SETS[kind]
    folder = write(tmp_path / "out", what, values, form, classes=classes, labels=labels, records_per_patient=3)
    found = read(folder, Request(what, classes, many_labels=True))
    assert found.labels is not None
    assert [";".join(np.array(classes)[row]) for row in found.labels] == labels
    assert found.patients is not None
    assert found.patients.tolist() == [0, 0, 0, 1, 1, 1, 2]


def test_patients_of_headers_alone_and_endings_in_capitals_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "wfdb", SECONDS, WINDOWS, "wfdb", labelled=False, records_per_patient=3)
    (folder / "people.csv").unlink()
    patients = read(folder, Request(SECONDS)).patients
    assert patients is not None
    assert patients.tolist() == [0, 0, 0, 1, 1, 1, 2]
    for file in write(tmp_path / "edf", SECONDS, WINDOWS, "edf", labelled=False).glob("*.edf"):
        file.rename(file.with_suffix(".EDF"))
    assert len(read(tmp_path / "edf", Request(SECONDS)).values) == 7


@pytest.mark.parametrize("many", [False, True])
def test_images_that_are_written_are_a_data_set_with_their_classes(many: bool, tmp_path: Path) -> None:
    labels = [";".join(CLASSES) if many and k == 0 else name for k, name in enumerate(NAMES)]
    folder = write(tmp_path / "out", IMAGE, IMAGES, "png", labels=labels)
    source = Images(folder, 6, 5, 3, people=folder / "people.csv", classes=CLASSES, many_labels=many, cache=tmp_path)
    own = [member.label for member in source.collect(source.plain()).members]
    assert len(own) == 7
    assert own[0] == ((True, True) if many else 0)


def test_the_same_values_have_the_same_digest_and_others_another(tmp_path: Path) -> None:
    first = read(write(tmp_path / "a", WINDOW, WINDOWS, "npy"), Request(WINDOW, CLASSES)).facts["sha256"]
    again = read(write(tmp_path / "b", WINDOW, WINDOWS, "npy"), Request(WINDOW, CLASSES)).facts["sha256"]
    other = read(write(tmp_path / "c", WINDOW, WINDOWS[::-1], "npy"), Request(WINDOW, CLASSES)).facts["sha256"]
    assert first == again != other


def array(folder: Path, values: Any, said: dict[str, Any] | None = None) -> Path:
    np.save(folder / "x.npy", values)
    if said is not None:
        (folder / "x.json").write_text(json.dumps(said))
    return folder / "x.npy"


def test_an_array_of_one_lead_needs_no_axis_for_it_and_is_taken_at_1000_hz(tmp_path: Path) -> None:
    found = read(array(tmp_path, WINDOWS[:, 0]), Request(Window(("i",), 500.0, 500)))
    assert found.kind == Window(("i",), 1000.0, 500)
    assert found.facts["rate_assumed"]
    np.testing.assert_array_equal(stacked(found), WINDOWS[:, :1])


def test_leads_are_picked_where_the_file_names_them_and_named_where_it_does_not(tmp_path: Path) -> None:
    named = array(tmp_path, WINDOWS, {"leads": ["I", "aVR"], "rate_hz": 360})
    np.testing.assert_array_equal(stacked(read(named, Request(WINDOW, leads=["aVR"]))), WINDOWS[:, 1:])
    (tmp_path / "x.json").unlink()
    found = read(named, Request(Window(("i",), 360.0, 500), leads=["v1", "v2"]))
    assert isinstance(found.kind, Window)
    assert found.kind.leads == ("v1", "v2")


def test_microvolts_become_millivolts(tmp_path: Path) -> None:
    micro = array(tmp_path, WINDOWS * 1000)
    np.testing.assert_allclose(stacked(read(micro, Request(WINDOW, unit="uV"))), WINDOWS, rtol=1e-6)
    array(tmp_path, WINDOWS * 1000, {"unit": "uV"})
    np.testing.assert_allclose(stacked(read(micro, Request(WINDOW))), WINDOWS, rtol=1e-6)
    records = tmp_path / "records"
    records.mkdir()
    digital = np.rint(WINDOWS[0].T * 1000).astype(np.int64)
    header = {"units": ["uV", "mV"], "fmt": ["16"] * 2, "adc_gain": [1.0, 1000.0], "baseline": [0, 0]}
    wfdb.wrsamp("one", fs=360, sig_name=["I", "aVR"], d_signal=digital, write_dir=str(records), **header)
    np.testing.assert_allclose(stacked(read(records, Request(WINDOW)))[0], WINDOWS[0], atol=0.0006)


def test_a_doubtful_unit_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read(array(tmp_path, WINDOWS * 1000), Request(WINDOW))
    assert "is the unit right?" in caplog.text


def test_records_of_other_lengths_rates_and_orders_of_leads(tmp_path: Path) -> None:
    for name, rate, length, leads in (("a", 250, 800, ["I", "aVR"]), ("b", 500, 1000, ["aVR", "I"])):
        signal = np.stack([np.full(length, level) for level in (1.0, -1.0)], axis=1)
        signal = signal if leads[0] == "I" else -signal
        wfdb.wrsamp(name, fs=rate, units=["mV"] * 2, sig_name=leads, p_signal=signal, fmt=["16"] * 2,
                    adc_gain=[1000.0] * 2, baseline=[0, 0], write_dir=str(tmp_path))  # fmt: skip
    found = read(tmp_path, Request(WINDOW))
    assert found.kind == Window(("i", "avr"), 250.0, 500)
    assert [each.shape for each in found.values] == [(2, 800), (2, 500)]
    for each in found.values:
        np.testing.assert_allclose(each[:, 10:-10], np.array([[1.0], [-1.0]]).repeat(each.shape[1] - 20, 1), atol=0.01)


def test_samples_with_nan_are_an_error_or_counted(tmp_path: Path) -> None:
    values = WINDOWS.copy()
    values[[1, 4], 0, 9] = np.nan, np.inf
    folder = write(tmp_path / "out", WINDOW, WINDOWS, "npy")
    np.save(folder / "synthetic.npy", values)
    with pytest.raises(UserError, match=r"2 cannot be used: window 1 holds NaN.*on_bad=skip"):
        read(folder, Request(WINDOW, CLASSES))
    found = read(folder, Request(WINDOW, CLASSES, on_bad="skip"))
    np.testing.assert_array_equal(stacked(found), WINDOWS[[0, 2, 3, 5, 6]])
    assert found.labels is not None
    assert found.labels.tolist() == [0, 0, 1, 1, 0]
    assert found.facts["not_finite"] == 2
    with pytest.raises(UserError, match="holds no window that can be used"):
        read(array(tmp_path, WINDOWS * np.nan), Request(WINDOW, on_bad="skip"))


def test_a_broken_record_or_image_is_an_error_or_counted(tmp_path: Path) -> None:
    records, images = write(tmp_path / "w", WINDOW, WINDOWS, "wfdb"), write(tmp_path / "i", IMAGE, IMAGES, "png")
    (records / "synthetic00003.dat").write_bytes(b"short")
    (images / "synthetic00003.png").write_bytes(b"short")
    for kind, path in ((WINDOW, records), (IMAGE, images)):
        with pytest.raises(UserError, match="1 cannot be used: synthetic00003"):
            read(path, Request(kind, CLASSES))
        found = read(path, Request(kind, CLASSES, on_bad="skip"))
        assert (len(found.values), found.facts["unreadable"]) == (6, 1)
        assert found.labels is not None
        assert found.labels.tolist() == [0, 1, 1, 0, 1, 0]


def test_images_in_a_zip_and_of_another_size(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", IMAGE, IMAGES, "png")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for file in folder.glob("*.png"):
            archive.write(file, file.name)
    np.testing.assert_array_equal(stacked(read(tmp_path / "all.zip", Request(IMAGE))), IMAGES)
    found = read(folder, Request(Image((1, 12, 10)), CLASSES))
    assert found.facts["resized"] == 7
    assert stacked(found).shape == (7, 1, 12, 10)


def test_windows_of_a_table_may_have_names(tmp_path: Path) -> None:
    rows = [f"{name},{time},{value}" for name in ("a", "b7", "3") for time, value in ((0, 1.5), (2, 2.5), (4, 3.5))]
    (tmp_path / "w.csv").write_text("\n".join(["window,time_ms,i_mv", *rows]) + "\n")
    read_back = read(tmp_path / "w.csv", Request(Window(("i",), 500.0, 3), ()))
    assert len(read_back.values) == 3
    assert all(np.array_equal(each, [[1.5, 2.5, 3.5]]) for each in read_back.values)


def test_columns_are_found_by_name_and_others_left_out(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("# ours\nsex,town,visits,age\n1,3,4,0.5\n0,3,7,0.25\n")
    found = read(file, Request(ROW))
    np.testing.assert_array_equal(stacked(found), [[0.5, 1, 4], [0.25, 0, 7]])
    assert found.facts["columns_left_out"] == ["town"]


ERRORS = [
    ("no/where", WINDOW, {}, r"synthetic=.*no/where: no such file or folder"),
    ("empty", WINDOW, {}, r"No RECORDS file and no header"),
    ("empty", IMAGE, {}, r"empty: no image in it"),
    ("empty", ROW, {}, r"empty: not known as a set of rows"),
    ("text.txt", WINDOW, {}, r"text.txt: not known as a set of windows.*WFDB"),
    ("pickled.npy", WINDOW, {}, r"pickled.npy is not an npy array of numbers"),
    ("header.npy", WINDOW, {}, r"header.npy is not an npy array of numbers \(TokenError"),
    ("flat.npy", WINDOW, {}, r"flat.npy: float64 of shape \(4,\); accepted are real numbers in 2 or 3 axes"),
    ("none.npy", WINDOW, {}, r"none.npy has shape \(0, 2, 500\): there is nothing in it"),
    ("three.npy", WINDOW, {}, r"3 leads, and 2 are named: i, avr.*leads=\[i,ii\]"),
    ("ours.npy", WINDOW, {"leads": ["v9"]}, r"no lead v9; it has i, avr"),
    ("ours.npy", WINDOW, {"rate": 100.0}, r"rate=100.0: .* says 360.*Leave rate out"),
    (
        "three.npy",
        Window(("i", "ii", "iii"), 1.0, 1),
        {"rate": -1.0},
        r"rate=-1.0: accepted is a number of Hz from 0.001",
    ),
    ("three.npy", Window(("i", "ii", "iii"), 1.0, 1), {"unit": "mm"}, r"unit mm; accepted are mV"),
    ("three.npy", Window(("i", "ii", "iii"), 1.0, 1), {"on_bad": "ask"}, r"on_bad=ask: accepted are error and skip"),
    ("rows.csv", WINDOW, {}, r"its columns are age, sex.*Accepted are window, time_ms"),
    ("rows.csv", ROW, {}, r"no column visits; it has age, sex"),
    ("words.csv", ROW, {}, r"words.csv:2: age: 'old' is not a number"),
    ("three.npy", ROW, {}, r"three.npy: float64 of shape \(2, 3, 500\); accepted are real numbers in 2 axes"),
    ("three.npy", IMAGE, {}, r"has shape \(2, 1, 3, 500\); accepted is \(images, \*\(3, 6, 5\)\)"),
    ("unit.npy", IMAGE, {}, r"values from 0 to 1 look like shares; multiply them by 255"),
    ("units", WINDOW, {}, r"it is in mmHg, and dataset.unit=mV"),
    ("classes.csv", ROW, {}, r"label 'dead' is not a class of the data set; accepted are healthy, ill"),
]


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "empty").mkdir()
    (folder / "units").mkdir()
    (folder / "text.txt").write_text("x")
    np.save(folder / "pickled.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(folder / "flat.npy", np.ones(4))
    (folder / "header.npy").write_bytes(b"\x93NUMPY\x01\x00\x01\x00{")
    np.save(folder / "none.npy", np.ones((0, 2, 500)))
    np.save(folder / "three.npy", np.ones((2, 3, 500)))
    np.save(folder / "unit.npy", np.concatenate([np.zeros((1, *IMAGE.shape)), np.ones((1, *IMAGE.shape))]))
    np.save(folder / "ours.npy", WINDOWS)
    (folder / "ours.json").write_text(json.dumps({"leads": ["i", "avr"], "rate_hz": 360}))
    (folder / "rows.csv").write_text("age,sex\n1,1\n")
    (folder / "words.csv").write_text("age,sex,visits\nold,1,2\n")
    (folder / "classes.csv").write_text("age,sex,visits,label\n1,1,2,dead\n")
    wfdb.wrsamp("p", fs=360, units=["mmHg"], sig_name=["I"], p_signal=np.ones((500, 1)), fmt=["16"],
                adc_gain=[1000.0], baseline=[0], write_dir=str(folder / "units"))  # fmt: skip
    return folder


@pytest.mark.parametrize(("name", "kind", "asked", "message"), ERRORS)
def test_what_cannot_be_read_is_named(name: str, kind: Kind, asked: dict[str, Any], message: str, wrong: Path) -> None:
    with pytest.raises(UserError, match=f"(?s){message}"):
        read(wrong / name, Request(kind, CLASSES, **asked))


def test_labels_must_be_one_for_each_sample(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", WINDOW, WINDOWS, "npy")
    (folder / "labels.csv").write_text("name,label\na,ill\n")
    with pytest.raises(UserError, match=r"1 labels for 7 samples"):
        read(folder, Request(WINDOW, CLASSES))
    (folder / "labels.csv").write_text("name,klass\na,ill\n")
    with pytest.raises(UserError, match=r"no column label; accepted are name and label"):
        read(folder, Request(WINDOW, CLASSES))


def test_a_list_of_records_does_not_lead_out_of_its_folder(tmp_path: Path) -> None:
    write(tmp_path / "a", WINDOW, WINDOWS, "wfdb")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "RECORDS").write_text("../a/synthetic00001\n")
    with pytest.raises(UserError, match="points outside"):
        read(tmp_path / "b", Request(WINDOW))
