"""The page of evidence, from rows as a measurement gives them and from damaged ones."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganlab.core.kind import Window
from ganlab.evaluation.evidence import Evidence
from ganlab.evaluation.rows import best, complete, detected, direction, relative
from ganlab.metrics.base import SampleSet
from ganlab.plot.distances import LEAST, MOST, draw_distances
from ganlab.report import page
from ganlab.report.evidence import write_evidence
from ganlab.report.numbers import distance_lines, numbers
from ganlab.report.tally import tally
from tests.report.parts import plain, sections

RISK = "Not measured: the risk to the patients whose records trained the generator."
HOSTILE = '"><script>alert(1)</script>'
KIND = Window(("i",), 200.0, 400)
FACTS = {
    "synthetic": f"/data/{HOSTILE}",
    "judged": 500,
    "data_set": HOSTILE,
    "compared_with": "test",
    "reference_persons": 12,
    "leads": ["i", HOSTILE],
    "rate_hz": 500.0,
    "simulated": False,
    "command": ["python -m ganlab.evaluate", HOSTILE],
    "version": "0.4",
    "code": "abc123",
}


def row(synthetic: float | None, **changes: Any) -> dict[str, Any]:
    """Best 0, other real patients 1 in 0.5 to 2, so that the reach of real samples is 2."""
    return {
        "synthetic": synthetic,
        "interval": [None, None],
        "real": None,
        "floor": 1.0,
        "floor_interval": [0.5, 2.0],
        "controls": {"copy": 0.5, "noisy_copy": 3.0, "collapsed": 1.5, "noise": 40.0},
        "baselines": {"bootstrap": 0.4, "pca_gaussian": 6.0},
        "unit": "uV",
        "meaning": "how far",
        "best": 0.0,
        "sees": ["noise"],
    } | changes


def summary(rows: Mapping[str, Any]) -> list[str]:
    """The sentences that sum up all metrics."""
    made: Any = page.environment().get_template("numbers.html").module
    return [plain(each) for each in re.findall(r"<p>(.*?)</p>", made.in_short(tally(rows)), re.DOTALL)]


def test_the_distances_of_single_classes_stand_below_their_mean() -> None:
    classes = {"synthetic": {"classes": {"MI": 3.4}}, "floor": {"classes": {"MI": 0.6, "NORM": 0.3}}, "copy": {}}
    rows = {"clinical/class_distance": row(3.6), "clinical/qt_w1": row(1.0)}
    (family,) = numbers(rows, drawn={"clinical": classes}).families
    mean, alone, _ = family.metrics
    assert (mean.name, alone.name, alone.meaning) == ("class_distance", "class_distance MI", "of this class alone")
    assert [cell.value for cell in alone.cells][:3] == ["3.4", "0", "0.6"]
    assert family.tally.count == 2


REASON = "7 reference windows, and 10 are needed."


def test_numbers_within_a_class_stand_beside_those_of_other_patients() -> None:
    within = {"healthy": [1.5, 0.5], "MI": [2.0, None]}
    st = row(1.0, unit="mV", classes={"MI": [3.0, 1.0]})
    rows = {"clinical/r_w1": row(1.0, classes=within), "clinical/st_w1": st}
    shown = numbers(rows)
    assert shown.classes == ["healthy", "MI"]
    assert [(name, cells) for name, _, cells in shown.within] == [
        ("clinical/r_w1", ["1.5 (0.5)", "2 (–)"]),
        ("clinical/st_w1", ["–", "3 (1)"]),
    ]
    assert shown.within[1][1] == "mV, lower is better"


def test_a_number_that_cannot_be_measured_says_so_where_it_would_stand() -> None:
    rows = {"copies/share": row(None, floor=None, controls={}, not_measurable=REASON), "a/b": row(1.0)}
    (family,) = [family for family in numbers(rows).families if family.name == "copies"]
    assert (family.metrics[0].cells[0].value, family.metrics[0].cells[0].below) == ("not measurable", REASON)
    assert any("Not measurable with these samples: 1 metric" in sentence for sentence in summary(rows))
    assert "copies/share" not in tally({name: complete(each) for name, each in rows.items()}).blank


ROWS = {
    "distribution/kid": row(1.0, interval=[-0.5, 2.5]),
    "distribution/blind": row(9.0, sees=["collapsed"]),
    "signal/comb": row(8.0, interval=[5.0, 10.0]),
    "signal/huge": row(1e6, interval=[9e5, 2e6]),
    "signal/untested": row(1.0, sees=[]),
    "signal/rate": row(70.0, best=None, real=72.0, floor=71.0, floor_interval=[69.0, 74.0]),
    "leads/none": row(None),
    "leads/alone": row(3.0, floor=None, floor_interval=[None, None]),
}


def windows(seed: int, count: int = 4) -> SampleSet:
    noise = np.random.default_rng(seed).normal(0, 0.05, (count, 1, 400))
    return SampleSet(noise + np.sin(np.arange(400) / 20), np.arange(count) % 2)


def joined(rows: Mapping[str, Any], left_out: tuple[str, ...] = ()) -> str:
    return sections(numbers(rows, left_out))


def write(
    folder: Path, rows: Mapping[str, Any], facts: Mapping[str, Any] = FACTS, classes: tuple[str, ...] = ()
) -> str:
    found = Evidence(dict(rows), [f"utility: too few {HOSTILE}"])
    return write_evidence(folder, KIND, windows(0), windows(1), found, facts, classes).read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take their time; the whole page has them."""
    monkeypatch.setattr("ganlab.report.page.png_bytes", lambda *_: b"")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("page"), ROWS | {f"x{HOSTILE}/y{HOSTILE}": row(1.0, unit=HOSTILE)})


def test_a_distance_is_in_multiples_of_the_far_end_of_real_samples() -> None:
    assert relative(row(1.0), 1.0) == 0.5
    assert relative(row(1.0), -4.0) == 2.0
    assert best(ROWS["signal/rate"]) == 72.0
    assert relative(ROWS["signal/rate"], 75.0) == 1.0
    assert relative(row(1.0), None) is relative(ROWS["leads/alone"], 3.0) is None


def test_a_number_that_never_varies_between_real_persons_has_no_scale_but_its_best() -> None:
    never = row(0.0, floor=0.0, floor_interval=[0.0, 0.0])
    assert relative(never, 0.0) == 0.0
    assert relative(never, 0.1) == math.inf


def test_what_is_worse_on_one_side_only_is_not_excused_by_the_other() -> None:
    """A classifier that is at 0.15 for other real patients has not found 0.85 to be like them."""
    auc = row(0.85, best=0.5, worse="above", floor=0.15, floor_interval=[0.05, 0.25], controls={"noise": 0.7})
    assert relative(auc, 0.85) == pytest.approx(3.5)
    assert relative(auc, 0.2) == 0.0
    assert detected(auc) == {"noise": True}
    assert not detected(auc | {"worse": ""})["noise"]
    assert relative(auc | {"worse": "below"}, 0.85) == 0.0


@pytest.mark.parametrize(
    ("changes", "better"),
    [
        ({}, "lower is better"),
        ({"interval": [-0.5, 2.5]}, "nearer to the best is better"),
        ({"best": 1e3}, "higher is better"),
        ({"best": None, "real": 1.0}, "nearer to real is better"),
        ({"best": None}, ""),
        ({"best": 1.0, "worse": "above"}, "lower is better"),
        ({"best": 1.0, "worse": "below"}, "higher is better"),
    ],
)
def test_which_way_is_better_is_said_from_where_the_best_lies(changes: dict[str, Any], better: str) -> None:
    assert direction(row(1.0, **changes)) == better
    assert better in plain(joined({"a/b": row(1.0, **changes)}))


def test_the_scale_says_of_every_control_what_the_verdict_says() -> None:
    for each in ROWS.values():
        told = {name: off > 1 for name, of in each["controls"].items() if (off := relative(each, of)) is not None}
        assert told == detected(each)


def test_numbers_are_parted_in_judged_blind_and_blank() -> None:
    found = tally(ROWS)
    assert found.judged == {"distribution/kid": 0.5, "signal/comb": 4.0, "signal/huge": 5e5, "signal/rate": 2 / 3}
    assert found.nothing == ["distribution/blind"]
    assert found.untested == ["signal/untested"]
    assert found.blank == ["leads/none", "leads/alone"]


@pytest.mark.parametrize("changes", [{"sees": []}, {"controls": {}}, {"controls": {"noise": None, "copy": 9.0}}])
def test_a_number_that_no_control_tests_counts_nowhere_and_is_marked(changes: dict[str, Any]) -> None:
    rows = {"a/tested": row(9.0), "a/untested": row(1.0, **changes)}
    first, *_, untested = summary(rows)
    assert "Of 1 metric that a control tests" in first
    assert "in 0." in first
    assert "(bootstrap) in 0 of 1 " in first
    assert untested == "Not counted, because no control tests what it can see: 1 metric, marked in the tables."
    markup = joined(rows)
    assert "a: 2 metrics, 0 of 1 within the real-versus-real reference range, 1 not tested by a control" in plain(
        markup
    )
    lines = {plain(line).split()[0]: line for line in re.findall(r"<tr><td>.*?</tr>", markup, re.DOTALL)}
    assert "not tested by a control" in lines["untested"]
    assert "not tested by a control" not in lines["tested"]
    assert "ot tested by a control" not in joined({"a/tested": row(9.0)})


def test_where_only_untested_numbers_are_nothing_is_counted() -> None:
    first, untested = summary({name: row(1.0, sees=[]) for name in ("a/b", "a/c")})
    assert first == "None of 2 metrics counts: it takes a reference range and a control that tests it."
    assert untested == "Not counted, because no control tests what they can see: 2 metrics, marked in the tables."


def test_the_page_says_how_intervals_are_made() -> None:
    said = plain(sections(numbers(ROWS, (), 200)))
    assert (
        "the quantiles of 200 draws of patients with replacement, shifted so that the mean of the draws is the value"
        in said
    )
    assert "the quantiles of draws of patients" in plain(joined(ROWS))


def test_the_sentences_count_what_the_rows_hold() -> None:
    first, worst, nothing, untested, blank = summary(ROWS)
    assert "Of 4 metrics that a control tests" in first
    assert "within the real-versus-real reference range in 2." in first
    # Of kid and rate the PCA-Gaussian is farther (6 of 2, 66 of 3); the interval is known of kid alone.
    assert "than the PCA-Gaussian sampler in 2 of 4 (with the whole interval in 1)" in first
    assert "(bootstrap) in 1 of 4 (with the whole interval in 0)" in first
    assert worst.endswith("signal/huge (over 1000), signal/comb (4).")
    assert "distribution/blind. On these data it proves nothing" in nothing
    assert "1 metric, marked" in untested
    assert "leads/none, leads/alone" in blank


def test_marks_tell_seen_controls_and_those_that_fool_a_number() -> None:
    markup = joined(ROWS)
    kid = next(line for line in re.findall(r"<tr>.*?</tr>", markup, re.DOTALL) if "<td>kid" in line)
    assert plain(kid).split("how far")[1].strip() == ("1 −0.5 to 2.5 0 perfect 1 0.5 to 2 0.5 3 ✓ 1.5 40 ✓ 0.4 6")
    blind = next(line for line in re.findall(r"<tr>.*?</tr>", markup, re.DOTALL) if "<td>blind" in line)
    assert "proves nothing here" in blind
    assert '<span class="missed">1.5 ✗</span>' in blind
    assert "but is not: the metric proves nothing here" in plain(markup)
    assert "✗" not in joined({"distribution/kid": ROWS["distribution/kid"]})


def test_each_family_has_a_folded_table() -> None:
    many = {f"signal/n{place}": row(1.0) for place in range(9)}
    assert "signal: 9 metrics, 9 of 9 within the real-versus-real reference range" in joined(many)
    assert "<details><summary>signal" in joined(many)


def test_columns_in_which_nothing_stands_are_left_out() -> None:
    markup = joined({"a/b": {"synthetic": 1.0, "real": 2.0, "unit": "s", "meaning": "x"}})
    assert re.findall(r"<th(?: [^>]*)?>([^<]*)<", markup) == ["metric", "generated", "best"]


def test_the_picture_has_each_marker_where_its_distance_is() -> None:
    rows = {"a/kid": row(1.0, interval=[-0.5, 2.5]), "a/huge": row(1e9), "a/none": row(0.0)}
    axes = draw_distances(distance_lines(rows), MOST).axes[0]

    def at(gid: str) -> list[float]:
        return [float(line.get_xdata()[0]) for line in axes.lines if line.get_gid() == gid]

    assert at("synthetic") == [0.5, MOST, LEAST]
    assert at("floor") == [0.5] * 3
    assert at("noise") == [20.0] * 3
    (span,) = [line for line in axes.lines if line.get_gid() == "span"]
    # The interval holds the best, so that its near end is at 0, drawn at the end of the scale.
    assert list(span.get_xdata()) == [LEAST, 1.25]
    assert [text.get_text() for text in axes.texts][:2] == ["kid", "1, real 1 uV"]


def test_a_number_that_proves_nothing_is_flagged_in_the_picture() -> None:
    axes = draw_distances(distance_lines({"a/b": row(1.0, sees=["collapsed"])})).axes[0]
    assert axes.texts[0].get_text() == "b: proves nothing here"


def test_names_with_signs_of_formulas_are_drawn_as_they_are() -> None:
    axes = draw_distances(distance_lines({"a/$\\frac$": row(1.0, unit="$^$")})).axes[0]
    axes.figure.canvas.draw()


@pytest.mark.parametrize(
    "damaged",
    [
        None,
        {},
        math.nan,
        "text",
        {"synthetic": math.inf, "controls": {"copy": None, "other": 1.0}, "baselines": {"x": math.nan}},
        dict.fromkeys(row(1.0)),
        row(1.0, floor=math.nan, floor_interval=[math.nan, None]),
    ],
)
def test_rows_in_which_things_are_missing_are_survived(damaged: object) -> None:
    assert "all metrics" in joined({"a": damaged, "b/c": row(1.0)})
    assert "all metrics" in joined({"a": damaged})
    assert set(complete(damaged)) == {*row(1.0), "not_measurable", "worse"}


def test_nothing_measured_shows_nothing_but_why() -> None:
    assert sections(numbers({})).strip() == ""
    assert plain(joined({}, ("utility: too few",))).strip() == "Not measured utility: too few"


def test_hostile_names_stay_text(whole: str) -> None:
    assert "<script>alert" not in whole
    assert whole.count("alert(1)") == whole.count("script&gt;alert(1)") >= 6


def test_no_request_leaves_the_page(whole: str) -> None:
    assert not re.findall(r"""(?:src|href|action|url)\s*[=(]\s*["']?\s*(?:https?:)?//""", whole)
    assert all(source.startswith("data:image/png;base64,") for source in re.findall(r'src="([^"]*)"', whole))


def test_the_page_says_what_it_is_who_was_judged_and_what_was_not_measured(whole: str) -> None:
    said = plain(whole)
    assert said.index(page.NOTICE) < said.index("generated samples 500")
    for words in (
        "patients of these 12",
        "rate hz 500",
        "Real ECG",
        "utility: too few",
        RISK,
        "ganlab 0.4, commit abc123",
    ):
        assert words in (said if words != "Real ECG" else whole)
    assert whole.index("Real and synthetic") < whole.index("In short") < whole.index("<h2>Not measured")
    assert "show it only to people who may see the data" in said
    assert not re.search(r"anonym|\bsafe|guarante", whole, re.IGNORECASE)


@pytest.mark.parametrize("fact", ["both_halves_trained", "trained_by_unknown", "other_data"])
def test_what_keeps_copies_from_being_seen_is_said_loudly(fact: str, tmp_path: Path) -> None:
    markup = write(tmp_path, {}, {fact: f"Who trained? {HOSTILE}", "simulated": True})
    (said,) = re.findall(r'<div class="alarm">(.*?)</div>', markup)
    assert said.startswith("Who trained? ")
    assert "<script" not in said
    assert fact.replace("_", " ") not in plain(markup)
    assert "simulated" in plain(markup)
    assert "show it only to people" not in markup


def test_a_page_of_nothing_is_written_and_leaves_nothing_else(tmp_path: Path) -> None:
    assert page.NOTICE in write(tmp_path, {}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_generated_classes_are_shown_one_by_one(tmp_path: Path) -> None:
    markup = write(tmp_path, {}, {}, ("ill", "well"))
    shown = markup[markup.index("Generated by class") :]
    assert shown.index("<h3>ill</h3>") < shown.index("<h3>well</h3>")
