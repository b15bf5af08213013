"""Real and synthetic samples brought to common ground: the same leads, sampling rate and length of windows."""

import logging
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.core.kind import Array, Window, of_kind
from ganlab.core.resampling import resample
from ganlab.core.spread import evenly
from ganlab.exchange.synthetic import Synthetic
from ganlab.metrics.base import Real, SampleSet

log = logging.getLogger(__name__)

SHORTEST = 1.0
"""Seconds of a window that can be measured."""
BLOCK = 256
"""Windows that are resampled together."""

Facts = dict[str, Any]


def common_ground(real: Real, synthetic: Synthetic, count: int) -> tuple[Real, SampleSet, Facts]:
    """Return real and at most `count` synthetic samples with the same leads, rate and length, and what was done.

    The rate is the lower one, the length the shorter one. Recordings longer than real windows are cut into windows of
    one made-up patient each; a longer real window is cut to its beginning. Rows and images stay as they are. Raises
    UserError for windows below a second.
    """
    if synthetic.kind.leads:
        return _windows(real, synthetic, count)
    some = synthetic.take(_spread(len(synthetic.values), count))
    patients = None if some.patients is None else -1 - some.patients
    return real, SampleSet(np.stack(list(some.values)), some.labels, patients), {"available": len(synthetic.values)}


def _windows(real: Real, synthetic: Synthetic, count: int) -> tuple[Real, SampleSet, Facts]:
    kind, other = of_kind(real.kind, Window), of_kind(synthetic.kind, Window)
    rate = min(kind.rate, other.rate)
    samples = _common_length(kind, other, rate)
    windows, cut = _cut(synthetic, rate, samples, count)
    order = [kind.leads.index(lead) for lead in other.leads]
    leads = slice(None) if order == list(range(len(kind.leads))) else order

    def convert(each: SampleSet) -> SampleSet:
        return replace(each, values=_resampled(each.values[:, leads], kind.rate, rate)[..., :samples])

    facts = {
        "leads": list(other.leads),
        "rate_hz": rate,
        "samples": samples,
        "length_s": samples / rate,
        "synthetic_rate_hz": other.rate,
        "real_rate_hz": kind.rate,
        "real_length_s": kind.samples / kind.rate,
    }
    converted = Real(
        kind=Window(other.leads, rate, samples, kind.unit),
        train=convert(real.train),
        reference=convert(real.reference),
        classes=real.classes,
        side=real.side if (rate, samples) == (kind.rate, kind.samples) else None,
        attacked=None if real.attacked is None else real.attacked.changed(convert),
    )
    return converted, windows, facts | cut


def _common_length(kind: Window, other: Window, rate: float) -> int:
    """Return the samples of the shorter window at `rate` Hz. Raises UserError where that is below a second."""
    seconds = min(kind.samples / kind.rate, other.samples / other.rate)
    samples = int(seconds * rate + 1e-6)
    if samples < SHORTEST * rate:
        raise UserError(
            f"Windows of {seconds:.3g} s are too short for a heartbeat: "
            f"the real ones have {kind.samples / kind.rate:.3g} s, the shortest synthetic one "
            f"{other.samples / other.rate:.3g} s. Accepted is {SHORTEST:g} s or more; "
            "rate=... where an array's rate is another one."
        )
    return samples


def _cut(synthetic: Synthetic, rate: float, samples: int, count: int) -> tuple[SampleSet, Facts]:
    """Return at most `count` windows of the recordings, spread evenly, and what was left over."""
    kind = of_kind(synthetic.kind, Window)
    ratio = _ratio(kind.rate, rate)
    lengths = np.array([math.ceil(ratio * each.shape[-1]) for each in synthetic.values])
    windows = lengths // samples
    if not windows.any():
        raise UserError(
            f"synthetic: at {rate:g} Hz none of its {len(windows)} recordings has the {samples} samples of a window; "
            "see rate=."
        )
    recording = np.repeat(np.arange(len(windows)), windows)
    place = np.concatenate([np.arange(n) for n in windows])
    chosen = _spread(len(recording), count)
    values = np.empty((len(chosen), len(kind.leads), samples), np.float32)
    resampled = -1
    for row, at in enumerate(chosen):
        if recording[at] != resampled:
            resampled = int(recording[at])
            whole = _resampled(synthetic.values[resampled][None], kind.rate, rate)[0]
        values[row] = whole[:, place[at] * samples : (place[at] + 1) * samples]
    several = bool(windows.max() > 1)
    labels = None if synthetic.labels is None else synthetic.labels[recording[chosen]]
    facts = {
        "recordings": len(windows),
        "available": len(recording),
        "windows_of_a_recording_are_one_persons": several,
        "samples_cut_off": int((lengths - windows * samples).sum()),
    }
    whose = np.arange(len(windows)) if synthetic.patients is None else synthetic.patients
    # Negative numbers: no real patient has one.
    patients = -1 - whose[recording[chosen]] if several or synthetic.patients is not None else None
    return SampleSet(values, labels, patients), facts


def _resampled(windows: Array, rate: float, wanted: float) -> NDArray[np.float32]:
    """Return windows `(N, leads, samples)` of `rate` Hz at the `wanted` rate, in Hz, a block at a time."""
    ratio = _ratio(rate, wanted)
    parts = [resample(windows[k : k + BLOCK], ratio) for k in range(0, len(windows), BLOCK)]
    return np.concatenate(parts).astype(np.float32, copy=False)


def _ratio(rate: float, wanted: float) -> Fraction:
    return Fraction(wanted / rate).limit_denominator(1000)


def _spread(available: int, count: int) -> NDArray[np.int64]:
    if count < available:
        log.info("%d of %d synthetic samples are taken, spread evenly; see metrics.samples", count, available)
    return evenly(count, available)
