"""Whose a record is: recognised by the names of folders, declared, or refused."""

import logging
import re
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ganlab.arrangement.leads import Leads
from ganlab.command.prepare import contents_of
from ganlab.core.errors import UserError
from ganlab.dataset.module import Data
from ganlab.dataset.owners import owners
from ganlab.dataset.ptbdb import PTBDB
from ganlab.dataset.source import Collected
from ganlab.dataset.wfdb import WFDB
from ganlab.split.patient import PatientSplit
from tests.conftest import DATA


@pytest.mark.parametrize(
    ("names", "patients"),
    [
        (
            ("patient001/s0010_re", "patient001/s0014lre", "patient002/s0015lre"),
            ("patient001", "patient001", "patient002"),
        ),
        (("a/patient 0/r1", "b/patient 1/r1"), ("patient 0", "patient 1")),
        (("Person_01/rec_1", "Person_01/rec_2", "Person_02/rec_1"), ("Person_01", "Person_01", "Person_02")),
        (("sub-01/ses-1/eeg/a", "sub-01/ses-2/eeg/a", "sub-A2/ses-1/eeg/a"), ("sub-01", "sub-01", "sub-A2")),
        (("p00/p000878/a", "p00/p000879/a", "p10/p100001/s4/b"), ("p000878", "p000879", "p100001")),
        (("files/p1000/p10000032/s40689238/1", "files/p1000/p10000117/s4/2"), ("p10000032", "p10000117")),
        (("only",), ("only",)),
    ],
)
def test_folders_with_a_patients_name_are_recognised(names: tuple[str, ...], patients: tuple[str, ...]) -> None:
    known = owners(names)
    assert tuple(known.patients[name] for name in names) == patients
    assert known.rule
    assert not known.doubt


@pytest.mark.parametrize(
    ("names", "doubt"),
    [
        (
            ("records100/00000/00001_lr", "records100/00000/00002_lr", "records500/00000/00001_hr"),
            "00000 holds 2 record",
        ),
        (("HR06000", "HR06001"), "to which patient HR06000 is (it lies beside 1 record"),
        (("g1/A0001", "g2/A0002"), "to which patient g1/A0001 is"),
        (("p00/a", "p01/b"), "to which patient p00/a is"),
        (("patient1/a", "b"), "to which patient b is"),
        (("subset1/a", "subset2/b"), "to which patient subset1/a is"),
        (("PAT001/a", "pat001/b"), "PAT001 and pat001 may be one patient or two"),
        (("train/patient1/a", "test/patient1/b"), "train/patient1 and test/patient1 may be one patient or two"),
    ],
)
def test_all_else_is_doubtful(names: tuple[str, ...], doubt: str) -> None:
    known = owners(names)
    assert doubt in known.doubt
    assert not known.patients


def test_what_is_declared_counts() -> None:
    names = ("g1/a", "g1/b", "g2/a")
    assert list(owners(names, "record").patients.values()) == list(names)
    assert list(owners(names, "folder").patients.values()) == ["g1", "g1", "g2"]
    assert "c lies in no folder" in owners((*names, "c"), "folder").doubt


def write(root: Path, *names: str) -> None:
    wave = np.stack([np.sin(np.arange(900) / 9), np.cos(np.arange(900) / 7)], axis=1)
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        wfdb.wrsamp((root / name).name, fs=500, units=["mV"] * 2, sig_name=["i", "ii"], p_signal=wave, fmt=["16"] * 2,
                    adc_gain=[1000] * 2, baseline=[0] * 2, write_dir=str((root / name).parent))  # fmt: skip


def collect(root: Path, **settings: object) -> Collected:
    given = {"rate": 500.0, "cache": root.parent / "cache"}
    return WFDB(root, **(given | settings)).collect(Leads(["ii"], side=20))  # type: ignore[arg-type]


def test_doubt_is_refused_with_the_ways_on_and_preparing_warns(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "ptbxl"
    write(root, "records100/00000/1_lr", "records100/00000/2_lr")
    with pytest.raises(UserError, match=r"(?s)nothing says to which patient .*dataset\.people=<CSV.*=folder.*=record"):
        collect(root)
    assert contents_of(WFDB(root, 500.0, cache=tmp_path / "cache")).startswith("wfdb: 2 records, ? patients")
    assert "A run needs to know: ganlab does not guess patients" in caplog.text
    with caplog.at_level(logging.INFO):
        assert len(collect(root, people="record").train.unique_patients) == 2
    assert "wfdb: 2 patient(s) in 2 records, each record is another patient's, as declared" in caplog.text
    assert collect(root, people="folder").train.unique_patients.tolist() == ["records100/00000"]
    (root / "RECORDS").write_text("records100/00000/1_lr\n")
    ptbdb = PTBDB(root, rate=500.0, cache=tmp_path / "cache")
    with pytest.raises(UserError, match=r"1_lr is not <patient>/<record>.*dataset=wfdb reads others"):
        ptbdb.collect(Leads(["ii"], side=20))


def test_a_people_file_selects_and_may_leave_labels_empty(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tmp_path / "mine"
    write(root, *(f"r{n}" for n in range(6)))
    file = tmp_path / "people.csv"
    rows = ["r0,a,ill", "r1,a,healthy", "r2,b,", "r3,c,healthy", "r9,d,ill"]
    file.write_text("\n".join(["name,person,label", *rows]) + "\n")
    some = collect(root, people=file, classes=["healthy", "ill"])
    assert [(m.name, m.patient, m.label) for m in some.members] == [("r0", "a", 1), ("r1", "a", 0), ("r3", "c", 0)]
    assert [(left.reason, left.count) for left in some.skipped] == [
        ("2 record(s) have no row in it", 2),
        ("1 record(s) have no label (dataset.classes=[] takes them without) in it", 1),
    ]
    assert "1 row(s) name no record" in caplog.text
    assert "2 record(s) have no row" in caplog.text
    assert len(collect(root, people=file).members) == 4
    file.write_text("name,person\nr0.dat,a\n")
    with pytest.raises(UserError, match=r"its 1 row\(s\) select none of the 6 records in .*such as r0"):
        collect(root, people=file)


def test_parts_of_one_patient_or_one_class_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tmp_path / "mine"
    write(root, *(f"r{n}" for n in range(4)))
    file = tmp_path / "people.csv"
    file.write_text("name,person,label\nr0,a,ill\nr1,b,ill\nr2,c,ill\nr3,d,healthy\n")
    source = WFDB(root, 500.0, people=file, classes=["healthy", "ill"], cache=tmp_path / "cache")
    data = Data(source, PatientSplit(), Leads(["ii"], side=20))
    data.setup()
    (patient,) = data.part("validation").unique_patients
    assert "part validation: one of the patients alone: its numbers say nothing about others" in caplog.text
    assert not any(patient in str(bad["reason"]).split() for bad in data.counts()["doubtful"])
    assert re.search("part validation: class (ill|healthy) alone of healthy, ill", caplog.text)
    shown = {(bad["record"], bad["count"]) for bad in data.counts()["doubtful"]}
    assert ("part validation", 2) in shown


@pytest.mark.skipif(not (DATA / "cases").is_dir(), reason=f"no {DATA / 'cases'}: set GANLAB_TEST_DATA")
def test_the_case_of_ptbxls_layout_is_refused(tmp_path: Path) -> None:
    root = DATA / "cases" / "01-persons-ptbxl-layout" / "ptbxl"
    with pytest.raises(UserError, match="nothing says to which patient records100/00000/00000_lr is"):
        WFDB(root, 100.0, cache=tmp_path).collect(Leads(["i"], side=16))
