import numpy as np
import pytest
from scipy.stats import binom, norm
from sklearn.metrics import roc_auc_score, roc_curve

from ganlab.metrics.base import SampleSet
from ganlab.metrics.privacy.roc import (
    THRESHOLDS,
    curve,
    epsilon_bound,
    greatest_bound,
    least_auc,
    permuted,
    rate_at,
    strongest,
)
from ganlab.metrics.privacy.targets import Targets

MEMBER = np.arange(80) < 40


def targets(label: int = 0, each: int = 3) -> Targets:
    patients = np.repeat(np.arange(80), each)
    labels = np.where(patients % 2, label, 0)
    return Targets.of(SampleSet(np.zeros((len(patients), 1)), labels, patients), np.arange(40))


def scores(lift: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=80) + lift * MEMBER


@pytest.mark.parametrize("level", [0.01, 0.1, 0.4])
def test_rates_at_few_false_alarms_are_those_of_scikit_learn(level: float) -> None:
    given = scores(1.0).round(1)
    false, true, _ = roc_curve(MEMBER, given, drop_intermediate=False)
    assert rate_at(given, MEMBER, level)(np.ones(80)) == pytest.approx(true[false <= level].max())
    drawn = np.random.default_rng(1).integers(0, 4, 80).astype(float)
    false, true, _ = roc_curve(MEMBER, given, sample_weight=drawn, drop_intermediate=False)
    assert rate_at(given, MEMBER, level)(drawn) == pytest.approx(true[false <= level].max())
    assert np.isnan(rate_at(given, MEMBER, level)(MEMBER.astype(float)))


def test_the_curve_encloses_the_area_of_the_auc() -> None:
    given = scores(1.0)
    false, true = curve(given, MEMBER, points=1000)
    assert np.trapezoid(true, false) == pytest.approx(roc_auc_score(MEMBER, given))
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)


def test_scores_of_windows_become_scores_of_persons() -> None:
    given = targets()
    windows = np.random.default_rng(0).normal(size=240)
    assert given.mean(windows) == pytest.approx(windows.reshape(80, 3).mean(axis=1))
    assert given.greatest(windows) == pytest.approx(windows.reshape(80, 3).max(axis=1))
    assert (given.member == MEMBER).all()
    assert given.weights(np.repeat(np.arange(80.0), 3)) == pytest.approx(np.arange(80))


def test_an_attack_without_error_shows_what_the_exact_bounds_allow() -> None:
    level = 0.05 / (2 * THRESHOLDS)
    sure = level ** (1 / 40)
    assert greatest_bound(40, 40) == pytest.approx(np.log(sure / (1 - sure)))
    assert epsilon_bound(MEMBER.astype(float), MEMBER) == pytest.approx(greatest_bound(40, 40))
    # Clopper and Pearson: at the bound as many hits or more have that probability.
    assert binom.sf(39, 40, sure) == pytest.approx(level)
    assert epsilon_bound(MEMBER.astype(float), ~MEMBER) == 0
    assert epsilon_bound(MEMBER.astype(float), MEMBER, delta=0.5) < greatest_bound(40, 40)


def test_a_bound_of_epsilon_holds_where_nothing_leaks() -> None:
    above = [epsilon_bound(scores(0, seed), MEMBER) > 0 for seed in range(400)]
    assert np.mean(above) <= 0.05
    assert epsilon_bound(scores(2.5), MEMBER) > 0.5


def test_the_least_leak_is_found_as_often_as_it_says() -> None:
    area = least_auc(40, 40)
    lift = float(np.sqrt(2) * norm.ppf(area))
    rng = np.random.default_rng(0)
    members, others = rng.normal(size=(1000, 40, 1)), rng.normal(size=(1000, 1, 40))
    at_chance, found = ((members + shift > others).mean(axis=(1, 2)) for shift in (0.0, lift))
    assert np.mean(found > np.quantile(at_chance, 0.95)) == pytest.approx(0.8, abs=0.04)
    assert least_auc(15, 15) > area > least_auc(200, 200) > 0.5
    assert least_auc(2, 2) == 1


def test_the_strongest_of_several_attacks_is_corrected_for_their_number() -> None:
    given = targets()
    p = [
        strongest({str(k): scores(0, 10 * seed + k) for k in range(5)}, given.member, given.stratum)[1]["p"]
        for seed in range(60)
    ]
    assert 0.3 < np.mean(p) < 0.7
    assert np.mean(np.array(p) < 0.05) < 0.15
    number, said = strongest({"blind": scores(0), "good": scores(2.0, 1)}, given.member, given.stratum)
    assert said["attack"] == "good"
    assert said["p"] < 0.001
    assert said["auc"] == pytest.approx(roc_auc_score(MEMBER, scores(2.0, 1)))
    assert number(np.ones(80)) == pytest.approx(said["auc"])
    assert said["chance_95"] > strongest({"blind": scores(0)}, given.member, given.stratum)[1]["chance_95"]


def test_membership_is_dealt_out_anew_within_the_classes() -> None:
    given = targets(label=1)
    drawn = permuted(given.member, given.stratum, 50)
    odd = np.arange(80) % 2 == 1
    assert (drawn[odd].sum(axis=0) == 20).all()
    assert (drawn[~odd].sum(axis=0) == 20).all()
    assert len(np.unique(drawn, axis=1).T) == 50
    assert (drawn == permuted(given.member, given.stratum, 50)).all()
