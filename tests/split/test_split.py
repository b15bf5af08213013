"""Splits by person: nobody stands on two sides, every class on all of them."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from ganlab.dataset.source import Member
from ganlab.errors import UserError
from ganlab.split.base import Split
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
    given = [person for part in split.parts.values() for person in part]
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
    with pytest.raises(UserError, match="nobody is left to train on"):
        Split("mine", 0, parts)


def test_in_the_papers_split_everybody_trains_and_nobody_judges() -> None:
    records = cohort({0: 5, 2: 3}, each=3)
    split = PaperSplit()(records)
    assert split.parts == {"train": tuple(sorted(people(records)))}
    assert mine(split, "train", records) == records
    assert split.of("validation") == ()
