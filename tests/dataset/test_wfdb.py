"""A folder of your own WFDB records: any leads, any rate, whose they are in a CSV file."""

from pathlib import Path

import numpy as np
import pytest
import torch
import wfdb

from ganlab.arrangement.leads import Leads
from ganlab.arrangement.table import Table
from ganlab.command.prepare import contents_of
from ganlab.core.errors import UserError
from ganlab.dataset.wfdb import WFDB
from ganlab.dataset.wfdb_names import files_of

CLASSES = ("healthy", "ill")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six records of three people at 500 Hz with leads II and V5; record n is a sine of n + 1 Hz."""
    root = tmp_path / "holter"
    (root / "day1").mkdir(parents=True)
    t = np.arange(1100) / 500
    for number in range(6):
        wave = np.stack([np.sin(2 * np.pi * (number + 1) * t), np.full_like(t, number / 10)], axis=1)
        wfdb.wrsamp(
            f"r{number}",
            fs=500,
            units=["mV", "mV"],
            sig_name=["II", "V5"],
            p_signal=wave,
            fmt=["16", "16"],
            adc_gain=[1000, 1000],
            baseline=[0, 0],
            write_dir=str(root / "day1"),
        )
    rows = [f"day1/r{number},person{number % 3},{CLASSES[number % 3 == 2]}" for number in range(6)]
    (root / "people.csv").write_text("\n".join(["name,person,label", *rows]) + "\n")
    return root


def source(folder: Path, **settings: object) -> WFDB:
    given = {"rate": 500.0, "people": folder / "people.csv", "classes": CLASSES, "cache": folder.parent / "cache"}
    return WFDB(folder, **(given | settings))  # type: ignore[arg-type]


def test_records_carry_the_persons_and_labels_of_the_file(folder: Path) -> None:
    collected = source(folder).collect(Leads(["v5", "ii"], side=32))
    assert {(m.name, m.patient, m.label) for m in collected.members} == {
        (f"day1/r{n}", f"person{n % 3}", int(n % 3 == 2)) for n in range(6)
    }
    sample, label, patient = collected.train[5][:3]
    assert sample.shape == (1, 2, 1024)
    assert (label.item(), collected.train.unique_patients[patient.item()]) == (1, "person2")
    np.testing.assert_allclose(sample[0, 0], 0.5, atol=1e-3)
    np.testing.assert_allclose(sample[0, 1], np.sin(2 * np.pi * 6 * np.arange(1024) / 500), atol=2e-3)


def test_what_decoding_gives_has_the_declared_rate(folder: Path) -> None:
    kind = source(folder).kind(Leads(["ii"], side=32))
    assert (kind.rate, kind.samples, kind.leads) == (500.0, 1024, ("ii",))
    with pytest.raises(UserError, match="cannot take"):
        source(folder).kind(Table(["age"]))


def test_a_changed_file_of_people_is_read_again(folder: Path) -> None:
    source(folder).prepare()
    file = folder / "people.csv"
    file.write_text(file.read_text().replace("person0", "someone"))
    assert {record.patient for record in source(folder).prepare().records} == {"someone", "person1", "person2"}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("name,person,label", "name,who,label", r"people\.csv: no column person; it has name, who, label"),
        ("r0,person0,healthy", "r0,person0,well", r"people\.csv:2: label 'well' is none of .*healthy, ill"),
        ("r0,person0,healthy", "r0,,healthy", r"people\.csv:2: .*person '': neither may be empty"),
        ("day1/r1,", "day1/r0,", r"people\.csv:3: day1/r0 occurs twice"),
        ("r0,person0,healthy", 'r0,"person0,healthy', r"people\.csv:\d+ is not CSV"),
    ],
)
def test_what_is_wrong_in_the_file_is_said(folder: Path, before: str, after: str, said: str) -> None:
    file = folder / "people.csv"
    file.write_text(file.read_text().replace(before, after, 1))
    with pytest.raises(UserError, match=said):
        source(folder).prepare()


def test_blanks_around_a_person_make_no_other_one_and_other_tables_are_read(folder: Path) -> None:
    file = folder / "people.csv"
    text = file.read_text().replace("person0,healthy", " J\xfcrgen , healthy ", 1).replace("person0", "J\xfcrgen")
    file.write_bytes(text.encode("latin-1").replace(b"\n", b"\r\n"))
    people = {"J\xfcrgen", "person1", "person2"}
    assert {member.patient for member in source(folder).people.values()} == people
    file.write_bytes(text.replace(",", ";").encode("utf-16"))
    assert {member.patient for member in source(folder).people.values()} == people


@pytest.mark.parametrize("rate", [0, -1.0, float("nan"), float("inf"), True, "fast"])
def test_only_hertz_are_a_rate(folder: Path, rate: object) -> None:
    with pytest.raises(UserError, match=r"dataset\.rate=.*accepted is a number of Hz above 0"):
        source(folder, rate=rate)


def test_missing_files_and_records_are_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dataset\.people=.*nobody\.csv: no such file"):
        source(folder, people=tmp_path / "nobody.csv").prepare()
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"No RECORDS file and no header"):
        WFDB(tmp_path / "empty", 500.0, cache=tmp_path / "cache").names()
    with pytest.raises(UserError, match=r"dataset\.classes=\['healthy', 'ill'\] but no dataset\.people"):
        source(folder, people=None)


def test_all_files_of_a_record_are_known_and_no_other_ones(folder: Path) -> None:
    for name in ("r0.xyz", "r0.extra.atr", "r00.dat", "r0", "notes.txt"):
        (folder / "day1" / name).touch()
    files = [name for name, size, time in files_of(folder, source(folder).names())]
    own = [f"day1/r0.{ending}" for ending in ("dat", "extra.atr", "hea", "xyz")]
    assert files == own + [f"day1/r{number}.{ending}" for number in range(1, 6) for ending in ("dat", "hea")]
    before = source(folder).identity()["files"]
    (folder / "day1" / "r0.xyz").write_bytes(b"changed")
    assert source(folder).identity()["files"] != before


MANY = ("NORM", "MI", "SR")
CELLS = ("NORM;SR", "MI", "", "NORM", "MI ; SR", "NORM;SR")


def people_of(folder: Path, header: str, cells: list[str]) -> Path:
    rows = [f"day1/r{n},person{n % 3},{cell}" for n, cell in enumerate(cells)]
    (folder / "many.csv").write_text("\n".join([f"name,person,{header}", *rows]) + "\n")
    return folder / "many.csv"


@pytest.mark.parametrize("columns", [False, True])
def test_a_record_has_several_labels_and_attributes(folder: Path, columns: bool) -> None:
    """From a cell `NORM;SR`, or a column for each class; an empty cell of an attribute is unknown."""
    expected = [(True, False, True), (False, True, False), (False,) * 3, (True, False, False), (False, True, True)]
    expected.append(expected[0])
    cells = [",".join(str(int(own)) for own in label) for label in expected] if columns else list(CELLS)
    ages = ["60", "", "70", "80.5", "", "60"]
    header = f"{'NORM,MI,SR' if columns else 'label'},age"
    file = people_of(folder, header, [f"{cell},{age}" for cell, age in zip(cells, ages, strict=True)])
    settings = {"people": file, "classes": MANY, "many_labels": True, "attributes": {"age": "years"}}
    own = source(folder, **settings)
    collected = own.collect(Leads(["ii"], side=32))
    assert own.attribute_names == ("age (years)",)
    assert [member.label for member in collected.members] == expected
    batch = collected.train.__getitems__([0, 1, 3])
    assert (batch.label.dtype, batch.label.tolist()) == (torch.bool, [list(expected[n]) for n in (0, 1, 3)])
    assert batch.attributes is not None
    np.testing.assert_array_equal(batch.attributes, np.array([[60], [np.nan], [80.5]], np.float32))
    tables = own.tables(collected)
    assert tables["Classes"]["SR"] == {"records": 3, "patients": 3, "samples": 3}
    assert {name: row["records"] for name, row in tables["Classes of one record"].items()} == {
        "no class": 1,
        "1 class": 2,
        "2 classes": 3,
    }
    again = source(folder, **settings).collect(Leads(["ii"], side=32))
    assert again.train.labels.tolist() == collected.train.labels.tolist()


def test_without_attributes_a_batch_has_none(folder: Path) -> None:
    assert source(folder).collect(Leads(["ii"], side=32)).train[0].attributes is None


@pytest.mark.parametrize(
    ("header", "cell", "settings", "words"),
    [
        ("label", "NORM;SR", {"many_labels": False}, "many.csv:2: label 'NORM;SR'.*dataset.many_labels=true"),
        ("label", "NORM;AF", {}, "many.csv:2: label 'AF' is none of dataset.classes: NORM, MI, SR"),
        ("NORM,MI,SR", "1,0,yes", {}, "many.csv:2: SR 'yes': accepted in the column of a class are 0 and 1"),
        ("NORM,MI", "1,0", {}, "no column SR"),
        ("label,age", "MI,old", {"attributes": {"age": "years"}}, "many.csv:2: age 'old': accepted.*number"),
        ("label", "MI", {"attributes": {"age": "years"}}, "no column age"),
    ],
)
def test_labels_and_attributes_that_cannot_be_read(
    folder: Path, header: str, cell: str, settings: dict[str, object], words: str
) -> None:
    given = {"people": people_of(folder, header, [cell] * 6), "classes": MANY, "many_labels": True}
    with pytest.raises(UserError, match=words):
        source(folder, **(given | settings)).people  # noqa: B018


def test_an_overview_counts_records_whatever_a_window_is(folder: Path) -> None:
    """2.2 s at 500 Hz are 1,100 samples, less than the 2,025 of the paper's window."""
    text = contents_of(source(folder))
    assert text == "wfdb: 6 records, 3 patients, 13 s of signal, 0 left out\n  healthy: 4 records\n  ill: 2 records"
