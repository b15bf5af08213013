"""One line of the doctor's."""

from dataclasses import dataclass
from functools import partial
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """A message about one thing, and advice where it is wrong or worth a note."""

    state: Literal["ok", "note", "wrong"]
    what: str
    message: str
    advice: str = ""

    def __str__(self) -> str:
        line = f"{self.state:<5}  {self.what}: {self.message}"
        return f"{line}. {self.advice}" if self.advice else line


ok = partial(Finding, "ok")
"""A finding that asks for nothing: `ok(what, message)`."""
note = partial(Finding, "note")
"""A finding that is worth knowing: `note(what, message, advice)`, the advice where there is some."""
wrong = partial(Finding, "wrong")
"""A finding that has to be mended: `wrong(what, message, advice)`."""
