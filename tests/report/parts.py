"""Parts of pages, for tests that need no whole page."""

import re
from typing import Any

from ganlab.report.page import environment


def part(template: str, macro: str, *given: Any) -> str:
    """Return the markup that a macro of a template makes."""
    return str(getattr(environment().get_template(f"{template}.html").module, macro)(*given))


def plain(markup: str) -> str:
    """Return the words of a page."""
    text = re.sub(r"<style.*?</style>|<wbr>", "", markup, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))
