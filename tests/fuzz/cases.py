"""What wrong inputs are made of: valid ones, changed here and there."""

import os
from collections.abc import Sequence

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

CASES = int(os.environ.get("GANLAB_FUZZ_CASES", "25"))

many = settings(
    max_examples=CASES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
"""As many cases as are asked for, the same ones each time."""

NUMBERS = ("0", "-1", "1", "-0.0", "0.5", "1e-320", "1e308", "1e999", "nan", "inf", "-inf", "2147483648", "9" * 30)
WORDS = (
    "",
    "?",
    "NA",
    "null",
    "None",
    "true",
    "[]",
    "{}",
    "0x10",
    "1_0",
    "1,5",
    "%s",
    "${x}",
    "~",
    "-",
    "..",
    "/",
    "*",
)
PATHS = ("../secret.csv", "../canary", "/etc/passwd", "..\\x", "a/../../x", "x" * 300, "a\0b", "memory://a", "a::b")
TEXTS = (
    "\ufeff",
    "\u00e4",
    "\u0130",
    "\u2028",
    "\x85",
    "\x1a",
    '"',
    "'",
    ",",
    "\r",
    "\n\n",
    "\t",
    "#",
    "@data",
    "\ud7ff",
)
TOKENS = (*NUMBERS, *WORDS, *PATHS, *TEXTS)

tokens = st.sampled_from(TOKENS)


@st.composite
def changed(draw: st.DrawFn, content: bytes, others: Sequence[bytes] = (), text: bool = True) -> bytes:
    """A file's content, changed in one to four places: bytes, its length, another file for it; lines and words."""
    for _ in range(draw(st.integers(1, 4))):
        kinds = _OF_BYTES + _OF_TEXT if text else _OF_BYTES
        content = kinds[draw(st.integers(0, len(kinds) - 1))](draw, content, others)
    return content


def _place(draw: st.DrawFn, content: bytes) -> int:
    return draw(st.integers(0, max(0, len(content) - 1)))


def _flip(draw: st.DrawFn, content: bytes, others: Sequence[bytes]) -> bytes:
    place = _place(draw, content)
    return content[:place] + bytes([draw(st.integers(0, 255))]) + content[place + 1 :]


def _number(draw: st.DrawFn, content: bytes, others: Sequence[bytes]) -> bytes:
    place, width = _place(draw, content), draw(st.sampled_from((2, 4, 8)))
    value = draw(st.sampled_from((0, 1, -1, 255, 65535, 2**31 - 1, -(2**31), 2**63 - 1))) % 256**width
    return content[:place] + value.to_bytes(width, "little") + content[place + width :]


def _cut(draw: st.DrawFn, content: bytes, others: Sequence[bytes]) -> bytes:
    return content[: _place(draw, content)]


def _without(draw: st.DrawFn, content: bytes, others: Sequence[bytes]) -> bytes:
    place = _place(draw, content)
    return content[:place] + content[place + draw(st.integers(1, 64)) :]


def _twice(draw: st.DrawFn, content: bytes, others: Sequence[bytes]) -> bytes:
    place, length = _place(draw, content), draw(st.integers(1, 64))
    return content[:place] + content[place : place + length] * 2 + content[place + length :]


def _insert(draw: st.DrawFn, content: bytes, others: Sequence[bytes]) -> bytes:
    place = _place(draw, content)
    return content[:place] + draw(st.binary(max_size=16)) + content[place:]


def _word(draw: st.DrawFn, content: bytes, others: Sequence[bytes]) -> bytes:
    """A word of a text, between any of its separators, becomes another."""
    text = content.decode("latin-1")
    starts = [0, *(place + 1 for place, sign in enumerate(text) if sign in " ,\n/()=:\t")]
    start = draw(st.sampled_from(starts))
    stop = next((p for p in range(start, len(text)) if text[p] in " ,\n/()=:\t"), len(text))
    return text[:start].encode("latin-1") + draw(tokens).encode() + text[stop:].encode("latin-1")


def _line(draw: st.DrawFn, content: bytes, others: Sequence[bytes]) -> bytes:
    lines = content.split(b"\n")
    place = draw(st.integers(0, len(lines) - 1))
    return b"\n".join([*lines[:place], *draw(st.sampled_from(((), (lines[place],) * 2))), *lines[place + 1 :]])


def _other(draw: st.DrawFn, content: bytes, others: Sequence[bytes]) -> bytes:
    place = draw(st.integers(0, len(others)))
    return others[place] if place < len(others) else b""


_OF_BYTES = (_flip, _flip, _number, _cut, _without, _twice, _insert, _other)
_OF_TEXT = (_word, _word, _word, _line)
