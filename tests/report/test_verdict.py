"""The verdict as a file, at the terminal and on a page; what a verdict.json in which things are missing shows."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, PackageLoader

from ganlab.compose import compose_metrics
from ganlab.core.kind import Column, Image, Kind, Row, Window
from ganlab.evaluation.evidence import Evidence, check_measures
from ganlab.evaluation.null import Sizes
from ganlab.evaluation.primary import plans_of
from ganlab.report.verdict import (
    EXIT_CODES,
    following,
    keep_for_cards,
    measuring,
    of_checkpoint,
    read_verdict,
    table,
    view,
    write_verdict,
)
from tests.evaluation.test_verdict import ATTACKS, AUC, measured, row
from tests.report.parts import part, plain
from tests.test_conf import composed

KIND = Window(("i",), 100.0, 1000)


environment = Environment(loader=PackageLoader("ganlab.exchange"), autoescape=False, trim_blocks=True)
"""Cards, which are Markdown."""


def verdict(rows: dict[str, Any], null: dict[str, Any], kind: Any = KIND, patients: int = 30) -> Evidence:
    """Evidence with these rows."""
    return Evidence(rows, [], null=null, sizes=Sizes(patients, patients, 200, patients))


def content(evidence: Evidence, folder: Path = Path(), kind: Any = KIND) -> dict[str, Any]:
    """What verdict.json would hold, without the file."""
    from ganlab.evaluation.verdict import verdict as judged

    assert evidence.sizes is not None
    return judged(evidence.rows, kind, evidence.null, evidence.sizes, evidence.details).as_json()


def test_the_file_holds_the_verdict_date_and_facts(tmp_path: Path) -> None:
    written = write_verdict(tmp_path, verdict(*measured(KIND)), KIND, compared_with="test")
    assert (
        json.loads((tmp_path / "verdict.json").read_text()) == json.loads(json.dumps(written)) == read_verdict(tmp_path)
    )
    assert {"date", "version", "lights", "worst", "five", "level", "sizes", "compared_with"} <= set(written)


def test_other_data_than_the_generators_say_nothing_of_who_trained_it(tmp_path: Path) -> None:
    rows, null = measured(KIND)
    evidence = Evidence(rows | AUC, [], ATTACKS, null=null, sizes=Sizes(30, 30, 200, 30))
    assert write_verdict(tmp_path, evidence, KIND, other_data=None)["worst"] == "green"
    light = write_verdict(tmp_path, evidence, KIND, other_data="The generator was trained on ptbdb.")["lights"][2]
    assert light["colour"] == "grey"
    assert "none of the patients here trained the generator" in light["reason"]
    light = write_verdict(tmp_path, evidence, KIND, trained_by_unknown="Who trained it is not known.")["lights"][2]
    assert light["colour"] == "grey"
    assert "who trained the generator is not known" in light["reason"]


def test_nothing_measured_is_written_as_grey(tmp_path: Path) -> None:
    assert write_verdict(tmp_path, Evidence({}, ["NaN"]), KIND)["worst"] == "grey"


def test_the_terminal_shows_three_lights_five_numbers_the_page_and_the_next_command() -> None:
    rows, null = measured(KIND)
    shown = content(verdict(rows | {"physiology/heart_rate_w1": row(7.0)}, null))
    lines = table(shown, Path("a/report.html"), "python -m ganlab.sample")
    assert len(lines) <= 10
    assert lines[0].startswith("RED   looks like an ECG: no. Distance of the heart rates 7 (other real ones up to 1")
    assert lines[3].startswith("  ! distance of the heart rates: 7 (other real ones up to 1")
    assert "lower is better" in lines[3]
    assert lines[-2:] == ["page  a/report.html", "next  python -m ganlab.sample"]


def test_the_next_command_measures_what_is_grey_and_shares_what_is_green() -> None:
    rows, null = measured(KIND)
    green = Evidence(rows | AUC, [], ATTACKS, null=null, sizes=Sizes(30, 30, 200, 30))
    assert following(content(green), "measure", "share") == "share"
    assert following(content(verdict(rows, null)), "measure", "share") == "measure"
    unseen = Evidence({**AUC, **{name: rows[name] for name in rows if "copies" in name}}, [], ATTACKS, null=null)
    assert following(content(replace(unseen, sizes=green.sizes)), "measure", "share") == "measure"
    assert following(content(verdict(rows | {"copies/nearest": row(9.0)}, null)), "measure", "share") == ""
    assert [EXIT_CODES[content(each)["worst"]] for each in (green, verdict(rows, null))] == [0, 4]


@pytest.mark.parametrize(
    ("kind", "group"),
    [(KIND, "full"), (Row((Column("a"),)), "table_full"), (Image((1, 8, 8)), ""), (Window(("x",), 9.0, 50, "g"), "")],
)
def test_the_next_command_measures_what_there_is_for_this_kind(kind: Kind, group: str) -> None:
    command = measuring("ganlab evaluate", kind)
    assert command == (f"ganlab evaluate metrics={group}" if group else "")
    if group:
        metrics = compose_metrics(composed(f"metrics={group}").metrics).by_name
        check_measures(metrics, None, kind)
        numbers = {name for metric in metrics.values() for name in metric.numbers}
        assert {each.name for plan in plans_of(kind) for each in plan.primaries} <= numbers


def test_privacy_has_its_own_place_where_what_was_not_measured_stands_out() -> None:
    rows, null = measured(KIND)
    found = part("verdict", "privacy", view(content(verdict(rows | {"copies/nearest": row(9.0)}, null))), "patients")
    assert '<div class="light red">' in found
    assert '<li class="found"><strong>copies: found</strong>' in found
    assert '<li class="not-measured"><strong>membership: not measured</strong>' in found


def test_exact_copies_alone_are_not_shown_as_none_found() -> None:
    rows, null = measured(KIND)
    blind = rows | {"copies/nearest": row(0.5, sees=["copy"], controls={"copy": 0.6})}
    found = part("verdict", "privacy", view(content(verdict(blind, null))), "patients")
    assert "<strong>copies: proves nothing here</strong>" in found


def test_too_few_patients_stand_in_the_first_words_of_a_page() -> None:
    rows, null = measured(KIND)
    first = plain(part("verdict", "first", view(content(verdict(rows, null, patients=6)))))
    assert first.strip().startswith("looks like an ECG: not known 6 patients: at least 10 are needed.")


@pytest.mark.parametrize(
    "damaged",
    [
        {},
        {"lights": 3},
        {"lights": [{}]},
        {"lights": [{"parts": {"a": [{}]}}], "five": ["x"]},
        {"lights": [None], "level": None},
        {"lights": [{}], "level": "x", "five": [{}]},
    ],
)
def test_a_damaged_verdict_is_survived(damaged: dict[str, Any]) -> None:
    markup = part("verdict", "first", view(damaged)) + part("verdict", "privacy", view(damaged), "patients")
    assert "The patients behind the data" in markup
    assert table(damaged, Path("page"))[-1] == "page  page"


def test_a_card_carries_the_newest_verdict_on_its_checkpoint(tmp_path: Path) -> None:
    rows, null = measured(KIND)
    write_verdict(tmp_path, verdict(rows, null), KIND, compared_with="validation")
    run = {"checkpoint": "last"}
    first = of_checkpoint(tmp_path, "last", run)
    assert first is not None
    assert first.lights[2].answer == "not known"
    assert of_checkpoint(tmp_path, "epoch_0005", run) is None
    newer = write_verdict(tmp_path, verdict(rows | {"copies/nearest": row(9.0)}, null), KIND, checkpoint="last")
    (tmp_path / "evaluated.json").write_text(json.dumps(newer))
    newest = of_checkpoint(tmp_path, "last", run)
    assert newest is not None
    assert newest.private is not None
    text = environment.get_template("verdict.md").render(verdict=newest, noun="window")
    assert f"## What was measured, {newer['date']}" in text
    assert "- **gives nobody away: no** (red). Found." in text
    assert "| distance of the heart rates | 0.5 | up to " in text
    bare = environment.get_template("verdict.md").render(verdict=replace(newest, five=[]), noun="window")
    assert "|" not in bare, "a table without a line"


def test_a_run_that_cannot_be_written_to_costs_its_card_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "run").write_text("a file, where no file can be written below")
    keep_for_cards(tmp_path / "run", {})
    assert "cards of this run's exports will not carry this verdict" in caplog.text


def test_a_run_without_a_verdict_has_none_on_its_card(tmp_path: Path) -> None:
    assert of_checkpoint(tmp_path, "last", {"checkpoint": "last"}) is None
    assert environment.get_template("verdict.md").render(verdict=None, noun="window").strip() == ""
