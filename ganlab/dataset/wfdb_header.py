"""The header of a WFDB record as it is written (WFDB, header(5)), and values in its comments, such as `# Age: 74`.

wfdb drops what is not ASCII, and cuts at U+0085.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

FORMAT = re.compile(r"(?P<fmt>\d+)(x(?P<frame>\d+))?(:(?P<skew>\d+))?(\+(?P<offset>\d+))?")
"""Second field of a signal line: format, samples a frame, skew, byte offset."""
CALIBRATION = re.compile(r"(?P<gain>[^(/]*)(\((?P<baseline>[^)]*)\))?(/(?P<unit>.+))?")
"""Third field of a signal line: gain, baseline in brackets, unit after a slash."""
GAP = "~"
"""Name of a segment without samples."""
SEX = {"male": 0.0, "m": 0.0, "female": 1.0, "f": 1.0}
PATIENT = {"sex": "0 male, 1 female", "age": "years"}
"""Units of what `sex_and_age` returns, by name."""


@dataclass(frozen=True)
class SignalLine:
    """A signal as its line declares it: `frame` samples a frame, `skew` in frames, `gain` 0 where it has none.

    A sample has the value `(sample - baseline) / gain` in `unit`; `initial` is the first value of format 8.
    """

    file: str
    fmt: str
    frame: int
    skew: int
    offset: int
    gain: float
    baseline: int
    unit: str
    initial: int
    checksum: int | None
    name: str


class SegmentLine(NamedTuple):
    """The name of a segment's record, and its frames."""

    name: str
    frames: int


@dataclass(frozen=True)
class Header:
    """Frames a second and their number, None where it is that of the signals' file; signals or segments; comments."""

    rate: float
    frames: int | None
    signals: tuple[SignalLine, ...]
    segments: tuple[SegmentLine, ...]
    comments: tuple[str, ...]


def parse_header(raw: bytes) -> Header:
    """Return what a header file says. Raises ValueError with the reason where it does not follow header(5)."""
    lines = [line.strip() for line in re.split(r"\r\n|\n|\r", header_text(raw))]
    comments = tuple(line.strip(" \t#") for line in lines if line.startswith("#"))
    declared = [line for line in lines if line and not line.startswith("#")]
    if not declared:
        raise ValueError("no record line")
    first = declared[0].split()
    if len(first) < 2 or not first[1].isdecimal():
        raise ValueError(f"syntax of its record line {declared[0][:80]!a}")
    segments = first[0].partition("/")[2]
    if segments and not segments.isdecimal():
        raise ValueError(f"syntax of its record line {declared[0][:80]!a}")
    header = Header(
        rate=float(first[2].partition("/")[0]) if len(first) > 2 else 250.0,
        frames=int(first[3]) if len(first) > 3 else None,
        signals=() if segments else tuple(_signal(line, n) for n, line in enumerate(declared[1:], 1)),
        segments=tuple(_segment(line) for line in declared[1:]) if segments else (),
        comments=comments,
    )
    noun, stated, named = ("segments", segments, header.segments) if segments else ("signals", first[1], header.signals)
    if int(stated) != len(named):
        raise ValueError(f"its header says {int(stated)} {noun} and names {len(named)}")
    return header


def header_text(raw: bytes) -> str:
    """Return a header's text: UTF-8, else Windows-1252, else Latin-1, which every file is."""
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def segment_names(file: Path) -> tuple[str, ...]:
    """Return the records that a header of several segments consists of; none for another or a wrong one."""
    with file.open("rb") as opened:
        if b"/" not in opened.readline().partition(b" ")[0]:
            return ()
    try:
        return tuple(segment.name for segment in parse_header(file.read_bytes()).segments if segment.name != GAP)
    except ValueError:
        return ()


def _signal(line: str, number: int) -> SignalLine:
    fields = line.split(None, 8)
    form = FORMAT.fullmatch(fields[1]) if len(fields) > 1 else None
    scale = CALIBRATION.fullmatch(fields[2] if len(fields) > 2 else "")
    if form is None or scale is None:
        raise ValueError(f"syntax of its signal line {line[:80]!a}")
    later = [int(field) for field in fields[3:8]]
    _, zero, initial, checksum, _ = later + [None] * (5 - len(later))
    return SignalLine(
        file=fields[0],
        fmt=form["fmt"],
        frame=int(form["frame"] or 1),
        skew=int(form["skew"] or 0),
        offset=int(form["offset"] or 0),
        gain=float(scale["gain"] or 0),
        baseline=int(scale["baseline"]) if scale["baseline"] else zero or 0,
        unit=scale["unit"] or "mV",
        initial=initial or 0,
        checksum=checksum,
        name=fields[8] if len(fields) > 8 else f"signal_{number}",
    )


def _segment(line: str) -> SegmentLine:
    name, *frames = line.split()
    if not frames or not frames[0].isdecimal():
        raise ValueError(f"syntax of its segment line {line[:80]!a}")
    return SegmentLine(name, int(frames[0]))


def comment_value(comments: Sequence[str], key: str) -> str:
    """Return the value behind `key:` in a header's comments, upper or lower case; "" where there is none."""
    for comment in comments:
        name, _, value = comment.partition(":")
        if name.strip(" #").lower() == key.lower():
            return value.strip()
    return ""


def sex_and_age(comments: Sequence[str]) -> tuple[float, float]:
    """Return sex and age of a header's patient, NaN where it gives none: `NaN`, `Unknown` or something else."""
    try:
        age = float(comment_value(comments, "age"))
    except ValueError:
        age = float("nan")
    return SEX.get(comment_value(comments, "sex").lower(), float("nan")), age if 0 <= age < 130 else float("nan")
