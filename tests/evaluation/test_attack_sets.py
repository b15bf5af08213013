"""Who is attacked, and what is refused, from a data set and from the commands."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError
from ganlab.dataset import module
from ganlab.dataset.module import Data
from ganlab.dataset.ptbdb_sim import PTBDBSim
from ganlab.evaluation.attack_sets import attack_sets, check_attackable
from ganlab.metrics.privacy.attacks import Privacy
from ganlab.metrics.privacy.membership import Nearest
from ganlab.split.base import Member, Split
from ganlab.split.paper import PaperSplit
from ganlab.split.patient import PatientSplit
from tests.conftest import TINY, newest_run

Command = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("blank_figures")

COHORT = ("dataset.patients=40", "dataset.seconds=4.1", "dataset.recordings=2")
CHEAP = ("metrics=privacy", "metrics.draws=10", "metrics.measures.privacy.least=5", "metrics.attacked.windows=2")
FEWER = ("metrics.measures.privacy.attacks.linkage=null", "metrics.measures.privacy.attacks.density=null")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    source = PTBDBSim(patients=40, recordings=2, seconds=4.1, cache=tmp_path_factory.mktemp("cache"))
    found = Data(source, PatientSplit(), Leads(["i"]))
    found.setup()
    return found


def test_as_many_of_each_class_on_both_sides_and_nobody_twice(data: Data) -> None:
    found = attack_sets(data, windows=2)
    patients = data.collected.judged.unique_patients
    for side, parts in ((found.members, ("train",)), (found.nonmembers, ("holdout", "test"))):
        own = {str(patients[number]) for number in np.unique(side.patients)}
        assert own <= {patient for part in parts for patient in data.split.of(part)}
    labels = [
        sorted(side.labels[np.unique(side.patients, return_index=True)[1]])
        for side in (found.members, found.nonmembers)
    ]
    assert labels[0] == labels[1]
    assert len(labels[0]) >= 8
    assert max(np.bincount(found.members.patients)) == 2
    outside = np.concatenate([found.knowledge.unique_patients, found.strangers.unique_patients])
    known = set(map(str, patients[outside]))
    assert known == set(data.split.of("validation"))
    assert found.gallery is not None
    assert found.gallery_trained
    assert set(found.gallery.patients) == set(found.members.patients) | set(found.nonmembers.patients)


def refused(data: Data, split: Split, **settings: Any) -> str:
    changed = Data(data.source, lambda members: split, data.arrangement)
    changed.setup()
    with pytest.raises(UserError) as error:
        attack_sets(changed, **settings)
    return str(error.value)


def test_splits_that_cannot_be_attacked_are_refused(data: Data) -> None:
    everybody = PaperSplit()(data.collected.members)
    assert "split=paper: everybody trained" in refused(data, everybody)
    assert "split=patient" in refused(data, everybody)
    parts = data.split.parts
    assert "it has no patients" in refused(data, replace(data.split, parts={**parts, "holdout": (), "test": ()}))
    assert "test is among nonmembers and others" in refused(data, data.split, others=["test"])
    assert "accepted are holdout, test and validation" in refused(data, data.split, nonmembers=["train"])
    assert "metrics.attacked.windows=0" in refused(data, data.split, windows=0)


def test_a_hold_out_that_overlaps_with_those_who_trained_is_refused(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A split cannot be made so, and data are not loaded so: what is measured is checked once more by itself."""
    monkeypatch.setattr(module, "check_apart", lambda *arguments: None)
    overlapping = replace(data.split)
    overlapping.parts["holdout"] = (*data.split.parts["holdout"], data.split.of("train")[0])
    try:
        said = refused(data, overlapping)
    finally:
        data.split.parts["holdout"] = data.split.parts["holdout"][:-1]
    assert "1 patients of holdout and test also trained" in said


def test_spared_recordings_are_the_last_of_whoever_has_several() -> None:
    members = [Member(f"{p}/{r}", f"p{p}", 0) for p in range(10) for r in range(1 + p % 3)]
    split = PatientSplit(spare=True)(members)
    train = split.of("train")
    assert set(split.spared) == {f"{p}/{p % 3}" for p in range(10) if p % 3 and f"p{p}" in train}
    assert PatientSplit()(members).spared == ()
    assert PatientSplit()(members).parts == split.parts


def test_training_is_not_begun_where_nobody_can_be_attacked() -> None:
    measures = {"privacy": Privacy([Nearest()])}
    with pytest.raises(UserError, match="split=paper: everybody trained"):
        check_attackable(Split("paper", 0, {"train": ("a", "b")}), measures, {})
    check_attackable(Split("paper", 0, {"train": ("a", "b")}), {}, {})


def test_a_run_is_attacked_with_its_discriminator_at_its_end_and_later(command: Command, tmp_path: Path) -> None:
    overrides = [each for each in TINY if not each.startswith(("dataset", "metrics"))]
    folder = command("run", *overrides, *COHORT, *CHEAP, *FEWER, "tracking=none", "split.spare=true")
    run = newest_run(folder)
    rows = json.loads((run / "metrics.json").read_text())
    assert 0 <= rows["privacy/discriminator_auc"]["synthetic"] <= 1
    shown = json.loads((run / "attacks.json").read_text())["privacy"]
    assert shown["synthetic"]["members"] >= 5
    assert "Attacks on the patients who trained" in (run / "report.html").read_text()
    spared = json.loads((run / "split.json").read_text())["spared"]
    assert len(spared) == 24
    command("evaluate", *CHEAP, *FEWER, f"synthetic={run}", "out=judged")
    later = json.loads((tmp_path / "judged" / "metrics.json").read_text())
    assert later["attacks"]["privacy"]["synthetic"]["member"] == shown["synthetic"]["member"]
    found = (each["privacy/discriminator_auc"]["synthetic"] for each in (rows, later["numbers"]))
    assert len(set(found)) == 1
    page = (tmp_path / "judged" / "report.html").read_text()
    for word in ("anonymous", "guaranteed", " safe"):
        assert word not in page
    assert "that this number saw nothing" not in page
    assert "p = " in page


def test_files_come_without_a_discriminator_and_split_paper_is_refused(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(30, 1, 2025)).astype(np.float32))
    given = (*COHORT, *CHEAP, *FEWER, f"synthetic={tmp_path / 'x.npy'}", "leads=[i]", "rate=1000")
    command("evaluate", *given, "out=judged")
    found = json.loads((tmp_path / "judged" / "metrics.json").read_text())
    assert any("discriminator: these samples have no discriminator" in reason for reason in found["not_measured"])
    assert "privacy/nearest_auc" in found["numbers"]
    with pytest.raises(SystemExit):
        command("evaluate", *given, "split=paper", "out=other")
    assert "split=paper: everybody trained" in " ".join(capsys.readouterr().out.split())
