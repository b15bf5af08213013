"""Splits by published folds, and by any column of a CSV file."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ganlab.core.errors import UserError
from ganlab.split.base import Member
from ganlab.split.folds import Folds
from ganlab.split.listed import Listed

OURS = {"train": [1, 2, 3], "validation": [4], "test": [5]}
MEMBERS = [Member(f"r/{n:02d}_{k}", f"p{n:02d}", n % 2, fold=str(1 + n % 5)) for n in range(40) for k in range(2)]


def fold_of(people: Sequence[str]) -> set[str]:
    return {member.fold for member in MEMBERS if member.patient in people}


def listed(folder: Path, rows: Sequence[str], **settings: object) -> Listed:
    file = folder / "folds.csv"
    file.write_text("\n".join(["name,fold", *rows]) + "\n")
    return Listed(file, OURS, **settings)  # type: ignore[arg-type]


def test_each_part_has_the_patients_of_its_folds_and_the_hold_out_those_of_training_folds() -> None:
    split = Folds(OURS, holdout=0.25)(MEMBERS)
    assert fold_of(split.of("validation")) == {"4"}
    assert fold_of(split.of("test")) == {"5"}
    assert fold_of(split.of("train")) == fold_of(split.of("holdout")) == {"1", "2", "3"}
    assert [len(split.of(part)) for part in ("train", "validation", "test", "holdout")] == [18, 8, 8, 6]
    assert not set(split.of("train")) & set(split.of("holdout"))


def test_the_hold_out_is_of_all_classes_and_drawn_by_its_seed() -> None:
    drawn = [set(Folds(OURS, 0.25, seed)(MEMBERS).of("holdout")) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert {m.label for m in MEMBERS if m.patient in drawn[0]} == {0, 1}
    assert Folds(OURS, 0.0)(MEMBERS).of("holdout") == ()


def test_a_recording_of_a_training_patient_is_spared() -> None:
    split = Folds(OURS, spare=True)(MEMBERS)
    assert set(split.spared) == {f"r/{patient[1:]}_1" for patient in split.of("train")}


def test_folds_of_no_part_are_in_none() -> None:
    split = Folds({"train": [1], "test": [2]}, 0.0)(MEMBERS)
    assert fold_of([patient for part in split.parts.values() for patient in part]) == {"1", "2"}


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        (
            {"train": [1, 2], "validation": [9], "test": [10]},
            r"no patient is in fold 9, which validation takes.*1, 2, 3",
        ),
        ({"train": [1], "test": [1]}, r"fold 1 occurs more than once"),
        ({"train": [], "test": [1]}, r"names no fold of train"),
        ({"train": [1], "tset": [2]}, r"tset is not a part; accepted are train, validation, test"),
        (None, r"publishes no folds.*split=listed split\.file="),
    ],
)
def test_folds_that_cannot_be_are_refused(folds: dict[str, list[int]] | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Folds(folds)(MEMBERS)


def test_a_patient_in_two_folds_is_refused_by_name() -> None:
    moved = [*MEMBERS[:-1], replace(MEMBERS[-1], fold="2")]
    with pytest.raises(UserError, match=r"1 patient in more than one fold \(p39: 2, 5\)"):
        Folds(OURS)(moved)


def test_a_column_of_a_file_says_the_same_as_published_folds(tmp_path: Path) -> None:
    bare = [replace(member, fold="") for member in MEMBERS]
    rows = [f"{member.name},{member.fold}.0" for member in reversed(MEMBERS)]
    assert listed(tmp_path, rows)(bare).parts == Folds(OURS)(MEMBERS).parts


def test_a_file_in_latin_1_or_with_semicolons_says_the_same(tmp_path: Path) -> None:
    umlauts = [replace(member, name=f"Grö{member.name}") for member in MEMBERS]
    text = "name;fold;remark\n" + "".join(f"{member.name};{member.fold};a, b\n" for member in umlauts)
    for encoding in ("latin-1", "utf-8-sig"):
        (tmp_path / "folds.csv").write_text(text, encoding=encoding)
        assert Listed(tmp_path / "folds.csv", OURS)(umlauts).parts == Folds(OURS)(MEMBERS).parts


def test_an_empty_cell_leaves_a_patient_out(tmp_path: Path) -> None:
    rows = [f"{member.name},{'' if member.patient == 'p00' else member.fold}" for member in MEMBERS]
    split = listed(tmp_path, rows)(MEMBERS)
    assert not any("p00" in part for part in split.parts.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-1], r"lists no fold for 1 record of 80, such as r/39_1"),
        (lambda rows: [*rows, rows[0]], r"r/00_0 in column name occurs more than once"),
        (lambda rows: [row.replace(",5", ",4") for row in rows], r"no patient is in fold 5.*split\.folds="),
        (lambda rows: [rows[0].replace(",1", ","), *rows[1:]], r"p00: 1, none"),
    ],
)
def test_files_that_do_not_fit_are_refused(change: object, message: str, tmp_path: Path) -> None:
    rows = [f"{member.name},{member.fold}" for member in MEMBERS]
    with pytest.raises(UserError, match=message):
        listed(tmp_path, change(rows))(MEMBERS)  # type: ignore[operator]


def test_a_missing_file_and_a_renamed_column_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=re.escape(f"No such file: {tmp_path / 'nowhere.csv'}")):
        Listed(tmp_path / "nowhere.csv", OURS)(MEMBERS)
    with pytest.raises(UserError, match=r"no column strat_fold; its columns are name, fold.*split\.column"):
        listed(tmp_path, [], column="strat_fold")(MEMBERS)
