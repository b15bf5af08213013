"""One WFDB record: its header read as written, its signals in format 16, both checked."""

import logging
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import BadRecord
from ganlab.core.resampling import resample

log = logging.getLogger(__name__)

MILLIVOLTS_IN = {"mV": 1.0, "uV": 1e-3, "µV": 1e-3, "μV": 1e-3, "V": 1e3}
CALIBRATION = re.compile(r"(?P<gain>[^(/]*)(\([^)]*\))?(/(?P<unit>.+))?")
"""Third field of a header's signal line: gain, baseline in brackets, unit after a slash (WFDB, header(5))."""
LARGEST_RATIO = 100
"""Largest ratio of a record's rate and the wanted one; beyond it a header is wrong, and resampling fills memory."""
LARGEST_HEADER = 1 << 20
"""Bytes of a header file."""
LARGEST_BASELINE = 1 << 31
LARGEST_MV = 1e6
"""Largest full-scale value in mV; a header that gives more is wrong."""


def read_record(root: Path, name: str) -> tuple[Any, NDArray[np.int16]]:
    """Return wfdb's header of a record below `root` and its ADC values `(leads, samples)`.

    Rate, gains and units are those written in the header. Raises BadRecord where a file is missing, leads out of
    `root`, or does not fit the header; `check_samples` compares the checksums.
    """
    import wfdb

    path = root / name
    try:
        _check_file(root, name, Path(f"{path}.hea"))
        header = wfdb.rdheader(str(path))
        _take_as_written(header, Path(f"{path}.hea"))
        _check_header(name, header)
        for file in dict.fromkeys(header.file_name):
            _check_file(root, name, path.parent / file)
        _check_sizes(name, header, path.parent)
        return header, _signals(header, path)
    except BadRecord:
        raise
    except FileNotFoundError as error:
        raise BadRecord(name, f"file missing: {Path(error.filename).name}") from error
    except Exception as error:
        raise BadRecord(name, f"not readable as WFDB ({type(error).__name__}: {error})") from error


def _check_file(root: Path, name: str, file: Path) -> None:
    """Raise BadRecord for what is no regular file below the root, such as a pipe or a link out of it."""
    if not file.resolve(strict=True).is_relative_to(root.resolve()):
        raise BadRecord(name, f"{file.name} leads out of {root}")
    if not file.is_file():
        raise BadRecord(name, f"{file.name} is no regular file")
    if file.suffix == ".hea" and file.stat().st_size > LARGEST_HEADER:
        raise BadRecord(name, f"{file.name} has {file.stat().st_size:,} bytes; accepted are {LARGEST_HEADER:,}")


def _take_as_written(header: Any, file: Path) -> None:
    """Set rate, gains and units to those of the text: wfdb reads a rate below 0 as 250, a gain of 0 as 200, µV as V."""
    raw = file.read_bytes()
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    lines = [fields for line in text.splitlines() if (fields := line.partition("#")[0].split())]
    if len(lines[0]) > 2:
        header.fs = float(lines[0][2].partition("/")[0])
    written = [CALIBRATION.match(fields[2] if len(fields) > 2 else "") for fields in lines[1:]]
    header.adc_gain = [float(match["gain"] or 0) for match in written if match]
    header.units = [match["unit"] or "mV" for match in written if match]


def _check_header(name: str, header: Any) -> None:
    if getattr(header, "n_seg", None):
        raise BadRecord(name, "a record of several segments; accepted are single ones")
    if not header.sig_name or not header.sig_len:
        raise BadRecord(name, "its header names no signal or no samples")
    if header.n_sig != len(header.sig_name):
        raise BadRecord(name, f"its header says {header.n_sig} signals and names {len(header.sig_name)}")
    if not header.fs or header.fs <= 0:
        raise BadRecord(name, f"its header gives a sampling rate of {header.fs} Hz")
    unknown = sorted({str(unit) for unit in header.units} - set(MILLIVOLTS_IN))
    if unknown:
        raise BadRecord(name, f"unit {', '.join(unknown)}: accepted are {', '.join(MILLIVOLTS_IN)}")
    if any(not gain or not np.isfinite(gain) for gain in header.adc_gain):
        raise BadRecord(name, "no gain, or a gain of 0, in its header")
    largest = [(32768 + abs(b)) / abs(gain) for b, gain in zip(header.baseline, header.adc_gain, strict=True)]
    in_mv = max(value * MILLIVOLTS_IN[unit] for value, unit in zip(largest, header.units, strict=True))
    if in_mv > LARGEST_MV:
        raise BadRecord(name, f"its gain and baseline make values of {in_mv:.3g} mV; accepted are {LARGEST_MV:g}")
    if any(abs(baseline) > LARGEST_BASELINE for baseline in header.baseline):
        raise BadRecord(name, f"a baseline of {max(header.baseline, key=abs)} in its header")
    if any(fmt != "16" for fmt in header.fmt):
        raise BadRecord(name, f"signal format {', '.join(sorted(set(header.fmt)))}: accepted is 16")
    if len({lead.lower() for lead in header.sig_name}) != len(header.sig_name):
        raise BadRecord(name, "two leads of the same name")


def _check_sizes(name: str, header: Any, folder: Path) -> None:
    for file in dict.fromkeys(header.file_name):
        first, signals = header.file_name.index(file), header.file_name.count(file)
        stated = 2 * signals * header.sig_len + (header.byte_offset[first] or 0)
        size = (folder / file).stat().st_size
        if size != stated:
            raise BadRecord(name, f"{file} has {size:,} bytes, its header says {stated:,}")


def _signals(header: Any, path: Path) -> NDArray[np.int16]:
    """Return ADC values `(leads, samples)` in format 16: two bytes, the lower one first, leads in turn (signal(5)).

    Leads with several samples a frame or shifted in time, which are rare, are read by wfdb.
    """
    if any(header.skew) or any(number != 1 for number in header.samps_per_frame):
        import wfdb

        return np.ascontiguousarray(wfdb.rdrecord(str(path), physical=False, return_res=16).d_signal.T)
    digital = np.empty((header.n_sig, header.sig_len), np.int16)
    for file in dict.fromkeys(header.file_name):
        leads = [number for number, name in enumerate(header.file_name) if name == file]
        values = np.fromfile(path.parent / file, "<i2", offset=header.byte_offset[leads[0]] or 0)
        digital[leads] = values.reshape(header.sig_len, len(leads)).T
    return digital


def check_samples(name: str, header: Any, digital: NDArray[np.int16]) -> None:
    """Raise BadRecord where length or checksums of `(leads, samples)` are not those of the header."""
    if digital.shape[1] != header.sig_len:
        raise BadRecord(name, f"{digital.shape[1]} samples on disk, {header.sig_len} in its header")
    sums = digital.sum(axis=1, dtype=np.int16)
    wrong = [
        lead
        for lead, actual, stated in zip(header.sig_name, sums, header.checksum, strict=True)
        if stated is not None and (int(actual) - stated) % 65536
    ]
    if wrong:
        raise BadRecord(name, f"the samples of {', '.join(wrong)} do not match the checksum in its header")


def resampled(name: str, digital: NDArray[np.int16], rate: float, wanted: float) -> NDArray[np.int16]:
    """Return ADC values `(leads, samples)` of `rate` Hz at the `wanted` rate, saturated at 16 bits."""
    if rate == wanted:
        return digital
    if not 1 / LARGEST_RATIO <= rate / wanted <= LARGEST_RATIO:
        raise BadRecord(name, f"its sampling rate of {rate:g} Hz is too far from {wanted:g} Hz to resample")
    resampled = np.rint(resample(digital.astype(np.float64), Fraction(wanted / rate).limit_denominator(10_000)))
    limits = np.iinfo(np.int16)
    saturated = int(((resampled < limits.min) | (resampled > limits.max)).sum())
    log.info("%s: resampled from %g to %g Hz (%d samples saturated)", name, rate, wanted, saturated)
    return np.clip(resampled, limits.min, limits.max).astype(np.int16)
