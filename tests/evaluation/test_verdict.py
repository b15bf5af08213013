"""The verdict: red for each fault, green for unseen real samples, grey for too few patients or nothing measured."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import ganlab.metrics.numbers as numbers_module
from ganlab.core.kind import Column, Image, Row, Window
from ganlab.evaluation.findings import finding_of
from ganlab.evaluation.null import Sizes, patient_groups, redrawn_groups, sizes_of
from ganlab.evaluation.primary import plans_of, primaries_of
from ganlab.evaluation.rows import badness
from ganlab.evaluation.thresholds import thresholds
from ganlab.evaluation.verdict import COPIES, FIDELITY, Verdict, verdict
from ganlab.metrics.base import Real, SampleSet
from ganlab.report.effects import PRIMARY as SWEPT

TWELVE = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")
ECG = Window(TWELVE, 100.0, 1000)
SIZES = Sizes(30, 30, 200, 30)


def row(value: float | None, best: float = 0.0, **others: Any) -> dict[str, Any]:
    """A row of evidence."""
    plain = {"synthetic": value, "interval": [None, None], "real": None, "best": best, "unit": "", "worse": ""}
    return {**plain, "controls": {}, "sees": [], "floor": best, "floor_interval": [None, None]} | others


def measured(kind: Any = ECG, value: float = 0.5) -> tuple[dict[str, Any], dict[str, Any]]:
    """Rows of all primary numbers that are `value` off, and draws of other patients of 0 to 1."""
    rng = np.random.default_rng(0)
    names = primaries_of(kind)
    null = {name: {"draws": rng.uniform(0, 1, 200).tolist(), "faults": []} for name in names}
    return {name: row(value) for name in names}, null


ATTACKS = {"privacy": {"synthetic": {"strongest": {"p": 0.4}, "attacks": {"linkage": {"p": 0.6}}}}}
AUC = {"privacy/strongest_auc": row(0.55, 0.5), "privacy/linkage_share": row(0.5, 0.5)}


def colours(made: Verdict) -> list[str]:
    return [light.colour for light in made.lights]


def test_all_numbers_as_those_of_other_patients_are_green() -> None:
    rows, null = measured()
    made = verdict(rows | AUC, ECG, null, SIZES, ATTACKS)
    assert colours(made) == ["green"] * 3
    assert made.worst == "green"
    assert "(other real ones up to 1.0" in made.lights[0].reason
    assert len(made.five) == 5
    json.dumps(made.as_json(), allow_nan=False)


@pytest.mark.parametrize("name", primaries_of(ECG))
def test_each_primary_number_makes_its_own_light_red(name: str) -> None:
    rows, null = measured()
    made = verdict({**rows, **AUC, name: row(5.0)}, ECG, null, SIZES, ATTACKS)
    red = [light for light in made.lights if light.colour == "red"]
    assert [name in [each.name for each in light.numbers] for light in red] == [True]
    assert "5" in red[0].reason
    assert made.five[0].name == name or red[0].name != "looks_like"


@pytest.mark.parametrize("test", ["strongest", "linkage"])
def test_an_attack_that_beats_its_permutations_is_red(test: str) -> None:
    rows, null = measured()
    own = {"strongest": {"p": 0.4}, "attacks": {"linkage": {"p": 0.6}}}
    changed = own | ({"strongest": {"p": 0.001}} if test == "strongest" else {"attacks": {"linkage": {"p": 0.001}}})
    made = verdict(rows | AUC, ECG, null, SIZES, {"privacy": {"synthetic": changed}})
    assert colours(made) == ["green", "green", "red"]
    assert made.lights[2].reason.startswith("Found.")


def test_without_attacks_nobody_says_that_nobody_is_given_away() -> None:
    rows, null = measured()
    made = verdict(rows, ECG, null, SIZES)
    assert colours(made) == ["green", "green", "grey"]
    assert "Copies: not found." in made.lights[2].reason
    assert "Membership and linkage: not measured" in made.lights[2].reason


def test_patients_who_did_not_train_the_generator_prove_nothing_of_who_did() -> None:
    rows, null = measured()
    made = verdict(rows | AUC, ECG, null, SIZES, ATTACKS, "it was trained on ptbdb")
    assert colours(made) == ["green", "green", "grey"]
    assert made.lights[2].reason == "Copies, membership and linkage: proves nothing, it was trained on ptbdb."
    found = verdict(rows | AUC | {"copies/exact": row(9.0)}, ECG, null, SIZES, ATTACKS, "it was trained on ptbdb")
    assert found.lights[2].colour == "red"


def test_too_few_patients_are_grey_and_say_how_many_are_needed() -> None:
    rows, null = measured()
    made = verdict(rows | AUC, ECG, null, Sizes(6, 6, 200, 6), ATTACKS)
    assert colours(made) == ["grey"] * 3
    assert made.lights[0].reason == "6 patients: at least 10 are needed."


@pytest.mark.parametrize(("interval", "colour"), [([4.0, 6.0], "red"), ([0.1, 9.0], "grey")])
def test_with_few_patients_only_a_whole_interval_outside_is_red(interval: list[float], colour: str) -> None:
    rows, null = measured()
    bad = row(5.0, interval=interval)
    made = verdict({**rows, "physiology/heart_rate_w1": bad}, ECG, null, Sizes(6, 6, 200, 6))
    assert made.lights[0].colour == colour


def test_with_few_patients_an_interval_on_both_sides_of_the_best_is_not_red() -> None:
    rows, null = measured()
    null["physiology/plausible_rate"]["draws"] = [1 + value for value in null["physiology/plausible_rate"]["draws"]]
    rows |= {name: row(1.0, 1.0) for name in ("physiology/plausible_rate",)}
    for interval, colour in (([-9.0, 9.0], "grey"), ([4.0, 9.0], "red")):
        bad = row(5.0, 1.0, interval=interval)
        made = verdict({**rows, "physiology/plausible_rate": bad}, ECG, null, Sizes(6, 6, 200, 6))
        assert made.lights[0].colour == colour


def test_exact_copies_alone_do_not_answer_for_near_ones() -> None:
    rows, null = measured()
    for nearest in (None, row(None), row(0.5, sees=["copy"], controls={"copy": 0.6})):
        lacking = {name: each for name, each in (rows | AUC | {"copies/nearest": nearest}).items() if each}
        light = verdict(lacking, ECG, null, SIZES, ATTACKS).lights[2]
        assert light.colour == "grey"
        assert light.reason.startswith("Membership and linkage: not found. Copies: ")


def test_nothing_measured_is_grey() -> None:
    made = verdict({}, ECG, {}, SIZES)
    assert colours(made) == ["grey"] * 3
    assert made.lights[0].reason == "Not measured: metrics=ecg measures it."


def test_what_could_not_be_measured_gives_the_reason_and_is_none_of_the_five_numbers() -> None:
    rows, null = measured()
    few = row(None, not_measurable="5 samples, and 20 are needed.")
    rows |= {"distribution/coverage": few}
    assert (
        verdict(rows, ECG, null, SIZES)
        .lights[1]
        .reason.endswith("Coverage: not measured (5 samples, and 20 are needed).")
    )
    light = verdict({"distribution/coverage": few}, ECG, {}, SIZES).lights[1]
    assert light.reason == "Not measured: 5 samples, and 20 are needed."
    del null["physiology/heart_rate_w1"]
    assert all(each.reference for each in verdict(rows, ECG, null, SIZES).five)


def test_a_number_that_misses_its_control_proves_nothing() -> None:
    rows, null = measured()
    blind = {name: row(0.5, sees=["noise"], controls={"noise": 0.6}) for name in rows}
    made = verdict(blind, ECG, null, SIZES)
    assert made.lights[0].colour == "grey"
    assert "do not suffice to distinguish the control noise from real samples" in made.lights[0].reason


def test_a_part_that_was_not_measured_keeps_a_light_from_being_green() -> None:
    rows, null = measured()
    leads = [each.name for part in plans_of(ECG)[0].parts if part.name == "leads" for each in part.numbers]
    without = {name: each for name, each in rows.items() if name not in leads}
    assert verdict(without, ECG, null, SIZES).lights[0].colour == "grey"
    single = Window(("i",), 100.0, 1000)
    assert verdict(without, single, null, SIZES).lights[0].colour == "green"


def test_a_light_may_be_green_without_an_optional_part_that_was_not_measured() -> None:
    rows, null = measured()
    del rows["clinical/class_distance"]
    assert verdict(rows, ECG, null, SIZES).lights[1].colour == "green"
    for control, colour in (("collapsed", "grey"), ("noise", "green")):
        blind = rows | {"clinical/class_distance": row(0.5, sees=[control], controls={control: 0.5})}
        assert verdict(blind, ECG, null, SIZES).lights[1].colour == colour


def test_every_primary_number_is_measured_by_a_metric() -> None:
    known = yaml.safe_load((Path(numbers_module.__file__).with_suffix(".yaml")).read_text())
    of_attacks = {"privacy/strongest_auc", "privacy/linkage_share"}
    for kind in (ECG, Row((Column("a"),)), Image((1, 8, 8))):
        for plan in plans_of(kind):
            for each in plan.primaries:
                metric, _, name = each.name.replace("image_distribution", "distribution").partition("/")
                assert each.name in of_attacks or name in known[metric], each.name
    for each in SWEPT:
        metric, _, name = each.replace("image_distribution", "distribution").partition("/")
        assert name in known[metric], each


@pytest.mark.parametrize(
    "kind",
    [ECG, Window(("x",), 10.0, 50, "g"), Row((Column("a"),)), Image((1, 8, 8))],
    ids=["ecg", "signal", "row", "image"],
)
def test_every_kind_has_three_lights(kind: Any) -> None:
    rows, null = measured(kind)
    made = verdict(rows, kind, null, SIZES)
    assert [light.name for light in made.lights] == ["looks_like", "varied", "private"]
    assert colours(made)[:2] == ["green", "green"]
    assert all(each.words and each.why for plan in plans_of(kind) for each in plan.primaries)


def test_real_against_real_alarms_in_at_most_the_level_for_all_numbers_together() -> None:
    """Ten correlated numbers; each group of patients is one more draw of the same distribution."""
    rng, alarms, pages = np.random.default_rng(1), 0, 600
    mixing = rng.normal(size=(10, 10)) + 2
    rows = {f"n/{k}": row(0.0) for k in range(10)}
    for _ in range(pages):
        draws = np.abs(rng.normal(size=(201, 10)) @ mixing)
        null = {f"n/{k}": {"draws": draws[1:, k].tolist()} for k in range(10)}
        limits = thresholds(rows, null, 0.05, SIZES)
        alarms += any(draws[0, k] > limits[f"n/{k}"].most for k in range(10))
    assert 0.02 <= alarms / pages <= 0.065


def test_one_sided_numbers_alarm_on_one_side() -> None:
    draws = {"n": {"draws": np.random.default_rng(0).normal(0.5, 0.05, 200).tolist()}}
    limit = thresholds({"n": row(0.5, 0.5, worse="above")}, draws, FIDELITY, SIZES)["n"]
    assert badness(row(0.1, 0.5, worse="above"), 0.1) < 0 < limit.most
    assert limit.low == -np.inf
    assert limit.high == pytest.approx(0.62, abs=0.03)


def test_of_a_share_with_one_worse_side_the_range_is_open_on_the_other() -> None:
    _, null = measured(Image((1, 8, 8)))
    rows = {"image/copies": row(0.1, 0.05, unit="share", worse="above")}
    (copies, _), *_ = verdict(rows, Image((1, 8, 8)), null, SIZES).lights[2].parts.values()
    assert copies.better == "lower is better"
    assert copies.reference.startswith("up to ")
    assert copies.range[0] is None


@pytest.mark.parametrize(("only", "better", "reference"), [(0.0, "lower", "up to 0"), (1.0, "higher", "at least 1")])
def test_a_number_that_may_have_one_value_alone_says_which_way_is_better(
    only: float, better: str, reference: str
) -> None:
    (each, *_) = primaries_of(ECG).values()
    limit = thresholds({each.name: row(only, only)}, {each.name: {"draws": [only] * 200}}, COPIES, SIZES)
    limit = replace(limit[each.name], low=only, high=only, most=0.0)
    shown = finding_of(each, row(only, only), limit, SIZES)
    assert shown.better == f"{better} is better"
    assert shown.reference == reference


def test_a_number_that_no_real_group_has_is_an_alarm_from_a_few_samples_on() -> None:
    rows, null = {"n": row(0.0, unit="share")}, {"n": {"draws": [0.0] * 200}}
    sizes = Sizes(200, 100, 500, 100)
    assert 0 < thresholds(rows, null, COPIES, sizes)["n"].most < 0.011
    assert thresholds(rows, null, COPIES, sizes, frozenset(["n"]))["n"].most == 0


def test_a_negligible_distance_is_no_alarm_and_takes_no_part_of_the_level() -> None:
    """Real leads deviate from Einthoven's law by their rounding, 0.50 +- 0.003 uV; 0.6 uV is no artefact."""
    draws = (0.5 + 0.003 * np.random.default_rng(0).normal(size=1000)).tolist()
    rows, null = measured()
    name = "leads/einthoven_residual_uv"
    rows[name], null[name] = row(0.6, 0.0, unit="uV"), {"draws": draws, "faults": []}
    limits = thresholds({name: rows[name]}, null, FIDELITY, SIZES, negligible={name: 2.5})
    assert 2.5 <= limits[name].most < 2.6
    assert verdict(rows, ECG, null, SIZES).lights[0].colour == "green"
    rows[name] = row(5.0, 0.0, unit="uV")
    assert verdict(rows, ECG, null, SIZES).lights[0].colour == "red"


def test_of_a_rare_share_few_patients_who_know_it_do_not_bound_it() -> None:
    """One of 60 patients has it: that four of 60 others do is no alarm, that every fourth does is one."""
    draws = np.random.default_rng(0).binomial(30, 1 / 60, 1000) / 30
    rows = {"n": row(1 / 60, None, unit="share") | {"real": 1 / 60}}
    limit = thresholds(rows, {"n": {"draws": draws.tolist()}}, FIDELITY / 17, Sizes(60, 60, 60, 60))["n"]
    assert badness(rows["n"], 4 / 60) < limit.most < badness(rows["n"], 15 / 60)


def test_a_share_that_all_groups_have_alike_has_no_more_than_its_part_of_the_level() -> None:
    """Four of 60 windows are no ECG, of a reference without any: beside sixteen other numbers that is no alarm."""
    rng = np.random.default_rng(0)
    rows = {f"n/{k}": row(0.0) for k in range(16)} | {"share": row(56 / 60, None, unit="share") | {"real": 1.0}}
    null = {name: {"draws": rng.uniform(0, 1, 1000).tolist()} for name in rows} | {"share": {"draws": [1.0] * 1000}}
    limit = thresholds(rows, null, FIDELITY, Sizes(60, 60, 60, 60))["share"]
    assert 4 / 60 < limit.most < 10 / 60


def test_one_exact_copy_of_a_thousand_is_an_alarm() -> None:
    rows, null = measured()
    rows["copies/exact"] = row(0.001, 0.0, unit="share")
    null["copies/exact"] = {"draws": [0.0] * 200, "faults": []}
    light = verdict(rows, ECG, null, Sizes(200, 100, 1000, 100)).lights[2]
    assert light.colour == "red"
    assert "equal to a training window 0.1 %" in light.reason


def test_groups_are_of_patients_and_have_the_variance_of_unseen_ones() -> None:
    patients = np.repeat(np.arange(40), 5)
    effects = np.random.default_rng(0).normal(size=40)
    real = SampleSet(np.zeros((200, 1, 4), np.float32), None, patients)
    drawn = patient_groups(real, patients=20, count=100)
    means = [weights @ effects[patients] / weights.sum() for weights in drawn]
    assert np.std(means) == pytest.approx(effects.std() * np.sqrt(1 / 20 + 1 / 40), rel=0.2)
    assert all(weights.sum() <= 100 for weights in drawn)


def test_a_set_by_itself_varies_as_its_difference_to_unseen_patients_does() -> None:
    patients = np.repeat(np.arange(30), 4)
    effects = np.random.default_rng(0).normal(size=30)
    reference = SampleSet(np.zeros((120, 1, 4), np.float32), None, patients)
    drawn = redrawn_groups(reference, Sizes(40, 30, 80, 20))
    means = [weights @ effects[patients] / weights.sum() for weights in drawn]
    assert np.std(means) == pytest.approx(effects.std() * np.sqrt(1 / 20 + 1 / 30), rel=0.1)
    assert np.mean(means) == pytest.approx(effects.mean(), abs=0.05)


def test_samples_without_patient_id_stand_for_as_many_patients_as_the_reference() -> None:
    some = SampleSet(np.zeros((20, 1, 4), np.float32), None, np.repeat(np.arange(10), 2))
    real = Real(Window(("i",), 100.0, 4), some, some.take(np.arange(12)))
    assert sizes_of(real, SampleSet(some.values)).patients == 6
    assert sizes_of(real, some).patients == 10
