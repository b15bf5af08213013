"""The index of cached recordings: what was written is read, whatever records have."""

from dataclasses import replace
from pathlib import Path

import pytest

from ganlab.core.record import Record, Segment
from ganlab.dataset.cache import read_index, write_index
from ganlab.dataset.source import Skipped

PLAIN = Record("a/ä b", "p1", "", 0, ("i", "ii"), 500, 250.0, (200.0, 0.5), (0, -3))
VARIED = (
    PLAIN,
    replace(PLAIN, name="c", offset=1000, rate=99.5, wide=True, units=("mV", "NU"), unusable={"ii": "no gain: 'x'"}),
    replace(PLAIN, name="d", label=2, peaks=(3, 99), segments=(Segment("flat", "i", 5, 300), Segment("1", "", 0, 9))),
)


@pytest.mark.parametrize(
    "records",
    [VARIED, (), tuple(replace(each, label=(True, False), attributes=(61.5, -1.0)) for each in VARIED)],
    ids=["one label", "no record", "several labels and attributes"],
)
def test_records_are_read_as_they_were_written(tmp_path: Path, records: tuple[Record, ...]) -> None:
    skipped = [Skipped("bad", "why", 3, "window", "r1")]
    write_index(tmp_path, records, skipped)
    assert read_index(tmp_path) == (records, tuple(skipped))
