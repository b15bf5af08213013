from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pytest

from ganlab.core.errors import UserError
from ganlab.core.kind import Column, Row
from ganlab.evaluation.controls import make
from ganlab.metrics.base import Attacked, Real, SampleSet, Scores
from ganlab.metrics.needs import TooFew
from ganlab.metrics.privacy.table import TablePrivacy

COLUMNS = (
    Column("age", 0.0, 100.0),
    Column("ill", binary=True),
    Column("tsh", 0.0, 10.0),
    Column("t3", 0.0, 10.0),
)


def rows(people: range, seed: int) -> SampleSet:
    """T3 follows from TSH but for noise, so that everybody's can be told a little."""
    rng = np.random.default_rng(seed)
    count = len(people)
    age, tsh = rng.uniform(20, 90, count), rng.uniform(0, 10, count)
    values = np.stack([age, rng.integers(0, 2, count), tsh, np.clip(tsh + rng.normal(size=count), 0, 10)], axis=1)
    return SampleSet(values.astype(np.float32), np.zeros(count, np.int64), np.array(people))


def real(members: int = 100) -> Real:
    ends = np.cumsum([0, members, members, 60, 60])
    sides = [rows(range(a, b), seed) for seed, (a, b) in enumerate(pairwise(ends.tolist()))]
    return Real(Row(COLUMNS), sides[0], rows(range(900, 1000), 9), attacked=Attacked(*sides))


def judged(samples: SampleSet, known: Sequence[str] | None = None, given: Real | None = None) -> Scores:
    measure = TablePrivacy(known)
    found = measure.fit(measure.select(given or real()))(samples)
    assert isinstance(found, Scores)
    return found


def values(samples: SampleSet, known: Sequence[str] | None = None) -> Mapping[str, float]:
    everybody = np.ones(len(samples)), np.ones(200)
    return {name: number(*everybody) for name, number in judged(samples, known).items()}


def test_copies_are_caught_and_rows_of_others_are_not() -> None:
    ground = TablePrivacy().select(real())
    copy, floor = (values(make(name, ground, 100)) for name in ("copy", "floor"))
    for name in ("nearest", "calibrated", "attributes"):
        assert copy[f"privacy/{name}_auc"] > 0.95, name
        assert abs(floor[f"privacy/{name}_auc"] - 0.5) < 0.15, name
        assert copy[f"privacy/{name}_epsilon"] > 1.5, name
        assert floor[f"privacy/{name}_epsilon"] == 0, name
    assert (copy["privacy/exact_copies"], copy["privacy/attributes_risk"]) == (1, pytest.approx(1))
    assert copy["privacy/near_copies"] > 0.9
    assert copy["privacy/dcr_share"] > 0.95
    assert (floor["privacy/exact_copies"], abs(floor["privacy/near_copies"])) == (0, pytest.approx(0, abs=0.1))
    assert abs(floor["privacy/attributes_risk"]) < 0.1
    assert abs(floor["privacy/dcr_share"] - 0.5) < 0.15


def test_a_copy_on_the_grid_is_one_and_a_step_hides_it() -> None:
    given = real()
    rounded = given.train.values + np.float32([0.1, 0, 0.01, 0.01])
    assert values(SampleSet(np.clip(rounded, 0, [100, 1, 10, 10])))["privacy/exact_copies"] > 0.3
    moved = values(SampleSet(given.train.values + np.float32([2, 0, 0, 0])))
    assert moved["privacy/exact_copies"] == 0
    assert moved["privacy/near_copies"] > 0.5
    assert moved["privacy/calibrated_auc"] > 0.9


def test_columns_that_follow_from_one_another_are_no_leak() -> None:
    """T3 is told of members and of others alike where the rows are of neither."""
    others = rows(range(700, 800), 77)
    found = judged(others, ["tsh"])
    shown = found.details["attributes"]
    assert shown["known"] == ["tsh"]
    assert min(shown["members"], shown["nonmembers"]) > 0.1
    assert abs(values(others, ["tsh"])["privacy/attributes_risk"]) < 0.2


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(UserError, match=r"no column weight; there are age, ill, tsh, t3"):
        judged(rows(range(9), 0), ["age", "weight"])
    with pytest.raises(UserError, match=r"4 of 4 columns would be known"):
        judged(rows(range(9), 0), ["age", "ill", "tsh", "t3"])
    with pytest.raises(TooFew, match=r"5 members and 5 non-members"):
        judged(rows(range(9), 0), given=real(members=5))
    with pytest.raises(UserError, match=r"steps=0"):
        TablePrivacy(steps=0)
