"""PTB-XL: the published labels, folds and attributes, counted by pandas too, and every fault of its tables."""

import ast
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ganlab.arrangement.leads import Leads
from ganlab.compose import compose
from ganlab.core.errors import UserError
from ganlab.core.kind import Window
from ganlab.dataset.label_codes import declared_classes
from ganlab.dataset.module import Data, class_counts
from ganlab.dataset.ptbxl import PTBXL, SUPERCLASSES
from ganlab.dataset.source import Collected
from ganlab.dataset.wfdb import WFDB
from ganlab.split.folds import Folds
from tests.conftest import DATA
from tests.dataset import ptbxl_layout as layout
from tests.test_conf import composed

SIDE = 31
"""961 of a record's 1,000 samples."""
OURS = {"train": [1, 2, 3, 4, 5, 6, 7], "validation": [8], "test": [9]}
PUBLISHED = {"train": [1, 2, 3, 4, 5, 6, 7, 8], "validation": [9], "test": [10]}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return layout.write_database(tmp_path_factory.mktemp("db") / "ptbxl", high=2)


@pytest.fixture
def source(database: Path, tmp_path: Path) -> Callable[..., PTBXL]:
    return lambda root=database, **settings: PTBXL(root, cache=tmp_path / "cache", **settings)


def collected(source: PTBXL, side: int = SIDE) -> Collected:
    return source.collect(Leads(("i", "v6"), side=side))


def counts(source: PTBXL) -> dict[str, int]:
    return class_counts(collected(source).judged.labels, source.classes)


def test_a_record_has_all_classes_of_its_statements_whatever_their_likelihood(source: Callable[..., PTBXL]) -> None:
    data = source()
    labels = {member.name[-8:-3]: member.label for member in collected(data).members}
    assert data.classes == ("NORM", "MI", "STTC", "CD", "HYP")
    assert labels["00001"] == (True, False, False, False, False)
    assert labels["00002"] == (False, True, False, True, True)
    assert labels["00003"] == (False, True, True, False, False)
    assert "00005" not in labels


def test_records_without_a_label_are_counted_and_may_be_kept(source: Callable[..., PTBXL]) -> None:
    left_out = collected(source()).skipped
    assert [(bad.count, bad.noun) for bad in left_out] == [(3, "record")]
    assert "of none of the classes NORM, MI, STTC, CD, HYP (dataset.unlabelled)" in left_out[0].reason
    kept = collected(source(unlabelled="keep"))
    assert (len(kept.judged), kept.skipped) == (18, [])
    assert (~kept.judged.labels.any(axis=1)).sum() == 3


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"labels": "subclass"}, {"STTC": 4, "NORM": 7, "IMI": 4, "AMI": 4, "LVH": 4, "_AVB": 4}),
        ({"labels": "rhythm"}, {"SR": 11, "AFIB": 4}),
        ({"labels": "form"}, {"NDT": 4, "PVC": 3}),
        ({"labels": "diagnostic"}, {"NDT": 4, "NORM": 7, "IMI": 4, "ASMI": 4, "LVH": 4, "1AVB": 4}),
        ({"labels": {"MI": ["IMI", "ASMI"], "AF": ["AFIB"]}}, {"MI": 8, "AF": 4}),
        ({"likelihood": 50}, {"NORM": 7, "MI": 0, "STTC": 4, "CD": 4, "HYP": 4}),
        ({"labels": "rhythm", "likelihood": 50}, {"SR": 11, "AFIB": 4}),
    ],
    ids=str,
)
def test_labels_are_what_is_requested(
    settings: dict[str, Any], expected: dict[str, int], source: Callable[..., PTBXL]
) -> None:
    assert counts(source(**settings)) == expected


def test_other_labels_take_the_values_that_are_cached(
    source: Callable[..., PTBXL], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = source()
    own = counts(first)
    monkeypatch.setattr(WFDB, "read", None)
    assert counts(source(labels="rhythm")) == {"SR": 11, "AFIB": 4}
    assert (counts(source()), source().prepare().folder) == (own, first.prepare().folder)


def test_own_classes_may_stand_in_a_file(source: Callable[..., PTBXL], tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("AF: [AFIB, AFLT]\nconduction: ['1AVB']\n")
    assert counts(source(labels=str(tmp_path / "mine.yaml"))) == {"AF": 4, "conduction": 4}


def test_sex_age_and_heart_axis_are_attributes(source: Callable[..., PTBXL]) -> None:
    data = source(unlabelled="keep")
    samples = collected(data).judged
    assert list(data.attribute_names[:4]) == [
        *("sex (0 male, 1 female)", "age (years)"),
        *("heart axis MID (0 or 1)", "heart axis LAD (0 or 1)"),
    ]
    assert samples.attributes.shape == (18, len(data.attribute_names))
    sex, age, normal, left = samples.attributes[:, :4].T
    assert sex[:4].tolist() == [1, 0, 1, 0]
    assert age[0] == 21
    assert np.isnan(age[6])
    assert age[10] == 90, "300 stands for all above 89"
    assert np.isnan(normal[2])
    assert (normal[0], left[0], normal[1], left[1]) == (1, 0, 0, 1)


def test_the_folds_split_by_patient_and_the_hold_out_comes_from_training_folds(source: Callable[..., PTBXL]) -> None:
    data = Data(source(unlabelled="keep"), Folds(OURS, 0.3), Leads(("i",), side=SIDE))
    data.setup()
    split = data.split
    assert split is not None
    folds = {member.patient: int(member.fold) for member in data.collected.members}
    assert {
        part: {folds[patient] for patient in people} for part, people in split.parts.items() if part != "holdout"
    } == {
        "train": set(range(1, 8)),
        "validation": {8},
        "test": {9},
    }
    assert split.of("holdout")
    assert {folds[patient] for patient in split.of("holdout")} <= set(range(1, 8))
    assert not set(split.of("holdout")) & set(data.train.unique_patients)


def test_the_published_folds_are_refused_where_the_tenth_is_not_there(source: Callable[..., PTBXL]) -> None:
    data = Data(source(), Folds(PUBLISHED), Leads(("i",), side=SIDE))
    with pytest.raises(
        UserError, match=r"no patient is in fold 10, which test takes; .*have the folds 1, 2.*dataset\.folds"
    ):
        data.setup()


def test_records_that_are_not_there_are_counted(source: Callable[..., PTBXL]) -> None:
    some = collected(source(rate=500), side=70)
    assert len(some.members) == 2
    assert some.skipped[0].count == 16
    assert "16 records of 18 not below" in some.skipped[0].reason


def spoilt(database: Path, folder: Path, change: Callable[[Path], object]) -> Path:
    root = folder / "ptbxl"
    shutil.copytree(database, root)
    change(root)
    return root


def renamed(old: str, new: str, file: str = "ptbxl_database.csv") -> Callable[[Path], object]:
    return lambda root: (root / file).write_text((root / file).read_text().replace(old, new))


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (
            lambda root: (root / "ptbxl_database.csv").unlink(),
            {},
            r"No such file: .*ptbxl_database\.csv.*dataset\.root=",
        ),
        (lambda root: (root / "scp_statements.csv").unlink(), {}, r"No such file: .*scp_statements\.csv"),
        (renamed("strat_fold", "fold"), {}, r"no column strat_fold; its columns are ecg_id.*dataset\.download=true"),
        (renamed("diagnostic_class", "class", "scp_statements.csv"), {}, r"no column diagnostic_class"),
        (renamed("{'IMI'", "['IMI'"), {}, r"ecg_id 2: scp_codes=.*accepted are likelihoods such as"),
        (renamed("00003_lr", "00002_lr"), {}, r"column filename_lr has 'records100/00000/00002_lr' 2 times"),
        (renamed("3,1003.0,", "3,,"), {}, r"ecg_id 3: no patient_id"),
        (lambda root: shutil.rmtree(root / "records500"), {"rate": 500}, r"none of the 18 records .*dataset\.rate=100"),
        (lambda root: None, {"rate": 250}, r"dataset\.rate=250: accepted are 100 and 500"),
        (lambda root: None, {"labels": {"AF": ["AFIP"]}}, r"no record of .* has a code of AF \(AFIP\)"),
        (lambda root: None, {"labels": "superklass"}, r"labels=superklass: no such file; accepted are superclass, sub"),
        (lambda root: None, {"labels": {"AF": "AFIB"}}, r"AF: 'AFIB'; accepted is a list of codes"),
        (lambda root: None, {"unlabelled": "no"}, r"unlabelled=no: accepted are drop and keep"),
        (lambda root: None, {"folds": {"train": [1], "test": [1]}}, r"fold 1 occurs more than once"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    change: Callable[[Path], object],
    settings: dict[str, Any],
    message: str,
    database: Path,
    tmp_path: Path,
) -> None:
    root = spoilt(database, tmp_path, change)
    with pytest.raises(UserError, match=message):
        collected(PTBXL(root, cache=tmp_path / "cache", **settings))


@pytest.mark.parametrize("text", ["root:$y$hush: [", "hush: {root: 1}", "hush", "a: hush\\x\n\t- hush"])
def test_a_file_that_a_folder_names_as_labels_is_not_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "shadow").write_text(text)
    with pytest.raises(UserError, match=r"dataset\.labels=") as refused:
        declared_classes(str(tmp_path / "shadow"))
    assert "hush" not in str(refused.value)


def test_a_window_longer_than_the_records_is_refused(source: Callable[..., PTBXL]) -> None:
    with pytest.raises(UserError, match=r"No record has a window of 2025 samples .*1000 samples.*arrangement\.side"):
        collected(source(), side=45)


def test_a_patient_in_two_folds_is_refused(database: Path, tmp_path: Path) -> None:
    root = spoilt(database, tmp_path, renamed("MID,9,records100/00000/00010", "MID,1,records100/00000/00010"))
    data = Data(PTBXL(root, cache=tmp_path / "cache", unlabelled="keep"), Folds(OURS), Leads(("i",), side=SIDE))
    with pytest.raises(UserError, match=r"1 patient in more than one fold \(1009: 1, 9\)"):
        data.setup()


def superclasses(root: Path) -> tuple[pd.DataFrame, dict[str, int]]:
    """The table, and the number of records of each superclass, counted by pandas alone."""
    table = pd.read_csv(root / "ptbxl_database.csv", index_col="ecg_id")
    statements = pd.read_csv(root / "scp_statements.csv", index_col=0)
    classes = statements[statements.diagnostic == 1].diagnostic_class.to_dict()
    own = table.scp_codes.map(lambda text: {classes[code] for code in ast.literal_eval(text) if code in classes})
    return table, own.explode().value_counts().to_dict()


def test_the_counts_that_pages_show_are_those_that_pandas_counts(source: Callable[..., PTBXL], database: Path) -> None:
    data = source()
    shown = data.tables(collected(data))["Classes"]
    assert {name: row["records"] for name, row in shown.items()} == superclasses(database)[1]


def test_superclasses_of_the_real_records_are_those_that_pandas_counts(tmp_path: Path) -> None:
    """Labels alone: reading the signals of all records takes long."""
    root = DATA / "ptbxl"
    if not root.is_dir():
        pytest.skip(f"no real records in {root}: set GANLAB_TEST_DATA to the folder that holds ptbxl")
    table, counted = superclasses(root)
    members = list(PTBXL(root, cache=tmp_path).people.values())
    assert {name: sum(bool(np.array(m.label)[n]) for m in members) for n, name in enumerate(SUPERCLASSES)} == counted
    assert len({member.patient for member in members}) == table.patient_id.nunique() == 1618
    assert [int(member.fold) for member in members] == table.strat_fold.tolist()


def test_the_tables_and_the_records_of_the_rate_are_fetched(
    database: Path, source: Callable[..., PTBXL], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = []
    monkeypatch.setattr("ganlab.dataset.ptbxl.download", lambda url, root, only: fetched.append((url, root, *only)))
    data = source(download=True, labels="rhythm")
    assert fetched == [(data.url, database, "scp_statements.csv")], "a GAN has to know its classes"
    data.fetch()
    assert fetched[1] == (data.url, database, "ptbxl_database.csv", "scp_statements.csv", "records100/")
    assert data.url.endswith("/ptb-xl/1.0.3/")


@pytest.mark.parametrize(("name", "rate", "shape"), [("ptbxl", 100, (8, 25, 40)), ("ptbxl_500", 500, (8, 50, 100))])
def test_the_presets_take_ten_seconds_of_twelve_leads(name: str, rate: int, shape: tuple[int, int, int]) -> None:
    folds = "dataset.folds={train: [1,2,3,4,5,6,7,8], validation: [9], test: [10]}"
    experiment = compose(composed(f"experiment={name}", folds, "dataset.root=nowhere"))
    kind = experiment.data.kind
    assert isinstance(kind, Window)
    assert (set(kind.leads), kind.rate, kind.samples) == ({lead.lower() for lead in layout.LEADS}, rate, 10 * rate)
    assert experiment.networks.arrangement.shape == shape
    assert experiment.gan.classes == SUPERCLASSES
    assert isinstance(experiment.data.splitter, Folds)
    assert experiment.data.splitter.folds["test"] == ("10",)
