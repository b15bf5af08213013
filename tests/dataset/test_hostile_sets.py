"""Data sets that try to do something are refused by name, as `dataset.root=` or `.file=` and as `synthetic=`."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from ganlab.arrangement.image import AsItIs
from ganlab.arrangement.leads import Leads
from ganlab.arrangement.table import Table as TableArrangement
from ganlab.core.errors import BadRecord, UserError
from ganlab.core.kind import Column, Image, Kind, Row, Window
from ganlab.dataset.images import Images
from ganlab.dataset.table import Table
from ganlab.dataset.wfdb import WFDB
from ganlab.exchange.reader import read
from ganlab.exchange.synthetic import Request
from tests.dataset.hostile_sets import (
    ARRAYS,
    DESCRIPTIONS,
    IMAGES,
    OF_TOOLS,
    SECRET,
    TABLES,
    WINDOWS,
    Change,
    images,
    records,
    table,
)
from tests.generator.hostile import CANARY

COLUMNS: Mapping[str, Mapping[str, object]] = {"x": {}, "y": {}}
MAKERS: Mapping[str, tuple[Callable[[Path], None], Kind, Mapping[str, Change]]] = {
    "records": (records, Window(("i", "ii"), 100.0, 200), WINDOWS),
    "images": (images, Image((1, 20, 30)), IMAGES),
    "tables": (table, Row((Column("x"), Column("y"))), TABLES),
}


def collected(kind: str, root: Path) -> object:
    """What `prepare`, `explore`, `run`, `evaluate`, `reproduce` and `resume` do with a data set."""
    cache = root.parent / "cache"
    if kind == "records":
        return WFDB(root, 100.0, "folder", cache=cache).collect(Leads(["i", "ii"], side=20))
    if kind == "images":
        return Images(root, 20, 30, person="folder", cache=cache).collect(AsItIs(1, 20, 30, batch_size=2))
    return Table(root / "rows.csv", COLUMNS, person="row").collect(TableArrangement(["x", "y"]))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    for name, (make, _, _) in MAKERS.items():
        make(folder / name)
    return folder


def tree(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.lstat().st_mtime_ns, path.lstat().st_size) for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, (_, _, changes) in MAKERS.items() for name in changes]
)
def test_a_set_that_tries_something_is_refused_by_name(
    kind: str, name: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, sample, changes = MAKERS[kind]
    root, outside = Path(shutil.copytree(whole / kind, tmp_path / "set")), tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text(SECRET)
    changes[name](root, outside)
    before = tree(root), tree(outside)
    file = root / "rows.csv" if kind == "tables" else root
    for reads in (lambda: collected(kind, root), lambda: read(file, Request(sample))):
        with pytest.raises((UserError, BadRecord)) as refused:
            reads()
        message = str(refused.value)
        assert any(word in message for word in ("set", "p01/r", "p0/", "rows.csv", "RECORDS", "images.zip")), message
        assert SECRET not in message
        assert "\x1b" not in message
    assert (tree(root), tree(outside)) == before
    assert not [*tmp_path.rglob(f"*{CANARY}*")]


@pytest.mark.parametrize("name", [*ARRAYS, *DESCRIPTIONS])
def test_an_array_that_tries_something_is_refused_by_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "synthetic.npy", np.zeros((3, 2, 200), np.float32))
    if name in ARRAYS:
        (tmp_path / "synthetic.npy").write_bytes(ARRAYS[name])
    else:
        (tmp_path / "synthetic.json").write_text(DESCRIPTIONS[name])
    for kind in (sample for _, sample, _ in MAKERS.values()):
        with pytest.raises(UserError, match="synthetic"):
            read(tmp_path, Request(kind))
    assert not (tmp_path / CANARY).exists()


@pytest.mark.parametrize("name", OF_TOOLS)
def test_a_file_of_other_tools_that_tries_something_is_refused_by_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("edfio" if "EDF" in name else "pyarrow")
    monkeypatch.chdir(tmp_path)
    root, outside = tmp_path / "set", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    OF_TOOLS[name](root, outside)
    for kind in (MAKERS["records"][1], *([] if "EDF" in name else [MAKERS["tables"][1]])):
        with pytest.raises(UserError, match="would become" if "bomb" in name else r"set|a\.edf|synthetic\.parquet"):
            read(root, Request(kind))
    assert not (tmp_path / CANARY).exists()
