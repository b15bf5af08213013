from typing import Any

import numpy as np
import pytest

from ganlab.evaluation.rows import complete
from ganlab.plot.attacks import draw_linkage, draw_roc, draw_scores
from ganlab.report.numbers import numbers
from ganlab.report.privacy import Attacks, attacks
from tests.report.parts import part, sections

FORBIDDEN = ("anonymous", "guaranteed", "safe")


def joined(shown: list[Attacks]) -> str:
    return "".join(part("attacks", "section", each) for each in shown)


def shown(auc: float, p: float, **more: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    one = {"auc": auc, "curve": [[0.0, 0.5, 1.0], [0.0, auc, 1.0]], "scores": rng.normal(size=20).tolist()}
    linkage = {
        "among": 12,
        "rank_1": 0.75,
        "rank_1_of_windows": 0.5,
        "interval": [0.43, 0.95],
        "share": 0.55,
        "p": 0.3,
        "chance": [0.4, 0.6],
    }
    strongest = {"attack": "nearest", "auc": auc, "p": p, "chance_95": 0.66, "attacks": 2, "permutations": 2000}
    return {
        "attacks": {"nearest": one, "linkage": one | linkage | {"shares": [0.05] * 20}},
        "strongest": strongest,
        "member": [True] * 10 + [False] * 10,
        **{"members": 10, "nonmembers": 10, "windows": 60, "known": 4, "strangers": 5},
        "knows": {"nearest": "the patient's recording", "linkage": "another recording"},
        **{"gallery_trained": True, "least_auc": 0.81, "greatest_epsilon": 0.4},
    } | more


def columns(auc: float = 0.6, p: float = 0.3, **more: Any) -> dict[str, Any]:
    return {"synthetic": shown(auc, p, **more), "copy": shown(0.99, 0.0005), "floor": shown(0.5, 0.5, **more)}


def row(value: float, copy: float = 0.99, floor: float = 0.5) -> dict[str, Any]:
    return complete(
        {
            "synthetic": value,
            "interval": [value - 0.05, value + 0.05],
            "floor": floor,
            "floor_interval": [0.4, 0.62],
            "controls": {"copy": copy},
            "best": 0.5,
            "sees": ["copy"],
        }
    )


ROWS = {f"privacy/{name}": row(0.6) for name in ("nearest_auc", "linkage_auc", "strongest_auc", "nearest_tpr_10")}


def test_the_page_says_who_was_attacked_how_and_what_was_found() -> None:
    page = joined(attacks(ROWS, {"privacy": columns()}))
    for said in (
        "10 patients who trained",
        "knowing the patient&#39;s recording, AUC 0.60 [0.55, 0.65]",
        "The strongest of 2 attacks is nearest",
        "p = 0.300",
        "within chance",
        "AUC is 0.81 or more",
        "Of 12 real patients the network recognizes 75 % by another recording, as the most similar of all 12 (95 % "
        "interval 43 to 95 %",
        "also trained the generator",
        "0.99",
    ):
        assert said in page, said
    assert page.count("<img") == 3
    assert 'class="alarm"' not in page
    assert not [word for word in FORBIDDEN if word in page]


def test_what_is_found_beyond_chance_is_loud() -> None:
    page = joined(attacks(ROWS, {"privacy": columns(0.9, 0.0005)}))
    assert "Patients who trained are distinguished from others." in page
    assert "p = 0.0005" in page


def test_attacks_that_miss_their_control_are_not_counted() -> None:
    blind = ROWS | {"privacy/strongest_auc": row(0.6, copy=0.55), "privacy/nearest_auc": row(0.6, copy=0.55)}
    page = joined(attacks(blind, {"privacy": columns(0.9, 0.0005)}))
    assert "These attacks prove nothing here." in page
    assert "Patients who trained are distinguished from others." not in page
    assert "0.55 ✗" in page


def test_rows_are_shown_with_what_was_inferred() -> None:
    more = {"attributes": {"members": 0.4, "nonmembers": 0.25, "known": ["age", "sex"]}}
    given = columns(**more)
    del given["synthetic"]["attacks"]["linkage"]
    page = joined(attacks(ROWS, {"table_privacy": given}))
    assert "The attacker knows age, sex of a patient" in page
    assert "40.0 %" in page
    assert "Patients to whom the windows are most similar" not in page


def test_nothing_is_said_where_nothing_was_attacked() -> None:
    assert joined(attacks(ROWS, {})) == ""
    few = {"privacy/strongest_auc": ROWS["privacy/strongest_auc"]}
    assert "Attacks on" not in sections(numbers(few))
    given = columns()
    del given["synthetic"]["attacks"]["linkage"]
    assert "Attacks on" in sections(numbers(few, drawn={"privacy": given}))


def test_the_pictures_hold_every_set() -> None:
    given = columns()
    figure = draw_roc(given, ["nearest", "linkage"])
    for axes in figure.axes[:2]:
        assert {line.get_gid() for line in axes.lines} >= {"synthetic", "copy", "floor"}
    assert figure.axes[0].get_title(loc="left") == "nearest, AUC 0.60"
    dots = sum(len(line.get_xdata()) for line in draw_scores(given["synthetic"], ["nearest"]).axes[0].lines)
    assert dots == 20 + 2 * 2
    widths = {bar.get_gid(): bar.get_width() for bar in draw_linkage(given).axes[0].patches}
    assert widths == {name: pytest.approx(0.55) for name in ("synthetic", "copy", "floor")}
