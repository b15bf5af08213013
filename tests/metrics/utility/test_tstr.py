import logging

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from ganlab.arrangement.leads import Leads
from ganlab.dataset.module import Data
from ganlab.dataset.ptbdb_sim import PTBDBSim
from ganlab.evaluation.controls import make
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.needs import TooFew
from ganlab.metrics.utility import tstr as utility
from ganlab.metrics.utility.classifier import train_classifier
from ganlab.metrics.utility.tstr import Utility, _drawn_mean
from ganlab.metrics.weighted import auroc, balanced_accuracy, macro_auroc
from ganlab.split.patient import PatientSplit

STEPS = 25


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Real:
    """Lead i of 30 simulated patients to train with and 30 to test with, some windows of each."""
    source = PTBDBSim(patients=60, seconds=10, cache=tmp_path_factory.mktemp("cache"))
    data = Data(source, PatientSplit(train=0.5, test=0.5, validation=0, holdout=0), Leads(["i"], side=36))
    data.setup()
    sets = []
    for n, part in enumerate(("train", "test")):
        batch = data.part(part).spread(150)
        sets.append(SampleSet(batch.sample.numpy(), batch.label.numpy(), 1000 * n + batch.patient.numpy()))
    return Real(data.kind, *sets, tuple(source.classes), 36)


@pytest.fixture(scope="module")
def found(cohort: Real) -> dict[str, dict[str, float]]:
    """Numbers of some columns."""
    judge, reference = Utility(steps=STEPS).fit(cohort), np.ones(len(cohort.reference))
    columns = {column: make(column, cohort, 150) for column in ("floor", "noise")} | {"real": cohort.reference}
    return {
        column: {name: each(np.ones(len(samples)), reference) for name, each in judge(samples).items()}
        for column, samples in columns.items()
    }


def random_scores() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    scores = rng.dirichlet([1, 1, 1], 60).round(1)
    return scores, rng.integers(0, 3, 60), rng.integers(0, 3, 60).astype(float)


def test_auroc_is_that_of_scikit_learn() -> None:
    scores, labels, weights = random_scores()
    for k in range(3):
        expected = roc_auc_score(labels == k, scores[:, k], sample_weight=weights)
        assert auroc(scores[:, k], labels == k)(weights) == pytest.approx(expected)
    parts = [roc_auc_score(labels == k, scores[:, k]) for k in range(3)]
    assert macro_auroc(scores, labels)(np.ones(60)) == pytest.approx(np.mean(parts))


def test_classes_that_are_not_there_are_left_out() -> None:
    scores, labels, _ = random_scores()
    without = (labels != 1).astype(float)
    parts = [roc_auc_score(labels[labels != 1] == k, scores[labels != 1, k]) for k in (0, 2)]
    assert macro_auroc(scores, labels)(without) == pytest.approx(np.mean(parts))
    assert np.isnan(macro_auroc(scores, labels)((labels == 1).astype(float)))
    assert np.isnan(macro_auroc(scores, labels)(np.zeros(60)))
    assert np.isnan(balanced_accuracy(scores, labels)(np.zeros(60)))


def test_balanced_accuracy_is_that_of_scikit_learn() -> None:
    scores, labels, weights = random_scores()
    expected = balanced_accuracy_score(labels, scores.argmax(axis=1), sample_weight=weights)
    assert balanced_accuracy(scores, labels)(weights) == pytest.approx(expected)


def test_a_patient_counts_once_and_weighs_as_often_as_drawn() -> None:
    label, patient = np.array([0, 1, 1, 2, 0, 2, 2]), np.array([11, 10, 10, 10, 11, 12, 12])
    values = np.zeros((7, 1, 10), np.float32)
    reference = SampleSet(values, label, patient)
    train = SampleSet(values, label, patient - 10)
    patients = utility._Patients.of(Real(None, train, reference, ("a", "b", "c")))  # type: ignore[arg-type]
    assert patients.label.tolist() == [1, 0, 2]
    means = patients.mean(np.arange(14.0).reshape(7, 2))
    assert means[0] == pytest.approx(np.mean([[2, 3], [4, 5], [6, 7]], axis=0))
    assert patients.weights(np.array([0, 2, 2, 2, 0, 1, 1.0])).tolist() == [2, 0, 1]


def test_real_samples_are_of_use_and_random_phases_are_not(found: dict[str, dict[str, float]]) -> None:
    assert set(found["floor"]) == set(Utility.numbers)
    assert 0.6 < found["floor"]["utility/tstr_auroc"] < 0.99
    assert found["floor"]["utility/tstr_balanced_accuracy"] > 0.4
    assert found["floor"]["utility/tstr_ratio"] == pytest.approx(1, abs=0.15)
    assert abs(found["floor"]["utility/tstr_shuffled_auroc"] - 0.5) < 0.2
    assert abs(found["floor"]["utility/augmentation_gain"]) < 0.15
    for name in ("tstr_auroc", "tstr_ratio", "trts_auroc"):
        assert found["noise"][f"utility/{name}"] < found["floor"][f"utility/{name}"]


def test_the_references_own_persons_are_not_learned_from(found: dict[str, dict[str, float]]) -> None:
    assert set(found["real"]) == {"utility/trts_auroc"}
    assert 0.6 < found["real"]["utility/trts_auroc"] < 0.99


def test_the_same_persons_on_both_sides_would_look_better(cohort: Real, found: dict[str, dict[str, float]]) -> None:
    who, even = cohort.reference.patients, np.arange(150) % 2 == 0
    assert who is not None
    assert set(who[even]) == set(who[~even])
    kind, tested = cohort.kind, cohort.reference.take(~even)
    leaky = train_classifier(cohort.reference.take(even), kind=kind, classes=3, steps=STEPS)  # type: ignore[arg-type]
    assert tested.labels is not None
    probabilities = leaky.probabilities(tested.values)
    assert macro_auroc(probabilities, tested.labels)(np.ones(75)) > found["floor"]["utility/tstr_auroc"] + 0.05


def test_what_cannot_be_measured_is_named(cohort: Real, caplog: pytest.LogCaptureFixture) -> None:
    same = Real(cohort.kind, cohort.train, cohort.train, cohort.classes)
    with pytest.raises(TooFew, match="30 patients trained and would also test"):
        Utility().fit(same)
    unlabelled = Real(cohort.kind, cohort.train, SampleSet(cohort.reference.values), cohort.classes)
    with pytest.raises(TooFew, match="labels or patients"):
        Utility().fit(unlabelled)
    healthy = cohort.reference.take(cohort.reference.labels == 2)  # type: ignore[arg-type]
    with pytest.raises(TooFew, match="one class"):
        Utility().fit(Real(cohort.kind, cohort.train, healthy, cohort.classes))
    judge = Utility(steps=1).fit(cohort)
    utility._warn_unlabelled.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert judge(SampleSet(cohort.train.values)) == {}
        assert judge(SampleSet(cohort.train.values)) == {}
    assert len(caplog.records) == 1


def test_one_class_teaches_nothing_and_the_same_again(cohort: Real) -> None:
    judge, reference = Utility(steps=2).fit(cohort), np.ones(150)
    one = SampleSet(cohort.train.values, np.full(150, 2))
    assert judge(one)["utility/tstr_auroc"](np.ones(150), reference) == 0.5
    samples = make("bootstrap", cohort, 40)
    first, again = ({name: each(np.ones(40), reference) for name, each in judge(samples).items()} for _ in range(2))
    assert first == again


def test_the_interval_holds_how_much_classifiers_of_other_seeds_differ() -> None:
    values, draws = [0.7, 0.8, 0.9], np.random.default_rng(0)
    weights = draws.multinomial(50, np.full(50, 1 / 50), size=2000).astype(float)
    drawn = np.array([_drawn_mean(values, each) for each in weights])
    assert _drawn_mean(values, np.ones(50)) == pytest.approx(0.8)
    assert drawn.mean() == pytest.approx(0.8, abs=0.005)
    assert drawn.std() == pytest.approx(np.std(values, ddof=1) / np.sqrt(3), rel=0.05)
    assert [_drawn_mean(values, each) for each in weights[:5]] == drawn[:5].tolist()
    assert _drawn_mean([0.7], weights[0]) == 0.7
