"""Labels from annotation files: a window has the rhythm that it lies in."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError
from ganlab.dataset.wfdb import WFDB

RATE, SPAN = 250, 100
RHYTHMS = {"100": [(30, "(N"), (430, "(AFIB"), (750, "(N")], "101": [(0, "(AFIB")], "102": [(0, "(VFL")]}
"""First sample and note of each rhythm, in recordings of 1,000 samples."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "db"
    folder.mkdir()
    for seed, (name, rhythms) in enumerate(RHYTHMS.items()):
        digital = np.random.default_rng(seed).integers(-300, 300, (1000, 1)).astype("<i2")
        digital.tofile(folder / f"{name}.dat")
        line = f"{name}.dat 16 200 11 0 0 {digital.sum(dtype=np.int16)} 0 MLII"
        (folder / f"{name}.hea").write_text(f"{name} 1 {RATE} 1000\n{line}\n")
        beats = [(at, "N", "") for at in range(5, 1000, 200)]
        notes = sorted([*((at, "+", note) for at, note in rhythms), *beats])
        samples, symbols, texts = (list(each) for each in zip(*notes, strict=True))
        wfdb.wrann(name, "atr", np.array(samples), symbols, aux_note=texts, write_dir=str(folder))
    return folder


@pytest.fixture
def source(root: Path) -> Callable[..., WFDB]:
    settings = {"people": "record", "annotations": "atr", "classes": ["N", "AFIB"], "flat_ms": None, "clipped_ms": None}
    return lambda **changed: WFDB(root, **{"rate": RATE, "cache": root.parent, **settings, **changed})


def test_a_window_is_of_the_rhythm_that_it_lies_in(source: Callable[..., WFDB]) -> None:
    collected = source().collect(Leads(("mlii",), side=10))
    samples = collected.judged
    own = {name: samples.recordings == name for name in RHYTHMS}
    assert samples.starts[own["100"]].tolist() == [100, 200, 300, 500, 600, 800, 900]
    assert samples.labels[own["100"]].tolist() == [0, 0, 0, 1, 1, 0, 0]
    assert samples.labels[own["101"]].tolist() == [1] * 10
    assert not own["102"].any()
    assert [member.label for member in collected.members] == [0, 1, 0]
    assert [(each.count, each.noun) for each in collected.skipped] == [(13, "window")]


def test_random_starts_stay_within_a_rhythm(source: Callable[..., WFDB]) -> None:
    samples = source().collect(Leads(("mlii",), side=10)).judged.of(["100"])
    numbers = np.zeros(samples.room[0] + 1, np.int64)
    starts = samples.placed(numbers, np.arange(len(numbers)))
    inside = [range(30, 331), range(430, 651), range(750, 901)]
    assert starts.tolist() == [start for each in inside for start in each]


def test_annotations_are_resampled_with_the_recording(source: Callable[..., WFDB]) -> None:
    samples = source(rate=2 * RATE).collect(Leads(("mlii",), side=10)).judged.of(["100"])
    assert samples.starts[samples.labels == 1].tolist() == [900, 1000, 1100, 1200, 1300, 1400]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": []}, r"annotations needs dataset\.classes"),
        ({"annotations": "../atr"}, r"annotations=\.\./atr: accepted is the ending"),
        ({"many_labels": True}, r"gives a window one class"),
        ({"annotations": "qrs"}, r"no annotation file 100\.qrs"),
        ({"classes": ["PREX"]}, r"every window of leads mlii is left out: 30 window\(s\) in a rhythm outside"),
    ],
)
def test_annotations_that_give_no_labels_are_refused(
    settings: dict[str, object], message: str, source: Callable[..., WFDB]
) -> None:
    with pytest.raises(UserError, match=message):
        source(**settings).collect(Leads(("mlii",), side=10))


def test_a_damaged_annotation_file_is_named(root: Path, source: Callable[..., WFDB]) -> None:
    (root / "101.atr").write_bytes(b"\xff")
    with pytest.raises(UserError, match=re.escape("101: 101.atr is not readable")):
        source().prepare()
