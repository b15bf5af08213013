import warnings

import numpy as np
import pytest
from scipy.stats import ks_2samp

from ganlab.core.errors import UserError
from ganlab.core.kind import Column, Image, Row
from ganlab.evaluation import controls
from ganlab.evaluation.controls import make
from ganlab.evaluation.evidence import evidence
from ganlab.evaluation.rows import undetected
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.needs import TooFew
from ganlab.metrics.points import radii
from ganlab.metrics.table import categories
from ganlab.metrics.table import trees as table_trees
from ganlab.metrics.table.columns import column_correlations, violations
from ganlab.metrics.table.rows import TableMetric
from tests.conftest import DATA

KIND = Row(
    (Column("a", -4, 4), Column("b"), Column("sick", 0, 1, binary=True), Column("old", 0, 1, binary=True)),
    target="sick",
)
RIGHT = {"ks_mean": 0, "ks_worst": 0, "binary_rate_difference": 0, "column_shapes": 1, "spread_ratio": 1}


@pytest.fixture(autouse=True)
def few_rounds(request, monkeypatch):
    """Trees take the time; only the tests that look at what they say have more than a stump."""
    monkeypatch.setattr(table_trees, "ROUNDS", 15 if "trees" in request.fixturenames else 1)


@pytest.fixture
def trees():
    """Asks for trees that have learned something."""


def rows(seed, count=400):
    """Rows whose columns go together."""
    rng = np.random.default_rng(seed)
    a = rng.normal(0, 1, count).clip(-4, 4)
    binary = [a + rng.normal(0, 0.5, count) > 0.5, a + rng.normal(0, 1, count) > 1.5]
    return np.stack([a, 3 * a + rng.normal(0, 1, count), *binary], axis=1).astype(np.float32)


def real(seed=0, train=600, reference=400, kind=KIND):
    values = rows(seed, train + reference)[:, : len(kind.columns)]
    patients = np.arange(len(values))
    return Real(
        kind, SampleSet(values[:train], None, patients[:train]), SampleSet(values[train:], None, patients[train:])
    )


def measured(values, beside=None, weights=None, steps=None):
    """Only equal numbers are copies: with so few columns many rows meet on the grid."""
    known = beside or real()
    judged = TableMetric(steps).fit(known)(SampleSet(values))
    of, of_reference = weights or (np.ones(len(values)), np.ones(len(known.reference)))
    return {name.removeprefix("table/"): statistic(of, of_reference) for name, statistic in judged.items()}


def test_rows_of_other_people_are_near_to_right(trees):
    found = measured(rows(1))
    right = RIGHT | {"correlation_difference": 0, "pair_trends": 1, "energy_distance": 0, "detection_auc": 0.5}
    assert {name: found[name] for name in right} == pytest.approx(right, abs=0.09)
    assert found["coverage"] > 0.9
    assert found["precision"] > 0.9
    assert found["near_copies"] == pytest.approx(0.05, abs=0.04)
    assert found["exact_copies"] == found["copies"] == found["violations"] == 0


def test_the_reference_itself_has_perfect_numbers_and_is_no_copy():
    known = real()
    found = measured(known.reference.values, known)
    right = RIGHT | {"correlation_difference": 0, "pair_trends": 1, "precision": 1, "coverage": 1, "copies": 0}
    assert {name: found[name] for name in right} == pytest.approx(right)


def test_shuffled_columns_break_what_belongs_together_and_nothing_else():
    known = real()
    shuffled = np.random.default_rng(2).permuted(known.reference.values, axis=0)
    found = measured(shuffled, known)
    assert {name: found[name] for name in RIGHT} == pytest.approx(RIGHT, abs=1e-6)
    assert found["correlation_difference"] > 0.5
    assert found["pair_trends"] < 0.85


def test_a_collapsed_generator_has_no_spread_no_correlation_and_no_warning():
    known = real()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measured(np.repeat(rows(1)[:1], 50, axis=0), known)
    assert found["spread_ratio"] == pytest.approx(0, abs=1e-6)
    assert found["ks_worst"] >= 0.5
    assert found["coverage"] < 0.1
    lost = np.abs(column_correlations(known.reference.values)[np.triu_indices(4, 1)]).mean()
    assert found["correlation_difference"] == pytest.approx(lost)


def test_a_column_that_is_constant_in_the_reference_has_no_correlation_and_no_spread():
    known = real()
    known.reference.values[:, 3] = 0
    found = measured(rows(1), known)
    wanted = column_correlations(rows(1)[:, :3]) - column_correlations(known.reference.values[:, :3])
    assert found["correlation_difference"] == pytest.approx(np.abs(wanted[np.triu_indices(3, 1)]).mean())
    assert np.isnan(column_correlations(known.reference.values)[3]).all()


def test_the_distances_are_those_of_scipy_with_ties():
    kind = Row((Column("a"), Column("b")))
    known = real(kind=kind)
    known.reference.values[:] = np.random.default_rng(4).integers(0, 9, (400, 2))
    judged = np.random.default_rng(5).integers(2, 12, (70, 2)).astype(np.float32)
    found = measured(judged, known)
    wanted = [ks_2samp(judged[:, n], known.reference.values[:, n]).statistic for n in (0, 1)]
    assert found["ks_mean"] == pytest.approx(np.mean(wanted))
    assert found["ks_worst"] == pytest.approx(max(wanted))
    assert found["column_shapes"] == pytest.approx(1 - np.mean(wanted))


WEIGHED = ("ks_mean", "column_shapes", "spread_ratio", "correlation_difference", "pair_trends", "precision")


def test_a_row_that_weighs_twice_is_as_good_as_two_rows():
    known, judged = real(), rows(1, 60)
    times, of_reference = np.arange(60) % 3, np.arange(400) % 2
    doubled = Real(known.kind, known.train, known.reference.take(np.repeat(np.arange(400), of_reference)))
    weighed = measured(judged, known, (times.astype(float), of_reference.astype(float)))
    # The bins of the contingencies and the balls are those of all reference rows.
    repeated = measured(np.repeat(judged, times, axis=0), known, (np.ones(60), of_reference.astype(float)))
    assert {n: weighed[n] for n in WEIGHED} == pytest.approx({n: repeated[n] for n in WEIGHED}, rel=1e-5)
    apart = measured(judged, doubled, (times.astype(float), np.ones(200)))
    names = ("ks_mean", "spread_ratio", "correlation_difference", "binary_rate_difference")
    assert {n: weighed[n] for n in names} == pytest.approx({n: apart[n] for n in names}, rel=1e-5)


def test_the_energy_distance_is_that_of_pairs_of_two_rows():
    kind = Row((Column("a"),))
    known = real(kind=kind)
    judged, scale = rows(3, 30)[:, :1] + 1, known.train.values.std()
    w, v = np.arange(30) % 3.0, np.arange(400) % 2.0

    def mean_of(a, b, of_a, of_b):
        apart, both = np.abs(a - b.T) / scale, np.outer(of_a, of_b)
        if a is b:
            np.fill_diagonal(both, 0)
            return (apart * both).sum() / (of_a.sum() ** 2 - (of_a**2).sum())
        return (apart * both).sum() / both.sum()

    other = known.reference.values
    wanted = 2 * mean_of(judged, other, w, v) - mean_of(judged, judged, w, w) - mean_of(other, other, v, v)
    assert measured(judged, known, (w, v))["energy_distance"] == pytest.approx(wanted, rel=1e-4)


def test_precision_and_coverage_count_balls_to_the_fifth_neighbour():
    line = np.arange(12.0)[:, None]
    assert radii(line, 5)[[0, 5]] == pytest.approx([5, 3])
    assert radii(line[:3], 5) == pytest.approx([2, 1, 2])
    kind = Row((Column("a"),))
    known = Real(kind, SampleSet(line), SampleSet(line))
    found = measured(np.array([*[5.0] * 6, *[99.0] * 4])[:, None], known)
    assert found["precision"] == pytest.approx(0.6)
    inside = np.abs(line[:, 0] - 5) <= radii(line, 5)
    assert found["coverage"] == pytest.approx(inside.mean())
    only_far = measured(
        np.array([*[5.0] * 6, *[99.0] * 4])[:, None], known, (np.repeat([0.0, 1.0], [6, 4]), np.ones(12))
    )
    assert only_far["precision"] == only_far["coverage"] == 0


def test_violations_are_beyond_limits_neither_0_nor_1_or_not_whole():
    columns = (Column("a", 0, 0.02), Column("b", binary=True), Column("c", whole=True), Column("d"))
    good = [[0.02, 1, 3, -9], [np.float32(0.02), 0, -3, 1e9]]
    bad = [[0.0201, 1, 3, 0], [-0.001, 1, 3, 0], [0, 0.5, 3, 0], [0, 2, 3, 0], [0, 1, 2.5, 0]]
    assert violations(np.array(good + bad), columns).tolist() == [False] * 2 + [True] * 5
    assert violations(np.float32(good), columns).tolist() == [False, False]


@pytest.mark.parametrize(("moved", "share"), [(0.4, 1.0), (1.0, 0.0)])
def test_rows_are_copies_when_they_agree_on_the_grid_of_a_training_row(moved, share):
    known = real()
    known.train.values[:20] = [-4 + 8 * 100 / 254, 0.0, 1.0, 0.0]
    made = known.train.values[:20] + np.float32([moved * 8 / 254, 0, 0, 0])
    assert measured(made, known, steps=254)["copies"] == share
    assert measured(made, known)["copies"] == 0
    negative_zero = known.train.values[:20] * np.float32([1, -1, 1, -1])
    assert measured(negative_zero, known)["exact_copies"] == 1
    assert measured(known.reference.values, known)["exact_copies"] == 0


def test_training_rows_are_copies_for_whoever_made_them_but_not_beside_themselves():
    known = real()
    judge = TableMetric(None).fit(known)
    ones, of_reference = np.ones(len(known.train)), np.ones(len(known.reference))
    assert judge(SampleSet(known.train.values))["table/copies"](ones, of_reference) == 1
    own = judge(known.train)
    assert own["table/copies"](ones, of_reference) == 0
    assert own["table/near_copies"](ones, of_reference) == pytest.approx(0.05, abs=0.04)


def test_the_order_of_rows_does_not_matter():
    judged = rows(1)
    # Which rows are asked together does change, and so the trees.
    trees = {"detection_auc", "tstr_shuffled_auroc"}
    one, other = measured(judged), measured(judged[np.random.default_rng(0).permutation(len(judged))])
    assert {n: one[n] for n in one.keys() - trees} == pytest.approx({n: other[n] for n in one.keys() - trees}, abs=1e-5)


WARD = tuple(Column(f"ward={name}", binary=True, of="ward", value=name) for name in "ABC")


def test_none_or_several_values_of_a_category_are_violations():
    one_hot = np.array([[1, 0, 0], [0, 0, 0], [1, 0, 1], [1, 1, 1]])
    assert violations(one_hot, WARD).tolist() == [False, True, True, True]


def test_combinations_that_no_training_row_has_are_counted():
    kind = Row((Column("male", binary=True), Column("pregnant", binary=True), *WARD))
    known = np.array([[1, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 1, 1, 0, 0]] * 10, np.float32)
    new = categories.fit(known, kind.columns)
    judged = np.array([[1, 0, 1, 0, 0], [1, 1, 1, 0, 0], [0, 1, 0, 1, 0], [0, 1, 0, 0, 1]])
    alone = [new(judged[[n]])["table/new_combinations"](np.ones(1), np.ones(1)) for n in range(4)]
    assert alone == [0, 1, 1, 1]
    assert categories.fit(known[:, :1], [Column("a")])(judged) == {}


def test_constant_columns_are_counted():
    judged = rows(1)
    assert measured(judged)["constant_columns"] == 0
    judged[:, 1:3] = judged[0, 1:3]
    assert measured(judged)["constant_columns"] == 0.5


def test_shuffled_columns_keep_one_value_of_each_category():
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.normal(size=50), np.eye(3)[rng.integers(0, 3, 50)]]).astype(np.float32)
    known = Real(Row((Column("a"), *WARD)), SampleSet(values), SampleSet(values))
    shuffled = make("noise", known, 50).values
    assert (shuffled[:, 1:].sum(axis=1) == 1).all()
    assert (make("pca_gaussian", known, 50).values[:, 1:].sum(axis=1) == 1).all()
    plain = Real(Row((Column("a"), Column("b"))), SampleSet(values[:, :2]), SampleSet(values[:, :2]))
    drawn = controls.copy(plain, 50, rng_of := np.random.default_rng([0, list(controls.COLUMNS).index("noise")]))
    assert (make("noise", plain, 50).values == rng_of.permuted(drawn.values, axis=0)).all()


def test_a_kind_without_such_columns_has_no_such_number():
    only = Row((Column("sick", binary=True),))
    known = Real(only, SampleSet(rows(0)[:, 2:3]), SampleSet(rows(2)[:, 2:3]))
    found = measured(rows(1)[:, 2:3], known)
    assert {"ks_mean", "ks_worst", "spread_ratio", "pair_trends", "tstr_auroc"}.isdisjoint(found)
    assert found["binary_rate_difference"] < 0.1
    assert np.isfinite(list(found.values())).all()
    continuous = measured(rows(1)[:, :2], real(kind=Row(KIND.columns[:2])))
    assert {"binary_rate_difference", "tstr_auroc"}.isdisjoint(continuous)
    assert np.isfinite(list(continuous.values())).all()


def test_every_number_is_told_and_rows_of_another_table_are_refused():
    measure, known = TableMetric(), real()
    judge = measure.fit(known)
    assert set(judge(SampleSet(rows(1)))) == set(measure.numbers)
    with pytest.raises(UserError, match=r"\(400, 3\) and 4 columns"):
        judge(SampleSet(rows(0)[:, :3]))
    with pytest.raises(TooFew, match="0 reference rows"):
        measure.fit(Real(KIND, known.train, known.reference.take(np.arange(0))))
    few = Real(known.kind, known.train, known.reference.take(np.arange(3)))
    copied = measure.always(few, SampleSet(np.concatenate([known.train.values[:3], rows(7)[:1]])))
    assert copied["table/exact_copies"](np.ones(4), np.ones(3)) == 0.75
    broken = rows(0)
    broken[:3, 1] = np.nan
    with pytest.raises(UserError, match="3 of 400 rows to judge"):
        judge(SampleSet(broken))
    with pytest.raises(UserError, match="measures rows"):
        measure.fit(Real(Image((1, 2, 2)), known.train, known.reference))
    with pytest.raises(UserError, match="steps=0"):
        TableMetric(steps=0)


def test_controls_land_where_they_must(trees, tmp_path):
    known = real(train=300, reference=200)
    found = evidence(known, make("pca_gaussian", known, 200), {"table": TableMetric(None)}, tmp_path, draws=10)
    assert not found.left_out
    assert undetected(found.rows) == {}


def thyroid(count):
    path = DATA / "thyroid" / "ann-train.data"
    if not path.is_file():
        pytest.skip(f"no real rows in {path}: set GANLAB_TEST_DATA to the folder that holds thyroid")
    table = np.array([line.split()[0].split(",")[:21] for line in path.read_text().splitlines()], np.float32)
    kind = Row(tuple(Column(str(index), binary=1 <= index <= 15) for index in range(21)))
    table, patients = np.random.default_rng(0).permutation(table)[:count], np.arange(count)
    half = count // 2
    return Real(kind, SampleSet(table[:half], None, patients[:half]), SampleSet(table[half:], None, patients[half:]))


def test_real_rows_beside_other_real_rows_are_near_to_right_and_controls_are_not(trees, tmp_path):
    known = thyroid(600)
    found = evidence(known, make("bootstrap", known, 200), {"table": TableMetric()}, tmp_path, draws=10).rows
    assert undetected(found) == {}
    assert found["table/ks_worst"]["floor"] < 0.1
    assert found["table/correlation_difference"]["floor"] < 0.07
    assert 0 < found["table/copies"]["floor"] < 0.2
    assert found["table/detection_auc"]["floor"] == pytest.approx(0.5, abs=0.06)
    assert found["table/near_copies"]["synthetic"] > 0.9


def tables(known, judged):
    pandas = pytest.importorskip("pandas")
    names = [f"c{n}" for n in range(len(known.kind.columns))]
    frames = [pandas.DataFrame(v.astype(np.float64), columns=names) for v in (known.reference.values, judged)]
    for frame in frames:
        for name, column in zip(names, known.kind.columns, strict=True):
            frame[name] = frame[name].astype(int) if column.binary else frame[name]
    return names, frames


@pytest.mark.parametrize("source", ["made", "thyroid"])
def test_shapes_and_trends_are_those_of_sdmetrics(source):
    pairs = pytest.importorskip("sdmetrics.column_pairs")
    single = pytest.importorskip("sdmetrics.single_column")
    known = real() if source == "made" else thyroid(800)
    judged = make("bootstrap", known, 300).values
    judged[:, [not column.binary for column in known.kind.columns]] *= 1.3
    names, (of_real, of_judged) = tables(known, judged)
    binary = {name for name, column in zip(names, known.kind.columns, strict=True) if column.binary}
    shapes = [
        (single.TVComplement if name in binary else single.KSComplement).compute(of_real[name], of_judged[name])
        for name in names
    ]
    trends = []
    for first, name in enumerate(names):
        for other in names[first + 1 :]:
            two = [frame[[name, other]].copy() for frame in (of_real, of_judged)]
            wide = [each for each in (name, other) if each not in binary]
            if len(wide) == 2:
                trends.append(pairs.CorrelationSimilarity.compute(*two))
            else:
                trends.append(pairs.ContingencySimilarity.compute(*two, continuous_column_names=wide or None))
    found = measured(judged, known)
    assert found["column_shapes"] == pytest.approx(np.mean(shapes), abs=1e-6)
    assert found["pair_trends"] == pytest.approx(np.nanmean(trends), abs=1e-6)


def test_violations_and_new_rows_are_those_of_sdmetrics():
    single = pytest.importorskip("sdmetrics.single_column")
    synthesis = pytest.importorskip("sdmetrics.single_table")
    known = real(train=60, reference=60)
    judged = np.concatenate([known.train.values[:15], rows(1, 25) * np.float32([3, 1, 1, 1])])
    names, (_, of_judged) = tables(known, judged)
    inside = single.BoundaryAdherence.compute(of_judged["c0"], of_judged["c0"], range_min=-4, range_max=4)
    found = measured(judged, known)
    assert found["violations"] == pytest.approx(1 - inside, abs=1e-6)
    assert found["violations"] > 0
    learned = Real(known.kind, known.reference, known.train)
    _, (of_train, _) = tables(learned, judged)
    metadata = {"columns": {n: {"sdtype": "categorical" if n in ("c2", "c3") else "numerical"} for n in names}}
    new = synthesis.NewRowSynthesis.compute(of_train, of_judged, metadata, numerical_match_tolerance=1e-9)
    assert found["exact_copies"] == pytest.approx(1 - new, abs=1e-6)
    assert found["exact_copies"] == 15 / 40
