"""Parts of pages, for tests that need no whole page."""

import re
from typing import Any

from ganlab.report.numbers import Numbers
from ganlab.report.page import environment


def part(template: str, macro: str, *given: Any) -> str:
    """Return the markup that a macro of a template makes."""
    return str(getattr(environment().get_template(f"{template}.html").module, macro)(*given))


def sections(shown: Numbers) -> str:
    """Return the markup of all sections on scores."""
    return part("numbers", "details", shown)


def plain(markup: str) -> str:
    """Return the words of a page."""
    text = re.sub(r"<style.*?</style>|<wbr>", "", markup, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))
