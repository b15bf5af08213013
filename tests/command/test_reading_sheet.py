"""A blinded reading: nothing on the page says which is which, and answers are scored as they should be."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta
from sklearn.metrics import cohen_kappa_score

from ganlab.command.reading_sheet import make_or_score, make_sheet, score
from ganlab.core.errors import UserError
from ganlab.core.kind import Image, Row, Window
from ganlab.evaluation.reading import ANSWERS, agreement
from ganlab.generator.load import load
from ganlab.report.reading import draw, sheet_page
from tests.conftest import LIMB

TRUTH = ["real", "generated", "generated", "real"]


@pytest.fixture(scope="module")
def run(made_run: Callable[..., Path]) -> Path:
    return made_run(*LIMB)


@pytest.fixture
def there(run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(run.parent.parent.parent)
    return run


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_half_is_real_and_of_persons_who_did_not_train(there: Path, tmp_path: Path) -> None:
    folder = make_sheet(there, 6, tmp_path / "sheet")
    key = rows(folder / "key" / "key.csv")
    assert [row["item"] for row in key] == [str(item) for item in range(1, 7)]
    assert sorted(row["truth"] for row in key) == ["generated"] * 3 + ["real"] * 3
    parts = json.loads((there / "split.json").read_text())["parts"]
    allowed = {*parts["validation"], *parts["test"]}
    patients = [row["record"].partition("/")[0] for row in key if row["truth"] == "real"]
    assert set(patients) <= allowed
    assert len(set(patients)) == min(3, len(allowed))
    answers = rows(folder / "reader" / "answers.csv")
    assert [row["item"] for row in answers] == [row["item"] for row in key]
    assert {row["answer"] for row in answers} == {""}
    assert sorted(path.name for path in folder.iterdir()) == ["key", "reader"]


def test_the_page_says_nothing_of_an_item_but_its_number(there: Path, tmp_path: Path) -> None:
    folder = make_sheet(there, 6, tmp_path / "sheet")
    page = (folder / "reader" / "sheet.html").read_text()
    assert "Some of what is shown here is synthetic" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    cards = re.findall(r"<article.*?</article>", page, re.DOTALL)
    plain = {re.sub(r"base64,[^\"]*|<h3>\d+</h3>|(item |answer|confidence|remark)\d+", "", card) for card in cards}
    assert len(cards) == 6
    assert len(plain) == 1
    for word in ("patient", "s00", there.name, "step_", "seed", "checkpoint"):
        assert word not in re.sub(r"base64,[^\"]*", "", page)


def test_the_same_seed_gives_the_same_sheet_and_another_another(there: Path, tmp_path: Path) -> None:
    first, second, other = (
        make_sheet(there, 6, tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    pages = [(folder / "reader" / "sheet.html").read_text() for folder in (first, second, other)]
    assert pages[0] == pages[1] != pages[2]


def test_real_and_generated_lie_on_the_same_grid(there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[np.ndarray] = []

    def keep(kind: Window, samples: np.ndarray) -> str:
        shown.append(samples)
        return ""

    monkeypatch.setattr("ganlab.command.reading_sheet.sheet_page", keep)
    make_sheet(there, 6, tmp_path / "sheet")
    independent = shown[0][:, :2]
    assert np.abs(np.median(shown[0], axis=-1)).max() == 0
    steps = independent / float(load(there).gan.codec.standardization.step())
    assert np.abs(steps - steps.round()).max() < 0.06  # limb leads are whole microvolts besides


def test_all_pictures_have_one_size_also_where_a_trace_is_tall() -> None:
    windows = np.zeros((3, 2, 2025), np.float32)
    windows[1, 0, 500] = 7
    cards = draw(Window(("i", "ii"), 1000, 2025), windows)
    assert len({picture[16:24] for picture in cards.pictures}) == 1
    assert cards.size[0] == pytest.approx(2 * 3 + 25 * (0.4 + 2.2), abs=0.1)
    assert cards.size[1] > 10 * 7
    images = draw(Image((1, 20, 30)), windows[:, :1, :600].reshape(3, 1, 20, 30))
    assert len({picture[16:24] for picture in images.pictures}) == 1


@pytest.mark.parametrize(
    ("samples", "leads", "paper"), [(2025, 1, "A4;"), (10000, 1, "A4 landscape;"), (2025, 12, "A3;"), (30000, 1, "mm")]
)
def test_the_paper_holds_a_card_at_its_true_size(samples: int, leads: int, paper: str) -> None:
    kind = Window(tuple(f"v{n}" for n in range(leads)), 1000, samples)
    windows = np.zeros((2, leads, samples), np.float32)
    windows[..., 0] = 1.3
    (found,) = re.findall(r"@page \{ size: (.*?;)", sheet_page(kind, windows))
    assert found.endswith(paper) if paper != "mm" else re.fullmatch(r"\d+mm \d+mm;", found)


def test_wrong_requests_for_a_sheet_are_told(there: Path, tmp_path: Path) -> None:
    for arguments, message in (
        ({"n": 5}, "even number"),
        ({"n": 400}, r"n=\d+ at most"),
        ({"out": str(there)}, "not empty"),
        ({"root": "elsewhere"}, "has no folder"),
        ({"run": None}, "either run="),
        ({"key": "key.csv"}, "either run="),
    ):
        with pytest.raises(UserError, match=message):
            make_or_score(**({"run": str(there), "n": 6, "out": str(tmp_path / "x")} | arguments))
    assert not (tmp_path / "x").exists()


def test_other_persons_than_the_run_had_are_refused(there: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for name in ("config.yaml", "run.json", "checkpoints"):
        (other / name).symlink_to(there / name)
    split = json.loads((there / "split.json").read_text())
    split["parts"]["train"][0] = "patient999"
    (other / "split.json").write_text(json.dumps(split))
    with pytest.raises(UserError, match=r"split\.json was changed since the run wrote it"):
        make_sheet(other, 6, tmp_path / "x")


def test_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganlab.command.reading_sheet.load", lambda *_: SimpleNamespace(kind=Row(())))
    with pytest.raises(UserError, match="rows of a table"):
        make_sheet(tmp_path, 4, tmp_path / "x")


def written(path: Path, answers: list[str], confidence: str = "3", separator: str = ",") -> Path:
    lines = [separator.join(("item", "answer", "confidence", "remark"))]
    lines += [separator.join((str(n), word, confidence, "")) for n, word in enumerate(answers, start=1)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    (tmp_path / "sheet" / "key").mkdir(parents=True)
    path = tmp_path / "sheet" / "key" / "key.csv"
    path.write_text("item,truth,record\n" + "".join(f"{n},{word},\n" for n, word in enumerate(TRUTH, start=1)))
    return path


def test_answers_are_scored(key: Path, tmp_path: Path) -> None:
    answers = written(tmp_path / "smith.csv", ["Real", " generated", "real", "cannot  say"], "4", ";")
    page = score(key, [answers])
    found = json.loads((page.parent / "scores.json").read_text())
    smith = found["readers"]["smith"]
    accuracy = smith["accuracy"]
    assert (accuracy["right"], accuracy["of"], smith["cannot_say"], smith["items"]) == (2, 3, 1, 4)
    assert accuracy["low"] == pytest.approx(beta.ppf(0.025, 2, 2))
    assert accuracy["high"] == pytest.approx(beta.ppf(0.975, 3, 1))
    assert smith["sensitivity"]["share"] == 0.5
    assert smith["specificity"]["share"] == 1
    assert smith["p_guessing"] == 1
    assert smith["mean_confidence"] == 4
    assert found["kappa"] is None
    assert "2/3 = 67%" in page.read_text()


def test_twenty_right_answers_are_no_guess_and_none_decided_is_no_share(key: Path, tmp_path: Path) -> None:
    many = TRUTH * 5
    key.write_text("item,truth\n" + "".join(f"{n},{word}\n" for n, word in enumerate(many, start=1)))
    right, unsure = written(tmp_path / "a.csv", many), written(tmp_path / "b.csv", ["cannot say"] * 20, "")
    page = score(key, [right, unsure], tmp_path / "out")
    readers = json.loads((page.parent / "scores.json").read_text())["readers"]
    assert readers["a"]["p_guessing"] == pytest.approx(2 * 0.5**20)
    assert readers["b"]["accuracy"] == {"right": 0, "of": 0, "share": None, "low": None, "high": None}
    assert readers["b"]["p_guessing"] is None


def test_readers_agree_beyond_chance() -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.choice(ANSWERS, 40).tolist() for _ in range(2))
    assert agreement([first, second]) == pytest.approx(cohen_kappa_score(first, second))
    assert agreement([first, first, first]) == pytest.approx(1)
    # Fleiss (Psychological Bulletin 76, 1971) by hand: 3 readers, items 2-1, 3-0, 0-3.
    three = [["real", "real", "generated"], ["real", "real", "generated"], ["generated", "real", "generated"]]
    observed, expected = (1 / 3 + 1 + 1) / 3, (5 / 9) ** 2 + (4 / 9) ** 2
    assert agreement(three) == pytest.approx((observed - expected) / (1 - expected))
    assert agreement([first]) is None
    assert agreement([["real"] * 3] * 2) is None


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["1,real,3", "2,real,3", "3,real,3"], "no answer to item 4"),
        (["1,real,3", "9,real,3"], r"answers\.csv, line 3: the key has no item '9'; accepted are 1, 2, 3, 4"),
        (["1,real,3", "1,real,3"], "line 3: item 1 was answered before"),
        (["1,fake,3"], r"line 2: answer of item 1 is 'fake'; accepted are real, generated, cannot say"),
        (["1,,3"], "line 2: answer of item 1 is ''"),
        (["1,real,6"], "confidence of item 1 is '6'; accepted are nothing, 1, 2, 3, 4, 5"),
    ],
)
def test_wrong_answers_are_told_with_file_and_line(key: Path, tmp_path: Path, lines: list[str], message: str) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("\n".join(["item,answer,confidence", *lines]))
    with pytest.raises(UserError, match=message):
        score(key, [path])


def test_a_wrong_key_and_missing_files_are_told(key: Path, tmp_path: Path) -> None:
    answers = written(tmp_path / "answers.csv", TRUTH)
    with pytest.raises(UserError, match="no such file"):
        score(key, [tmp_path / "none.csv"])
    with pytest.raises(UserError, match="named twice"):
        score(key, [answers, answers])
    with pytest.raises(UserError, match=r"line 1: no column truth"):
        score(answers, [answers])


def test_the_command_makes_a_sheet_and_scores_it(run: Path, command: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "outputs").symlink_to(run.parent.parent)
    folder = command("reading_sheet", f"run={run}", "n=4", "out=sheet")
    truth = [row["truth"] for row in rows(folder / "sheet" / "key" / "key.csv")]
    for name in ("smith", "jones"):
        written(folder / f"{name}.csv", truth)
    command("reading_sheet", "key=sheet/key/key.csv", "answers=[smith.csv,jones.csv]")
    found = json.loads((folder / "sheet" / "scores.json").read_text())
    assert found["kappa"] == pytest.approx(1)
    assert found["readers"]["smith"]["accuracy"]["share"] == 1


@pytest.mark.slow
def test_answers_are_clicked_and_saved_in_a_browser(there: Path, tmp_path: Path, browser: Any) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    folder = make_sheet(there, 6, tmp_path / "sheet")
    browser.get((folder / "reader" / "sheet.html").as_uri())
    ticked = [f"[name=answer{item}][value=real]" for item in range(1, 6)]
    for box in (*ticked, "[name=confidence1][value='4']", "[type=checkbox][name=remark1][value=noise]"):
        shown = browser.find_element("css selector", box)
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", shown)
        shown.click()
    browser.find_element("css selector", "[type=text][name=remark1]").send_keys('flat "T", odd')
    browser.find_element("id", "save").click()
    saved = browser.downloads / "answers.csv"
    WebDriverWait(browser, 30).until(lambda _: saved.is_file())
    assert browser.find_element("id", "left").text == "No answer yet: item 6."
    first, *others = rows(saved)
    assert first == {"item": "1", "answer": "real", "confidence": "4", "remark": 'noise, flat "T", odd'}
    assert [row["answer"] for row in others] == ["real"] * 4 + [""]
    saved.unlink()
    browser.find_element("css selector", "[name=answer6][value='cannot say']").click()
    browser.find_element("id", "save").click()
    WebDriverWait(browser, 30).until(lambda _: saved.is_file())
    assert browser.find_element("id", "left").text == "Saved."
    saved.rename(folder / "reader" / "answers.csv")
    assert score(folder / "key" / "key.csv", [folder / "reader" / "answers.csv"]).is_file()
    assert browser.get_log("browser") == [], "nothing that the page's policy refuses"
