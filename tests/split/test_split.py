"""Splits by patient: nobody stands on two sides, every class on all of them."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError
from ganlab.dataset.module import Data, check_apart
from ganlab.dataset.ptbdb_sim import PTBDBSim
from ganlab.dataset.table import Rows
from ganlab.split.base import Member, Split
from ganlab.split.paper import PaperSplit
from ganlab.split.patient import PatientSplit

SHARES = {"train": 0.60, "validation": 0.15, "test": 0.15, "holdout": 0.10}
PTB = {0: 148, 1: 90, 2: 52}
"""Patients of the PTB database by class: infarction, miscellaneous, healthy."""


def record(patient: str, label: int, number: int = 0) -> Member:
    return Member(f"{patient}/s{number}", patient, label)


def cohort(classes: dict[int, int], each: int = 1) -> list[Member]:
    labels = [label for label, count in classes.items() for _ in range(count)]
    random.Random(0).shuffle(labels)
    return [record(f"patient{n:03d}", label, m) for n, label in enumerate(labels) for m in range(each)]


def people(records: Sequence[Member]) -> set[str]:
    return {record.patient for record in records}


def mine(split: Split, part: str, records: Sequence[Member]) -> list[Member]:
    return [record for record in records if record.patient in split.of(part)]


def test_everybody_stands_in_exactly_one_part() -> None:
    records = cohort(PTB, each=2)
    split = PatientSplit()(records)
    given = [patient for part in split.parts.values() for patient in part]
    assert len(given) == len(set(given)) == 290
    assert set(given) == people(records)
    assert list(split.parts) == list(SHARES)


def test_the_records_of_a_part_are_all_those_of_its_people_and_no_others() -> None:
    records = cohort(PTB, each=2)
    split = PatientSplit()(records)
    for part, members in split.parts.items():
        assert people(mine(split, part, records)) == set(members)
        assert len(mine(split, part, records)) == 2 * len(members)
    assert split.of("unheard of") == ()


@pytest.mark.parametrize("seed", range(2))
def test_shares_are_60_15_15_10_over_all_and_within_each_class(seed: int) -> None:
    records = cohort(PTB)
    split = PatientSplit(seed)(records)
    for part, share in SHARES.items():
        labels = Counter(record.label for record in mine(split, part, records))
        assert labels.total() == pytest.approx(290 * share, abs=1.0)
        for label, count in PTB.items():
            assert labels[label] == pytest.approx(count * share, abs=1.0)


def test_small_classes_too_are_spread_over_the_parts_to_within_a_patient() -> None:
    records = cohort(dict.fromkeys(range(6), 7))
    split = PatientSplit()(records)
    for part, share in SHARES.items():
        labels = Counter(record.label for record in mine(split, part, records))
        assert max(abs(labels[label] - 7 * share) for label in range(6)) < 0.9


def test_shares_need_not_sum_to_1() -> None:
    records = cohort({0: 100})
    sizes = {part: len(given) for part, given in PatientSplit(0, 2, 1, 1, 0)(records).parts.items()}
    assert sizes == {"train": 50, "validation": 25, "test": 25, "holdout": 0}


def test_a_seed_gives_the_same_split_and_another_seed_another() -> None:
    records = cohort(PTB)
    assert PatientSplit(3)(records) == PatientSplit(3)(records)
    assert PatientSplit(3)(records).parts["train"] != PatientSplit(4)(records).parts["train"]
    assert PatientSplit(3)(records).seed == 3


def test_the_split_does_not_depend_on_the_order_of_the_records() -> None:
    two_labels = [record(f"patient{n:03d}", n % 3, number=9) for n in range(0, 290, 4)]
    records = cohort(PTB, each=2) + two_labels
    expected = PatientSplit()(records)
    for seed in range(5):
        random.Random(seed).shuffle(records)
        assert PatientSplit()(records) == expected


def test_a_patient_with_records_of_two_labels_stays_in_one_part() -> None:
    records = cohort(PTB)
    records += [replace(old, name=f"{old.patient}/t", label=2 - old.label) for old in records]
    split = PatientSplit()(records)
    assert sum(len(members) for members in split.parts.values()) == 290
    assert {len(mine(split, part, records)) / len(split.parts[part]) for part in SHARES} == {2.0}


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("classes", [{0: 6, 1: 4, 2: 2}, {0: 12}, {0: 4, 1: 4, 2: 4}], ids=str)
def test_twelve_patients_are_enough_for_every_part(classes: dict[int, int], seed: int) -> None:
    sizes = {part: len(members) for part, members in PatientSplit(seed)(cohort(classes)).parts.items()}
    assert min(sizes.values()) >= 1
    assert sizes["train"] in {6, 7, 8}


def test_a_person_in_two_parts_is_refused() -> None:
    with pytest.raises(UserError, match=r"split mine: b, c in more than one part"):
        Split("mine", 0, {"train": ("a", "b", "c"), "test": ("b",), "holdout": ("c",)})


@pytest.mark.parametrize("parts", [{}, {"train": (), "test": ("a",)}, {"test": ("a",)}], ids=str)
def test_a_split_in_which_nobody_trains_is_refused(parts: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(UserError, match="no patient is left for training"):
        Split("mine", 0, parts)


def test_in_the_papers_split_everybody_trains_and_nobody_judges() -> None:
    records = cohort({0: 5, 2: 3}, each=3)
    split = PaperSplit()(records)
    assert split.parts == {"train": tuple(sorted(people(records)))}
    assert mine(split, "train", records) == records
    assert split.of("validation") == ()


class Doubled(Split):
    """A split that does not look at itself."""

    def __post_init__(self) -> None:
        pass


def samples(*patients: str) -> Rows:
    values = np.arange(len(patients), dtype=np.float32)[:, None]
    return Rows(values, np.zeros(len(patients), np.int64), np.array(patients))


@pytest.mark.parametrize("part", ["test", "control"])
def test_a_splitter_that_puts_a_person_on_two_sides_is_caught_when_the_data_are_loaded(
    part: str, tmp_path: Path
) -> None:
    def broken(members: Sequence[Member]) -> Split:
        everybody = tuple(sorted(people(members)))
        return Doubled("broken", 0, {"train": everybody, part: everybody[:1]})

    data = Data(PTBDBSim(patients=3, seconds=5, cache=tmp_path), broken, Leads(["i"]))
    for _ in range(2):
        with pytest.raises(UserError, match=f"split broken: samples of patient001 in train and in {part}"):
            data.setup()


def test_samples_of_a_person_whom_the_split_put_elsewhere_are_caught() -> None:
    split = Split("mine", 0, {"train": ("a",), "test": ("b",)})
    check_apart(split, samples("a", "a", "b"), {"train": samples("a", "a"), "test": samples("b")})
    with pytest.raises(UserError, match="split mine: train shows b, whom the split did not assign to it"):
        check_apart(split, samples("a", "b"), {"train": samples("a", "b"), "test": samples("b")})


def test_persons_in_no_part_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    split = Split("mine", 0, {"train": ("a",)})
    check_apart(split, samples(*"abcdefgh"), {"train": samples("a")})
    assert "split mine: 7 patient(s) in no part: b, c, d and 4 more" in caplog.text
