from pathlib import Path

import numpy as np
import pytest
import torch

from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError
from ganlab.core.kind import Window
from ganlab.dataset.module import Data
from ganlab.dataset.ptbdb import PTBDB
from ganlab.dataset.ptbdb_sim import PTBDBSim
from ganlab.dataset.source import Source
from ganlab.evaluation.controls import make
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.needs import TooFew
from ganlab.metrics.utility.classifier import (
    FOLDS,
    ResNet,
    TrainedClassifier,
    classify_unseen,
    draw_weights,
    train_classifier,
)
from ganlab.metrics.utility.inception import InceptionScore, inception_score
from ganlab.split.patient import PatientSplit

KIND = Window(("i", "ii"), 250.0, 300)
CLASSES = ("a", "b", "c")


def windows(people: int, first: int = 0, each: int = 6) -> SampleSet:
    """Waves of 2, 4 and 8 Hz, one of them a class, of people whose phase and level is their own."""
    rng = np.random.default_rng(first)
    patient = np.repeat(np.arange(first, first + people), each)
    label = patient % 3
    phase, level = rng.uniform(0, 6, people)[patient - first], rng.normal(size=people)[patient - first]
    time = np.arange(300) / 250
    wave = np.sin(2 * np.pi * 2.0 ** (label[:, None] + 1) * time + phase[:, None]) + 5 * level[:, None]
    values = np.stack([wave, -0.01 * wave], axis=1) + rng.normal(size=(len(patient), 2, 300)) * [[0.3], [0.003]]
    return SampleSet(values.astype(np.float32), label.astype(np.int64), patient)


def real() -> Real:
    return Real(KIND, windows(18), windows(9, 100), CLASSES)


def lead_i(source: Source, count: int) -> Real:
    data = Data(source, PatientSplit(), Leads(["i"], side=36))
    data.setup()
    sets = []
    for n, part in enumerate(("train", "test")):
        batch = data.part(part).spread(count)
        sets.append(SampleSet(batch.sample.numpy(), batch.label.numpy(), 100 * n + batch.patient.numpy()))
    return Real(data.kind, *sets, tuple(source.classes), 36)


def test_it_learns_a_class_and_is_small() -> None:
    given = real()
    learned = train_classifier(given.train, kind=KIND, classes=3, steps=30)
    found = learned.probabilities(given.reference.values)
    assert found.shape == (54, 3)
    assert found.sum(axis=1) == pytest.approx(1)
    assert (found.argmax(axis=1) == given.reference.labels).mean() > 0.9
    assert learned.embed(given.reference.values).shape == (54, 64)
    assert 30_000 < sum(p.numel() for p in ResNet(12, 3).parameters()) < 60_000


def test_the_same_again_and_nothing_outside_is_touched() -> None:
    given = windows(9)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = train_classifier(given, kind=KIND, classes=3, steps=5).probabilities(given.values)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(6)
    with torch.no_grad():
        again = train_classifier(given, kind=KIND, classes=3, steps=5).probabilities(given.values)
    assert (first == again).all()
    other = train_classifier(given, kind=KIND, classes=3, steps=5, seed=1).probabilities(given.values)
    assert (first != other).any()


def test_a_window_is_judged_by_itself_without_its_level() -> None:
    given = windows(9)
    learned = train_classifier(given, kind=KIND, classes=3, steps=5)
    found = learned.probabilities(given.values)
    alone = np.concatenate([learned.probabilities(part[None]) for part in given.values])
    assert alone == pytest.approx(found, abs=1e-5)
    order = np.random.default_rng(0).permutation(len(given))
    assert learned.probabilities(given.values[order]) == pytest.approx(found[order], abs=1e-5)
    assert learned.probabilities(given.values + 3) == pytest.approx(found, abs=1e-4)


def test_classes_are_drawn_alike_and_persons_within_them() -> None:
    labels, patients = np.array([0, 0, 0, 0, 1]), np.array([1, 1, 1, 2, 3])
    assert draw_weights(labels, patients) == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2, 1])
    assert draw_weights(labels, None) == pytest.approx([1 / 4] * 4 + [1])


def test_other_rates_lengths_and_a_flat_lead() -> None:
    rng = np.random.default_rng(0)
    for rate, samples in ((100.0, 100), (1000.0, 1500)):
        values = rng.normal(size=(20, 2, samples)).astype(np.float32)
        values[:, 1] = 0.1
        kind = Window(("i", "ii"), rate, samples)
        learned = train_classifier(SampleSet(values, np.arange(20) % 2), kind=kind, classes=2, steps=2)
        assert np.isfinite(learned.probabilities(values)).all()


def test_what_cannot_be_learned_is_named() -> None:
    given = real()
    unlabelled = SampleSet(given.train.values)
    alone = SampleSet(given.train.values, np.zeros(len(given.train), np.int64), given.train.patients)
    with pytest.raises(TooFew, match="classes"):
        TrainedClassifier().fit(Real(KIND, unlabelled, given.reference))
    with pytest.raises(TooFew, match="all training samples are a"):
        InceptionScore().fit(Real(KIND, alone, given.reference, CLASSES))
    with pytest.raises(UserError, match="without labels"):
        train_classifier(unlabelled, kind=KIND, classes=3)
    with pytest.raises(TooFew, match="16"):
        train_classifier(given.train.take(np.arange(9)), kind=KIND, classes=3)
    broken = given.train.values.copy()
    broken[[3, 5], 0, 7] = np.nan
    with pytest.raises(UserError, match=r"2 of 108 windows hold NaN"):
        train_classifier(SampleSet(broken, given.train.labels), kind=KIND, classes=3)


def test_no_classifier_judges_a_person_it_has_learned_from() -> None:
    given = real()
    classify = classify_unseen(given, steps=2)
    masks = np.array([unseen for _, unseen in classify(given.train)])
    assert (masks.sum(axis=0) == 1).all()
    for mask in masks:
        assert set(given.train.labels[mask]) == {0, 1, 2}  # type: ignore[index]
        assert not set(given.train.patients[mask]) & set(given.train.patients[~mask])  # type: ignore[index]
    assert all(unseen.all() for _, unseen in classify(given.reference))
    assert len(masks) == FOLDS


def test_inception_score_by_hand() -> None:
    sure = np.eye(4)[np.arange(40) % 4]
    ones = np.ones(40)
    assert inception_score(sure, ones) == pytest.approx(4)
    assert inception_score(np.full((40, 4), 0.25), ones) == pytest.approx(1)
    assert inception_score(sure, (np.arange(40) % 4 < 2).astype(float)) == pytest.approx(2)
    p = np.random.default_rng(0).dirichlet([1, 1, 1], 50)
    direct = np.exp(np.mean([sum(q * np.log(q / m) for q, m in zip(row, p.mean(axis=0), strict=True)) for row in p]))
    assert inception_score(p, np.ones(50)) == pytest.approx(direct)
    times = np.random.default_rng(1).integers(0, 3, 50)
    assert inception_score(p, times.astype(float)) == pytest.approx(
        inception_score(p.repeat(times, 0), np.ones(times.sum()))
    )
    assert np.isnan(inception_score(p, np.zeros(50)))


def test_inception_numbers_of_waves() -> None:
    given = real()
    judge = InceptionScore(steps=30).fit(given)
    reference = np.ones(len(given.reference))

    def numbers(samples: SampleSet) -> dict[str, float]:
        return {name: each(np.ones(len(samples)), reference) for name, each in judge(samples).items()}

    everything, one = numbers(windows(9, 200)), numbers(given.reference.take(given.reference.labels == 1))  # type: ignore[arg-type]
    assert set(everything) == set(InceptionScore.numbers)
    assert 1 <= one["inception/score"] < 1.4
    assert 1.7 < everything["inception/score"] <= 3
    assert everything["inception/class_distance"] < 0.1
    assert one["inception/class_distance"] == pytest.approx(2 / 3, abs=0.1)


def test_what_is_no_ecg_scores_less_and_noise_is_classified_surely(tmp_path: Path) -> None:
    check_controls(lead_i(PTBDBSim(patients=30, seconds=10, cache=tmp_path), 150), steps=30)


def test_so_it_is_with_real_records(real_records: Path, tmp_path: Path) -> None:
    check_controls(lead_i(PTBDB(root=real_records, cache=tmp_path, on_bad_record="skip"), 400), steps=80)


def check_controls(given: Real, steps: int) -> None:
    judge, beside = InceptionScore(steps=steps).fit(given), np.ones(len(given.reference))

    def numbers(samples: SampleSet) -> dict[str, float]:
        return {name: each(np.ones(len(samples)), beside) for name, each in judge(samples).items()}

    found = {name: numbers(make(name, given, 150)) for name in ("floor", "noise", "pca_gaussian")}
    reference = numbers(given.reference)
    assert reference["inception/class_distance"] == 0
    for name in ("noise", "pca_gaussian"):
        assert found[name]["inception/score"] < found["floor"]["inception/score"]
        assert found[name]["inception/confidence"] > reference["inception/confidence"]


def test_the_embedding_parts_the_classes_of_other_persons() -> None:
    given = real()
    embed = TrainedClassifier(steps=30).fit(given)
    points, labels = embed(given.reference.values), given.reference.labels
    centres = np.stack([points[labels == k].mean(axis=0) for k in range(3)])
    nearest = np.linalg.norm(points[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == labels).mean() > 0.9
