"""The thyroid data in both of their formats, damaged, and fetched from a local server."""

import re
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from ganlab.core.errors import UserError
from ganlab.dataset.source import Collected
from ganlab.dataset.thyroid import HEADER, ROWS, Thyroid, fetch
from tests.conftest import DATA, ROOT

COLUMNS = OmegaConf.load(ROOT / "conf" / "dataset" / "thyroid.yaml").columns
ALL = {name: {"binary": True} if "binary" in COLUMNS[name] else {} for name in COLUMNS}
"""The columns without limits."""


@pytest.fixture(scope="module")
def real() -> Path:
    folder = DATA / "thyroid"
    if not folder.is_dir():
        pytest.skip(f"no {folder}: set GANLAB_TEST_DATA to the folder that holds thyroid")
    return folder


def collected(root: Path, columns: object = COLUMNS, **settings: object) -> Collected:
    source = Thyroid(root, columns, **settings)
    return source.collect(source.plain())


def test_class_3_within_the_limits_has_6502_rows(real: Path) -> None:
    found = collected(real)
    assert len(found.train) == 6502
    assert len(found.members) == 6666
    assert list(COLUMNS) == list(HEADER[:-1])
    assert found.train[0].sample[0, [0, 2, 16, 20]].tolist() == pytest.approx([0.73, 1, 0.0006, 0.146])
    assert {bad.record: bad.count for bad in found.skipped} == {"class 1": 166, "class 2": 368, "beyond limits": 164}
    assert found.left_out == 7200 - 6502
    of_columns = dict(re.findall(r"(\w+) of (\d+) outside", found.skipped[-1].reason))
    assert of_columns == {"TSH": "48", "T3": "63", "TT4": "21", "T4U": "37", "FTI": "34"}


def test_a_subsample_has_as_many_rows_as_the_thesis(real: Path) -> None:
    assert len(collected(real, subsample_to=6330).train) == 6330


def test_all_three_classes_are_labels_and_tsh_says_which_is_normal(real: Path) -> None:
    source = Thyroid(real, ALL, disease_class=None)
    rows = source.collect(source.plain()).train
    assert source.classes == ("class_1", "class_2", "class_3")
    assert np.bincount(rows.labels).tolist() == [166, 368, 6666]
    tsh = rows.spread(7200).sample[:, HEADER.index("TSH")].numpy()
    median = [np.median(tsh[rows.labels == label]) for label in range(3)]
    assert median[0] / median[2] == pytest.approx(35, abs=1)
    assert "35 times lower" in Thyroid.note


@pytest.mark.parametrize(("number", "rows"), [(1, 166), (2, 368), (3, 6666)])
def test_one_class_is_taken_and_the_others_are_counted(real: Path, number: int, rows: int) -> None:
    found = collected(real, ALL, disease_class=number)
    assert len(found.train) == rows
    assert not found.train.labels.any()
    others = {"class 1": 166, "class 2": 368, "class 3": 6666}
    del others[f"class {number}"]
    assert {bad.record: bad.count for bad in found.skipped} == others
    assert f"dataset.disease_class={number}" in found.skipped[0].reason


def test_keels_file_has_the_same_rows(real: Path, tmp_path: Path) -> None:
    shutil.copy(real / "thyroid.dat", tmp_path)
    both = [collected(root, ALL, disease_class=None).train for root in (real, tmp_path)]
    with_labels = [np.column_stack([rows.spread(7200).sample.numpy(), rows.labels]) for rows in both]
    one, other = (rows[np.lexsort(rows.T)] for rows in with_labels)
    assert one.shape == (7200, 22)
    assert (one == other).all()
    assert collected(tmp_path).members[0].name == "thyroid.dat:27"


def test_blanks_separate_as_commas_do(real: Path, tmp_path: Path) -> None:
    for name in ROWS:
        (tmp_path / name).write_text((real / name).read_text().replace(",", " "))
    one, other = collected(real), collected(tmp_path)
    assert (one.train.spread(7000).sample == other.train.spread(7000).sample).all()
    assert one.members == other.members


LINE = "0.5,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0.001,0.02,0.1,0.1,0.1,{}"


def write(folder: Path, *lines: str) -> Path:
    for name in ROWS:
        (folder / name).write_text(LINE.format("3,\n") * 3)
    (folder / "ann-test.data").write_text("".join(f"{line}\n" for line in lines))
    return folder


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0.5,0,0,0.001,3,", "5 values, expected 22"),
        (LINE.format("3,").replace("0.001,", ","), "TSH: '' is not a number"),
        (LINE.format("3,").replace("0.001,", "?,"), "TSH: '?' is not a number"),
        (LINE.format("3,").replace("0.5,0,", "0.5,7,"), "Sex: '7' is not 0 or 1"),
        (LINE.format("4,"), "Class: '4' is not one of 3"),
        (LINE.format("").removesuffix(","), "21 values, expected 22"),
        (LINE.format("").replace(",", " "), "21 values, expected 22"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    write(tmp_path, LINE.format("3,"), line, LINE.format("2,"))
    with pytest.raises(UserError) as caught:
        collected(tmp_path)
    assert f"ann-test.data:2: {said}" in str(caught.value)
    found = collected(tmp_path, on_bad_record="skip")
    assert [member.patient for member in found.members] == ["1", "2", "3", "4"]
    assert [(bad.record, bad.count) for bad in found.skipped] == [("ann-test.data:2", 1), ("class 2", 1)]


def test_line_ends_marks_and_encodings_of_other_systems_are_read(tmp_path: Path) -> None:
    write(tmp_path, LINE.format("3,"), LINE.format("2,"))
    expected = collected(tmp_path)
    for name in ROWS:
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    found = collected(tmp_path)
    assert found.members == expected.members
    assert (found.train.spread(9).sample == expected.train.spread(9).sample).all()


def test_files_without_a_row_are_refused(tmp_path: Path) -> None:
    for name in ROWS:
        (tmp_path / name).write_bytes(b"\r\n")
    with pytest.raises(UserError, match="thyroid: no row is left"):
        collected(tmp_path)
    (tmp_path / "ann-train.data").write_bytes("0,5\xe4\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"ann-train\.data:1: 2 values, expected 22"):
        collected(tmp_path)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"disease_class": 4}, "dataset.disease_class=4: accepted are 1, 2, 3, and null"),
        ({"columns": {"age": {}}}, "age; there are Age, Sex"),
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, settings: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Thyroid(**{"root": tmp_path, "columns": COLUMNS, **settings})


def test_a_folder_without_the_files_names_the_three_ways_on(tmp_path: Path) -> None:
    (tmp_path / "ann-train.data").touch()
    with pytest.raises(UserError) as caught:
        collected(tmp_path)
    for word in ("ann-train.data and ann-test.data", "thyroid.dat", "dataset.root=", "download=true", "thyroid_sim"):
        assert word in str(caught.value)


def test_a_keel_file_with_other_attributes_is_refused(real: Path, tmp_path: Path) -> None:
    text = (real / "thyroid.dat").read_text()
    (tmp_path / "thyroid.dat").write_text(text.replace("@attribute T3 real", "@attribute T5 real"))
    with pytest.raises(UserError, match=r"has the attributes Age, .*T5"):
        collected(tmp_path)


class Server:
    """Holds UCI's files in their size; `faults` are those of each next answer, by file."""

    def __init__(self) -> None:
        self.files = {name: "".join(f"{LINE.format(3)}\n" for _ in range(rows)).encode() for name, rows in ROWS.items()}
        self.faults: dict[str, Iterator[str]] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.url = ""


class Handler(BaseHTTPRequestHandler):
    server_state: Server

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.server_state.requests.append((name, self.headers["Range"]))
        fault, body = next(self.server_state.faults.get(name, iter(())), ""), self.server_state.files[name]
        if fault.isdigit():
            return self.send_error(int(fault))
        start = int((self.headers["Range"] or "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        body = b"<html>log in</html>" if fault == "page" else body[start:]
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{start + len(body)}")
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault == "break" else body)
        return None

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    state = Server()
    bound = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"server_state": state}))
    state.url = f"http://127.0.0.1:{bound.server_port}/thyroid-disease/"
    thread = threading.Thread(target=partial(bound.serve_forever, poll_interval=0.01))
    thread.start()
    yield state
    bound.shutdown()
    bound.server_close()
    thread.join()


quick = partial(fetch, retries=2, timeout_s=5, backoff_s=0.001)
TRAIN = "ann-train.data"


def test_download_fetches_both_files_once(server: Server, tmp_path: Path) -> None:
    root = tmp_path / "a folder" / "thyroid"
    found = collected(root, ALL, download=True, url=server.url)
    assert len(found.train) == 7200
    assert {name: (root / name).read_bytes() for name in ROWS} == server.files
    assert server.requests == [(name, None) for name in ROWS]
    assert quick(server.url, root).already_there == 2
    assert len(server.requests) == 2


def test_a_broken_download_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.faults[TRAIN] = iter(["break"])
    quick(server.url, tmp_path)
    ranges = [sent for name, sent in server.requests if name == TRAIN]
    assert ranges[0] is None
    assert 0 < int(str(ranges[1]).removeprefix("bytes=").removesuffix("-")) <= len(server.files[TRAIN]) // 2
    assert (tmp_path / TRAIN).read_bytes() == server.files[TRAIN]


def test_a_file_that_lacks_rows_is_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / TRAIN).write_bytes(server.files[TRAIN][:5000])
    quick(server.url, tmp_path)
    assert (tmp_path / TRAIN).read_bytes() == server.files[TRAIN]


def test_a_page_in_a_files_place_is_thrown_away(server: Server, tmp_path: Path) -> None:
    server.faults[TRAIN] = iter(["page"])
    quick(server.url, tmp_path)
    assert (tmp_path / TRAIN).read_bytes() == server.files[TRAIN]


@pytest.mark.parametrize(
    ("fault", "said", "times"),
    [("404", "answered 404", 1), ("503", "failed 3 times", 3), ("page", "0 whole rows, expected are 3772", 3)],
)
def test_a_server_that_has_it_not_is_told_with_the_ways_on(
    server: Server, tmp_path: Path, fault: str, said: str, times: int
) -> None:
    server.faults[TRAIN] = repeat(fault)
    with pytest.raises(UserError, match=said) as caught:
        quick(server.url, tmp_path)
    assert all(word in str(caught.value) for word in (TRAIN, "dataset.root=", "dataset.url=", "dataset=thyroid_sim"))
    assert [name for name, _ in server.requests] == [TRAIN] * times
    assert not (tmp_path / TRAIN).exists()
