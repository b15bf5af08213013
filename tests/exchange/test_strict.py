"""Synthetic files that are not what they seem are refused by file and line, as the real ones are."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganlab.core.errors import UserError
from ganlab.core.kind import Column, Image, Kind, Row, Window
from ganlab.exchange.reader import read
from ganlab.exchange.synthetic import Request
from ganlab.exchange.tables import lines_of
from tests.conftest import DATA

WINDOW = Window(("i",), 500.0, 3)
ROW = Row((Column("age"), Column("sex", binary=True), Column("visits", whole=True)))
IMAGE = Image((1, 2, 2))
CLASSES = ("healthy", "ill")


def times(*windows: str, step: float = 2, label: str = "") -> list[str]:
    return [f"{name},{k * step:g},{k}{label}" for name in windows for k in range(3)]


def text(*lines: str, names: str = "window,time_ms,i_mv") -> str:
    return "\n".join([names, *lines]) + "\n"


WRONG: list[tuple[Kind, str, str]] = [
    (ROW, text("5,1,2", "5,1,2,7", names="age,sex,visits"), r":3: 4 values, expected 3"),
    (ROW, text("5,1,2,", names="age,sex,visits"), r":2: 4 values, expected 3"),
    (ROW, text("5,1,2,", names="age,sex,visits,"), r":1: column 4 has no name; is there a comma too many"),
    (ROW, text("5,1", names="age,sex,visits"), r":2: 2 values, expected 3"),
    (ROW, text("5,1,2,3", names="age,sex,visits,age"), r":1: column age occurs twice"),
    (ROW, text("5,0.5,2", names="age,sex,visits"), r":2: sex: '0.5' is not 0 or 1"),
    (ROW, text("5,1,2.5", names="age,sex,visits"), r":2: visits: '2.5' is not a whole number"),
    (ROW, text("5,1,", names="age,sex,visits"), r":2: visits: '' is not a whole number"),
    (ROW, text('5,1,"2', names="age,sex,visits"), r":2 is not CSV: unexpected end of data"),
    (ROW, "", r"is empty: the first line must name the columns"),
    (WINDOW, text(*times("a", "b", "a")), r":8: window 'a' appears again"),
    (WINDOW, text(*times("a", "a")), r":5: time_ms 0 below 4: times rise by the same step"),
    (WINDOW, text(*times("a"), *times("b", step=4)), r":6: time_ms 4 below 0.*here about 2 ms"),
    (WINDOW, text("a,0,1", "a,2,1", "b,0,1", "b,4,1"), r":5: time_ms 4 below 0.*here about 2 ms"),
    (WINDOW, text("a,0,1", "a,,1", "a,4,1"), r":3: time_ms nan below 0"),
    (WINDOW, text("a,0,1", "a,2,1,5"), r":3: 4 values, expected 3"),
    (WINDOW, text("# x,0,1", "a,0,one", "a,2,2"), r":3: i_mv: 'one' is not a number"),
    (WINDOW, text("a,0,1,1", "a,2,1,1", names="window,time_ms,i_mv,I_mv"), r"lead i occurs twice"),
    (WINDOW, text("a,0,1,ill", "a,2,1,healthy", names="window,time_ms,i_mv,label"), r":3: label 'healthy', and 'ill'"),
    (WINDOW, text("a,0,1", "a,1e-300,1"), r"Hz by its time_ms; accepted are 0.001 to 1e\+06 Hz"),
]


@pytest.mark.parametrize(("kind", "content", "message"), WRONG)
def test_a_table_that_is_not_what_it_seems_is_refused_by_line(
    kind: Kind, content: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "x.csv"
    file.write_text(content)
    with pytest.raises(UserError, match=rf"x\.csv{message}" if message[0] == ":" else message):
        read(file, Request(kind, CLASSES))


def test_bad_rows_are_left_out_and_counted_where_that_is_wanted(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text(text("5,1,2,ill", "5,1", "6,2,2,ill", "7,0,3,healthy", names="age,sex,visits,label"))
    synthetic = read(file, Request(ROW, CLASSES, on_bad="skip"))
    np.testing.assert_array_equal(synthetic.values, [[5, 1, 2], [7, 0, 3]])
    assert synthetic.labels is not None
    assert synthetic.labels.tolist() == [1, 0]
    assert synthetic.facts["unreadable"] == 2


def test_an_array_of_rows_holds_what_its_columns_may(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[5, 1, 2], [5, 0.5, 2], [6, 0, 2.5], [7, 0, 3]]))
    with pytest.raises(
        UserError, match=r"2 cannot be used: row 1: sex: 0.5 is not 0 or 1; row 2: visits: 2.5 is not a"
    ):
        read(tmp_path / "x.npy", Request(ROW))
    found = read(tmp_path / "x.npy", Request(ROW, on_bad="skip"))
    np.testing.assert_array_equal(found.values, [[5, 1, 2], [7, 0, 3]])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_encodings_are_those_of_real_tables_and_comments_of_old_exports_are_passed_over(
    encoding: str, tmp_path: Path
) -> None:
    file = tmp_path / "x.csv"
    file.write_text('# synthetic: "a, b\n# more\n' + text("5,1", names="Größe,other"), encoding=encoding)
    if encoding == "utf-8-sig":
        file.write_text(text("5,1", names="Größe,other"), encoding=encoding)
    assert read(file, Request(Row((Column("Größe"),)))).values.tolist() == [[5]]


AXES: list[tuple[str, str]] = [
    ("[" * 100_000, "is not readable as JSON: maximum recursion depth"),
    ('{"rate_hz": 1' + "0" * 400 + "}", r"rate_hz: 1000+\.\.\.0+ is refused"),
    ('{"rate_hz": 1e-300}', "rate_hz: 1e-300 is refused: input should be greater than or equal to 0.001"),
    ('{"rate_hz": 0}', "rate_hz: 0 is refused"),
    ('{"rate_hz": "360"}', "rate_hz: '360' is refused: input should be a valid number"),
    ('{"rate_hz": NaN}', "NaN is not a number"),
    ('{"unit": ["mV"]}', r"unit: \['mV'\] is refused: input should be a valid string"),
    ('{"leads": "i"}', "leads: 'i' is refused"),
    ('{"leads": ["i"], "leads": ["ii"]}', "the key 'leads' occurs twice"),
    ("[]", "all of it: .* is refused"),
    (" " * (1 << 20) + "{}", "1,048,578 bytes; accepted are 1,048,576"),
]


@pytest.fixture
def array(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", np.ones((2, 1, 500)))
    return tmp_path / "x.npy"


@pytest.mark.parametrize(("content", "message"), AXES, ids=[message for _, message in AXES])
def test_what_stands_beside_an_array_is_checked(content: str, message: str, array: Path) -> None:
    array.with_suffix(".json").write_text(content)
    with pytest.raises(UserError, match=rf"x\.json.*{message}"):
        read(array, Request(WINDOW))


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"rate": 0}, r"rate=0: accepted is a number of Hz from 0\.001 to 1e\+06"),
        ({"rate": 1e-300}, "rate=1e-300"),
        ({"rate": 10**400}, r"rate=10+\.\.\.0+: accepted"),
        ({"rate": "x"}, "rate='x'"),
        ({"rate": True}, "rate=True"),
        ({"unit": ["mV"]}, r"unit=\['mV'\]: accepted is a text"),
        ({"leads": ["i", "I"]}, "i occurs twice"),
    ],
)
def test_a_request_is_checked(request_: dict[str, Any], message: str, array: Path) -> None:
    with pytest.raises(UserError, match=message):
        read(array, Request(WINDOW, **request_))


def test_keys_that_are_not_read_are_logged(array: Path, caplog: pytest.LogCaptureFixture) -> None:
    array.with_suffix(".json").write_text(json.dumps({"rate": 500, "about": ["x"]}))
    read(array, Request(WINDOW))
    assert "not read: 'rate'. What is read: leads, rate_hz, unit, columns" in caplog.text


def test_an_archive_by_the_name_of_an_array_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "x.npy").open("wb") as file:
        np.savez(file, a=np.ones((2, 1, 500)))
    with pytest.raises(UserError, match=r"is an npz archive; accepted is the array of numpy\.save"):
        read(tmp_path / "x.npy", Request(WINDOW))


def test_a_label_stands_once(tmp_path: Path, array: Path) -> None:
    (tmp_path / "labels.csv").write_text("name,label\na,ill\nb,ill,3\n")
    with pytest.raises(UserError, match=r"labels\.csv:3: 3 values, expected 2"):
        read(array, Request(WINDOW, CLASSES))


def test_black_images_are_images(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 1, 2, 2), np.uint8))
    assert len(read(tmp_path / "x.npy", Request(IMAGE)).values) == 3
    assert "every pixel of every image is black" in caplog.text


def test_an_export_that_was_not_finished_is_refused(tmp_path: Path, array: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text("# Unfinished export\n\nsynthetic\n")
    with pytest.raises(UserError, match=r"was not finished.*Make it again"):
        read(array, Request(WINDOW))
    card.unlink()
    (tmp_path / ".out.123").mkdir()
    with pytest.raises(UserError, match="was not finished"):
        read(array, Request(WINDOW))


def test_the_cases(tmp_path: Path) -> None:
    if not (cases := DATA / "cases").is_dir():
        pytest.skip(f"no cases in {cases}")
    columns = Row(tuple(Column(name, binary=name == "female") for name in ("age", "female", "tsh", "hb")))
    with pytest.raises(UserError, match=r"12 cannot be used: .*r_extra.csv:2: 5 values, expected 4"):
        read(cases / "07-synthetic-rows-one-value-more" / "r_extra.csv", Request(columns))
    small = cases / "26-synthetic-small-things"
    assert len(read(small / "img_black.npy", Request(Image((3, 24, 32)))).values) == 4
    assert len(read(small / "cp1252.csv", Request(Row((Column("Größe"),)))).values)
    old = cases / "job-csv_export" / "synthetic.csv"
    assert len(read(old, Request(Row((Column("age"), Column("glucose"))))).values)


def test_text_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "cut.csv"
    file.write_bytes("name,label\na,b\n".encode("utf-16")[:-1])
    with pytest.raises(UserError, match=r"cut\.csv is not text"):
        list(lines_of(file))
