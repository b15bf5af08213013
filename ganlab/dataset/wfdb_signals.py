"""The signals of a WFDB header, in all of WFDB's formats, each at its own rate and in its own unit, and checked.

A signal that cannot be used, such as one with a gain of 0, in a file that is missing or too short, or whose samples do
not match its checksum, refuses nothing else: the reason stands beside the others for whoever asks for it.
"""

import logging
import os
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import BadRecord
from ganlab.core.record import MILLIVOLTS_IN
from ganlab.dataset.bad_segments import not_a_sample
from ganlab.dataset.wfdb_header import Header, SignalLine, parse_header

log = logging.getLogger(__name__)

LARGEST_HEADER = 1 << 20
"""Bytes of a header file."""
LARGEST_VALUES = 1 << 29
"""Values of a record; a header that says more is wrong, or asks for more memory than a record should."""
LARGEST_BASELINE = 1 << 31
LARGEST_VALUE = 1e9
"""Largest value in mV or the signal's own unit; a header that gives more is wrong."""
LARGEST_PADDING = 3
"""Bytes behind the last sample that fill a block of formats 212, 310 and 311."""
BLOCK = 16384
"""Frames that are divided into signals together."""
Digital = NDArray[np.signedinteger[Any]]
"""ADC values of int16 or int32."""


@dataclass(frozen=True)
class Signal:
    """ADC values `(samples,)` at `rate` Hz, of int32 where 16 bits do not hold them; the smallest integer is no value.

    A sample has the value `(sample - baseline) / gain` in `unit`, which is mV for all units of voltage.
    """

    name: str
    rate: float
    unit: str
    gain: float
    baseline: int
    values: Digital


@dataclass(frozen=True)
class Recording:
    """Signals, of each that cannot be used its name and the reason, and the `rate` in frames a second."""

    signals: tuple[Signal, ...]
    unusable: dict[str, str]
    rate: float
    comments: tuple[str, ...] = ()


def read_header(root: Path, name: str) -> Header:
    """Return the header of a record below `root`. Raises BadRecord where it is none, or points outside `root`."""
    file = Path(f"{root / name}.hea")
    _check_file(root, name, file)
    try:
        header = parse_header(file.read_bytes())
    except ValueError as error:
        raise BadRecord(name, f"not readable as WFDB: {error}") from error
    if not 0 < header.rate < np.inf:
        raise BadRecord(name, f"its header gives a sampling rate of {header.rate} Hz")
    if not (header.signals or header.segments) or header.frames == 0:
        raise BadRecord(name, "its header names no signal or no samples")
    return header


@cache
def _real(root: str) -> str:
    """Return a folder without links in its path."""
    return os.path.realpath(root)


def _check_file(root: Path, name: str, file: Path) -> None:
    """Raise BadRecord for what is not a regular file below the root, such as a pipe or a link out of it."""
    # Paths as texts: those of pathlib take a tenth of the time of a record of ten seconds.
    real, within = os.path.realpath(file), _real(os.path.abspath(root))  # noqa: PTH100
    if not real.startswith(f"{within.rstrip('/')}/"):
        raise BadRecord(name, f"{file.name} points outside {root}")
    status = os.stat(real)  # noqa: PTH116
    if not stat.S_ISREG(status.st_mode):
        raise BadRecord(name, f"{file.name} is not a regular file")
    if file.suffix == ".hea" and status.st_size > LARGEST_HEADER:
        raise BadRecord(name, f"{file.name} has {status.st_size:,} bytes; accepted are {LARGEST_HEADER:,}")


def read_signals(root: Path, name: str, header: Header) -> Recording:
    """Return the signals of a header of record `name`, and those that its files do not hold, with the reasons.

    Raises BadRecord where a file's name points outside `root`, or the header says too much.
    """
    folder, files = (root / name).parent, dict[str, list[int]]()
    for number, line in enumerate(header.signals):
        files.setdefault(line.file, []).append(number)
    lines = header.signals
    absent = {file: reason for file in files if (reason := _absent(root, name, folder, file))}
    names = _different(name, [line.name.lower() for line in lines])
    if len(absent) == len(files):
        return Recording((), {own: absent[line.file] for own, line in zip(names, lines, strict=True)}, header.rate)
    first = next(file for file in files if file not in absent)
    frames = header.frames or _frames(folder / first, [line for line in lines if line.file == first])
    if frames * sum(line.frame for line in lines) > LARGEST_VALUES:
        raise BadRecord(name, f"its header says {frames:,} samples: more than {LARGEST_VALUES:,} values")
    signals, unusable = {}, {}
    for file, numbers in files.items():
        held = absent.get(file) or _digital(folder / file, frames, [lines[n] for n in numbers])
        for n, values in zip(numbers, [held] * len(numbers) if isinstance(held, str) else held, strict=True):
            signal = values if isinstance(values, str) else _signal(names[n], header.rate, lines[n], values)
            if isinstance(signal, str):
                unusable[names[n]] = signal
            else:
                signals[n] = signal
    return Recording(tuple(signals[n] for n in sorted(signals)), unusable, header.rate, header.comments)


def _absent(root: Path, name: str, folder: Path, file: str) -> str:
    """Return why a file of signals cannot be opened. Raises BadRecord where its name points outside `root`."""
    # With a colon, wfdb's file layer takes a name for the address of another file system.
    if ":" in file:
        raise BadRecord(name, f"{file} points outside {root}")
    try:
        _check_file(root, name, folder / file)
    except FileNotFoundError:
        return f"file missing: {file}"
    return ""


def _signal(name: str, rate: float, line: SignalLine, values: Digital) -> Signal | str:
    """Return a signal of its line and its samples, or why it cannot be used."""
    if not line.gain or not np.isfinite(line.gain):
        return "no gain, or a gain of 0, in its header: it is not calibrated"
    if abs(line.baseline) > LARGEST_BASELINE:
        return f"a baseline of {line.baseline} in its header"
    digital = _shifted(_as_small(values, line.fmt), line.skew * line.frame)
    low = int(digital.min())
    held = digital[digital != low] if low == not_a_sample(digital) else digital
    unit = "mV" if line.unit in MILLIVOLTS_IN else line.unit
    gain = line.gain / MILLIVOLTS_IN.get(line.unit, 1.0)
    ends = (min(0, low) if held is digital else int(held.min(initial=0)), int(held.max(initial=0)))
    largest = max(abs(end - line.baseline) for end in ends) / (abs(gain) or np.nan)
    if not largest <= LARGEST_VALUE:
        return f"its gain and baseline make values of {largest:.3g} {unit}; accepted are {LARGEST_VALUE:g}"
    return Signal(name, rate * line.frame, unit, gain, line.baseline, digital)


def _different(name: str, leads: Sequence[str]) -> list[str]:
    """Return the names of leads, each that stands there again with a number: `ii`, `ii_2`."""
    times: Counter[str] = Counter()
    different = []
    for lead in leads:
        times[lead] += 1
        different.append(lead if times[lead] == 1 else f"{lead}_{times[lead]}")
    if twice := [lead for lead in times if times[lead] > 1]:
        log.info("%s: several signals named %s: they are %s", name, ", ".join(twice), ", ".join(different))
    return different if len(set(different)) == len(leads) else [f"{lead}_{n}" for n, lead in enumerate(leads, 1)]


def _frames(file: Path, lines: Sequence[SignalLine]) -> int:
    """Return how many frames a file holds. Raises ValueError for a compressed one, whose size says nothing."""
    from wfdb.io._signal import BYTES_PER_SAMPLE

    width = BYTES_PER_SAMPLE.get(lines[0].fmt, 0) * sum(line.frame for line in lines)
    if not width:
        raise ValueError(f"no number of samples, which signals in format {lines[0].fmt} need")
    return int((file.stat().st_size - lines[0].offset) / width)


def _digital(file: Path, frames: int, lines: Sequence[SignalLine]) -> list[Digital | str] | str:
    """Return the values of each signal in a file, or why it or the whole file cannot be used.

    Checksums are of the samples as they lie in the file, before they are shifted. A checksum is a sum in 16 bits, so
    numpy's sum may wrap around.
    """
    from wfdb.io import _signal as formats

    fmt, each, size = lines[0].fmt, [line.frame for line in lines], file.stat().st_size
    if fmt not in formats.DAT_FMTS:
        return f"signal format {fmt}"
    stated = ceil(frames * sum(each) * formats.BYTES_PER_SAMPLE[fmt]) + lines[0].offset
    compressed = fmt in formats.COMPRESSED_FMTS
    sizes = f"{file.name} has {size:,} bytes, its header says {stated:,}"
    if not compressed and size < stated:
        return sizes
    initial, skew = [line.initial for line in lines], [0] * len(lines)
    try:
        if compressed and (short := _short_flac(file, frames, lines)):
            return short
        if fmt == "16" and set(each) == {1}:
            values = np.fromfile(file, "<i2", frames * len(lines), offset=lines[0].offset).reshape(frames, -1)
            signals = list(_by_signal(values))
        else:
            # wfdb's public functions read the header themselves, and lose what is not ASCII.
            signals = formats._rd_dat_signals(
                *(file.name, str(file.parent), None, fmt, len(lines), frames, lines[0].offset, each, skew, initial),
                *(0, frames),
            )
    except (OSError, RuntimeError, ValueError) as error:
        return f"{file.name} is not readable as WFDB ({type(error).__name__}: {error})"
    wrong = [
        line.checksum is not None
        and (int(values.sum(dtype=np.promote_types(values.dtype, np.int16))) - line.checksum) % 65536 != 0
        for line, values in zip(lines, signals, strict=True)
    ]
    unchecked = any(line.checksum is None for line in lines)
    if not compressed and size > stated + LARGEST_PADDING and (any(wrong) or unchecked):
        return sizes
    damaged = "its samples do not match the checksum in its header"
    return [damaged if bad else values for bad, values in zip(wrong, signals, strict=True)]


def _by_signal(values: Digital) -> Digital:
    """Return frames `(N, signals)` as signals `(signals, N)`, in blocks that stay in the processor's cache."""
    signals = np.empty(values.shape[::-1], np.int16)
    for start in range(0, len(values), BLOCK):
        signals[:, start : start + BLOCK] = values[start : start + BLOCK].T
    return signals


def _short_flac(file: Path, frames: int, lines: Sequence[SignalLine]) -> str:
    """Return why a compressed file holds fewer samples than stated, before memory is taken for them."""
    import soundfile

    held, stated = soundfile.info(str(file)).frames, frames * lines[0].frame + lines[0].offset
    return f"{file.name} has {held:,} samples, its header says {stated:,}" if held < stated else ""


def _as_small(values: Digital, fmt: str) -> Digital:
    """Return values of a format as int16, or int32 where 16 bits do not hold them, with the smallest for no value."""
    from wfdb.io._signal import INVALID_SAMPLE_VALUE

    invalid = INVALID_SAMPLE_VALUE[fmt]
    if values.dtype == np.int16 and invalid == not_a_sample(values):
        return values
    missing = np.zeros(len(values), bool) if invalid is None else values == invalid
    return with_missing(np.where(missing, 0, values), missing)


def with_missing(values: Digital, missing: NDArray[np.bool_]) -> Digital:
    """Return values as int16, or int32 where 16 bits do not hold them, with the smallest where they are `missing`."""
    limits = np.iinfo(np.int16)
    fits = limits.min < values.min(initial=0) and values.max(initial=0) <= limits.max
    integer: type[np.signedinteger[Any]] = np.int16 if fits else np.int32
    digital = values.astype(integer)
    digital[missing] = np.iinfo(digital.dtype).min
    return digital


def _shifted(values: Digital, skew: int) -> Digital:
    """Return values `skew` samples earlier; the last ones have no value."""
    if not skew:
        return values
    shifted = np.full_like(values, not_a_sample(values))
    shifted[: max(0, len(values) - skew)] = values[skew:]
    return shifted


def as_wide(values: Digital, itemsize: int) -> Digital:
    """Return values in integers of so many bytes, with their smallest for no value."""
    if values.dtype.itemsize == itemsize:
        return values
    wide = values.astype(np.int32)
    wide[values == not_a_sample(values)] = np.iinfo(np.int32).min
    return wide
