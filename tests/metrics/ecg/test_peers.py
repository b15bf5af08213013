import math

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import kurtosis, skew, wasserstein_distance

from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError
from ganlab.core.kind import Window
from ganlab.dataset.module import Data
from ganlab.dataset.ptbdb_sim import PTBDBSim
from ganlab.evaluation.controls import make
from ganlab.evaluation.reference import real_sets
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.ecg.nearest_errors import PSNR_LIMIT, dtw, ssim
from ganlab.metrics.ecg.peers import BANDWIDTHS, PeersList, features_of, mmd, precision_recall, sliced_wasserstein
from ganlab.metrics.frechet import frechet_distance
from ganlab.metrics.needs import TooFew
from ganlab.split.patient import PatientSplit

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(12, 3)), RNG.normal(0.5, 1.2, size=(15, 3))
ONES = np.ones(12), np.ones(15)
DRAWN = RNG.multinomial(12, np.full(12, 1 / 12)).astype(float), RNG.multinomial(15, np.full(15, 1 / 15)).astype(float)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Real:
    source = PTBDBSim(patients=30, seconds=9, cache=tmp_path_factory.mktemp("cache"))
    data = Data(source, PatientSplit(), Leads(["i"], side=45))
    data.setup()
    return real_sets(data, "test", 40, 60, 45)


def numbers(real: Real, samples: SampleSet) -> dict[str, float]:
    found = PeersList(pairs=30).fit(real)(samples)
    return {name: each(np.ones(len(samples)), np.ones(len(real.reference))) for name, each in found.items()}


def test_dtw_is_the_shortest_path() -> None:
    a, b = RNG.normal(size=(3, 20)), RNG.normal(size=(3, 20))
    for pair in range(3):
        table = np.full((21, 21), np.inf)
        table[0, 0] = 0
        for i in range(20):
            for j in range(20):
                if abs(i - j) <= 4:
                    step = min(table[i, j], table[i, j + 1], table[i + 1, j])
                    table[i + 1, j + 1] = (a[pair, i] - b[pair, j]) ** 2 + step
        assert dtw(a, b, 0.2)[pair] == pytest.approx(math.sqrt(table[20, 20]))
    assert dtw(a, b, 0) == pytest.approx(np.linalg.norm(a - b, axis=1))


def test_ssim_agrees_with_its_formula() -> None:
    a, b = RNG.normal(size=(2, 40)), RNG.normal(size=(2, 40))
    for pair in range(2):
        least = [(k * np.ptp(a[pair])) ** 2 for k in (0.01, 0.03)]
        found = []
        for start in range(30):
            x, y = a[pair, start : start + 11], b[pair, start : start + 11]
            both = ((x - x.mean()) * (y - y.mean())).mean()
            level = (2 * x.mean() * y.mean() + least[0]) / (x.mean() ** 2 + y.mean() ** 2 + least[0])
            found.append(level * (2 * both + least[1]) / (x.var() + y.var() + least[1]))
        assert ssim(a, b)[pair] == pytest.approx(np.mean(found))
    assert ssim(a, a) == pytest.approx(1)


def test_features_agree_with_scipy() -> None:
    x = RNG.normal(size=(4, 500)) ** 3
    found = features_of(x, 250.0)
    assert found.shape == (4, 11)
    assert found[:, 0] == pytest.approx(x.mean(axis=1))
    assert found[:, 2] == pytest.approx(np.sqrt((x**2).mean(axis=1)))
    assert found[:, 7] == pytest.approx(skew(x, axis=1))
    assert found[:, 8] == pytest.approx(kurtosis(x, axis=1, fisher=False))
    sine = np.sin(2 * np.pi * 25 * np.arange(500) / 250)[None]
    assert features_of(sine, 250.0)[0, 9] == pytest.approx(25, abs=0.1)


@pytest.mark.parametrize("weights", [ONES, DRAWN], ids=["ones", "drawn"])
def test_mmd_is_the_mean_over_pairs_of_different_points(weights: tuple[np.ndarray, np.ndarray]) -> None:
    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.mean([np.exp(-((x - y) ** 2).sum() / (2 * (s * 2.0) ** 2)) for s in BANDWIDTHS]))

    def pairs(points: np.ndarray, w: np.ndarray) -> float:
        both = [(i, j) for i in range(len(points)) for j in range(len(points)) if i != j]
        return sum(w[i] * w[j] * kernel(points[i], points[j]) for i, j in both) / sum(w[i] * w[j] for i, j in both)

    v, w = weights
    cross = sum(v[i] * w[j] * kernel(A[i], B[j]) for i in range(12) for j in range(15)) / (v.sum() * w.sum())
    assert mmd(A, B, 2.0)(v, w) == pytest.approx(pairs(A, v) + pairs(B, w) - 2 * cross, abs=1e-6)


def test_frechet_of_what_is_known() -> None:
    assert frechet_distance(A, A)(ONES[0], ONES[0]) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(A, A + np.array([1, 2, 2]))(ONES[0], ONES[0]) == pytest.approx(9)
    assert frechet_distance(A, 3 * A)(ONES[0], ONES[0]) == pytest.approx(
        4 * np.trace(np.cov(A.T)) + 4 * (A.mean(axis=0) ** 2).sum()
    )


def test_sliced_wasserstein_agrees_with_scipy() -> None:
    direction = np.random.default_rng(0).standard_normal((3, 7))
    direction /= np.linalg.norm(direction, axis=0)
    for v, w in (ONES, DRAWN):
        expected = np.mean([wasserstein_distance(A @ d, B @ d, v, w) for d in direction.T])
        assert sliced_wasserstein(A, B, 7)(v, w) == pytest.approx(expected)


def test_precision_and_recall_of_any_ball() -> None:
    ab = cdist(A, B)
    radius = [np.sort(cdist(x, x), axis=1)[:, 3] for x in (A, B)]
    precision, recall = (ab <= radius[1]).any(axis=1).mean(), (radius[0] >= ab.T).any(axis=1).mean()
    assert precision_recall(A, B)(*ONES) == pytest.approx(2 * precision * recall / (precision + recall))
    assert precision_recall(A, A)(ONES[0], ONES[0]) == 1
    assert precision_recall(A, A + 100)(ONES[0], ONES[0]) == 0


def test_a_copy_of_the_reference_has_the_best_of_what_rewards_copying(real: Real) -> None:
    found = numbers(real, SampleSet(real.reference.values))
    assert set(found) == set(PeersList.numbers)
    for name in ("mae", "rmse", "prd", "nn_distance", "heart_rate_js", "hrv_rmssd_w1", "swd", "frechet"):
        assert found[f"peers/{name}"] == pytest.approx(0, abs=1e-3)
    assert found["peers/psnr"] == PSNR_LIMIT
    assert found["peers/ssim"] == pytest.approx(1)
    assert found["peers/precision_recall_f1"] == 1


def test_controls_land_where_they_must(real: Real) -> None:
    floor, copied, noisy, collapsed = (
        numbers(real, make(name, real, 60)) for name in ("floor", "copy", "noisy_copy", "collapsed")
    )
    assert copied["peers/authenticity"] == collapsed["peers/authenticity"] == 0
    assert floor["peers/authenticity"] > 0.5
    for name in ("swd", "mmd", "frechet", "nn_distance"):
        assert noisy[f"peers/{name}"] > 2 * floor[f"peers/{name}"]
    assert noisy["peers/precision_recall_f1"] < 0.5 * floor["peers/precision_recall_f1"]
    assert copied["peers/mae"] == pytest.approx(floor["peers/mae"], rel=0.2)


def test_warped_pairs_weigh_as_both_windows_do(real: Real) -> None:
    samples = make("pca_gaussian", real, 30)
    statistic = PeersList(pairs=400).fit(real)(samples)["peers/dtw"]
    rng = np.random.default_rng(1)
    judged, weights = (rng.integers(0, 3, n).astype(float) for n in (30, len(real.reference)))
    ones = np.ones(len(real.reference))
    per = np.array([statistic(judged, row) for row in np.eye(len(real.reference))])
    assert np.nanstd(per) > 0
    assert statistic(judged, weights) != statistic(judged, ones)
    first, second = (np.where(np.arange(len(ones)) < half, 1.0, 0.0) for half in (10, 20))
    assert statistic(judged, first) != statistic(judged, second)
    assert np.isnan(statistic(judged, 0 * ones))
    one = int(np.flatnonzero(np.isfinite(per))[0])
    twice = np.where(np.arange(len(ones)) == one, 2.0, 0.0)
    assert statistic(judged, twice) == pytest.approx(per[one])


def test_order_is_nothing(real: Real) -> None:
    samples = make("noisy_copy", real, 30)
    found, turned = numbers(real, samples), numbers(real, SampleSet(samples.values[::-1].copy()))
    for name, value in found.items():
        if name != "peers/dtw":
            assert turned[name] == pytest.approx(value, rel=1e-5, abs=1e-7), name


def test_what_cannot_be_measured_is_named(real: Real) -> None:
    with pytest.raises(UserError, match="lead=v9"):
        PeersList(lead="v9").check(Window(("i",), 1000.0, 2025))
    with pytest.raises(TooFew, match="4 judged windows"):
        numbers(real, real.train.take(np.arange(4)))
    broken = real.train.values.copy()
    broken[:2] = np.nan
    with pytest.raises(UserError, match="2 of"):
        numbers(real, SampleSet(broken))
