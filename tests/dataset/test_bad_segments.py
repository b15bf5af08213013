"""Flat, clipped and missing stretches: found, counted, kept or left out, and never shown as NaN."""

import logging
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError
from ganlab.core.record import Record, Segment
from ganlab.dataset import bad_segments
from ganlab.dataset.bad_segments import Limits, find_segments, may_stay
from ganlab.dataset.cache import Recordings
from ganlab.dataset.epoch import EpochSampler
from ganlab.dataset.module import Data
from ganlab.dataset.ptbdb import PTBDB
from ganlab.dataset.source import Collected
from ganlab.dataset.wfdb import WFDB
from ganlab.dataset.windows import Windows
from ganlab.simulator.cohort import write_cohort
from ganlab.split.patient import PatientSplit
from ganlab.tracking.shared import nameless
from ganlab.trick.random_crop import RandomCrop

RATE, LENGTH = 1000.0, 3000
NOT_A_SAMPLE = -32768
SIDE = 10
"""Windows of 100 samples: 30 a record."""


def wave(seed: int = 0) -> NDArray[np.int16]:
    """Two leads in which no value occurs twice in a row."""
    steps = np.random.default_rng(seed).integers(1, 50, (2, LENGTH)) * np.where(np.arange(LENGTH) % 2, 1, -1)
    return (steps * 100).astype(np.int16)


def found(digital: NDArray[np.int16], **limits: float | None) -> tuple[Segment, ...]:
    return find_segments(digital, ("i", "ii"), RATE, Limits(**limits))


def test_a_clean_recording_has_none() -> None:
    assert found(wave()) == ()


def test_a_lead_at_one_value_is_flat_from_the_limit_on() -> None:
    digital = wave()
    digital[1, 700:1200] = 7
    assert found(digital) == (Segment("flat", "ii", 700, 1200),)
    assert found(digital, flat_ms=501) == found(digital, flat_ms=None) == ()
    assert find_segments(digital, ("i", "ii"), 1001.0, Limits()) == ()


def test_a_lead_at_its_own_extreme_is_clipped_and_elsewhere_not() -> None:
    digital = wave()
    digital[0, 100:120], digital[0, 500:520], digital[0, 900:920] = 5001, -5001, 13
    assert found(digital) == (Segment("clipped", "i", 100, 120), Segment("clipped", "i", 500, 520))
    assert found(digital, clipped_ms=21) == found(digital, clipped_ms=None) == ()


def test_samples_without_a_value_are_missing_however_few_and_are_no_extreme() -> None:
    digital = wave()
    digital[0, 50], digital[1, 2000:3000] = NOT_A_SAMPLE, NOT_A_SAMPLE
    digital[0, 100:120] = -5001
    assert found(digital) == (
        Segment("missing", "i", 50, 51),
        Segment("clipped", "i", 100, 120),
        Segment("missing", "ii", 2000, 3000),
    )


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), True, "long"])
def test_only_milliseconds_are_limits(value: Any) -> None:
    with pytest.raises(UserError, match=r"dataset\.flat_ms=.*accepted are milliseconds above 0, or null"):
        Limits(flat_ms=value)


def recording(*segments: Segment, length: int = LENGTH) -> tuple[Recordings, Record]:
    """Lead i counts samples, so that a window says where it starts; lead ii is 0."""
    digital = np.stack([np.arange(length), np.zeros(length)]).astype(np.int16)
    record = Record("p/s", "p", "", 0, ("i", "ii"), length, RATE, (1.0, 1.0), (0, 0), segments=segments)
    return Recordings(digital.ravel(), (record,), ()), record


SEGMENTS = (Segment("flat", "i", 250, 450), Segment("clipped", "ii", 1000, 1001), Segment("missing", "i", 2990, 3000))


@pytest.mark.parametrize("avoided", [("i",), ("i", "ii"), ("ii",), ()])
def test_windows_laid_and_drawn_touch_no_segment_of_the_leads_that_are_avoided(avoided: tuple[str, ...]) -> None:
    recordings, record = recording(*SEGMENTS)
    windows = Windows(recordings, [record], ("i",), 100, avoided=avoided)
    bad = np.zeros(LENGTH, bool)
    for segment in SEGMENTS:
        bad[segment.start : segment.stop] |= segment.lead in avoided
    clear = [start for start in range(LENGTH - 99) if not bad[start : start + 100].any()]
    assert windows.starts.tolist() == [start for start in clear if start % 100 == 0]
    assert set(windows.room.tolist()) == {len(clear) - 1}
    numbers = np.zeros(len(clear), np.int64)
    assert windows.placed(numbers, np.arange(len(clear))).tolist() == clear
    assert windows.placed(np.arange(len(windows)), windows.drawn).tolist() == windows.starts.tolist()
    assert windows.of(["p"]).starts.tolist() == windows.starts.tolist()


def test_a_random_crop_stands_everywhere_but_over_a_segment_in_every_record() -> None:
    first, second = recording(*SEGMENTS), recording(Segment("flat", "i", 0, 600), length=1000)
    other = Record(**{**vars(second[1]), "name": "q/s", "patient": "q", "offset": 2 * LENGTH})
    recordings = Recordings(np.concatenate([first[0].signal, second[0].signal]), (first[1], other), ())
    windows = Windows(recordings, recordings.records, ("i",), 100, avoided=("i",))
    sampler = EpochSampler(windows, 0, [RandomCrop()])
    seen: dict[str, set[int]] = {"p": set(), "q": set()}
    for epoch in range(600):
        sampler.set_epoch(epoch)
        for place in sampler:
            seen[str(windows.patients[place.number])].add(place.start)
    assert seen["q"] == set(range(600, 901))
    clear = {*range(151), *range(450, 2891)}
    assert seen["p"] <= clear
    assert len(seen["p"]) > 0.98 * len(clear)
    assert windows.__getitems__([place]).sample[0, 0, 0] == place.start


def test_without_segments_a_crop_is_drawn_as_it_was() -> None:
    recordings, record = recording()
    windows = Windows(recordings, [record], ("i",), 100, avoided=("i", "ii"))
    rng = np.random.default_rng([3, 0])
    rng.permutation(30)
    expected = rng.integers(0, np.full(30, LENGTH - 100), endpoint=True)
    assert [place.start for place in EpochSampler(windows, 3, [RandomCrop()])] == expected.tolist()


def write(root: Path, digital: NDArray[np.int16], name: str = "s1", rate: float = RATE) -> None:
    (root / name[:1]).mkdir(parents=True, exist_ok=True)
    header = {"units": ["mV"] * 2, "sig_name": ["I", "II"], "fmt": ["16"] * 2, "adc_gain": [2000.0] * 2}
    wfdb.wrsamp(name, fs=rate, d_signal=digital.T.astype(np.int64), baseline=[0, 0], write_dir=str(root / name[:1]),
                **header)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Nine records, of a patient each: the first flat in lead i, the second clipped in ii, the third without values."""
    for number in range(9):
        digital = wave(number)
        if number == 0:
            digital[0, 1000:1600] = 0
        if number == 1:
            digital[1, 210:240] = 5000
        if number == 2:
            digital[1, 2950:] = NOT_A_SAMPLE
        write(tmp_path / "root", digital, f"{'abcdefghi'[number]}1")
    return tmp_path / "root"


def collected(root: Path, leads: tuple[str, ...] = ("i", "ii"), **settings: Any) -> Collected:
    source = WFDB(root, **{"rate": RATE, "people": "folder", "cache": root.parent / "cache", **settings})
    return source.collect(Leads(leads, side=SIDE))


def test_dropped_windows_are_counted_by_reason_and_members_stay(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    left = collected(folder, on_bad_segment="drop")
    assert len(left.members) == 9
    assert len(left.train) == len(left.judged) == 9 * 30 - 6 - 1 - 1
    counts = {bad.record: (bad.count, bad.noun) for bad in left.skipped}
    assert counts == {
        "missing segments": (1, "window"),
        "flat segments": (6, "window"),
        "clipped segments": (1, "window"),
    }
    assert left.left_out == 8
    assert not left.doubtful
    assert (
        "wfdb: flat segments: 6 window(s) of 1 record(s) (dataset.on_bad_segment): left out; "
        "the first: a/a1: i flat for 0.600 s from 1.000 s" in caplog.text
    )
    assert "a/a1" not in str(nameless([asdict(bad) for bad in left.skipped]))
    assert len(collected(folder, ("i",), on_bad_segment="drop").train) == 9 * 30 - 6


def test_kept_windows_are_counted_and_a_record_with_missing_samples_is_none(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UserError, match=r"c/c1: 50 samples have no value \(dataset\.on_bad_segment=drop"):
        collected(folder)
    kept = collected(folder, on_bad_record="skip")
    assert len(kept.train) == 8 * 30
    assert [bad.record for bad in kept.skipped] == ["c/c1"]
    assert {bad.record: bad.count for bad in kept.doubtful} == {"flat segments": 6, "clipped segments": 1}
    assert "kept; dataset.on_bad_segment=drop leaves them out" in caplog.text


def test_an_error_names_the_first_and_what_to_do(folder: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)a/a1: i flat for 0\.600 s.*b/b1: ii clipped.*on_bad_segment=drop"):
        collected(folder, on_bad_segment="error", on_bad_record="skip")
    with pytest.raises(UserError, match=r"on_bad_segment='ask': accepted are keep, drop, error"):
        collected(folder, on_bad_segment="ask")


def test_other_limits_are_another_cache(folder: Path) -> None:
    assert len(collected(folder, on_bad_segment="drop").train) == 262
    assert len(collected(folder, on_bad_segment="drop", flat_ms=None).train) == 268
    assert len(collected(folder, on_bad_segment="drop", clipped_ms=None).train) == 263
    assert len(collected(folder, on_bad_segment="drop").train) == 262


def test_no_sample_without_a_value_reaches_a_batch(folder: Path) -> None:
    source = WFDB(folder, RATE, people="folder", cache=folder.parent / "cache", on_bad_segment="drop")
    data = Data(source, PatientSplit(), Leads(["i", "ii"], side=SIDE), batch_size=64, draws=[RandomCrop()])
    data.setup()
    everything = np.concatenate([data.part(part).spread(999).sample.numpy() for part in ("train", "validation")])
    values = [everything, *(batch.sample.numpy() for _ in range(20) for batch in data.train_dataloader())]
    assert max(np.abs(each).max() for each in values) <= 5000 / 2000
    counts = data.counts()
    assert {bad["record"]: bad["count"] for bad in counts["skipped"]} == {
        "missing segments": 1,
        "flat segments": 6,
        "clipped segments": 1,
    }
    assert counts["samples"] == 262


def test_missing_samples_do_not_ring_when_resampled_and_stretches_keep_their_time(tmp_path: Path) -> None:
    digital = np.full((2, LENGTH), 1000, np.int16) + (np.arange(LENGTH) % 2).astype(np.int16)
    digital[1, 1200:1300] = NOT_A_SAMPLE
    write(tmp_path, digital, "a1")
    record, resampled = WFDB(tmp_path, 250.0, on_bad_segment="drop").read("a/a1")
    assert record.segments == (Segment("missing", "ii", 300, 325),)
    assert np.abs(resampled[1] - 1000).max() <= 2


def test_a_data_set_of_bad_segments_alone_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "root", np.zeros((2, LENGTH), np.int16), "a1")
    with pytest.raises(UserError, match=r"every window of leads i is left out: .*a/a1: i flat"):
        collected(tmp_path / "root", ("i",), on_bad_segment="drop")


def test_the_real_records_have_none_and_lose_no_window(real_records: Path, tmp_path: Path) -> None:
    source = PTBDB(real_records, cache=tmp_path, on_bad_record="skip", on_bad_segment="drop")
    records = source.prepare().records
    assert len(records) == 81
    assert not [segment for record in records for segment in record.segments]
    found = source.collect(Leads(["i", "vx"]))
    assert len(found.train) == sum(r.samples // 2025 for r in records if "vx" in r.leads)


def test_the_simulated_records_have_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    write_cohort(tmp_path / "ptbdb", 3, seconds=10, seed=0)
    source = PTBDB(tmp_path / "ptbdb", cache=tmp_path / "cache")
    assert not source.collect(source.plain()).doubtful
    assert not caplog.text


@given(st.lists(st.integers(0, 2), min_size=1, max_size=60), st.integers(1, 14))
@example([0, 1, 1, 1, 1, 0], 4)
@example([1] * 9 + [0], 10)
def test_a_lead_is_looked_at_closely_wherever_it_may_hold_a_stretch(values: list[int], samples: int) -> None:
    longest = max(len(list(stretch)) for _, stretch in groupby(values))
    assert may_stay(np.array([values], np.int16), samples)[0] or longest < samples


@given(
    st.lists(st.sampled_from((0, 1, 2, NOT_A_SAMPLE)), min_size=1, max_size=40),
    *(st.none() | st.integers(1, 12) for _ in range(2)),
)
def test_a_lead_that_is_not_looked_at_closely_has_no_segment(
    values: list[int], flat_ms: int | None, clipped_ms: int | None
) -> None:
    digital, limits = np.array([values], np.int16), Limits(flat_ms, clipped_ms)
    own = find_segments(digital, ("i",), RATE, limits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bad_segments, "may_have", lambda leads, *_: np.ones(len(leads), bool))
        assert find_segments(digital, ("i",), RATE, limits) == own


def test_a_lead_that_changes_all_the_time_is_not_looked_at_closely() -> None:
    assert not may_stay(wave(), 20).any()
