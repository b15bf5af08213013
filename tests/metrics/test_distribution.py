from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError
from ganlab.core.kind import Row
from ganlab.dataset.module import Data
from ganlab.dataset.ptbdb import PTBDB
from ganlab.dataset.ptbdb_sim import PTBDBSim
from ganlab.evaluation.controls import make
from ganlab.evaluation.evidence import evidence
from ganlab.evaluation.reference import real_sets
from ganlab.evaluation.rows import undetected
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.distribution import Distribution
from ganlab.metrics.ecg.embedding import RandomConvolutions
from ganlab.metrics.embedding import Embed, Embedding
from ganlab.metrics.frechet import frechet
from ganlab.metrics.near_duplicates import neighbour_threshold, pair_threshold
from ganlab.metrics.needs import TooFew
from ganlab.metrics.numbers import numbers_of
from ganlab.metrics.points import pair_mean
from ganlab.metrics.vendi import vendi
from ganlab.split.patient import PatientSplit

DIMENSIONS = 4
NAMES = {name.removeprefix("distribution/") for name in numbers_of("distribution")}
RNG = np.random.default_rng(0)


class Columns(Embedding):
    """Rows as they are."""

    def fit(self, real: Real) -> Embed:
        return lambda rows: rows.astype(np.float32)


def points(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, size=(count, DIMENSIONS)).astype(np.float32)


@pytest.fixture(scope="module")
def given() -> Real:
    return Real(Row(()), SampleSet(points(200, 0), patients=np.arange(200) // 10), SampleSet(points(60, 1)))


def values(judged: SampleSet, real: Real, of_judged=None, of_real=None, **settings) -> dict[str, float]:
    judge = Distribution(Columns(), **{"classifier": False} | settings).fit(real)
    weights = [np.ones(len(s)) if w is None else w for s, w in ((judged, of_judged), (real.reference, of_real))]
    return {name.split("/")[1]: statistic(*weights) for name, statistic in judge(judged).items()}


def reduced(real: Real, rows: np.ndarray) -> np.ndarray:
    """All components of rows: turned, about the training mean, over the root of the mean variance."""
    train = real.train.values.astype(float)
    return (rows - train.mean(axis=0)) / np.sqrt(np.cov(train.T).trace() / DIMENSIONS)


def unbiased(k_aa: np.ndarray, k_bb: np.ndarray, k_ab: np.ndarray) -> float:
    def within(kernel: np.ndarray) -> float:
        n = len(kernel)
        return sum(kernel[i, j] for i in range(n) for j in range(n) if i != j) / (n * (n - 1))

    return within(k_aa) + within(k_bb) - 2 * k_ab.mean()


def test_frechet_distance_of_known_gaussians() -> None:
    diagonal = np.array([1.0, 4.0, 0.25]), np.array([9.0, 1.0, 0.25])
    # Variances a and b of the same axis are (sqrt(a) - sqrt(b))^2 apart: 4 + 1 + 0.
    found = frechet(np.zeros(3), np.diag(diagonal[0]), np.array([1.0, 2, 0]), np.diag(diagonal[1]))
    assert found == pytest.approx(5 + 4 + 1, abs=1e-6)
    a, b = (np.cov(RNG.normal(size=(8, 20))) for _ in range(2))
    expected = np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert frechet(np.zeros(8), a, np.zeros(8), b) == pytest.approx(expected, abs=1e-6)
    assert frechet(np.ones(8), a, np.zeros(8), a) == pytest.approx(8, abs=1e-6)
    singular = np.outer(np.arange(8.0), np.arange(8.0))
    assert frechet(np.zeros(8), singular, np.zeros(8), singular) == pytest.approx(0, abs=1e-6)


def test_a_set_beside_itself_and_shifted(given: Real) -> None:
    same = values(SampleSet(given.reference.values.copy()), given)
    assert same["frechet"] == pytest.approx(0, abs=1e-5)
    for name in ("precision", "recall", "coverage"):
        assert same[name] == 1
    assert same["occupancy"] == pytest.approx(0, abs=1e-6)
    shift = np.array([1.0, -2, 0, 0.5], np.float32)
    moved = values(SampleSet(given.reference.values + shift), given)
    scale = np.cov(given.train.values.T).trace() / DIMENSIONS
    assert moved["frechet"] == pytest.approx((shift**2).sum() / scale, rel=1e-4)
    assert moved["vendi_ratio"] != pytest.approx(same["vendi_ratio"])
    assert moved["pairwise_ratio"] == pytest.approx(same["pairwise_ratio"], rel=1e-4)


def test_kernel_distances_are_those_of_a_double_loop(given: Real) -> None:
    judged = points(40, 2, 0.5)
    found = values(SampleSet(judged), given)
    a, b = reduced(given, judged), reduced(given, given.reference.values)
    pairs = (a, a), (b, b), (a, b)
    assert found["kid"] == pytest.approx(unbiased(*((x @ y.T / DIMENSIONS + 1) ** 3 for x, y in pairs)), rel=1e-3)
    width = np.median(cdist(b, b)[np.triu_indices(len(b), 1)])
    gaussian = (np.exp(-cdist(x, y, "sqeuclidean") / (2 * width**2)) for x, y in pairs)
    assert found["mmd"] == pytest.approx(unbiased(*gaussian), rel=1e-3)


def test_kernel_distances_of_the_same_law_are_0_in_the_mean(given: Real) -> None:
    drawn = [
        values(SampleSet(points(40, 100 + 2 * k)), replace(given, reference=other), classifier=False)
        for k, other in enumerate(SampleSet(points(40, 101 + 2 * k)) for k in range(40))
    ]
    for name in ("kid", "mmd"):
        found = np.array([each[name] for each in drawn])
        assert abs(found.mean()) < 3 * found.std() / np.sqrt(len(found))
        assert found.min() < 0


@pytest.mark.parametrize("k", [1, 5])
def test_balls_are_those_of_the_papers_formulas(given: Real, k: int) -> None:
    judged = points(50, 3, 0.7)
    found = values(SampleSet(judged), given, k=k)
    a, b = reduced(given, judged), reduced(given, given.reference.values)
    of_a, of_b = (np.sort(cdist(x, x), axis=1)[:, k] for x in (a, b))
    apart = cdist(a, b)
    assert found["precision"] == pytest.approx(np.mean([(row < of_b).any() for row in apart]))
    assert found["recall"] == pytest.approx(np.mean([(column < of_a).any() for column in apart.T]))
    assert found["density"] == pytest.approx(np.mean([(row < of_b).sum() / k for row in apart]))
    assert found["coverage"] == pytest.approx(np.mean(apart.min(axis=0) < of_b))


def test_weights_are_repetitions_but_no_pairs_of_a_sample_with_itself(given: Real) -> None:
    judged, rng = points(30, 4, 0.3), np.random.default_rng(5)
    of_judged, of_real = (rng.integers(0, 3, n).astype(float) for n in (30, 60))
    weighted = values(SampleSet(judged), given, of_judged, of_real)

    kernel = rng.normal(size=(30, 30)).astype(np.float32)
    pairs = [(i, j) for i in range(30) for j in range(30) if i != j]
    total = sum(of_judged[i] * of_judged[j] for i, j in pairs)
    expected = sum(of_judged[i] * of_judged[j] * kernel[i, j] for i, j in pairs) / total
    assert pair_mean(kernel, of_judged) == pytest.approx(expected, rel=1e-4)

    times = of_judged.astype(int), of_real.astype(int)
    repeated_real = Real(given.kind, given.train, SampleSet(np.repeat(given.reference.values, times[1], axis=0)))
    repeated_set = values(SampleSet(np.repeat(judged, times[0], axis=0)), repeated_real)
    for name in ("frechet", "vendi_ratio", "occupancy"):
        assert weighted[name] == pytest.approx(repeated_set[name], rel=1e-3)
    assert weighted["kid"] != pytest.approx(repeated_set["kid"], rel=1e-3)


def test_a_number_does_not_depend_on_the_order_of_the_samples(given: Real) -> None:
    judged, order = points(50, 6, 0.4), RNG.permutation(50)
    found, other = (values(SampleSet(each), given, classifier=True) for each in (judged, judged[order]))
    for name in NAMES:
        close = {"abs": 0.1} if name.startswith("c2st") else {"rel": 1e-3, "abs": 1e-5}
        assert other[name] == pytest.approx(found[name], **close)


def test_the_classifier_finds_what_is_common_and_not_whose_the_samples_are() -> None:
    rng = np.random.default_rng(7)
    centres = 5 * rng.normal(size=(60, DIMENSIONS))
    patient = np.repeat(np.arange(60), 10)
    rows = (centres[patient] + rng.normal(size=(600, DIMENSIONS))).astype(np.float32)
    whole = SampleSet(rows, patients=patient)
    given = Real(Row(()), whole.take(patient < 40), whole.take(patient >= 40))
    copies = make("copy", given, 200)
    found = (values(each, given, classifier=True) for each in (copies, SampleSet(copies.values + np.float32(15))))
    copied, moved = found
    for name in ("c2st_auc", "c2st_nonlinear_auc"):
        assert copied[name] < 0.7
        assert moved[name] > 0.8


def test_diversity_of_repeated_samples(given: Real) -> None:
    rng = np.random.default_rng(8)
    collapsed = values(SampleSet(np.repeat(points(4, 9), 25, axis=0)), given)
    fresh = values(SampleSet(points(100, 10)), given)
    assert collapsed["near_duplicates"] == 1
    assert fresh["near_duplicates"] < 0.1
    # A pair is of the same of four samples with a chance of 24 in 99.
    near = pair_threshold(cdist(*[reduced(given, given.train.values)] * 2), given.train.patients)
    close = cdist(*[reduced(given, given.train.values)] * 2) < near
    of_train = 200 * 199 / (close.sum() - 200)
    assert collapsed["support_ratio"] == pytest.approx(99 / 24 / of_train, rel=1e-3)
    assert collapsed["vendi_ratio"] < fresh["vendi_ratio"]
    assert neighbour_threshold(rng.normal(size=(50, 2)), 50) > 0


def test_vendi_score_is_that_of_the_matrix_of_cosines() -> None:
    some = points(20, 11)
    unit = some / np.linalg.norm(some, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(unit @ unit.T / 20)
    values = values[values > 1e-9]
    assert vendi(some, np.ones(20)) == pytest.approx(np.exp(-(values * np.log(values)).sum()), rel=1e-4)
    assert vendi(np.repeat(some[:1], 9, axis=0), np.ones(9)) == pytest.approx(1, abs=1e-4)
    assert vendi(np.eye(4, dtype=np.float32), np.ones(4)) == pytest.approx(4, rel=1e-5)


def test_broken_and_too_few_samples_are_named_errors(given: Real) -> None:
    broken = points(20, 12)
    broken[3, 0] = np.nan
    judge = Distribution(Columns()).fit(given)
    with pytest.raises(UserError, match="1 of 20 samples hold NaN"):
        judge(SampleSet(broken))
    with pytest.raises(TooFew, match="6 generated samples, and 7 are needed"):
        judge(SampleSet(points(6, 13)))
    with pytest.raises(TooFew, match="3 training samples, and 8"):
        Distribution(Columns()).fit(Real(given.kind, SampleSet(points(3, 0)), given.reference))
    with pytest.raises(TooFew, match="6 reference samples"):
        Distribution(Columns()).fit(Real(given.kind, given.train, SampleSet(points(6, 0))))


def test_neighbours_among_a_handful_of_samples_say_nothing(given: Real) -> None:
    """Of a few samples a ball with five neighbours holds most: a collapsed generator has a precision of 1."""
    few = replace(given, reference=given.reference.take(np.arange(7)))
    collapsed = SampleSet(np.repeat(points(1, 9), 40, axis=0))
    scores = Distribution(Columns(), classifier=False).fit(few)(collapsed)
    assert set(scores.not_measurable) == {f"distribution/{k}" for k in ("precision", "recall", "density", "coverage")}
    assert "40 generated and 7 reference samples" in scores.not_measurable["distribution/precision"]
    assert not Distribution(Columns(), classifier=False).fit(given)(collapsed).not_measurable


def test_a_classifier_of_one_patient_against_others_is_not_measurable(given: Real) -> None:
    samples = SampleSet(points(30, 3), patients=np.zeros(30, np.int64))
    reason = Distribution(Columns()).fit(given)(samples).not_measurable
    for name in ("c2st_auc", "c2st_nonlinear_auc"):
        assert "single patient" in reason[f"distribution/{name}"]


def test_names_and_what_an_embedding_is_blind_to() -> None:
    class Blind(Columns):
        blind = ("noise",)

    measure = Distribution(Blind(), name="other")
    assert set(measure.numbers) == {f"other/{key}" for key in NAMES}
    assert all("noise" not in number.sees for number in measure.numbers.values())
    assert "collapsed" in measure.numbers["other/coverage"].sees
    with pytest.raises(UserError, match="embeds windows"):
        Distribution(RandomConvolutions()).check(Row(()))


def test_samples_that_are_all_alike_have_numbers_or_none(given: Real) -> None:
    found = values(SampleSet(np.zeros((20, DIMENSIONS), np.float32)), given)
    assert found["near_duplicates"] == 1
    assert found["pairwise_ratio"] == pytest.approx(0, abs=1e-6)
    assert found["recall"] == 0


def windows(source: PTBDB | PTBDBSim, count: int) -> Real:
    data = Data(source, PatientSplit(), Leads(["i"], side=45))
    data.setup()
    return real_sets(data, "test", count, 3 * count, 45)


def test_controls_of_simulated_windows_land_where_they_must(tmp_path: Path) -> None:
    real = windows(PTBDBSim(patients=30, seconds=12, cache=tmp_path / "cache"), 100)
    measures = {"distribution": Distribution(RandomConvolutions(dilations=3))}
    found = evidence(real, make("pca_gaussian", real, 100), measures, tmp_path, draws=50)
    assert not found.left_out
    assert undetected(found.rows) == {}
    assert set(found.rows) == {f"distribution/{key}" for key in NAMES}


def test_controls_of_real_windows_land_where_they_must(real_records: Path, tmp_path: Path) -> None:
    real = windows(PTBDB(root=str(real_records), cache=tmp_path / "cache", on_bad_record="skip"), 150)
    measures = {"distribution": Distribution(RandomConvolutions(dilations=3))}
    found = evidence(real, make("pca_gaussian", real, 150), measures, tmp_path, draws=50)
    assert undetected(found.rows) == {}
    for name in ("kid", "coverage", "c2st_auc"):
        row = found.rows[f"distribution/{name}"]
        assert abs(row["floor"] - row["best"]) < abs(row["synthetic"] - row["best"])
