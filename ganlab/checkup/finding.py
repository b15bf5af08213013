"""One line of the doctor's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """`said` of `what`, and what to `do` where it is wrong or worth knowing."""

    state: Literal["ok", "note", "wrong"]
    what: str
    said: str
    do: str = ""

    def __str__(self) -> str:
        said = f"{self.state:<5}  {self.what}: {self.said}"
        return f"{said}. {self.do}" if self.do else said


def some(names: Sequence[str], shown: int = 3) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
