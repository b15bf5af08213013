import json
import math
import re

import numpy as np
import pytest

from ganlab.core.kind import Window
from ganlab.core.words import REDUCED, duration, number
from ganlab.evaluation.reference import Preview
from ganlab.plot.figure import png_bytes
from ganlab.plot.images import grid_image
from ganlab.report.run import write_report
from tests.evaluation.test_verdict import measured, row
from tests.report.parts import plain
from tests.report.test_verdict import content, verdict

RISK = "<strong>Not measured:</strong> the risk to the patients whose records trained the generator."
NOTICE = "Synthetic data. Not for clinical use before expert evaluation."
HOSTILE = '"><script>alert(1)</script>'
LEADS = ("i", "ii", "avr")
KIND = Window(LEADS, 200.0, 400)
IMAGES = np.linspace(-1, 1, 2 * 3 * 20 * 20).reshape(2, 3, 20, 20)

RUN = {
    "name": f"run {HOSTILE}",
    "seed": 7,
    "version": "0.1.0",
    "git_commit": "abc1234",
    "device": HOSTILE,
    "started": HOSTILE,
    "choices": {"dataset": HOSTILE, "arrangement": "rgb", "trick": ["d_threshold", "ema"]},
    "overrides": ["seed=7", HOSTILE],
    "data": {
        "records": 549,
        "patients": 290,
        "noun": "window",
        "samples": 29028,
        "classes": {HOSTILE: 20015, "healthy": 4623},
        "skipped": [
            {"record": "patient002/s0015lre", "reason": HOSTILE},
            {"record": "beyond limits", "reason": "too high", "count": 163},
        ],
        "parts": {"train": {"patients": 232, "samples": 23200, "classes": {HOSTILE: 20014, "healthy": 3186}}},
    },
    "left_out": [HOSTILE, "no FID"],
    "checkpoint": "last.ckpt",
    "parameters": {"generator": 3649472, "discriminator": 1486848},
    "seconds": 3725.0,
    "steps": 400,
    "epochs": 10,
}
MEASURES = {
    "flat/value": 0.5,
    "flat/broken": float("nan"),
    "physiology/rate": {"synthetic": 74.25, "real": 71.5, "unit": "beats/min", "meaning": HOSTILE},
}


def windows(seed, count=8):
    noise = np.random.default_rng(seed).normal(0, 0.05, (count, len(LEADS), 400))
    return noise + np.sin(np.arange(400) / 20)


def fill(folder):
    rows = [
        {"step": s, "epoch": s // 40, "loss/G": 1.0, "loss/D": 0.5, "accuracy/real": 0.6, "lr": 1}
        for s in range(0, 400, 20)
    ]
    rows[3]["loss/G"] = float("nan")
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "metrics.json").write_text(json.dumps(MEASURES))
    (folder / "run.json").write_text(json.dumps(RUN))
    (folder / "config.yaml").write_text(f"batch_size: 60\nurl: https://physionet.org\nnote: '{HOSTILE}'\n")
    (folder / "grids").mkdir()
    for epoch in (5, 10, 15):
        image = png_bytes(grid_image(np.full((9, 1, 4, 4), epoch / 20)))
        (folder / "grids" / f"epoch_{epoch:04d}.png").write_bytes(image)
    return folder


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    """Figures are made, but not turned into PNG files, which takes most of the time; the whole page has them."""
    monkeypatch.setattr("ganlab.report.page.png_bytes", lambda *_: b"\x89PNG")


@pytest.fixture
def folder(tmp_path):
    """A run's folder without rows of steps: curves take their time."""
    fill(tmp_path)
    (tmp_path / "metrics.jsonl").unlink()
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write(fill(tmp_path_factory.mktemp("run")))


def write(folder, **changes):
    given = {"real": windows(0), "synthetic": windows(1)} | changes
    shown = {name: None if values is None else Preview(values, IMAGES) for name, values in given.items()}
    return write_report(folder, KIND, **shown).read_text(encoding="utf-8")


def test_it_is_written_into_the_folder_and_leaves_nothing_else(folder):
    before = set(folder.iterdir())
    assert write_report(folder, KIND) == folder / "report.html"
    assert set(folder.iterdir()) - before == {folder / "report.html"}


def test_no_request_leaves_the_page(whole):
    assert not re.findall(r"""(?:src|href|action|url)\s*[=(]\s*["']?\s*(?:https?:)?//""", whole)
    assert not re.findall(r"<(?:link|iframe|object|embed)\b|@import|fetch\(|XMLHttpRequest", whole)
    assert all(source.startswith("data:image/png;base64,") for source in re.findall(r'src="([^"]*)"', whole))


def test_hostile_names_stay_text(whole):
    assert "<script>alert" not in whole
    assert whole.count("alert(1)") == whole.count("script&gt;alert(1)")
    assert whole.count("alert(1)") >= 10


def test_real_and_synthetic_windows_are_both_drawn_with_their_leads(whole):
    assert "Real ECG windows on ECG paper" in whole
    assert "Synthetic ECG windows on ECG paper" in whole
    assert "Leads I, II, aVR at 200 Hz" in whole
    assert "Real: 6 of 8 windows" in whole


def test_both_sides_have_the_same_scale_and_only_the_synthetic_one_the_note(folder, monkeypatch):
    drawn = []

    def record(values, **options):
        drawn.append((values, options))
        return draw(values, **options)

    from ganlab.report import samples

    draw = samples.draw_windows
    monkeypatch.setattr(samples, "draw_windows", record)
    write(folder, real=windows(0, 2) * 4, synthetic=windows(1, 2))
    (_, real), (_, synthetic) = drawn
    assert np.array_equal(real["spans"], synthetic["spans"])
    assert real["spans"].max() >= 4
    assert (real["note"], synthetic["note"]) == ("", NOTICE)


def test_the_images_stand_beside_each_other_and_lie_in_the_folder(folder):
    assert "Grids of real and of generated images" in write(folder)
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_a_conditional_generator_is_shown_class_by_class(folder):
    labels = np.arange(8) % 2
    page = write_report(
        folder, KIND, synthetic=Preview(windows(1), IMAGES, labels), classes=("ill", "well")
    ).read_text()
    section = page[page.index("Generated by class") :]
    assert section.index("ill") < section.index("well")
    assert "A row a class: ill, well." in page
    assert "Generated by class" not in write(folder)


def test_the_accuracy_of_the_class_has_its_own_figure_and_chance(folder, monkeypatch):
    from ganlab.report import training

    drawn = {}

    def record(history, names, *, label, chance=None, **options):
        drawn[label] = (set(names), chance)
        return draw(history, names, label=label, chance=chance, **options)

    draw = training.draw_curves
    monkeypatch.setattr(training, "draw_curves", record)
    names = [f"accuracy/{name}" for name in ("real", "synthetic", "class_real", "class_synthetic")]
    row = dict.fromkeys([*names, *(f"epoch/{name}" for name in names)], 0.4)
    (folder / "metrics.jsonl").write_text("\n".join(json.dumps({"step": step} | row) for step in range(3)))
    page = write_report(folder, KIND, classes=("ill", "well", "other")).read_text()
    assert drawn["accuracy of D"] == ({"accuracy/real", "accuracy/synthetic"}, 1 / 2)
    assert drawn["accuracy of the class"] == ({f"epoch/{name}" for name in names[2:]}, 1 / 3)
    assert "real and generated samples whose class D predicts correctly (paper, Figure 21). Dashed: 33 %" in page
    assert "real and generated samples that D distinguishes. Dashed: 50 %" in page
    assert write_report(folder, KIND).read_text().count("Dashed:") == 1


def test_a_reduced_run_says_so_in_large_letters_and_what_the_document_reports(folder):
    assert REDUCED not in write(folder)
    (folder / "config.yaml").write_text("reduced: true\nreported: a comb\n")
    page = write(folder)
    assert page.index(REDUCED) < page.index("<h1>")
    assert "Reported by the document: a comb." in page


def test_what_was_cut_and_rounded_is_counted(folder):
    page = write_report(folder, KIND, counts={"saturated/real": 0.0123, "null_not_zero": 0.5}).read_text()
    assert re.search(r"null not zero</td><td class=.number.>50 %", page)
    assert "1.23 %" in page
    assert "Cut and rounded" not in write(folder)


def test_the_banner_stands_before_everything_and_the_footer_says_where_it_is_from(whole):
    body = whole[whole.index("<body") :]
    assert body.index('class="banner"') < body.index("<h1>")
    footer = whole[whole.index("<footer>") :]
    assert NOTICE in footer
    for part in (
        "seed 7",
        "ganlab 0.1.0",
        "commit abc1234",
        "config.yaml (SHA-256 ",
        "last.ckpt",
        "run run &#34;",
    ):
        assert part in footer


def test_the_risk_is_named_until_it_was_measured(folder):
    assert RISK in write_report(folder, KIND).read_text()
    (folder / "verdict.json").write_text(json.dumps(content(verdict(*measured(KIND)), kind=KIND)))
    page = write_report(folder, KIND).read_text()
    assert RISK not in page
    assert '<li class="not-measured"><strong>membership: not measured</strong>' in page


def test_the_page_begins_with_the_verdict_and_who_was_compared_with(folder):
    rows, null = measured(KIND)
    bad = rows | {"copies/nearest": row(9.0)}
    (folder / "verdict.json").write_text(json.dumps(content(verdict(bad, null), kind=KIND)))
    page = plain(
        write_report(folder, KIND, synthetic=Preview(windows(1), IMAGES), compared="Everybody trained.").read_text()
    )
    order = ["Everybody trained.", "looks like an ECG: yes", "gives nobody away: no", "number generated other"]
    places = [page.index(words) for words in (*order, "All numbers that", "synthetic samples", "copies: found")]
    assert places == sorted(places)


def test_what_is_simulated_is_never_called_real(folder):
    sets = {"real": Preview(windows(0), IMAGES), "synthetic": Preview(windows(1), IMAGES)}
    page = write_report(folder, KIND, **sets, called="Simulated reference").read_text()
    assert "<h2>Simulated reference and synthetic samples</h2>" in page
    assert "<h3>Simulated reference</h3>" in page
    assert "<h3>Real</h3>" not in page
    assert "Real and generated" not in page


def test_nothing_is_promised(whole):
    assert not re.search(r"anonym|\bsafe", whole, re.IGNORECASE)


def test_numbers_stand_beside_what_is_best(whole):
    row = re.search(r"<tr><td>rate.*?</tr>", whole, re.DOTALL)[0]
    assert re.findall(r'number">([^<]*)<', row) == ["74.2", "71.5"]
    assert "beats/min" in row
    assert re.search(r'<td>broken.*?number">NaN<', whole, re.DOTALL)


def test_settings_data_and_what_was_left_out_are_told(whole):
    assert "<td>tricks</td><td>d_threshold, ema</td>" in whole
    assert "<td>batch size</td><td>60</td>" in whole
    assert "<details><summary>The whole configuration" in whole
    assert "url: https://physionet.org" in whole
    assert re.search(r"<td>train</td><td class=.number.>232</td><td class=.number.>23\u202f200</td>", whole)
    assert "patient002" not in whole
    assert "Their names are only in <code>run.json</code>" in whole
    assert "Left out: 164 records" in whole
    assert "<li>no FID</li>" in whole
    assert "1 h 2 min" in whole
    assert "3\u202f649\u202f472" in whole


def test_curves_are_drawn_and_what_is_not_finite_is_counted(whole):
    assert 'alt="loss against steps"' in whole
    assert 'alt="accuracy of D against steps"' in whole
    assert 'alt="lr against steps"' in whole
    assert "shown as gaps: 1 value." in whole


def test_grids_are_labelled_with_epoch_and_step_and_the_last_is_shown(whole):
    frames = json.loads(re.search(r"\}\)\((\[\[.*\]\])\);</script>", whole)[1])
    assert [frame[0] for frame in frames] == ["epoch 5, step 220", "epoch 10", "epoch 15"]
    assert '<output class="label">epoch 15</output>' in whole


def test_many_grids_are_thinned_to_the_size_of_a_page_and_it_is_said(folder):
    for epoch in range(20, 41):
        (folder / "grids" / f"epoch_{epoch:04d}.png").write_bytes(bytes(200_000))
    page = write_report(folder, KIND).read_text()
    assert len(page) < 4_000_000
    assert re.search(r"\d+ of 24 grids", page)
    assert '<output class="label">epoch 40</output>' in page


@pytest.mark.parametrize("missing", ["config.yaml", "run.json", "metrics.json", "grids"])
def test_a_missing_piece_is_tolerated(folder, missing):
    (folder / missing).rename(folder / "away")
    assert NOTICE in write_report(folder, KIND).read_text()


@pytest.mark.parametrize("key", RUN)
def test_a_missing_key_is_tolerated(tmp_path, key):
    (tmp_path / "run.json").write_text(json.dumps({name: RUN[name] for name in RUN if name != key}))
    assert RISK in write_report(tmp_path, KIND).read_text()


def test_an_empty_folder_has_a_report(tmp_path):
    page = write_report(tmp_path, KIND).read_text()
    assert NOTICE in page
    assert RISK in page
    assert tmp_path.name in page


def test_damaged_files_are_told_and_survived(tmp_path):
    (tmp_path / "run.json").write_text('{"name": ')
    (tmp_path / "metrics.json").write_text("[1]")
    (tmp_path / "config.yaml").write_text("a: [")
    page = write_report(tmp_path, KIND).read_text()
    assert "run.json could not be read" in page
    assert "metrics.json is not a mapping" in page


def test_values_of_another_kind_are_tolerated(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(dict.fromkeys(RUN, 3) | {"seconds": "long", "data": {"parts": 2}}))
    assert NOTICE in write_report(tmp_path, KIND).read_text()


def test_one_side_alone_is_drawn_and_the_other_is_missed(folder):
    page = write(folder, synthetic=windows(1)[:0])
    assert "No synthetic windows were given" in page
    assert "Real ECG windows on ECG paper" in page


def test_windows_that_are_not_finite_are_survived(folder):
    assert "Synthetic ECG windows" in write(folder, real=None, synthetic=windows(1, 2) * np.nan)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (29028, "29\u202f028"),
        (-0.51234, "−0.5123"),
        (math.nan, "NaN"),
        (math.inf, "infinite"),
        ("x", "x"),
    ],
)
def test_numbers_as_people_read_them(value, said):
    assert number(value) == said


def test_durations():
    assert [duration(s) for s in (0, 59, 61, 3600, None)] == ["0 s", "59 s", "1 min 1 s", "1 h", "–"]
