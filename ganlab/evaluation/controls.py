"""Controls, which show whether a number can be fooled, and baselines, which a generator has to beat.

`floor` is other real samples, for the real-versus-real reference range. Four controls show whether a number can be
fooled: `copy` (training samples), `noisy_copy` (with noise that the eye sees), `collapsed` (a few training samples
repeated), `noise` (the right spectrum, or the right marginals of a table, and nothing else). Two baselines need no
network: `bootstrap` (training samples drawn with replacement, with noise that the eye does not see) and `pca_gaussian`
(a Gaussian in the principal components, for each class where there are classes).

For an attack on privacy `floor` is the negative control: patients who are neither members nor non-members. The copies
are the positive ones.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ganlab.core.kind import Row, places_of
from ganlab.core.spread import evenly
from ganlab.metrics.base import Array, Real, SampleSet
from ganlab.metrics.scaled import deviations

Make = Callable[[Real, int, Generator], SampleSet]
"""Returns `count` samples of a control, made from real training samples."""

MODES = 5
"""Samples that the collapsed generator repeats."""
COMPONENTS = 64
"""Principal components of the Gaussian."""
FITTED = 2000
"""Training samples at most to which it is fitted."""
BLOCK = 512
"""Samples that are made together, which bounds the memory."""
VISIBLE: Mapping[str, float] = {"window": 0.05, "image": 25.0, "row": 0.25}
"""Standard deviation of the noise that the eye sees: mV, grey levels, a share of each continuous column's own."""
INVISIBLE: Mapping[str, float] = {"window": 0.01, "image": 5.0, "row": 0.02}
"""The same of noise that it does not see; quiet records of ptbdb have about 0.01 mV."""
USUAL_MV = 0.16
"""Deviation of an ECG about its median, mV: noise on a signal in another unit is as large in proportion to it.

Median over twelve leads of 1,000 windows of 2 s of PTB-XL at 100 Hz; 205 windows of ptbdb have 0.17.
"""


def floor(real: Real, count: int, rng: Generator) -> SampleSet:
    """Return real samples of other patients than the reference's, spread evenly, with their patient ids."""
    source = real.train if real.strangers is None else real.strangers
    return source.take(evenly(count, len(source)))


def copy(real: Real, count: int, rng: Generator) -> SampleSet:
    """Return training samples without patient ids, each once while they last."""
    return _anonymous(real.train.take(_chosen(len(real.train), count, rng)))


def noisy_copy(real: Real, count: int, rng: Generator) -> SampleSet:
    """Return training samples with visible noise."""
    return with_noise(real, copy(real, count, rng), VISIBLE[real.kind.noun], rng)


def collapsed(real: Real, count: int, rng: Generator) -> SampleSet:
    """Return `MODES` training samples, repeated."""
    modes = rng.choice(len(real.train), min(MODES, len(real.train)), replace=False)
    return _anonymous(real.train.take(np.resize(modes, count)))


def noise(real: Real, count: int, rng: Generator) -> SampleSet:
    """Return training samples with random phases, the same for all leads or channels; columns shuffled one by one."""
    source = copy(real, count, rng)
    if isinstance(real.kind, Row):
        places = list(places_of(real.kind.columns).values())
        order = rng.permuted(np.tile(np.arange(len(source))[:, None], len(places)), axis=0)
        values = np.empty_like(source.values)
        for own, of_column in zip(places, order.T, strict=True):
            values[:, own] = source.values[of_column][:, own]
        return SampleSet(values, source.labels)
    return SampleSet(real.kind.limited(_random_phases(source.values, rng)), source.labels)


def bootstrap(real: Real, count: int, rng: Generator) -> SampleSet:
    """Return training samples drawn with replacement, with invisible noise."""
    drawn = _anonymous(real.train.take(rng.integers(len(real.train), size=count)))
    return with_noise(real, drawn, INVISIBLE[real.kind.noun], rng)


def pca_gaussian(real: Real, count: int, rng: Generator) -> SampleSet:
    """Return samples of a Gaussian in the principal components of training samples, of each class, or combination of
    classes, in its share.
    """
    labels = real.train.labels if len(real.classes) > 1 else None
    if labels is None:
        return SampleSet(real.kind.limited(_gaussian(real.train.values, count, rng)))
    kinds, own = np.unique(labels, axis=0, return_inverse=True)
    drawn = np.sort(own[_chosen(len(own), count, rng)])
    parts = [_gaussian(real.train.values[own == k], int((drawn == k).sum()), rng) for k in np.unique(drawn)]
    order = rng.permutation(count)
    return SampleSet(real.kind.limited(np.concatenate(parts)[order]), kinds[drawn[order]])


CONTROLS: dict[str, Make] = {"copy": copy, "noisy_copy": noisy_copy, "collapsed": collapsed, "noise": noise}
BASELINES: dict[str, Make] = {"bootstrap": bootstrap, "pca_gaussian": pca_gaussian}
COLUMNS: dict[str, Make] = {"floor": floor} | CONTROLS | BASELINES
"""All sets that generated samples are compared with, by name."""


def make(name: str, real: Real, count: int, seed: int = 0) -> SampleSet:
    """Return samples of a control or baseline; always the same for the same seed and real samples."""
    return COLUMNS[name](real, count, np.random.default_rng([seed, list(COLUMNS).index(name)]))


def _chosen(available: int, count: int, rng: Generator) -> NDArray[np.int64]:
    return np.concatenate([rng.permutation(available) for _ in range(-(-count // available))])[:count]


def _anonymous(samples: SampleSet) -> SampleSet:
    return SampleSet(samples.values, samples.labels)


def with_noise(real: Real, samples: SampleSet, size: float, rng: Generator) -> SampleSet:
    """Return samples with white noise of a standard deviation in mV, levels, or shares of a column's own.

    On signals in another unit it is as large in proportion; binary columns stay.
    """
    scale: float | Array = size
    if real.kind.other_unit:
        scale = (size / USUAL_MV * deviations(real.train.values)).astype(np.float32)
    if isinstance(real.kind, Row):
        scale = size * real.train.values.std(axis=0) * [not column.binary for column in real.kind.columns]
    values = np.array(samples.values, dtype=np.float32)
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK]
        block += scale * rng.standard_normal(block.shape, dtype=np.float32)
    return replace(samples, values=real.kind.limited(values))


def _random_phases(values: Array, rng: Generator) -> NDArray[np.float32]:
    """Of the last axis of windows, of the last two of images."""
    axes = (-1,) if values.ndim == 3 else (-2, -1)
    length = [values.shape[axis] for axis in axes]
    made = np.empty(values.shape, np.float32)
    for start in range(0, len(values), BLOCK):
        part = values[start : start + BLOCK]
        spectrum = np.fft.rfftn(part, axes=axes)
        # Turned by the phases of white noise, which are conjugate where they must be; leads stay as they were to
        # each other, and the mean of each stays.
        white = np.fft.rfftn(rng.standard_normal((len(part), 1, *length)), axes=axes)
        white[(..., 0) if len(axes) == 1 else (..., 0, 0)] = 1
        made[start : start + BLOCK] = np.fft.irfftn(spectrum * (white / np.abs(white)), s=length, axes=axes)
    return made


def _gaussian(values: Array, count: int, rng: Generator) -> Array:
    from sklearn.decomposition import PCA

    if not count or len(values) < 2:
        return np.repeat(values[:1], count, axis=0)
    some = evenly(FITTED, len(values))
    flat = values[some].reshape(len(some), -1)
    basis = PCA(min(COMPONENTS, len(flat) - 1, flat.shape[1]), svd_solver="auto", random_state=0).fit(flat)
    drawn = rng.standard_normal((count, basis.n_components_), dtype=np.float32)
    drawn *= np.sqrt(basis.explained_variance_).astype(np.float32)
    made = drawn @ basis.components_.astype(np.float32) + basis.mean_.astype(np.float32)
    return made.reshape(count, *values.shape[1:])
