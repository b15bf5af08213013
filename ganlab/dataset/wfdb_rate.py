"""The signals of a record at one rate: each is resampled from its own."""

import logging
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.record import Segment
from ganlab.core.resampling import resample
from ganlab.dataset.segments import Limits, at_rate, bridged, find_segments
from ganlab.dataset.wfdb_signals import Recording, Signal

log = logging.getLogger(__name__)

Samples = NDArray[np.integer[Any]]
"""ADC values."""
LARGEST_RATIO = 100
"""Largest ratio of a signal's rate and the wanted one; beyond it a header is wrong, and resampling fills memory."""


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
        segments += at_rate(own, rate / own_rate, values.shape[1])
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


def resampled(digital: Samples, rate: float, wanted: float) -> tuple[Samples, int]:
    """Return ADC values `(..., samples)` of `rate` Hz at the `wanted` rate, and how many were saturated."""
    if rate == wanted:
        return digital, 0
    changed = np.rint(resample(digital.astype(np.float64), Fraction(wanted / rate).limit_denominator(10_000)))
    limits = np.iinfo(digital.dtype)
    saturated = int(((changed < limits.min) | (changed > limits.max)).sum())
    return np.clip(changed, limits.min, limits.max).astype(digital.dtype), saturated
