"""Windows in mV, the order of an epoch, and going on within one."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch

from ganlab.core.errors import UserError
from ganlab.core.record import Record
from ganlab.dataset.cache import Recordings
from ganlab.dataset.epoch import EpochSampler
from ganlab.dataset.module import ResumableLoader
from ganlab.dataset.samples import Batch, Place
from ganlab.dataset.windows import AT_ONCE, Windows, with_leads
from ganlab.trick.random_crop import RandomCrop

LENGTH = 100
LENGTHS = (250, 100, 99, 430)
"""Of the records: 2 + 1 + 0 + 4 windows."""

GAINS, BASELINES = (2000.0, 1000.0, 500.0), (0, 100, -7)


def recorded(lengths: Sequence[int] = LENGTHS) -> Recordings:
    """Record r of patient r, label r % 3: leads a, b, c are 1000 r + 10, 20, 30, plus the sample's tenth."""
    records, signal, offset = [], [], 0
    for number, length in enumerate(lengths):
        name, label = f"p{number}/s", number % 3
        leads = ("a", "b", "c")
        records.append(Record(name, f"p{number}", "n/a", label, leads, length, 1e3, GAINS, BASELINES, offset=offset))
        ramp = 1000 * number + np.arange(length) // 10
        signal.append(np.stack([ramp + 10, ramp + 20, ramp + 30]).astype(np.int16).ravel())
        offset += 3 * length
    return Recordings(np.concatenate(signal), tuple(records), ())


def windows(leads: Sequence[str] = ("a",), lengths: Sequence[int] = LENGTHS) -> Windows:
    recordings = recorded(lengths)
    return Windows(recordings, recordings.records, leads, LENGTH)


def test_windows_are_laid_end_to_end_and_the_tail_is_dropped() -> None:
    cut = windows()
    assert len(cut) == 7
    assert cut.starts.tolist() == [0, 100, 0, 0, 100, 200, 300]
    assert cut.patients.tolist() == ["p0", "p0", "p1", "p3", "p3", "p3", "p3"]
    assert cut.labels.tolist() == [0, 0, 1, 0, 0, 0, 0]
    assert cut.room.tolist() == [150, 150, 0, 330, 330, 330, 330]


def test_no_records_have_no_windows() -> None:
    assert len(Windows(recorded(), (), ("a",), LENGTH)) == 0


def test_values_are_in_mv_by_each_leads_own_gain_and_baseline() -> None:
    sample, label = windows(("a", "b", "c"))[4][:2]
    ramp = 3000 + np.arange(100, 200) // 10
    expected = np.stack([(ramp + 10) / 2000, (ramp + 20 - 100) / 1000, (ramp + 30 + 7) / 500])
    assert (sample.shape, sample.dtype, label.tolist()) == ((1, 3, 100), torch.float32, [0])
    np.testing.assert_allclose(sample[0], expected, rtol=1e-6)


def test_leads_come_by_name_in_the_order_asked_for() -> None:
    in_order, chosen = windows(("a", "b", "c"))[3].sample, windows(("c", "a"))[3].sample
    torch.testing.assert_close(chosen, in_order[:, [2, 0]], rtol=0, atol=0)


def test_leads_are_found_where_each_record_has_them() -> None:
    recordings = recorded((100, 100))
    turned = Record(**{**vars(recordings.records[1]), "leads": ("c", "b", "a")})
    mixed = Windows(recordings, [recordings.records[0], turned], ("a",), LENGTH)
    assert mixed[1].sample[0, 0, 0] == pytest.approx((1000 + 30 + 7) / 500)


def test_a_batch_is_read_at_the_places_asked_for() -> None:
    cut = windows()
    sample, label, patient = cut.__getitems__([Place(3, 330), Place(2, 0)])[:3]
    np.testing.assert_allclose(sample[:, 0, 0], [(3000 + 33 + 10) / 2000, (1000 + 10) / 2000], rtol=1e-6)
    assert label.tolist() == [0, 1]
    assert [cut.unique_patients[number] for number in patient] == [cut.patients[3], cut.patients[2]]


def test_more_windows_than_become_mv_together_are_those_that_are_read_alone() -> None:
    cut = windows(("a", "b"), (20_000, 350))
    places = [Place(number, int(start)) for number, start in enumerate(cut.starts)]
    assert len(places) == 203 > 3 * AT_ONCE
    np.testing.assert_array_equal(cut.read(places), np.concatenate([cut.read([place]) for place in places]))


def test_a_spread_of_windows_covers_all_records_evenly_and_never_repeats() -> None:
    cut = windows()
    assert cut.spread(99).sample.shape == (7, 1, LENGTH)
    first = cut.spread(3).sample[:, 0, 0] * 2000 - 10
    np.testing.assert_allclose(first, [0, 3000, 3030], atol=0.01)


def test_the_windows_of_some_people_are_all_theirs_and_nobody_elses() -> None:
    cut = windows().of({"p3", "p1"})
    assert cut.patients.tolist() == ["p1", "p3", "p3", "p3", "p3"]
    np.testing.assert_array_equal(cut[2].sample, windows()[4].sample)


def test_a_third_of_the_rate_keeps_what_is_slow_and_loses_what_is_fast() -> None:
    t = np.arange(900)
    slow, fast = 1000 * np.sin(2 * np.pi * 10 * t / 1000), 1000 * np.sin(2 * np.pi * 300 * t / 1000)
    signal = np.stack([slow, fast]).astype(np.int16)
    record = Record("p/s", "p", "n/a", 0, ("slow", "fast"), 900, 1e3, (1000.0, 1000.0), (0, 0))
    cut = Windows(Recordings(signal.ravel(), (record,), ()), (record,), ("slow", "fast"), 300, decimation=3)
    assert len(cut) == 3
    sample = cut[1].sample[0].numpy()
    assert sample.shape == (2, 100)
    np.testing.assert_allclose(sample[0, 10:-10], slow[300:600:3][10:-10] / 1000, atol=0.02)
    assert np.abs(sample[1, 10:-10]).max() < 0.05
    assert np.abs(signal[1, 300:600:3]).max() > 900


def test_records_without_the_leads_or_too_short_are_named_with_the_reason() -> None:
    short = recorded().records
    other = Record(**{**vars(short[0]), "name": "p9/s", "leads": ("a", "c", "x")})
    usable, skipped = with_leads([*short, other], ("b", "a"), LENGTH)
    assert usable == [short[0], short[1], short[3]]
    assert {bad.record: bad.reason for bad in skipped} == {
        "p2/s": "99 samples, shorter than a window of 100",
        "p9/s": "has no lead b (it has a, c, x); see arrangement.leads",
    }


def test_leads_that_nobody_has_are_refused_with_those_that_there_are() -> None:
    with pytest.raises(
        UserError, match=r"leads vx\. .*p0/s: has no lead vx \(it has a, b, c\); see arrangement\.leads\.$"
    ):
        with_leads(recorded().records, ("vx",), LENGTH)
    with pytest.raises(UserError, match=r"window of 500 samples .*250 samples"):
        with_leads(recorded().records, ("a",), 500)


def epoch(sampler: EpochSampler, number: int) -> list[Place]:
    sampler.set_epoch(number)
    places = list(sampler)
    assert len(places) == len(sampler)
    return places


def test_an_epoch_shows_every_window_once_at_its_own_start() -> None:
    cut = windows()
    for number in range(3):
        assert sorted(epoch(EpochSampler(cut, seed=0), number)) == list(enumerate(cut.starts))


def test_the_order_is_the_epochs_and_the_seeds() -> None:
    cut = windows(lengths=(2000,))
    first = epoch(EpochSampler(cut, seed=0), 3)
    assert epoch(EpochSampler(cut, seed=0), 3) == first
    assert epoch(EpochSampler(cut, seed=0), 4) != first
    assert epoch(EpochSampler(cut, seed=1), 3) != first
    assert first != sorted(first)


def test_random_crops_start_everywhere_in_their_recording_and_not_beyond() -> None:
    cut = windows()
    sampler = EpochSampler(cut, seed=0, tricks=[RandomCrop()])
    seen = [place for number in range(300) for place in epoch(sampler, number)]
    assert all(0 <= place.start <= cut.room[place.number] for place in seen)
    starts = {place.start for place in seen if cut.patients[place.number] == "p3"}
    assert {0, 330} <= starts
    assert len(starts) > 300
    assert sorted(place.number for place in epoch(sampler, 0)) == list(range(7))
    assert {cut.__getitems__([place]).sample.shape for place in seen[:100]} == {(1, 1, LENGTH)}


class Loaders:
    """Loaders over the same ten windows in batches of three, as a run and its resumption build them."""

    def __init__(self) -> None:
        self.windows = windows(lengths=(1000,))

    def new(self, number: int = 0) -> ResumableLoader:
        sampler = EpochSampler(self.windows, seed=0)
        sampler.set_epoch(number)
        return ResumableLoader(self.windows, batch_size=3, sampler=sampler, collate_fn=lambda batch: batch)


def shown(batches: Iterator[Batch] | ResumableLoader) -> list[list[float]]:
    return [batch.sample[:, 0, 0].tolist() for batch in batches]


@pytest.mark.parametrize("done", [0, 1, 2, 3, 4])
def test_resumed_within_an_epoch_the_rest_of_it_is_shown_and_the_next_is_whole(done: int) -> None:
    loaders = Loaders()
    this, following = shown(loaders.new(5)), shown(loaders.new(6))
    assert len(this) == len(following) == 4
    interrupted = loaders.new(5)
    batches = iter(interrupted)
    for _ in range(done):
        next(batches)
    state = interrupted.state_dict()

    resumed = loaders.new(5)
    resumed.load_state_dict(state)
    assert shown(resumed) == (this[done:] if done < 4 else this)
    resumed.sampler.set_epoch(6)
    assert shown(resumed) == following


def test_interrupted_twice_in_an_epoch_nothing_is_shown_twice() -> None:
    loaders = Loaders()
    this = shown(loaders.new(5))
    seen: list[list[float]] = []
    state = {"given": 0}
    for _ in range(4):
        loader = loaders.new(5)
        loader.load_state_dict(state)
        seen += [next(iter(loader)).sample[:, 0, 0].tolist()]
        state = loader.state_dict()
    assert seen == this
    assert state == {"given": 0}
