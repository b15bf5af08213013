"""Stretches of a recording without an ECG: samples without a value, flat lines, and clipping.

Of the 1,089 leads of the 81 usable records of the PTB database beside the tests (72.0 million samples at 0.5 uV), none
stays at one value for more than 15 ms, and none at its own largest or smallest value for more than 3 ms. Rounded to
steps of 5 uV, as in other databases, the longest stays are 170 and 22 ms (one lead beyond 20 ms), at 10 uV 372 and 100
ms. So half a second and 20 ms are beyond what a heart does in those records and within what a loose electrode does.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.core.record import Record, Segment
from ganlab.dataset.source import Skipped

POLICIES = ("keep", "drop", "error")
KINDS = ("missing", "flat", "clipped")
"""Kinds of segments; a window over several is counted under the first."""


@dataclass(frozen=True)
class Limits:
    """Shortest stretch in ms at one value that is flat, or at the lead's extreme clipped; None looks for none."""

    flat_ms: float | None = 500.0
    clipped_ms: float | None = 20.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            number = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < np.inf
            if value is not None and not number:
                raise UserError(f"dataset.{name}={value}: accepted are milliseconds above 0, or null for none.")


def not_a_sample(digital: NDArray[np.integer[Any]]) -> int:
    """Return the value for a sample without a value: the smallest integer, as in format 16 (WFDB, signal(5))."""
    return -1 << (8 * digital.dtype.itemsize - 1)


def find_segments(
    digital: NDArray[np.integer[Any]], leads: Sequence[str], rate: float, limits: Limits
) -> tuple[Segment, ...]:
    """Return the segments of a recording `(leads, samples)` in ADC units at `rate` Hz, each stretch under one kind."""
    segments, no_value = [], not_a_sample(digital)
    for number in np.flatnonzero(may_have(digital, rate, limits)).tolist():
        lead, values = leads[number], digital[number]
        edges = np.flatnonzero(np.diff(values)) + 1
        starts, stops = np.concatenate([[0], edges]), np.concatenate([edges, [len(values)]])
        level, long_ms = values[starts], (stops - starts) * 1000 / rate
        missing = level == no_value
        flat = ~missing & _at_least(long_ms, limits.flat_ms)
        clipped = ~missing & ~flat & _at_least(long_ms, limits.clipped_ms) & _extreme(level, missing)
        for kind, chosen in zip(KINDS, (missing, flat, clipped), strict=True):
            segments += [Segment(kind, lead, int(starts[k]), int(stops[k])) for k in np.flatnonzero(chosen)]
    return tuple(segments)


def may_have(digital: NDArray[np.integer[Any]], rate: float, limits: Limits) -> NDArray[np.bool_]:
    """Return which leads of `(leads, samples)` may have a segment: the others have none, and need no closer look."""
    flat, clipped = (np.ceil((each or np.inf) * rate / 1000) for each in (limits.flat_ms, limits.clipped_ms))
    if not digital.shape[1]:
        return np.zeros(len(digital), bool)
    ends = digital.min(axis=1, keepdims=True), digital.max(axis=1, keepdims=True)
    often = [np.count_nonzero(digital == end, axis=1) >= clipped for end in ends]
    stays = may_stay(digital, int(min(flat, digital.shape[1] + 1)))
    return stays | often[0] | often[1] | (ends[0][:, 0] == not_a_sample(digital))


def may_stay(digital: NDArray[np.integer[Any]], samples: int) -> NDArray[np.bool_]:
    """Return which leads of `(leads, samples)` may hold a stretch of so many equal samples; the others hold none.

    Such a stretch covers two places that are half as far apart, and all samples between these.
    """
    step = samples // 2
    if step < 2:
        return np.ones(len(digital), bool)
    every, values = digital[:, ::step], digital.ravel()
    lead, number = np.divmod(np.flatnonzero(every[:, 1:] == every[:, :-1]), max(1, every.shape[1] - 1))
    at = lead * digital.shape[1] + number * step
    for between in range(1, step):
        if not len(at):
            break
        at = at[values[at + between] == values[at]]
    return np.isin(np.arange(len(digital)), at // digital.shape[1])


def _at_least(long_ms: NDArray[np.float64], limit_ms: float | None) -> NDArray[np.bool_]:
    return long_ms >= (np.inf if limit_ms is None else limit_ms)


def _extreme(level: NDArray[np.integer[Any]], missing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    valid = level[~missing]
    return (level == valid.max()) | (level == valid.min()) if len(valid) else missing


def bridged(digital: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    """Return the recording with straight lines over samples without a value, so that resampling does not ring."""
    whole, number = digital.copy(), np.arange(digital.shape[1])
    for values in whole:
        valid = values != not_a_sample(digital)
        if not valid.all():
            values[~valid] = np.rint(np.interp(number[~valid], number[valid], values[valid])) if valid.any() else 0
    return whole


def segments_at_rate(segments: Sequence[Segment], ratio: float, samples: int) -> tuple[Segment, ...]:
    """Return the same stretches, not shorter, in a recording of `samples` at `ratio` times the rate."""
    return tuple(
        Segment(kind, lead, min(int(start * ratio), samples - 1), min(int(np.ceil(stop * ratio)), samples))
        for kind, lead, start, stop in segments
    )


def clear_starts(record: Record, span: int, leads: Collection[str]) -> NDArray[np.int64]:
    """Return first and last starts `(stretches, 2)` between which windows touch no segment of these leads."""
    barred = sorted((max(0, s.start - span + 1), s.stop - 1) for s in record.segments if s.lead in leads)
    clear, first = [], 0
    for low, high in barred:
        if low > first:
            clear.append((first, low - 1))
        first = max(first, high + 1)
    if first <= record.samples - span:
        clear.append((first, record.samples - span))
    return np.array(clear, dtype=np.int64).reshape(-1, 2)


def touched(records: Sequence[Record], span: int, leads: Collection[str]) -> list[Skipped]:
    """Return how many windows, laid end to end, touch a segment of these leads, by kind, each under one kind."""
    windows: Counter[str] = Counter()
    among: Counter[str] = Counter()
    first: dict[str, str] = {}
    for record in (each for each in records if each.segments):
        count = record.samples // span
        counted = np.zeros(count, bool)
        for kind in KINDS:
            mine = [s for s in record.segments if s.kind == kind and s.lead in leads]
            over = np.zeros(count, bool)
            for segment in mine:
                over[segment.start // span : (segment.stop - 1) // span + 1] = True
            new = int((over & ~counted).sum())
            counted |= over
            if new:
                windows[kind] += new
                among[kind] += 1
                start, length = mine[0].start / record.rate, (mine[0].stop - mine[0].start) / record.rate
                first.setdefault(kind, f"{record.name}: {mine[0].lead} {kind} for {length:.3f} s from {start:.3f} s")
    reasons = {kind: f"{windows[kind]} window(s) of {among[kind]} record(s) (dataset.on_bad_segment)" for kind in first}
    return [
        Skipped(f"{k} segments", reasons[k], windows[k], "window", f"the first: {first[k]}")
        for k in KINDS
        if windows[k]
    ]
