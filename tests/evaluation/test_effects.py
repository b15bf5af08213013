"""Differences between groups of runs: paired by seed, with intervals that hold, corrected p values, and ranks."""

import math

import numpy as np
import pytest

from ganlab.evaluation.effects import Runs, compared, holm


def runs(values: dict[str, float], draws: int = 0) -> Runs:
    rng = np.random.default_rng(1)
    return {(seed, ""): [value, *(value + rng.normal(0, 1, draws))] for seed, value in values.items()}


def test_a_difference_is_paired_by_seed() -> None:
    """The seeds lie far apart, and the groups differ by 1 in each: only pairs can see it."""
    level = {str(seed): 10.0 * seed for seed in range(6)}
    near = {seed: value + 1 + 0.01 * int(seed) for seed, value in level.items()}
    effects = compared({"a": runs(level), "b": runs(near)}, "a", best=0.0)
    assert effects["b"].difference == pytest.approx(1.025)
    low, high = effects["b"].difference_interval
    assert 1.0 < low < 1.025 < high < 1.05
    assert effects["b"].p < 0.001
    assert (effects["a"].rank, effects["b"].rank) == (1, 2)
    assert math.isnan(effects["a"].difference)
    assert effects["a"].deviation == pytest.approx(np.std([*level.values()], ddof=1))


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(60):
        values = {str(seed): value for seed, value in enumerate(rng.normal(3, 1, 8))}
        low, high = compared({"a": runs(values)}, "a")["a"].interval
        held += low <= 3 <= high
    assert 51 <= held <= 60


def test_the_interval_of_few_seeds_is_as_wide_as_their_standard_error_says() -> None:
    values = [-1.2, -0.4, 0.0, 0.5, 1.1]
    low, high = compared({"a": runs({str(seed): value for seed, value in enumerate(values)})}, "a")["a"].interval
    assert high - low == pytest.approx(2 * 1.96 * np.std(values, ddof=1) / np.sqrt(5), rel=0.05)


def test_only_seeds_that_both_have_are_compared_and_a_number_that_is_none_is_left_out() -> None:
    effects = compared(
        {"a": runs({"0": 1.0, "1": 2.0, "2": 9.0}), "b": runs({"0": 2.0, "1": 3.0, "2": math.nan})}, "a", best=0.0
    )
    assert effects["b"].difference == 1.0
    assert (effects["a"].runs, effects["b"].runs) == (3, 2)
    assert list(compared({"a": runs({"0": math.nan}), "b": runs({"0": 1.0})}, "a")) == ["b"]


def test_draws_of_patients_widen_the_interval() -> None:
    values = {str(seed): float(seed % 2) / 100 for seed in range(6)}
    narrow, wide = (compared({"a": runs(values, draws)}, "a")["a"].interval for draws in (0, 40))
    assert narrow[1] - narrow[0] < 0.02
    assert wide[1] - wide[0] > 0.5


def test_one_seed_has_no_interval_and_no_p() -> None:
    effects = compared({"a": runs({"0": 1.0}), "b": runs({"0": 2.0})}, "a", best=0.0)
    assert effects["b"].difference == 1.0
    assert math.isnan(effects["b"].p)
    assert math.isnan(effects["b"].interval[0])


def test_ranks_of_groups_that_differ_by_chance_are_wide() -> None:
    rng = np.random.default_rng(0)
    groups = {name: runs({str(seed): float(rng.normal()) for seed in range(5)}) for name in "abc"}
    groups["far"] = runs({str(seed): 50.0 + seed for seed in range(5)})
    effects = compared(groups, "a", best=0.0)
    assert effects["far"].rank_interval == (4, 4)
    assert effects["b"].rank_interval == (1, 3)
    assert all(math.isnan(each.rank) for each in compared(groups, "a").values())


def test_runs_of_one_seed_are_drawn_together() -> None:
    """Two recipes of each seed are no two independent seeds."""
    values = {str(seed): float(seed) for seed in range(6)}
    twice: Runs = {(seed, recipe): [value] for seed, value in values.items() for recipe in ("x", "y")}
    once, double = compared({"a": runs(values)}, "a")["a"], compared({"a": twice}, "a")["a"]
    assert double.interval == pytest.approx(once.interval)
    assert double.runs == 12


def test_holm_multiplies_the_least_p_by_the_number_of_comparisons() -> None:
    corrected = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": math.nan})
    assert (corrected["a"], corrected["c"], corrected["b"]) == pytest.approx((0.03, 0.06, 0.06))
    assert math.isnan(corrected["d"])
