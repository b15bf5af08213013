import base64
import hashlib
import json
import re

import pytest
from jinja2 import UndefinedError

from ganlab.report import page
from ganlab.report.page import Frame, Picture, render
from tests.report.parts import part

HOSTILE = "<script>alert(\"1\")</script> & 'x'"
ESCAPED = "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; &amp; &#39;x&#39;"


@pytest.mark.parametrize(
    ("macro", "given"),
    [
        ("banner", (HOSTILE,)),
        ("facts", ([(HOSTILE, HOSTILE)],)),
        ("items", ([HOSTILE],)),
        ("table", ([[HOSTILE]], [HOSTILE])),
        ("table", ([[HOSTILE]], [HOSTILE], (), True)),
        ("halves", ([[HOSTILE, HOSTILE]],)),
        ("code", (HOSTILE,)),
        ("figure", (Picture(b"", HOSTILE, HOSTILE),)),
        ("slider", ([Frame(HOSTILE, b"")], HOSTILE)),
    ],
)
def test_every_part_escapes(macro, given):
    block = part("macros", macro, *given)
    assert "<script>alert" not in block
    assert "&lt;script&gt;" in block.replace("<wbr>", "")
    assert 'alert("' not in block


@pytest.mark.parametrize("after", ["/", "/_"])
def test_a_name_that_may_break_is_escaped(after):
    text = part("macros", "breakable", HOSTILE, after)
    assert text.replace("<wbr>", "") == ESCAPED
    assert "/<wbr>script" in text


def test_whole_pages_escape_their_title_what_is_folded_and_their_footer():
    items = {HOSTILE: [(HOSTILE,) * 4]}
    whole = render("scores.html", title=HOSTILE, rows=[(HOSTILE,) * 7], kappa=None, remarks=items, warning=HOSTILE)
    assert "<script>alert" not in whole
    assert f"<title>{ESCAPED}</title>" in whole
    assert f"<footer>{ESCAPED}</footer>" in whole
    assert re.search(r"<details><summary>Items of &lt;script&gt;", whole)


def test_what_a_template_needs_must_be_given():
    with pytest.raises(UndefinedError):
        render("scores.html", title="")


def test_the_banner_says_what_the_paper_asks_for():
    assert "Synthetic data. Not for clinical use before expert evaluation." in part("macros", "banner")


def test_a_slider_shows_the_last_frame_and_works_without_javascript():
    block = part("macros", "slider", [Frame("epoch 5", b"five"), Frame("epoch 10", b"ten")], "caption")
    shown = re.search(r'<img class="pixels" src="data:image/png;base64,([^"]+)"', block)
    assert shown
    assert base64.b64decode(shown[1]) == b"ten"
    assert '<div class="time" hidden><input type="range"' in block
    assert "time.hidden = false" in block
    assert ">epoch 10</output>" in block


def test_a_slider_carries_all_frames_and_no_label_ends_its_script():
    block = part("macros", "slider", [Frame("</script><img>", b"one"), Frame("last", b"two")], "")
    script = block[block.index("<script>") :]
    assert script.count("</script>") == 1
    frames = json.loads(re.search(r"\}\)\((\[\[.*\]\])\);</script>$", script)[1])
    assert [frame[0] for frame in frames] == ["</script><img>", "last"]
    assert frames[0][1] == page.data_uri(b"one")


def test_numeric_columns_are_marked():
    table = part("macros", "table", [["a", 1]], ["name", "value"], (1,))
    assert '<td class="number">1</td>' in table
    assert "<td>a</td>" in table


@pytest.mark.parametrize(("count", "lengths"), [(1, [1]), (4, [2, 2]), (5, [3, 2])])
def test_a_long_table_becomes_two(count, lengths):
    tables = part("macros", "halves", [(f"n{k}", k) for k in range(count)]).split("<table>")[1:]
    assert [table.count("<tr>") for table in tables] == lengths


def test_a_page_is_light_and_dark_and_fits_a_phone():
    whole = render("scores.html", title="title", rows=[], kappa=None, remarks={}, warning="footer")
    assert "prefers-color-scheme: dark" in whole
    assert 'name="viewport"' in whole
    assert "@media (max-width: 720px)" in whole
    assert "<title>title</title>" in whole


def test_a_browser_runs_the_scripts_of_a_page_alone_and_asks_nobody():
    whole = render("scores.html", title="title", rows=[], kappa=None, remarks={}, warning="footer")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', whole)
    (script,) = re.findall(r"<script>(.*?)</script>", whole, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none';")
    assert policy.endswith(f"script-src 'sha256-{digest}'")
    assert not re.search(r"<[^>]* on\w+=", whole), "an attribute with a script has no hash"
