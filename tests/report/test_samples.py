import re

import numpy as np
import pytest

from ganlab.core.kind import Column, Image, Row, Window
from ganlab.core.words import counted, number
from ganlab.report import page, samples
from ganlab.report.samples import compare, exhibits_by_class
from tests.report.parts import part

HOSTILE = "<script>alert(1)</script>"
WINDOW = Window(("i", "avr"), 200.0, 400)
ROW = Row((Column("age"), Column("tsh"), Column(HOSTILE, binary=True)))
IMAGE = Image((1, 12, 8))


def joined(shown):
    """The markup of a comparison, or of blocks."""
    if isinstance(shown, list):
        return "".join(part("samples", "block", each) for each in shown)
    return part("samples", "comparison", shown)


def windows(count, height=1.0):
    return height * np.tile(np.sin(np.arange(400) / 20), (count, 2, 1))


def rows(count):
    rng = np.random.default_rng(count)
    return np.stack([rng.normal(50, 5, count), rng.normal(1e-3, 1e-4, count), rng.integers(0, 2, count)], axis=1)


def images(count):
    return np.random.default_rng(count).uniform(0, 255, (count, *IMAGE.shape))


KINDS = [(WINDOW, windows), (ROW, rows), (IMAGE, images)]
each_kind = pytest.mark.parametrize(("kind", "make"), KINDS, ids=["window", "row", "image"])


@pytest.fixture
def quick(monkeypatch):
    """Figures are made, but not turned into PNG files, which takes most of the time."""
    monkeypatch.setattr(page, "png_bytes", lambda figure, dpi=0: b"png")


@pytest.fixture
def drawn(quick, monkeypatch):
    """Calls of `draw_windows`, which still draws."""
    calls = []

    def spy(values, **options):
        calls.append(options | {"values": values})
        return draw(values, **options)

    draw = samples.draw_windows
    monkeypatch.setattr(samples, "draw_windows", spy)
    return calls


@each_kind
def test_real_and_synthetic_are_counted_and_only_synthetic_is_marked(kind, make):
    content = joined(compare(kind, make(7), make(9)))
    real, synthetic = (
        re.search(rf"{name}: \d of {count} {kind.noun}s[^<]*", content).group()
        for name, count in (("Real", 7), ("Synthetic", 9))
    )
    assert page.NOTICE in synthetic
    assert page.NOTICE not in real.split("Synthetic: ")[0]
    assert "<script>alert" not in content


@each_kind
def test_what_is_missing_is_said_and_nothing_is_drawn_of_nothing(kind, make, quick):
    assert compare(kind, None, None) is compare(kind, make(0), None) is None
    content = joined(compare(kind, None, make(3)))
    assert f"No real {kind.noun}s were given" in content
    assert f"Synthetic: 3 of 3 {kind.noun}s" in content
    assert f"No synthetic {kind.noun}s were given" in joined(compare(kind, make(3), None))


def test_windows_are_drawn_alike_with_the_notice_in_the_picture_of_the_synthetic_ones(drawn):
    compare(WINDOW, windows(7), windows(9, height=4.0))
    real, synthetic = drawn
    assert np.array_equal(real["spans"], synthetic["spans"])
    assert real["spans"].max() >= 4
    assert (real["note"], synthetic["note"]) == ("", page.NOTICE)
    assert real["titles"][:2] == ["Real 1", "Real 2"]
    assert real["titles"][-1] == "Real 7"
    assert (real["columns"], real["rate"], real["leads"]) == (2, 200.0, ("i", "avr"))


def test_long_windows_have_a_row_to_themselves(drawn):
    compare(Window(("i", "avr"), 20.0, 400), windows(2), None)
    assert drawn[0]["columns"] == 1


def test_rows_are_drawn_three_ways_and_a_few_are_printed(quick):
    content = joined(compare(ROW, rows(50), rows(40)))
    assert content.count("<img") == 3
    assert content.count(page.NOTICE) == 4
    cells = re.findall(r"<tr><td>age</td>(.*)</tr>", content)[0]
    shown = [
        f"{values[index, 0]:.4g}"
        for values, places in ((rows(50), (0, 16, 33, 49)), (rows(40), (0, 13, 26, 39)))
        for index in places
    ]
    assert re.findall(r'class="number">([^<]+)<', cells) == shown
    assert re.findall(r"<th[^>]*>([^<]+)", content) == [
        "feature",
        *(
            f"{n} {i}"
            for n, i in [*(("real", i) for i in (1, 17, 34, 50)), *(("synthetic", i) for i in (1, 14, 27, 40))]
        ),
    ]


@pytest.mark.parametrize(("columns", "pictures"), [((0, 1), 2), ((2,), 2)])
def test_a_table_without_such_columns_has_no_such_picture(columns, pictures, quick):
    kind = Row(tuple(ROW.columns[index] for index in columns))
    assert joined(compare(kind, rows(9)[:, columns], rows(8)[:, columns])).count("<img") == pictures


def test_pixels_that_cannot_be_shown_are_counted():
    broken = images(4)
    broken[0, 0, 0, :3] = 300, -1, np.nan
    content = joined(compare(IMAGE, images(4), broken))
    assert content.count("outside 0..255") == 1
    assert "3 pixels outside 0..255" in content


@each_kind
def test_each_class_has_a_block_with_its_own_samples(kind, make, quick):
    labels = np.array([0] * 5 + [2] * 3)
    blocks = exhibits_by_class(kind, make(8), labels, ["Real", "nobody's", HOSTILE])
    assert [re.search("<h3>(.*?)</h3>", joined([block])).group(1) for block in blocks] == [
        "Real",
        "nobody&#39;s",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
    ]
    first, second, third = (joined([block]) for block in blocks)
    assert f"of 5 {kind.noun}s" in first
    assert f"No {kind.noun} of this class was generated" in second
    assert f"of 3 {kind.noun}s" in third
    assert page.NOTICE in first
    assert page.NOTICE in third
    assert "<script>alert" not in joined(blocks)


def test_the_windows_of_a_class_are_its_own_and_all_classes_have_one_scale(drawn):
    both = np.concatenate([windows(2), windows(2, height=6.0)])
    exhibits_by_class(WINDOW, both, np.array([1, 1, 0, 0]), ["tall", "low"])
    assert [call["values"].max() > 2 for call in drawn] == [True, False]
    assert np.array_equal(drawn[0]["spans"], drawn[1]["spans"])
    assert [call["note"] for call in drawn] == [page.NOTICE] * 2


def test_another_kind_is_refused():
    with pytest.raises(TypeError, match="accepted are windows, rows and images"):
        compare("sound", rows(1), None)
    with pytest.raises(TypeError, match="accepted are windows, rows and images"):
        exhibits_by_class("sound", rows(1), np.zeros(1, int), ["a"])


def test_numbers_read_well():
    assert [counted(1, "window"), counted(1200, "window")] == ["1 window", "1\u202f200 windows"]
    assert [number(value) for value in (0.0, -0.000768, 58526550, None, float("nan"))] == [
        "0",
        "−0.000768",
        "58\u202f526\u202f550",
        "–",
        "NaN",
    ]


@pytest.mark.parametrize(("height", "drawn"), [(0.5, 2), (4.0, 1)])
def test_twelve_leads_fit_on_a_sheet(height, drawn, quick):
    leads = (*("i", "ii", "iii", "avr", "avl", "avf"), *(f"v{number}" for number in range(1, 7)))
    samples = np.zeros((5, 12, 200))
    samples[..., 100] = height
    shown = compare(Window(leads, 100, 200), None, samples)
    (block,) = shown.blocks
    assert f"{drawn} of 5 windows" in block.picture.caption
    assert block.picture.wide <= 277
