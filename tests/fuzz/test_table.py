"""Tables and the thyroid data's two formats, changed here and there; columns and limits that nobody would want."""

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ganlab.dataset.source import Collected, Source
from ganlab.dataset.table import Table
from ganlab.dataset.thyroid import HEADER, ROWS, Thyroid
from tests.fuzz.cases import changed, many, tokens
from tests.fuzz.conftest import Fuzz

TABLE = b"""who,age,ill,beats,group
p1,40,0,61,healthy
"p2",71.5,1,80,ill
p1,40,1,75,ill
p3,20,0,99,healthy

p4,33,0,58,healthy
"""
OTHERS = ("who,age\n".encode("utf-16"), "who,âge\np1,4\n".encode("latin-1"), TABLE.replace(b"\n", b"\r\n"), b"\0" * 40)
COLUMNS = {"age": {"low": 20, "high": 71}, "ill": {"binary": True}, "beats": {"whole": True}}
LINE = "0.5,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0.001,0.02,0.1,0.1,0.1,{}"
UCI = "\n".join(LINE.format(number % 3 + 1) + "," for number in range(8)).encode()
KEEL = "\n".join(
    ["@relation thyroid", *(f"@attribute {name} real [0, 1]" for name in HEADER), "@data", *[LINE.format(3)] * 6]
).encode()
THYROID = {name: {"binary": True} if name == "Sex" else {} for name in HEADER[:-1]}

properties = st.sampled_from((*COLUMNS.values(), {}, None)) | st.dictionaries(
    st.sampled_from(("low", "high", "binary", "whole", "min")),
    st.sampled_from((0, 1, -1e9, True, "x", math.nan)),
    max_size=2,
)
columns = st.just(COLUMNS) | st.dictionaries(
    st.sampled_from(("age", "ill", "beats", "who")) | tokens, properties, max_size=3
)
policy = st.sampled_from(("skip", "skip", "error"))


def checked(source: Source) -> Collected:
    """All values are numbers within the limits, one person and one class each."""
    found = source.collect(source.plain())
    rows = found.judged.spread(99)
    assert rows.sample.isfinite().all()
    assert len(found.judged) == len(found.judged.patients) == len(found.judged.labels) <= len(found.members)
    for number, column in enumerate(source.kind(source.plain()).columns):  # type: ignore[union-attr]
        values = rows.sample[:, number].numpy()
        assert column.low is None or (values >= np.float32(column.low)).all()
        assert column.high is None or (values <= np.float32(column.high)).all()
        assert not column.binary or np.isin(values, (0, 1)).all()
    source.tables(found)
    return found


def test_table(fuzz: Fuzz) -> None:
    @many
    @given(st.data())
    def check(data: st.DataObject) -> None:
        root = fuzz.filled({"people.csv": data.draw(st.just(TABLE) | changed(TABLE, OTHERS))})
        settings: dict[str, Any] = {"columns": data.draw(columns), "on_bad_record": data.draw(policy)}
        if data.draw(st.booleans()):
            settings["person"] = data.draw(st.just("who") | tokens)
        if data.draw(st.booleans()):
            settings |= {"label": data.draw(st.just("group") | tokens), "classes": ["healthy", "ill"]}
        if data.draw(st.integers(0, 4)) == 0:
            settings["subsample_to"] = data.draw(st.integers(-1, 6))
        fuzz.case(lambda: checked(Table(root / "people.csv", **settings)))

    check()


def test_thyroid(fuzz: Fuzz) -> None:
    @many
    @given(st.data())
    def check(data: st.DataObject) -> None:
        if data.draw(st.booleans()):
            first, second = ROWS
            files = {first: data.draw(changed(UCI, (*OTHERS, KEEL))), second: UCI}
        else:
            files = {"thyroid.dat": data.draw(changed(KEEL, (*OTHERS, UCI)))}
        wanted = data.draw(st.sampled_from((3, 3, 1, None, 4)))
        source = {"columns": THYROID, "disease_class": wanted, "on_bad_record": data.draw(policy)}
        root = fuzz.filled(files)
        fuzz.case(lambda: checked(Thyroid(root, **source)))

    check()
