"""Graded faults put into real samples, by which a page says what its patients could have shown.

Each fault changes samples `(N, *)` in their own unit by a grade; `graded` says what a grade means.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ganlab.core.kind import Kind, Row, Window, of_kind, places_of
from ganlab.evaluation.controls import MODES, with_noise
from ganlab.metrics.base import Real, SampleSet

Change = Callable[[Real, SampleSet, float, Generator], SampleSet]
"""Returns the samples with a fault of a grade, made from those of training patients."""


def gain(real: Real, samples: SampleSet, grade: float, rng: Generator) -> SampleSet:
    """Multiply windows by 1 + the grade, about their medians."""
    middle = np.median(samples.values, axis=-1, keepdims=True)
    return replace(samples, values=middle + (1 + grade) * (samples.values - middle))


def faster(real: Real, samples: SampleSet, grade: float, rng: Generator) -> SampleSet:
    """Play windows faster by a share; what is missing at the end is their beginning."""
    length = samples.values.shape[-1]
    place = np.arange(length) * (1 + grade)
    low = place.astype(np.int64)
    part = (place - low).astype(np.float32)
    values = samples.values
    return replace(samples, values=(1 - part) * values[..., low % length] + part * values[..., (low + 1) % length])


def arms(real: Real, samples: SampleSet, grade: float, rng: Generator) -> SampleSet:
    """Swap the cables of the arms in a share of the windows: i is inverted, ii and iii, avr and avl change places."""
    leads = of_kind(real.kind, Window).leads
    partner = {"ii": "iii", "iii": "ii", "avr": "avl", "avl": "avr"}
    order = [leads.index(partner[lead]) if partner.get(lead) in leads else k for k, lead in enumerate(leads)]
    sign = np.array([-1 if lead == "i" else 1 for lead in leads], np.float32)[:, None]
    values = samples.values.copy()
    chosen = _share(len(values), grade, rng)
    values[chosen] = values[chosen][:, order] * sign
    return replace(samples, values=values)


def shuffled(real: Real, samples: SampleSet, grade: float, rng: Generator) -> SampleSet:
    """Shuffle each of the file's columns by itself among a share of the rows."""
    values, chosen = samples.values.copy(), _share(len(samples), grade, rng)
    for own in places_of(of_kind(real.kind, Row).columns).values():
        values[chosen[:, None], own] = values[rng.permutation(chosen)[:, None], own]
    return replace(samples, values=values)


def repeated(real: Real, samples: SampleSet, grade: float, rng: Generator) -> SampleSet:
    """Replace a share of the samples by a few of them."""
    chosen, modes = _share(len(samples), grade, rng), rng.choice(len(samples), MODES)
    values = samples.values.copy()
    values[chosen] = values[np.resize(modes, len(chosen))]
    return replace(samples, values=values)


def copies(real: Real, samples: SampleSet, grade: float, rng: Generator) -> SampleSet:
    """Take the patient id from a share of the training samples, so that they are compared with themselves."""
    if samples.patients is None:
        return samples
    patients, chosen = samples.patients.copy(), _share(len(samples), grade, rng)
    patients[chosen] = -1 - chosen
    return replace(samples, patients=patients)


FAULTS: dict[str, Change] = {"noise": with_noise}
FAULTS |= {each.__name__: each for each in (gain, faster, arms, shuffled, repeated, copies)}
"""Faults by name."""


def graded(name: str, kind: Kind) -> tuple[tuple[float, ...], str]:
    """Return the grades of a fault in rising order, and what a grade means, in words with a place for it."""
    return NOISE[kind.noun] if name == "noise" else GRADES[name]


NOISE = {
    "window": ((0.01, 0.03, 0.1), "white noise of {:.2g} mV"),
    "row": ((0.05, 0.2, 0.8), "noise of {:.0%} of a column's spread"),
    "image": ((3.0, 10.0, 30.0), "noise of {:.2g} grey levels"),
}
GRADES = {
    "gain": ((0.05, 0.15, 0.5), "amplitudes {:.0%} too large"),
    "faster": ((0.03, 0.1, 0.3), "a heart rate {:.0%} too fast"),
    "arms": ((0.1, 0.3, 1.0), "arm cables swapped in {:.0%} of the windows"),
    "shuffled": ((0.1, 0.3, 1.0), "columns shuffled in {:.0%} of the rows"),
    "repeated": ((0.3, 0.6, 0.9), "a collapse of {:.0%} of the samples onto five"),
    "copies": ((0.03, 0.1, 0.3), "{:.1%} of copies"),
}


def _share(count: int, share: float, rng: Generator) -> NDArray[np.int64]:
    return np.sort(rng.permutation(count)[: round(share * count)])
