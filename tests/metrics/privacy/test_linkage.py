from pathlib import Path

import numpy as np
import pytest
import torch

from ganlab.arrangement.leads import Leads
from ganlab.core.kind import Window
from ganlab.dataset.module import Data
from ganlab.dataset.ptbdb_sim import PTBDBSim
from ganlab.evaluation.attack_sets import attack_sets
from ganlab.evaluation.reference import real_sets
from ganlab.metrics.base import Real, SampleSet, Scores
from ganlab.metrics.privacy.attacks import Privacy
from ganlab.metrics.privacy.linkage import Linkage, directions, identification, recognition
from ganlab.metrics.privacy.membership import NotHere
from ganlab.metrics.privacy.targets import Targets
from ganlab.split.patient import PatientSplit

LEARNED = {"persons": 40, "steps": 120}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tuple[Data, Real]:
    """Forty people with two recordings each, of which those of training people spare one."""
    source = PTBDBSim(patients=40, recordings=2, seconds=6.1, cache=tmp_path_factory.mktemp("cache"))
    data = Data(source, PatientSplit(train=0.4, validation=0.2, test=0.2, holdout=0.2, spare=True), Leads(["i"]))
    data.setup()
    real = real_sets(data, "validation", None, None)
    under = attack_sets(data)
    return data, Privacy([]).select(Real(real.kind, real.train, real.reference, real.classes, attacked=under))


def linked(real: Real, samples: SampleSet) -> tuple[dict[str, float], dict]:
    measure = Privacy([Linkage(**LEARNED)])
    judged = measure.fit(real)(samples)
    assert isinstance(judged, Scores)
    everybody = np.ones(len(samples)), np.ones(len(real.reference))
    return {name: number(*everybody) for name, number in judged.items()}, judged.details["attacks"]["linkage"]


def test_members_are_linked_by_recordings_that_did_not_train(cohort: tuple[Data, Real]) -> None:
    _, real = cohort
    numbers, shown = linked(real, SampleSet(real.train.values))
    assert numbers["privacy/linkage_auc"] > 0.75
    assert numbers["privacy/linkage_share"] > 0.75
    assert shown["p"] < 0.01
    assert shown["share"] > shown["chance"][1]
    # Persons are recognized across recordings that the network has never seen, far above one in as many.
    assert shown["among"] == len(shown["shares"])
    assert shown["rank_1"] > 0.4


def test_other_persons_are_linked_to_nobody_in_particular(cohort: tuple[Data, Real]) -> None:
    _, real = cohort
    assert real.strangers is not None
    numbers, shown = linked(real, SampleSet(real.strangers.values))
    assert 0.2 < numbers["privacy/linkage_auc"] < 0.8
    assert shown["p"] > 0.01
    again, _ = linked(real, SampleSet(real.strangers.values))
    assert again == numbers


def test_a_network_knows_simulated_persons_apart_and_leaves_torch_as_it_was() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    network = identification(("i",), 2.0, 12, 30, seed=0)
    assert torch.rand(1) == expected
    windows = np.random.default_rng(0).normal(size=(5, 1, 2000)).astype(np.float32)
    embedded = network(windows, 1000.0)
    assert np.linalg.norm(embedded, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert embedded == pytest.approx(network(windows + 3, 1000.0), abs=1e-4)


def test_recognition_counts_persons_and_windows() -> None:
    own = np.eye(4, dtype=np.float32)[[0, 0, 1, 2, 2, 3]]
    patients = np.array([5, 5, 6, 7, 7, 8])
    targets = Targets.of(SampleSet(np.zeros((6, 1)), None, patients), np.array([5, 6]))
    several = np.array([True, False, True, True])
    known = np.eye(4, dtype=np.float32)[[0, 2, 1]]
    found = recognition(own, targets, several, known)
    assert (found.among, found.rank_1, found.rank_1_of_windows) == (3, pytest.approx(2 / 3), pytest.approx(4 / 5))
    assert found.interval == pytest.approx((0.094, 0.992), abs=0.001), "Clopper and Pearson, 2 of 3"
    assert recognition(own, targets, np.zeros(4, bool), known[:0]).rank_1 is None
    assert directions(own, patients, np.array([5])) == pytest.approx(own[:1])


def test_leads_that_are_not_simulated_are_refused(cohort: tuple[Data, Real]) -> None:
    _, real = cohort
    strange = Real(Window(("mlii",), 1000.0, 2025), real.train, real.reference, (), attacked=real.attacked)
    targets = Targets.of(real.reference, np.array([0]))
    with pytest.raises(NotHere, match=r"have no lead mlii.*leads="):
        Linkage(**LEARNED).prepare(strange, targets, lambda one, other: np.zeros((1, 1)))


def test_spared_recordings_do_not_train_and_are_the_attackers(cohort: tuple[Data, Real], tmp_path: Path) -> None:
    data, real = cohort
    assert real.attacked is not None
    trained = set(data.part("train").recordings.tolist())
    assert len(data.split.spared) == len(data.split.of("train"))
    assert not trained & set(data.split.spared)
    assert not real.attacked.gallery_trained
    gallery = real.attacked.gallery
    assert gallery is not None
    own = {window.tobytes() for window in real.reference.values}
    assert not own & {window.tobytes() for window in gallery.values}
