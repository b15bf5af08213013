"""Hard controls: real ECGs with one fault each, which a page must not take for good, and copies, which it must find.

Those of fidelity and variety are made of windows of patients whom the page has not seen, those of privacy of training
windows. None has patient ids, as no generated set has. `unseen`, the same windows without a fault, must raise no alarm.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from ganlab.core.kind import Window, of_kind
from ganlab.evaluation import controls, faults
from ganlab.metrics.base import Array, Real, SampleSet
from ganlab.metrics.ecg.peaks import LEAST_RATE, find_all_peaks

Make = Callable[[Real, SampleSet, Generator], SampleSet | None]
"""Returns windows with a fault, made of the training windows or of these unseen ones; None where it does not apply."""
Change = Callable[[Array, Window, Generator], Array | None]
"""Returns changed windows `(N, leads, samples)` in mV; None where the fault does not apply."""
Piece = Callable[[Array, int, float, float], None]
"""Changes a window `(leads, samples)` about an R peak; with the RR interval in samples, and the rate in Hz."""

P_WAVE, T_WAVE = (-0.24, -0.05), (0.09, 0.42)
"""From where to where about R, s; a T wave ends before the next P wave begins, wherever that is."""
ST = (0.06, 0.08, 0.16, 0.28)
"""Where about R the shift begins, is whole, begins to end and has ended, s."""
HUM_MV, ST_MV, CUT_HZ = 0.1, 0.2, 15.0
FASTER, GAIN = 0.1, 0.2
FRONTAL = {"i": 0.5, "ii": 1.0, "iii": 0.5, "avr": -0.75, "avl": 0.0, "avf": 0.75}
"""Shares of the ST shift in the limb leads, which keep Einthoven's law; it is whole in all others."""
STRETCHES = (0.85, 0.93, 1.08, 1.2)
TENTH, THIRD = 0.1, 0.3


def hard_controls(real: Real, unseen: SampleSet, seed: int = 0) -> dict[str, SampleSet]:
    """Return all that apply to these windows, by name; `unseen` is first."""
    made = {
        name: make(real, unseen, np.random.default_rng([seed, place]))
        for place, (name, make) in enumerate(HARD.items())
    }
    return {name: SampleSet(each.values, each.labels) for name, each in made.items() if each is not None}


def _of_unseen(change: Change, real: Real, unseen: SampleSet, rng: Generator) -> SampleSet | None:
    values = change(unseen.values, of_kind(real.kind, Window), rng)
    return None if values is None else replace(unseen, values=values.astype(np.float32))


def _of_train(change: Change, real: Real, unseen: SampleSet, rng: Generator) -> SampleSet | None:
    return _of_unseen(change, real, controls.copy(real, len(unseen), rng), rng)


def _fault(name: str, grade: float, real: Real, unseen: SampleSet, rng: Generator) -> SampleSet:
    return faults.FAULTS[name](real, unseen, grade, rng)


def _reversed(x: Array, kind: Window, rng: Generator) -> Array:
    return x[..., ::-1]


def _inverted(x: Array, kind: Window, rng: Generator) -> Array:
    return -x


def _beats(piece: Piece, x: Array, kind: Window, rng: Generator) -> Array | None:
    """Return windows changed about each R peak of the lead with the steepest slopes."""
    if kind.rate < LEAST_RATE:
        return None
    x = np.array(x, np.float32)
    steepest = np.diff(x, axis=-1).std(axis=-1).argmax(axis=1)
    for window, peaks in zip(x, find_all_peaks(x[np.arange(len(x)), steepest], kind.rate), strict=True):
        between = np.diff(peaks, append=peaks[-1:] + round(kind.rate)) if len(peaks) else peaks
        for peak, interval in zip(peaks.tolist(), between.tolist(), strict=True):
            piece(window, peak, interval, kind.rate)
    return x


def _no_p(window: Array, peak: int, interval: float, rate: float) -> None:
    _bridged(window, peak + round(P_WAVE[0] * rate), peak + round(P_WAVE[1] * rate))


def _no_t(window: Array, peak: int, interval: float, rate: float) -> None:
    end = min(round(T_WAVE[1] * rate), round(interval + P_WAVE[0] * rate))
    _bridged(window, peak + round(T_WAVE[0] * rate), peak + end)


def _bridged(window: Array, first: int, last: int) -> None:
    """Put a straight line in place of the samples from `first` to `last`."""
    first, last = max(first, 0), min(last, window.shape[-1] - 1)
    if last > first:
        window[:, first : last + 1] = np.linspace(window[:, first], window[:, last], last - first + 1, axis=-1)


def _st(weights: NDArray[np.float32], window: Array, peak: int, interval: float, rate: float) -> None:
    at = np.arange(window.shape[-1])
    window += weights * np.interp((at - peak) / rate, ST, (0.0, ST_MV, ST_MV, 0.0)).astype(np.float32)


def _st_shift(x: Array, kind: Window, rng: Generator) -> Array | None:
    weights = np.array([[FRONTAL.get(lead, 1.0)] for lead in kind.leads], np.float32)
    return _beats(partial(_st, weights), x, kind, rng)


def _v1_v6(x: Array, kind: Window, rng: Generator) -> Array | None:
    if not {"v1", "v6"} <= set(kind.leads):
        return None
    swap = {"v1": "v6", "v6": "v1"}
    return x[:, [kind.leads.index(swap.get(lead, lead)) for lead in kind.leads]]


def _arms(real: Real, unseen: SampleSet, rng: Generator) -> SampleSet | None:
    return faults.arms(real, unseen, 1.0, rng) if "i" in of_kind(real.kind, Window).leads else None


def _one_inverted(x: Array, kind: Window, rng: Generator) -> Array | None:
    """Return windows with one lead inverted: v4 where it is there, else the last."""
    if len(kind.leads) < 2:
        return None
    inverted = "v4" if "v4" in kind.leads else kind.leads[-1]
    return x * np.array([[-1 if lead == inverted else 1] for lead in kind.leads], np.float32)


def _other_precordials(x: Array, kind: Window, rng: Generator) -> Array | None:
    own = [k for k, lead in enumerate(kind.leads) if lead.startswith("v")]
    if not 0 < len(own) < len(kind.leads):
        return None
    mixed = np.array(x)
    mixed[:, own] = np.roll(x, len(x) // 2, axis=0)[:, own]
    return mixed


def _hum(hertz: float, x: Array, kind: Window, rng: Generator) -> Array | None:
    if kind.rate <= 2.2 * hertz:
        return None
    phase = rng.uniform(0, 2 * np.pi, (len(x), 1, 1))
    return x + HUM_MV * np.sin(2 * np.pi * hertz / kind.rate * np.arange(x.shape[-1]) + phase)


def _low_pass(x: Array, kind: Window, rng: Generator) -> Array | None:
    if kind.rate <= 2.2 * CUT_HZ:
        return None
    return sosfiltfilt(butter(4, CUT_HZ, fs=kind.rate, output="sos"), x, axis=-1)


def _noise_tenth(real: Real, unseen: SampleSet, rng: Generator) -> SampleSet:
    chosen = rng.permutation(len(unseen))[: round(TENTH * len(unseen))]
    values = np.array(unseen.values)
    values[chosen] = controls.noise(replace(real, train=unseen), len(unseen), rng).values[: len(chosen)]
    return replace(unseen, values=values)


def _one_patient(real: Real, unseen: SampleSet, rng: Generator) -> SampleSet | None:
    """Return the windows of the unseen patient who has most, repeated."""
    if unseen.patients is None:
        return None
    patients, times = np.unique(unseen.patients, return_counts=True)
    own = np.flatnonzero(unseen.patients == patients[times.argmax()])
    return unseen.take(np.resize(own, len(unseen)))


def _one_class(real: Real, unseen: SampleSet, rng: Generator) -> SampleSet | None:
    """Return the windows of the most frequent class alone, as often as there are unseen ones."""
    if unseen.labels is None or len(real.classes) < 2:
        return None
    kinds, own, times = np.unique(unseen.labels, axis=0, return_inverse=True, return_counts=True)
    return None if len(kinds) < 2 else unseen.take(np.resize(np.flatnonzero(own == times.argmax()), len(unseen)))


def _stretched(x: Array, kind: Window, rng: Generator) -> Array:
    """Return windows played slower or faster by one of a few factors; of faster ones the beginning comes again."""
    length = x.shape[-1]
    at = np.arange(length) / rng.choice(STRETCHES, len(x))[:, None]
    low = at.astype(np.int64)
    pairs = (np.take_along_axis(x, (place % length)[:, None], axis=-1) for place in (low, low + 1))
    left, right = pairs
    return left + (at - low)[:, None] * (right - left)


def _shifted(x: Array, kind: Window, rng: Generator) -> Array:
    length = x.shape[-1]
    at = (np.arange(length) + rng.integers(length // 8, length - length // 8, (len(x), 1))) % length
    return np.take_along_axis(x, at[:, None], axis=-1)


def _third_copied(real: Real, unseen: SampleSet, rng: Generator) -> SampleSet:
    chosen = rng.permutation(len(unseen))[: round(THIRD * len(unseen))]
    values = np.array(unseen.values)
    values[chosen] = controls.copy(real, len(chosen), rng).values
    return replace(unseen, values=values)


HARD: dict[str, Make] = {
    "unseen": lambda real, unseen, rng: unseen,
    "reversed": partial(_of_unseen, _reversed),
    "inverted": partial(_of_unseen, _inverted),
    "no_p": partial(_of_unseen, partial(_beats, _no_p)),
    "no_t": partial(_of_unseen, partial(_beats, _no_t)),
    "st_shift": partial(_of_unseen, _st_shift),
    "fast": partial(_fault, "faster", FASTER),
    "gain": partial(_fault, "gain", GAIN),
    "swapped_v1_v6": partial(_of_unseen, _v1_v6),
    "swapped_arms": _arms,
    "lead_inverted": partial(_of_unseen, _one_inverted),
    "other_precordials": partial(_of_unseen, _other_precordials),
    "hum_50": partial(_of_unseen, partial(_hum, 50.0)),
    "hum_60": partial(_of_unseen, partial(_hum, 60.0)),
    "low_pass": partial(_of_unseen, _low_pass),
    "noise_tenth": _noise_tenth,
    "one_patient": _one_patient,
    "one_class": _one_class,
    "copy": lambda real, unseen, rng: controls.copy(real, len(unseen), rng),
    "noisy_copy": lambda real, unseen, rng: controls.noisy_copy(real, len(unseen), rng),
    "inverted_copy": partial(_of_train, _inverted),
    "reversed_copy": partial(_of_train, _reversed),
    "stretched_copy": partial(_of_train, _stretched),
    "shifted_copy": partial(_of_train, _shifted),
    "third_copied": _third_copied,
}
"""All of them, by name."""
