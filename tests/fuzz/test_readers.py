"""Synthetic sets of somebody: arrays, tables, records and images, changed here and there, and what is said of them."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ganlab.core.kind import Column, Image, Kind, Row, Window
from ganlab.exchange.reader import read
from ganlab.exchange.synthetic import Request
from ganlab.exchange.writers import FORMATS, Generated
from tests.fuzz.cases import changed, many, tokens
from tests.fuzz.conftest import Fuzz

KINDS: dict[str, Kind] = {
    "window": Window(("i", "avr"), 250.0, 60),
    "row": Row((Column("age", 0, 1), Column("sex", binary=True))),
    "image": Image((1, 6, 5)),
}
CLASSES = ("healthy", "ill")
COUNT = 3


def values(kind: Kind) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    if isinstance(kind, Window):
        return rng.normal(size=(COUNT, 2, kind.samples)).astype(np.float32)
    shape = kind.shape if isinstance(kind, Image) else (2,)
    return rng.integers(2 if isinstance(kind, Row) else 256, size=(COUNT, *shape)).astype(np.float32)


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, list[dict[str, bytes]]]:
    """Files of each kind in each of our formats, labelled."""

    found: dict[str, list[dict[str, bytes]]] = {}
    for name, kind in KINDS.items():
        for form, (write, _) in FORMATS[type(kind)].items():
            folder = tmp_path / name / form
            folder.mkdir(parents=True)
            labels = [CLASSES[number % 2] for number in range(COUNT)]
            write(Generated(kind, iter([values(kind)]), COUNT, ["synthetic"], CLASSES, labels), folder)
            files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
            found.setdefault(name, []).append(files)
    return found


def arrays() -> list[bytes]:
    """Arrays that nobody wants, in the format of numpy."""
    found = []
    for array in (
        *(np.ones(3), np.ones((0, 2, 60)), np.ones((1, 1, 1, 1)), np.ones((2, 2, 60), bool), np.ones((2, 2), complex)),
        *(np.full((2, 2, 60), np.nan), np.full((2, 1, 6, 5), 1e300), np.array([{}]), np.array([["a"]])),
    ):
        file = io.BytesIO()
        np.save(file, array, allow_pickle=True)
        found.append(file.getvalue())
    return found


wild = st.sampled_from((None, None, None, -1, 0.0, float("nan"), 250, "x", "uV", ["i"], [], {"i": 1}, True)) | tokens
said = st.dictionaries(st.sampled_from(("leads", "rate_hz", "unit", "columns", "shape")), wild, max_size=3)


def test_readers(fuzz: Fuzz, sets: dict[str, list[dict[str, bytes]]]) -> None:
    wrong = arrays()

    @many
    @given(st.data())
    def check(data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(KINDS)))
        files = dict(data.draw(st.sampled_from(sets[name])))
        for _ in range(data.draw(st.integers(0, 2))):
            victim = data.draw(st.sampled_from(sorted(files)))
            files[victim] = data.draw(changed(files[victim], [*files.values(), *wrong]))
        if "synthetic.json" in files and data.draw(st.booleans()):
            files["synthetic.json"] = json.dumps(data.draw(said)).encode()
        root = fuzz.filled(files)
        asked: dict[str, Any] = {
            "classes": data.draw(st.sampled_from((CLASSES, (), ("ill",)))),
            "on_bad": data.draw(st.sampled_from(("skip", "skip", "error", "ask"))),
            "leads": data.draw(st.sampled_from((None, None, None, ["i"], ["AVR", "i"], ["v9"], ["i", "i"]))),
            "rate": data.draw(st.sampled_from((None, None, None, 250.0, -1.0, float("nan"), 1e9))),
            "unit": data.draw(st.sampled_from((None, None, "mV", "uV", "mm"))),
        }
        kind = KINDS[data.draw(st.sampled_from((name, name, name, *KINDS)))]
        path = data.draw(st.sampled_from((root, root, *(root / file for file in files), root / "nothing")))

        def task() -> None:
            found = read(path, Request(kind, **asked))
            assert len(found.values)
            assert all(np.isfinite(found.values[number]).all() for number in range(len(found.values)))
            assert found.labels is None or len(found.labels) == len(found.values)

        fuzz.case(task)

    check()
