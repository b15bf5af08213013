import base64
import json
import re

import pytest

from ganlab.report import page
from ganlab.report.page import Frame, Html

HOSTILE = "<script>alert(\"1\")</script> & 'x'"


@pytest.mark.parametrize(
    "block",
    [
        page.heading(HOSTILE),
        page.paragraph(HOSTILE),
        page.banner(HOSTILE),
        page.section(HOSTILE, HOSTILE),
        page.columns(HOSTILE),
        page.facts([(HOSTILE, HOSTILE)]),
        page.items([HOSTILE]),
        page.table([[HOSTILE]], [HOSTILE]),
        page.details(HOSTILE, HOSTILE),
        page.code(HOSTILE),
        page.breakable(HOSTILE),
        page.figure(b"", HOSTILE, HOSTILE),
        Html(page.page(HOSTILE, [HOSTILE], HOSTILE)),
    ],
    ids=range(13),
)
def test_every_block_escapes(block):
    assert isinstance(block, Html)
    assert "<script>" not in block
    assert "&lt;script&gt;" in block.replace("<wbr>", "")
    assert 'alert("' not in block


def test_markup_of_blocks_is_kept():
    assert page.paragraph(Html("<b>x</b>")) == "<p><b>x</b></p>"


def test_the_banner_says_what_the_paper_asks_for():
    assert "Synthetic data. Not for clinical use before expert evaluation." in page.banner()


def test_a_slider_shows_the_last_frame_and_works_without_javascript():
    block = page.slider([Frame("epoch 5", b"five"), Frame("epoch 10", b"ten")], "caption")
    shown = re.search(r'<img class="pixels" src="data:image/png;base64,([^"]+)"', block)
    assert shown
    assert base64.b64decode(shown[1]) == b"ten"
    assert '<div class="time" hidden><input type="range"' in block
    assert "time.hidden = false" in block
    assert ">epoch 10</output>" in block


def test_a_slider_carries_all_frames_and_no_label_ends_its_script():
    block = page.slider([Frame("</script><img>", b"one"), Frame("last", b"two")], "")
    script = block[block.index("<script>") :]
    assert script.count("</script>") == 1
    frames = json.loads(re.search(r"\}\)\((\[\[.*\]\])\);</script>$", script)[1])
    assert [frame[0] for frame in frames] == ["</script><img>", "last"]
    assert frames[0][1] == page.data_uri(b"one")


def test_numeric_columns_are_marked():
    table = page.table([["a", 1]], ["name", "value"], numeric=(1,))
    assert '<td class="number">1</td>' in table
    assert "<td>a</td>" in table


def test_a_page_is_light_and_dark_and_fits_a_phone():
    whole = page.page("title", [], "footer")
    assert "prefers-color-scheme: dark" in whole
    assert 'name="viewport"' in whole
    assert "@media (max-width: 720px)" in whole
    assert "<title>title</title>" in whole
