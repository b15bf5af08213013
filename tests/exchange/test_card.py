"""A card holds texts that others may have written: none becomes markup."""

from pathlib import Path

import pytest

from ganlab.exchange.card import CARD, LONGEST, as_text, write_card
from ganlab.exchange.writers import FORMATS


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("myocardial_infarction", "myocardial_infarction"),
        ("TSH [mU/l]", r"TSH \[mU/l\]"),
        ("x](http://evil) <script>", r"x\](http://evil) \<script\>"),
        ("a\n\n# Safe for clinical use\u2028| b |", r"a \# Safe for clinical use \| b \|"),
        ("`code` \x1b[31m", r"'code' \[31m"),
    ],
)
def test_a_text_of_others_is_one_line_and_no_markup(text: str, shown: str) -> None:
    assert as_text(text) == shown


def test_a_long_text_is_cut_and_says_so() -> None:
    assert as_text("x" * (LONGEST + 7)).endswith("x (and 7 more characters)")
    assert as_text(3) == 3


def test_a_card_says_what_the_files_of_each_format_are(tmp_path: Path) -> None:
    for kind, formats in FORMATS.items():
        for form in formats:
            write_card(tmp_path, "files", noun=kind.noun, form=form)
            assert (tmp_path / CARD).read_text().startswith("Files: ")
