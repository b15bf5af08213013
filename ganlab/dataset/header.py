"""Headers of WFDB records (WFDB, header(5)).

wfdb's own reading of one takes longer than that of the record's samples. It also takes a rate below 0 for 250 and a
gain of 0 for 200, drops the µ of µV, and takes the rest of a line that it does not understand for a lead's name.
"""

import re
from dataclasses import dataclass
from pathlib import Path

RECORD = re.compile(
    r"""[-\w]+ (?:/(?P<segments>\d+))?
    \s+ (?P<signals>\d+)
    (?:\s+ (?P<rate>[^\s/(]+) (?:/[-.\d]+)? (?:\([-.\d]+\))?
    (?:\s+ (?P<samples>\d+) (?:\s.*)? )? )?""",
    re.VERBOSE,
)
"""The first line; time and date, which end it, are not looked at."""
SIGNAL = re.compile(
    r"""(?P<file>~?[-\w]*\.?\w*)
    \s+ (?P<format>\d+) (?:x(?P<per_frame>\d+))? (?::(?P<skew>\d+))? (?:\+(?P<offset>\d+))?
    (?:\s+ (?P<gain>[^\s(/]*) (?:\((?P<baseline>-?\d+)\))? (?:/(?P<unit>\S+))?
    (?:\s+ \d+ (?:\s+ (?P<zero>-?\d+) (?:\s+ -?\d+ (?:\s+ (?P<checksum>-?\d+) (?:\s+ \d+ (?:\s+ (?P<lead>.+)
    )?)?)?)?)?)?)?""",
    re.VERBOSE,
)
"""A signal's line: what is left out is left out from the end."""
USUAL_RATE = 250.0
"""Hz, of a header that says none (WFDB, header(5))."""


@dataclass(frozen=True)
class Signal:
    """A line of a signal. `gain` is in ADC units per `unit`, and 0 where the line says none."""

    file: str
    format: str
    per_frame: int
    skew: int
    offset: int
    """Bytes of the file before its first sample."""
    gain: float
    baseline: int
    unit: str
    checksum: int | None
    lead: str


@dataclass(frozen=True)
class Header:
    """A header. `segments` and `samples` are 0 where it says none; a record of segments has no signals here.

    `stated` is how many signals the first line says there are, `rate` is in Hz.
    """

    segments: int
    stated: int
    rate: float
    samples: int
    signals: tuple[Signal, ...]
    comments: tuple[str, ...]

    @property
    def files(self) -> dict[str, list[int]]:
        """Numbers of the signals in each file of samples."""
        found: dict[str, list[int]] = {}
        for number, signal in enumerate(self.signals):
            found.setdefault(signal.file, []).append(number)
        return found


def read_header(file: Path) -> Header:
    """A header, UTF-8 or Latin-1. Raises ValueError with the first line that is none of a header."""
    said = [line.strip() for line in _text(file).splitlines()]
    lines = [line for line in said if line and not line.startswith("#")]
    first = _matched(RECORD, lines[0] if lines else "")
    segments = int(first["segments"] or 0)
    return Header(
        segments=segments,
        stated=int(first["signals"]),
        rate=float(first["rate"] or USUAL_RATE),
        samples=int(first["samples"] or 0),
        signals=() if segments else tuple(_signal(line) for line in lines[1:]),
        comments=tuple(line.strip(" \t#") for line in said if line.startswith("#")),
    )


def _signal(line: str) -> Signal:
    found = _matched(SIGNAL, line)
    return Signal(
        file=found["file"],
        format=found["format"],
        per_frame=int(found["per_frame"] or 1),
        skew=int(found["skew"] or 0),
        offset=int(found["offset"] or 0),
        gain=float(found["gain"] or 0),
        baseline=int(found["baseline"] or found["zero"] or 0),
        unit=found["unit"] or "mV",
        checksum=int(found["checksum"]) if found["checksum"] else None,
        lead=found["lead"] or "",
    )


def _matched(pattern: re.Pattern[str], line: str) -> re.Match[str]:
    found = pattern.fullmatch(line)
    if found is None:
        raise ValueError(f"invalid syntax in the header's line {line[:80]!a}")
    return found


def _text(file: Path) -> str:
    raw = file.read_bytes()
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
