"""Any CSV file as rows with patients and classes."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from ganlab.arrangement.leads import Leads
from ganlab.arrangement.table import Table as TableArrangement
from ganlab.command.prepare import contents_of
from ganlab.core.columns import columns_of
from ganlab.core.errors import UserError
from ganlab.core.kind import Column, Row
from ganlab.dataset.samples import Place
from ganlab.dataset.source import Collected
from ganlab.dataset.table import Table
from tests.conftest import ROOT

TEXT = """patient,age,ill,beats,group
p1,40,0,61,healthy
p2,71.5,1,80,ill
p1,40,1,75,ill
p3,20,0,99,healthy

p4,33,0,58,healthy
"""
COLUMNS = {"age": {"low": 20, "high": 71}, "ill": {"binary": True}, "beats": {"whole": True}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(TEXT)
    return path


def collected(source: Table) -> Collected:
    return source.collect(source.plain())


def table(file: Path, **settings: object) -> Table:
    return Table(file, **{"columns": COLUMNS, "person": "row", **settings})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_texts_in_every_encoding_are_read(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "ward.csv"
    file.write_bytes("größe;ward\n1;€ur\n2;b\n".encode(encoding))
    rows = collected(Table(file, {"größe": {}, "ward": {"categories": ["b", "€ur"]}})).train
    assert rows.spread(2).sample.tolist() == [[1, 0, 1], [2, 1, 0]]


def test_a_number_that_stands_for_a_missing_value_is_none(tmp_path: Path) -> None:
    file = tmp_path / "ward.csv"
    file.write_text("age,tsh\n-9,1\n40,-9\n50,2\n")
    settings: dict[str, Any] = {"missing_values": [-9], "on_bad_record": "skip"}
    gaps = collected(Table(file, {"age": {"missing": "column"}}, **settings)).train
    assert gaps.spread(3).sample.tolist() == [[40, 1], [40, 0], [50, 0]]
    none = collected(Table(file, {"age": {}}, **settings))
    assert (len(none.train), [bad.record for bad in none.skipped]) == (2, ["ward.csv:2"])
    dropped = collected(Table(file, {"age": {"missing": "drop"}, "tsh": {"missing": "drop"}}, **settings))
    assert len(dropped.train) == 1


@pytest.mark.parametrize("name", ["Patient", "subject_id", "MRN", "pat nr"])
def test_rows_of_a_patient_want_a_declaration(name: str, tmp_path: Path) -> None:
    file = tmp_path / "ward.csv"
    file.write_text(f"{name},age\n7,50\n8,60\n7,70\n")
    columns: dict[str, Any] = {"age": {}}
    with pytest.raises(UserError, match=rf"'{name}' has 2 values in 3 rows(.|\n)*person={name} (.|\n)*person=row"):
        collected(Table(file, columns))
    assert [len(set(collected(Table(file, columns, person=own)).train.patients)) for own in (name, "row")] == [2, 3]
    file.write_text(f"{name},pt,age\n7,1,50\n8,1,60\n9,1,70\n")
    assert len(collected(Table(file, columns)).members) == 3


def test_columns_are_read_from_a_mapping() -> None:
    assert columns_of(
        {"a": {}, "b": None, "c": {"low": 1, "high": 2.5}, "d": {"binary": True}, "e": {"whole": True}}
    ) == (
        Column("a"),
        Column("b"),
        Column("c", 1, 2.5),
        Column("d", binary=True),
        Column("e", whole=True),
    )


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "names no column"),
        ({"a": {"min": 0}}, "min is unknown; accepted are low, high, binary, whole"),
        ({"a": {"low": 2, "high": 2}}, "low below high"),
        ({"a": {"low": float("nan")}}, "a limit that is not a number"),
        ({"a": {"binary": True, "low": 0}}, "a binary column holds 0 and 1"),
        ({"a": {"binary": True, "whole": True}}, "a binary column holds 0 and 1"),
        ({"a": {"low": "zero"}}, "low is 'zero'; accepted is a number"),
        ({"a": {"low": True}}, "low is True"),
        ({"a": {"binary": 1}}, "binary is 1; accepted is true or false"),
    ],
)
def test_wrong_columns_are_refused(columns: dict, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        columns_of(columns)
    assert "dataset.columns" in str(caught.value)


def test_rows_have_the_columns_asked_for_in_their_order(file: Path) -> None:
    source = table(file, columns={"beats": {}, "age": {}})
    assert source.name == "people"
    assert source.kind(source.plain()) == Row((Column("beats"), Column("age")))
    found = collected(source)
    assert found.train.spread(9).sample.tolist() == [[61, 40], [80, 71.5], [75, 40], [99, 20], [58, 33]]
    assert found.train.read([Place(3, 0), Place(0, 0)]).tolist() == [[99, 20], [61, 40]]
    assert found.train.read([]).shape == (0, 2)


def test_rows_outside_a_closed_limit_are_left_out_and_counted_once_whatever_the_columns(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    found = collected(table(file, columns={"age": {"low": 20, "high": 71}, "beats": {"high": 79}}))
    assert found.train.spread(9).sample.tolist() == [[40, 61], [40, 75], [33, 58]]
    (beyond,) = found.skipped
    assert (beyond.record, beyond.count, found.left_out) == ("beyond limits", 2, 2)
    assert "age of 1 outside 20..71, beats of 2 outside -inf..79" in beyond.reason
    assert f"2 row(s) left out, beyond limits: {beyond.reason}" in caplog.text
    assert len(found.members) == 5


def test_an_overview_of_a_table_counts_its_rows(file: Path) -> None:
    found = contents_of(table(file, person="patient", label="group", classes=["ill", "healthy"]))
    assert found == "people: 3 patients, 4 rows, 1 left out\n  ill: 1 rows\n  healthy: 3 rows"


def test_without_a_person_column_every_row_is_its_own_person(file: Path) -> None:
    text = "age\n" + "50\n" * 11
    file.write_text(text)
    members = collected(table(file, columns={"age": {}})).members
    assert [member.patient for member in members] == [f"{number:02d}" for number in range(1, 12)]
    assert members[0].name == "people.csv:2"


def test_persons_and_classes_come_from_their_columns(file: Path) -> None:
    found = collected(table(file, person="patient", label="group", classes=["ill", "healthy"]))
    assert [(m.patient, m.label) for m in found.members] == [("p1", 1), ("p2", 0), ("p1", 0), ("p3", 1), ("p4", 1)]
    assert found.train.patients.tolist() == ["p1", "p1", "p3", "p4"]
    assert found.train.labels.tolist() == [1, 0, 1, 1]
    of_two = found.train.of({"p1", "p4"})
    assert of_two.spread(9).sample[:, 2].tolist() == [61, 75, 58]
    assert of_two.unique_patients.tolist() == ["p1", "p4"]


BAD = {
    "p5,,0,60,ill": "age: '' is not a number",
    "p5,n/a,0,60,ill": "age: 'n/a' is not a number",
    "p5,inf,0,60,ill": "age: 'inf' is not a number",
    "p5,1e39,0,60,ill": "age: '1e39' is not a number",
    "p5,40,2,60,ill": "ill: '2' is not 0 or 1",
    "p5,40,,60,ill": "ill: '' is not 0 or 1",
    "p5,40,0,60.5,ill": "beats: '60.5' is not a whole number",
    "p5,40,0,60,sick": "group: 'sick' is not one of healthy, ill",
    ",40,0,60,ill": "patient: '' names no patient",
    "p5,40,0,60": "4 values, expected 5",
    "p5,40,0,60,ill,": "6 values, expected 5",
}


@pytest.mark.parametrize("line", BAD)
def test_a_bad_line_is_named_with_the_reason(file: Path, line: str) -> None:
    file.write_text(f"{TEXT}{line}\n")
    settings = {"person": "patient", "label": "group", "classes": ["healthy", "ill"]}
    with pytest.raises(UserError, match="on_bad_record=skip") as caught:
        collected(table(file, **settings))
    assert f"people.csv:8: {BAD[line]}" in str(caught.value)
    found = collected(table(file, on_bad_record="skip", **settings))
    assert len(found.members) == 5
    assert found.skipped[0].record == "people.csv:8"


def test_repeated_rows_are_counted(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.write_text(TEXT + "p5,40,0,61,healthy\np6,33,0,58,ill\np7,33,0,58,healthy\n")
    (repeated,) = collected(table(file)).doubtful
    assert (repeated.count, repeated.noun) == (3, "row")
    assert "people: 3 row(s) equal an earlier row in all columns" in caplog.text
    (of_a_class,) = collected(table(file, label="group", classes=["healthy", "ill"])).doubtful
    assert of_a_class.count == 2
    file.write_text(TEXT)
    assert not collected(table(file)).doubtful


def test_a_bad_line_moves_no_other_person(file: Path) -> None:
    before = collected(table(file)).members
    file.write_text(TEXT.replace("p2,71.5", "p2,?"))
    after = collected(table(file, on_bad_record="skip")).members
    assert list(after) == [member for member in before if member.name != "people.csv:3"]


def test_a_subsample_is_seeded_and_counted(file: Path) -> None:
    file.write_text("age\n" + "".join(f"{number}\n" for number in range(1000)))
    one, again, other = (
        collected(table(file, columns={"age": {"high": 899}}, subsample_to=100, seed=seed)) for seed in (0, 0, 1)
    )
    values = one.train.spread(1000).sample[:, 0].numpy()
    assert len(set(values)) == 100
    assert (np.diff(values) > 0).all()
    assert 400 < values.mean() < 500
    assert (values == again.train.spread(1000).sample[:, 0].numpy()).all()
    assert (values != other.train.spread(1000).sample[:, 0].numpy()).any()
    assert one.skipped[-1].reason == "800 of 900 rows left out at random (dataset.seed=0)"
    assert [bad.count for bad in one.skipped] == [100, 800]
    assert len(one.members) == 1000


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"columns": {"age": {}, "weight": {}}}, r"no column 'weight'; it has patient, age, .*dataset.columns="),
        ({"person": "who"}, "no column 'who'.*dataset.person="),
        ({"label": "class", "classes": ["a"]}, "no column 'class'.*dataset.target="),
        ({"label": "group"}, "a column with its classes"),
        ({"classes": ["a"]}, "a column with its classes"),
        ({"subsample_to": 0}, "dataset.subsample_to=0"),
        ({"subsample_to": 5}, "people has 4 rows"),
        ({"columns": {"age": {"low": 90}}}, "no row is left. 5 row.*beyond limits: age of 5"),
        ({"on_bad_record": "ignore"}, "dataset.on_bad_record"),
    ],
)
def test_wrong_settings_are_refused(file: Path, settings: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        collected(table(file, **settings))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file: .*dataset.file="),
        ("", "is empty"),
        ("age\n", "no row is left"),
        ("age,age\n1,2\n", "2 columns 'age'"),
        ('age\n"40\n', "people.csv:2 is not CSV"),
    ],
)
def test_a_file_that_is_none_is_told(file: Path, text: str | None, said: str) -> None:
    file.unlink() if text is None else file.write_text(text)
    with pytest.raises(UserError, match=said):
        collected(table(file, columns={"age": {}}))


def test_quotes_blanks_line_ends_and_encodings_of_spreadsheets_are_read(file: Path) -> None:
    columns = {"âge": {}, "beats, all": {}}
    file.write_bytes('\ufeffâge,"beats, all", group \r\n 40 ,"61", ill\r\n'.encode())
    found = collected(table(file, columns=columns, label="group", classes=["ill"]))
    assert found.train.spread(1).sample.tolist() == [[40, 61]]
    file.write_bytes('âge,"beats, all"\n40,61\n'.encode("latin-1"))
    assert collected(table(file, columns=columns)).train.spread(1).sample.tolist() == [[40, 61]]


@pytest.mark.parametrize(
    ("arrangement", "said"),
    [
        (Leads(), "people gives rows; arrangement Leads does not take them.*arrangement=table"),
        (TableArrangement(["ill", "age", "beats"]), "same in the same order"),
    ],
)
def test_an_arrangement_of_other_things_is_refused_before_the_file_is_read(arrangement, said: str) -> None:
    for call in (table(Path("nowhere/people.csv")).kind, table(Path("nowhere/people.csv")).collect):
        with pytest.raises(UserError, match=said):
            call(arrangement)


def test_the_configuration_has_all_settings_and_waits_for_the_file() -> None:
    values = OmegaConf.load(ROOT / "conf" / "dataset" / "table.yaml")
    assert OmegaConf.missing_keys(values) == {"file"}
    settings = {str(key): values[key] for key in values if key not in ("_target_", "file", "columns")}
    source = table(Path("x.csv"), **settings)
    assert (source.classes, source.on_bad_record, source.subsample_to) == ((), "error", None)
