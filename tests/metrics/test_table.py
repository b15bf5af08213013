import warnings

import numpy as np
import pytest
from scipy.stats import ks_2samp

from ganlab.dataset.kind import Column, Row
from ganlab.errors import UserError
from ganlab.metrics.table import TableMeasure, copies, correlations, ks_distance
from tests.conftest import DATA

KIND = Row((Column("a", -4, 4), Column("b"), Column("sick", 0, 1, binary=True)))
RIGHT = {"finite": 1, "ks_mean": 0, "ks_worst": 0, "binary_rate_difference": 0, "spread_ratio": 1}
measure = TableMeasure()


def rows(seed, count=2000):
    """Rows whose three columns go together."""
    rng = np.random.default_rng(seed)
    a = rng.normal(0, 1, count).clip(-4, 4)
    return np.stack([a, 3 * a + rng.normal(0, 1, count), a + rng.normal(0, 0.5, count) > 0.5], axis=1)


def measured(samples):
    """Only equal numbers are copies: with so few columns many rows meet on the grid."""
    found = TableMeasure(steps=None)(samples, KIND, rows(0))
    return {name.removeprefix("table/"): value for name, value in found.items()}


def test_other_rows_of_the_same_people_are_near_to_right():
    found = measured(rows(1))
    right = RIGHT | {"correlation_difference": 0, "copies": 0}
    assert found == pytest.approx(right, abs=0.06)
    assert found["ks_mean"] > 0


def test_a_copy_has_perfect_numbers_and_is_seen_as_a_copy():
    assert measured(rows(0)) == RIGHT | {"correlation_difference": 0, "copies": 1}


def test_shuffled_columns_break_the_correlations_and_nothing_else():
    shuffled = np.random.default_rng(2).permuted(rows(0), axis=0)
    found = measured(shuffled)
    assert {name: found[name] for name in RIGHT} == pytest.approx(RIGHT)
    assert found["correlation_difference"] > 0.6
    assert found["copies"] == 0


def test_a_collapsed_generator_has_no_spread_no_correlation_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measured(np.repeat(rows(1)[:1], 50, axis=0))
    assert found["spread_ratio"] == pytest.approx(0, abs=1e-12)
    assert found["ks_worst"] >= 0.5
    lost = np.abs(correlations(rows(0))[np.triu_indices(3, 1)]).mean()
    assert found["correlation_difference"] == pytest.approx(lost)


def test_noise_is_far_from_right_everywhere():
    noise = np.random.default_rng(3).uniform(-9, 9, (500, 3)) * [1, 1, 0] + [0, 0, 1]
    found = measured(noise)
    assert found["ks_mean"] > 0.15
    assert found["spread_ratio"] > 3
    assert found["binary_rate_difference"] > 0.5
    assert found["copies"] == 0


def test_the_mean_distance_is_of_continuous_columns_and_the_worst_is_one_of_them():
    moved = rows(0) + np.array([0, 100, 0])
    assert measured(moved)["ks_worst"] == 1
    assert measured(moved)["ks_mean"] == 0.5


def test_the_distance_is_that_of_kolmogorov_and_smirnov_with_ties():
    assert ks_distance(np.array([1, 2, 3, 4]), np.array([3, 4, 5, 6])) == 0.5
    a, b = np.random.default_rng(4).integers(0, 9, 70), np.random.default_rng(5).integers(2, 12, 55)
    assert ks_distance(a, b) == pytest.approx(ks_2samp(a, b).statistic)


@pytest.mark.parametrize(("moved", "share"), [(0.4, 1.0), (1.0, 0.0)])
def test_rows_are_copies_when_they_agree_on_the_grid(moved, share):
    known = np.array([[-4 + 8 * 100 / 254, 0.0, 1.0], [4.0, 8.0, 0.0]])
    made = known[:1] + np.array([moved * 8 / 254, 0, 0])
    assert copies(made, known, KIND.columns) == share
    assert copies(made, known, KIND.columns, steps=None) == 0
    assert copies(np.array([[known[0, 0], -0.0, 1.0]]), known, KIND.columns, steps=None) == 1


def test_rows_that_are_no_numbers_are_counted_and_left_out():
    broken = np.concatenate([rows(0), [[np.nan, 0, 0], [np.inf, 0, 1]]])
    assert measured(broken) == RIGHT | {"finite": 2000 / 2002, "correlation_difference": 0, "copies": 1}
    nothing = measured(np.full((5, 3), np.nan))
    assert nothing.pop("finite") == 0
    assert np.isnan(list(nothing.values())).all()


def test_a_kind_without_such_columns_has_no_such_number():
    only = Row((Column("sick", binary=True),))
    found = measure(rows(1)[:, 2:], only, rows(0)[:, 2:])
    assert np.isnan([found["table/ks_mean"], found["table/ks_worst"], found["table/spread_ratio"]]).all()
    assert found["table/binary_rate_difference"] < 0.1


def test_every_number_has_a_meaning_and_rows_of_another_table_are_refused():
    assert set(measure(rows(1), KIND, rows(0))) == set(measure.meaning)
    assert measure.kinds == (Row,)
    with pytest.raises(UserError, match=r"\(2000, 2\) and 3 columns"):
        measure(rows(0)[:, :2], KIND, rows(0))
    with pytest.raises(UserError, match="reference rows"):
        measure(rows(0), KIND, rows(0)[:0])
    with pytest.raises(UserError, match="steps=0"):
        TableMeasure(steps=0)


def test_real_rows_beside_other_real_rows_are_near_to_right():
    path = DATA / "thyroid" / "ann-train.data"
    if not path.is_file():
        pytest.skip(f"no real rows in {path}: set GANLAB_TEST_DATA to the folder that holds thyroid")
    table = np.array([line.split()[0].split(",")[:21] for line in path.read_text().splitlines()], np.float64)
    kind = Row(tuple(Column(str(index), binary=1 <= index <= 15) for index in range(21)))
    one, other = np.split(np.random.default_rng(0).permutation(table)[:3700], 2)
    found = measure(one, kind, other)
    assert found["table/ks_worst"] < 0.06
    assert found["table/correlation_difference"] < 0.05
    assert 0.7 < found["table/spread_ratio"] < 1.3
    assert 0 < found["table/copies"] < 0.2
