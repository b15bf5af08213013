"""One WFDB record, of one piece or of several segments, and its signals at one rate."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import BadRecord
from ganlab.core.record import Segment
from ganlab.core.resampling import resample
from ganlab.dataset.bad_segments import Limits, bridged, find_segments, not_a_sample, segments_at_rate
from ganlab.dataset.wfdb_header import GAP, Header, SegmentLine
from ganlab.dataset.wfdb_signals import (
    LARGEST_VALUES,
    Recording,
    Signal,
    as_wide,
    read_header,
    read_signals,
    with_missing,
)

log = logging.getLogger(__name__)

LARGEST_RATIO = 100
"""Largest ratio of a signal's rate and the wanted one; beyond it a header is wrong, and resampling fills memory."""


def read_record(root: Path, name: str) -> Recording:
    """Return a record below `root`. Names are in lower case and differ: equal ones get a number.

    Raises BadRecord where a file is missing, points outside `root`, or does not hold what the header says.
    """
    try:
        header = read_header(root, name)
        if header.segments:
            return _joined(root, name, header)
        return read_signals(root, name, header)
    except BadRecord:
        raise
    except FileNotFoundError as error:
        raise BadRecord(name, f"file missing: {Path(error.filename).name}") from error
    except Exception as error:
        raise BadRecord(name, f"not readable as WFDB ({type(error).__name__}: {error})") from error


def _joined(root: Path, name: str, header: Header) -> Recording:
    """Return the record of several segments: each signal from its beginning to its end, with gaps where it has none."""
    folder = Path(name).parent
    spans = [segment for segment in header.segments if segment.frames]
    total = sum(segment.frames for segment in spans)
    if header.frames is not None and total != header.frames:
        raise BadRecord(name, f"its segments have {total:,} samples, its header says {header.frames:,}")
    parts: list[Recording | None] = []
    for segment in spans:
        if segment.name != GAP and "/" in segment.name:
            raise BadRecord(name, f"its segment {segment.name!a} points outside its folder")
        parts.append(None if segment.name == GAP else _segment(root, name, (folder / segment.name).as_posix(), segment))
    order = dict.fromkeys(signal.name for part in parts if part for signal in part.signals)
    unusable = {lead: reason for part in parts if part for lead, reason in part.unusable.items()}
    if not order and not unusable:
        raise BadRecord(name, "all of its segments are gaps")
    if total * len(order) > LARGEST_VALUES:
        raise BadRecord(name, f"its header says {total:,} samples: more than {LARGEST_VALUES:,} values")
    signals = []
    for lead in (each for each in order if each not in unusable):
        pieces = [next((s for s in part.signals if s.name == lead), None) if part else None for part in parts]
        if reason := _differing([piece for piece in pieces if piece]):
            unusable[lead] = reason
        else:
            signals.append(_concatenated(pieces, [segment.frames for segment in spans], header.rate))
    return Recording(tuple(signals), unusable, header.rate, header.comments)


def _segment(root: Path, name: str, own: str, segment: SegmentLine) -> Recording:
    """Return a segment of a record, cut to the length that the record gives it."""
    header = read_header(root, own)
    if header.segments:
        raise BadRecord(name, f"its segment {segment.name} consists of segments itself")
    recording = read_signals(root, own, header)
    lengths = {signal.name: round(segment.frames * signal.rate / header.rate) for signal in recording.signals}
    short = {
        signal.name: f"its segment {segment.name} has fewer samples than the header says"
        for signal in recording.signals
        if len(signal.values) < lengths[signal.name]
    }
    whole = [signal for signal in recording.signals if signal.name not in short]
    cut = tuple(replace(s, values=s.values[: lengths[s.name]]) for s in whole)
    return replace(recording, signals=cut, unusable=recording.unusable | short)


def _differing(pieces: Sequence[Signal]) -> str:
    for what in ("rate", "unit"):
        values = {getattr(piece, what) for piece in pieces}
        if len(values) > 1:
            return f"its segments have the {what}s {', '.join(map(str, sorted(values)))}"
    return ""


def _concatenated(pieces: Sequence[Signal | None], frames: Sequence[int], rate: float) -> Signal:
    """Return a signal of pieces and gaps; where their gains differ, at one that keeps 31 bits of the largest value."""
    real = [piece for piece in pieces if piece]
    first = real[0]
    if len({(piece.gain, piece.baseline) for piece in real}) > 1:
        physical = [(piece.values.astype(np.float64) - piece.baseline) / piece.gain for piece in real]
        held = [piece.values != not_a_sample(piece.values) for piece in real]
        largest = max(float(np.abs(v[h]).max(initial=0)) for v, h in zip(physical, held, strict=True))
        gain = (2**31 - 2) / largest if largest else 1.0
        steps = [np.where(h, np.rint(v * gain), 0).astype(np.int64) for v, h in zip(physical, held, strict=True)]
        scaled = [with_missing(s, ~h) for s, h in zip(steps, held, strict=True)]
        real = [replace(p, gain=gain, baseline=0, values=v) for p, v in zip(real, scaled, strict=True)]
        first = real[0]
    wide = max(piece.values.dtype.itemsize for piece in real)
    coming, values = iter(real), []
    for piece, length in zip(pieces, frames, strict=True):
        samples = round(length * first.rate / rate)
        own = next(coming).values if piece else np.full(samples, np.iinfo(np.int16).min, np.int16)
        values.append(as_wide(own, wide))
    return replace(first, values=np.concatenate(values))


def at_one_rate(
    name: str, recording: Recording, rate: float, limits: Limits
) -> tuple[list[Signal], tuple[Segment, ...], dict[str, str]]:
    """Return the signals of record `name` at `rate` Hz, equally long, their segments, and the unusable ones' reasons.

    Samples without a value lie on straight lines between their neighbours. Values beyond their integers are saturated.
    """
    unusable, usable, signals, saturated = dict(recording.unusable), list[Signal](), list[Signal](), 0
    segments: list[Segment] = []
    for signal in recording.signals:
        if 1 / LARGEST_RATIO <= signal.rate / rate <= LARGEST_RATIO:
            usable.append(signal)
        else:
            reason = f"its sampling rate of {signal.rate:g} Hz is too far from {rate:g} Hz to resample"
            unusable[signal.name] = reason
    for together in _together(usable, rate):
        stored, own_rate = np.stack([signal.values for signal in together]), together[0].rate
        own = find_segments(stored, [signal.name for signal in together], own_rate, limits)
        whole = bridged(stored) if any(s.kind == "missing" for s in own) else stored
        values, beyond = resampled(whole, own_rate, rate)
        saturated += beyond
        segments += segments_at_rate(own, rate / own_rate, values.shape[1])
        if values is stored:
            signals += together
        else:
            signals += [replace(signal, values=row) for signal, row in zip(together, values, strict=True)]
    if rates := sorted({s.rate for s in signals} - {rate}):
        before = ", ".join(f"{each:g}" for each in rates)
        log.info("%s: resampled from %s to %g Hz (%d samples saturated)", name, before, rate, saturated)
    # Signals of one duration at different rates may end a sample apart.
    shortest = min((len(signal.values) for signal in signals), default=0)
    kept = tuple(s._replace(stop=min(s.stop, shortest)) for s in segments if s.start < shortest)
    ready = [
        s if (s.rate, len(s.values)) == (rate, shortest) else replace(s, rate=rate, values=s.values[:shortest])
        for s in signals
    ]
    return ready, kept, unusable


def _together(signals: list[Signal], rate: float) -> list[list[Signal]]:
    """Return the signals in one group where they are equally long and have the `rate`, else each alone."""
    kinds = {(signal.rate, signal.values.dtype, len(signal.values)) for signal in signals}
    return [signals] if len(kinds) == 1 and signals[0].rate == rate else [[signal] for signal in signals]


def resampled(digital: NDArray[np.integer[Any]], rate: float, wanted: float) -> tuple[NDArray[np.integer[Any]], int]:
    """Return ADC values `(..., samples)` of `rate` Hz at the `wanted` rate, and how many were saturated."""
    if rate == wanted:
        return digital, 0
    changed = np.rint(resample(digital.astype(np.float64), Fraction(wanted / rate).limit_denominator(10_000)))
    limits = np.iinfo(digital.dtype)
    saturated = int(((changed < limits.min) | (changed > limits.max)).sum())
    return np.clip(changed, limits.min, limits.max).astype(digital.dtype), saturated
