"""Categories, dates, booleans, gaps: from a file's text to numbers, through an image, and back to the file's text."""

import json
import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from ganlab.architecture.fcn import Discriminator, Generator
from ganlab.arrangement.table import Table as TableArrangement
from ganlab.codec import Codec
from ganlab.core.columns import columns_of
from ganlab.core.errors import UserError
from ganlab.core.kind import Column, Row, groups_of
from ganlab.core.settings import keys
from ganlab.dataset.source import Collected
from ganlab.dataset.table import Table
from ganlab.dataset.table_values import write_columns
from ganlab.exchange.rows import read_table_of_rows
from ganlab.exchange.synthetic import Request
from ganlab.exchange.writers import FORMATS, Generated
from ganlab.gan.gan import GAN
from ganlab.generator.schema import RowSample
from ganlab.loss.bce import BCE
from ganlab.metrics.privacy.attributes import known_columns
from ganlab.standardization.min_max import MinMax
from tests.conftest import DATA

TEXT = """Größe [cm];Station;Raucher;Aufnahme;CRP;Entlassen
171,5;Innere;ja;01.03.2021;3,5;2021-03-02 08:30
160;Chirurgie;nein;02.03.2021;;2021-03-03 09:00
182;Innere;;15.03.2021;11,25;2021-03-16 10:15
158,5;?;ja;28.02.2021;NA;2021-03-01 11:45
"""
COLUMNS = {
    "Größe [cm]": {"low": 100, "high": 220},
    "Station": {"categories": ["Innere", "Chirurgie"], "missing": "column"},
    "Raucher": {"binary": ["nein", "ja"], "missing": "column"},
    "Aufnahme": {"date": "%d.%m.%Y", "low": "01.01.2021", "high": "31.12.2021"},
    "CRP": {"missing": "column"},
    "Entlassen": {"date": "%Y-%m-%d %H:%M"},
}
NAMES = [
    *("Größe [cm]", "Station=Innere", "Station=Chirurgie", "Station missing", "Raucher", "Raucher missing", "Aufnahme"),
    *("CRP", "CRP missing", "Entlassen"),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ward.csv"
    path.write_text(TEXT, encoding="utf-8")
    return path


def table(file: Path, **settings: object) -> Table:
    return Table(file, **{"columns": COLUMNS, "decimal": ",", **settings})


def collected(source: Table) -> Collected:
    return source.collect(source.plain())


def test_columns_become_numbers_and_text_again(file: Path) -> None:
    source = table(file)
    assert source.kind(source.plain()).parts == tuple(NAMES) == tuple(keys(COLUMNS))
    rows = collected(source).train.values
    assert rows[:, 1:4].tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert rows[:, 4:6].tolist() == [[1, 0], [0, 0], [0, 1], [1, 0]]
    assert rows[:, 7:9].tolist() == [[3.5, 0], [3.5, 1], [11.25, 0], [3.5, 1]]
    written = write_columns(source.columns, rows)
    assert written.pop("Entlassen")[0][:14] == "2021-03-02 08:"
    assert written == {
        "Größe [cm]": ["171.5", "160", "182", "158.5"],
        "Station": ["Innere", "Chirurgie", "Innere", ""],
        "Raucher": ["ja", "nein", "", "ja"],
        "Aufnahme": ["01.03.2021", "02.03.2021", "15.03.2021", "28.02.2021"],
        "CRP": ["3.5", "", "11.25", ""],
    }


def test_what_a_generator_makes_is_written_in_the_original_columns_and_read_again(file: Path, tmp_path: Path) -> None:
    """Each row has one value of each category, whatever the networks make; untrained ones are drawn here."""
    source = table(file)
    standardization, arrangement = MinMax(COLUMNS), TableArrangement(keys(COLUMNS))
    codec = Codec(standardization, arrangement)
    codec.fit(torch.from_numpy(collected(source).train.values))
    torch.manual_seed(0)
    gan = GAN(Generator(arrangement, noise=5), Discriminator(arrangement), codec, BCE(), noise=5)
    rows = gan.sample(500).numpy()
    assert (rows[:, 1:4].sum(axis=1) == 1).all()
    low = standardization.limits[0].numpy()
    assert (rows[rows[:, 8] == 1, 7] == low[7]).all()
    generated = Generated(source.kind(arrangement), iter([rows]), 500, [], [])
    FORMATS[Row]["csv"][0](generated, tmp_path)
    read = read_table_of_rows(tmp_path / "synthetic.csv", Request(source.kind(arrangement)))
    values = np.array(read.values)
    values[values[:, 8] == 1, 7] = low[7]
    assert np.allclose(values, rows, atol=0.002, rtol=1e-5)


def test_an_exported_generator_writes_the_original_columns(file: Path) -> None:
    kind = table(file, target="Raucher").kind(TableArrangement(keys(COLUMNS)))
    sample = {"noun": "row", **asdict(kind)}
    checked = RowSample.model_validate(json.loads(json.dumps(sample)))
    again = Row(tuple(Column(**column.model_dump()) for column in checked.columns), checked.target)
    assert (again, again.target) == (kind, "Raucher")
    formula = Row(columns_of({"a": {"categories": ["=cmd", "b"]}}))
    with pytest.raises(UserError, match="a spreadsheet would execute '=cmd'"):
        FORMATS[Row]["csv"][0](Generated(formula, iter([np.array([[1, 0]])]), 1, [], []), file.parent)


def test_softmax_keeps_the_gradient_and_the_images_of_plain_tables() -> None:
    categories = {"a": {"categories": ["x", "y", "z"]}, "b": {"low": 0, "high": 1}}
    codec = Codec(MinMax(categories), TableArrangement(keys(categories)))
    images = torch.rand(7, 1, 2, 2, requires_grad=True)
    valid = codec.valid(images * 2 - 1)
    levels = (codec.arrangement.decode(valid)[:, :3] + 1) / 2 * 255
    assert torch.allclose((levels - 1).sum(dim=1), torch.tensor(254.0))
    assert torch.autograd.grad(valid[:, 0, 0, 0].sum(), images)[0].abs().sum() > 0
    plain = Codec(MinMax({"b": {"low": 0, "high": 1}}), TableArrangement(["b"]))
    assert plain.valid(images) is images


def test_rows_are_dropped_where_a_value_is_missing_and_counted(file: Path) -> None:
    found = collected(table(file, columns={"CRP": {"missing": "drop"}, "Größe [cm]": {}}))
    assert len(found.train) == 2
    (dropped,) = found.skipped
    assert (dropped.record, dropped.count, dropped.reason[:8]) == ("missing values", 2, "CRP of 2")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"CRP": {}}, "CRP: '' is not a number .missing: dataset.columns.CRP.missing=column, or drop"),
        ({"Station": {"categories": ["Innere", "Pflege"]}}, "'Chirurgie' is not one of Innere, Pflege"),
        ({"Raucher": {"binary": True}}, "'ja' is not 0 or 1 .two texts"),
        ({"Aufnahme": {"date": True}}, "'01.03.2021' is not a date in the format %Y-%m-%d"),
    ],
)
def test_a_value_of_another_kind_is_named_with_the_way_on(file: Path, columns: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        collected(table(file, columns=columns))


def test_a_decimal_comma_is_named(file: Path) -> None:
    with pytest.raises(UserError, match=r"'171,5' is not a number .decimal commas: dataset.decimal=','"):
        collected(table(file, columns={"Größe [cm]": {}}, decimal="."))
    file.write_text("a;b\n1.234;2\n")
    with pytest.raises(UserError, match=r"a: '1.234' is not a number"):
        collected(table(file, columns={"a": {}}))


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"categories": ["a"]}, "a list of different texts, two at least"),
        ({"categories": "ab"}, "a list of different texts"),
        ({"categories": ["a", "b"], "low": 0}, "beside categories accepted is missing"),
        ({"binary": ["a", "b", "c"]}, "true, false and a list of two texts"),
        ({"date": "year"}, "true .%Y-%m-%d. or a format"),
        ({"date": True, "low": "1.3.2021"}, "low is '1.3.2021'; accepted is a date"),
        ({"date": True, "whole": True}, "beside date accepted are low, high"),
        ({"missing": "keep"}, "accepted are column, drop and null"),
    ],
)
def test_wrong_properties_are_refused(properties: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        columns_of({"a": properties})


def test_names_and_categories_are_text(tmp_path: Path) -> None:
    """YAML makes numbers and booleans of names: 1 and yes are a column, a category or a class all the same."""
    file = tmp_path / "codes.csv"
    file.write_text("1,2,yes\n3,No,0\n4,Yes,1\n")
    columns = {1: {"categories": [3, 4]}, 2: {"binary": [False, True]}}
    found = collected(Table(file, columns, target="yes", classes=[0, 1]))
    assert found.train.values.tolist() == [[1, 0, 0], [0, 1, 1]]
    assert found.train.labels.tolist() == [0, 1]
    assert collected(Table(file, columns, target=2, classes=[False, True])).train.labels.tolist() == [0, 1]


def test_whole_numbers_beyond_single_precision_are_said(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.write_text("id,moment\n16777217,2021-03-02 08:30\n16777218,2021-03-02 00:00\n5,2021-03-03 00:00\n")
    found = collected(table(file, columns={"id": {}, "moment": {"date": "%Y-%m-%d %H:%M"}}, decimal="."))
    (rounded,) = found.doubtful
    assert rounded.count == 1
    assert "id of 1 rows, by 1 at most, moment of 1 rows" in rounded.reason
    assert "rounded to single precision" in caplog.text


def test_a_target_is_a_class_or_one_of_the_columns(file: Path) -> None:
    source = table(file, target="Raucher")
    assert source.kind(source.plain()).target == "Raucher"
    with pytest.raises(UserError, match=r"or one of dataset.columns"):
        table(file, target="Alter")


def test_an_attacker_knows_all_of_a_category_or_nothing() -> None:
    columns = columns_of(COLUMNS)
    assert known_columns(columns, None).tolist() == [True] * 6 + [False] * 4
    assert known_columns(columns, ["Station"]).tolist() == [False] + [True] * 3 + [False] * 6


def test_columns_are_proposed_where_none_is_declared(file: Path) -> None:
    file.write_text(
        "id,sex,ward,when,hb,text,same\n"
        + "".join(f"{n},{'fm'[n % 2]},{'ABC'[n % 3]},2021-03-{n + 1:02d},{n / 4},t{n},1\n" for n in range(12))
        + "12,f,?,2021-04-01,,x,1\n"
    )
    with pytest.raises(UserError) as caught:
        Table(file, None)
    message = str(caught.value)
    for line in (
        '"id": {whole: true} # another value in each row',
        '"sex": {binary: ["f", "m"]}',
        '"ward": {categories: ["A", "B", "C"], missing: column}',
        '"when": {date: "%Y-%m-%d"}',
        '"hb": {missing: column}',
        '# "text" is left out: 13 different texts',
        "# \"same\" is left out: the same in every row, '1'",
    ):
        assert line in message


@pytest.mark.skipif(not (DATA / "cases").is_dir(), reason=f"no {DATA / 'cases'}")
@pytest.mark.parametrize("name", ["stroke", "cleveland", "dates2"])
def test_proposed_columns_read_the_cases(name: str, caplog: pytest.LogCaptureFixture) -> None:
    import yaml

    caplog.set_level(logging.INFO)
    file = DATA / "cases" / "job-table_strings" / f"{name}.csv"
    with pytest.raises(UserError) as caught:
        Table(file, None)
    columns = yaml.safe_load(str(caught.value).partition("oposal")[2].partition("\n")[2])["columns"]
    source = Table(file, columns)
    found = collected(source)
    assert len(found.train) == len(file.read_text().splitlines()) - 1
    assert np.isfinite(found.train.values).all()
    assert all((found.train.values[:, group].sum(axis=1) == 1).all() for group in groups_of(source.columns))
