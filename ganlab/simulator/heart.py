"""The beats of a simulated heart, and its dipole."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ganlab.simulator.condition import Wave, Waves
from ganlab.simulator.patient import Anatomy, Array, Session, at_session

RATE = 1000.0
"""Samples a second."""


@dataclass(frozen=True)
class Beats:
    """Beats of a recording, `(beats,)` each: R times and the RR before each in s, and whether they are ectopic."""

    times: Array
    intervals: Array
    ectopic: NDArray[np.bool_]


def _intervals(anatomy: Anatomy, session: Session, count: int, rng: Generator) -> Array:
    """Return RR intervals `(count,)` in s: respiratory arrhythmia, slow rhythms, and random jitter."""
    mean = 60.0 / (anatomy.rate * session.rate)
    if anatomy.condition.fibrillation:
        return np.clip(mean * rng.lognormal(-0.02, 0.2, count), 0.36, 1.7)
    times = mean * np.arange(count)
    breath = np.sin(2.0 * np.pi * anatomy.breath * times + session.breath_phase)
    slow = np.sin(2.0 * np.pi * 0.095 * times + rng.uniform(0.0, 2.0 * np.pi))
    slower = np.sin(2.0 * np.pi * 0.025 * times + rng.uniform(0.0, 2.0 * np.pi))
    deviation = anatomy.sinus * breath + 0.7 * anatomy.pressure * (slow + slower)
    return np.clip(mean * (1.0 + deviation + anatomy.jitter * rng.standard_normal(count)), 0.36, 1.7)


def draw_beats(anatomy: Anatomy, session: Session, seconds: float, rng: Generator) -> Beats:
    """Return beats from before the start to after the end; an ectopic one is early, and a pause follows."""
    count = int(np.ceil((seconds + 4.0) / 0.36))
    intervals = _intervals(anatomy, session, count, rng)
    ectopic = rng.random(count) < anatomy.condition.ectopic
    ectopic[1:] &= ~ectopic[:-1]
    early = np.where(ectopic, rng.uniform(0.32, 0.42, count), 0.0) * intervals
    intervals = intervals - early
    intervals[1:] += early[:-1]
    times = np.cumsum(intervals) - 2.0 - rng.uniform(0.0, 1.0)
    kept = times < seconds + 1.0
    return Beats(times[kept], intervals[kept], ectopic[kept])


def mixed(weights: Array, courses: Array) -> Array:
    """Return `weights` `(m, n)` times `courses` `(n, samples)`, summed in one order whatever the threads."""
    return np.asarray(np.einsum("ij,jk->ik", weights, courses))


def _train(wave: Wave, times: Array, intervals: Array, gains: Array, samples: int) -> Array:
    """Return the course `(samples,)` of a wave over beats at `times` in s, with factors `gains`, all `(beats,)`."""
    stretch = intervals**wave.stretch
    centers = RATE * times + wave.center * stretch
    widths = wave.width * stretch
    reach = int(np.ceil(4.5 * widths.max(initial=0.0)))
    index = np.rint(centers).astype(np.int64)[:, None] + np.arange(-reach, reach + 1)
    values = gains[:, None] * np.exp(-0.5 * ((index - centers[:, None]) / widths[:, None]) ** 2)
    inside = (index >= 0) & (index < samples)
    return np.bincount(index[inside], weights=values[inside], minlength=samples).astype(np.float64)


def _turns(waves: Waves, beats: Beats, chosen: NDArray[np.bool_], samples: int, rng: Generator) -> Array:
    """Return the dipole `(3, samples)` in mV of the `chosen` `(beats,)`, each a little larger or smaller."""
    times, intervals = beats.times[chosen], np.clip(beats.intervals[chosen], 0.4, 1.3)
    common = rng.normal(1.0, 0.012, len(times))
    courses = np.stack(
        [_train(wave, times, intervals, common * rng.normal(1.0, 0.02, len(times)), samples) for wave in waves.values()]
    )
    return mixed(np.array([wave.vector for wave in waves.values()]).T, courses)


def _fibrillation(amplitude: float, samples: int, rng: Generator) -> Array:
    """Return waves of a fibrillating atrium, `(3, samples)` in mV: 5 to 8 a second, sharp, waxing and waning."""
    time = np.arange(samples) / RATE
    wander = 1.5 * np.sin(2.0 * np.pi * rng.uniform(0.1, 0.4) * time)
    phase = 2.0 * np.pi * rng.uniform(5.0, 8.0) * time + wander
    swell = 1.0 + 0.4 * np.sin(2.0 * np.pi * rng.uniform(0.3, 0.7) * time + rng.uniform(0.0, 2.0 * np.pi))
    course = amplitude * swell * (np.sin(phase) + 0.35 * np.sin(2.0 * phase) + 0.15 * np.sin(3.0 * phase))
    return np.array([[0.25], [0.6], [-0.75]]) * course


def breathing(anatomy: Anatomy, session: Session, samples: int) -> Array:
    """Return the depth of breath, `(samples,)`, between -1 and 1."""
    return np.sin(2.0 * np.pi * anatomy.breath / RATE * np.arange(samples) + session.breath_phase)


def _summits(length: Array, times: Array) -> NDArray[np.int64]:
    """Return the index of the maximum of `length` `(samples,)` near each of `times` (s), as in the mean beat."""
    index = np.rint(RATE * times).astype(np.int64)
    index = index[(index >= 100) & (index < len(length) - 100)]
    if not index.size:
        return index
    summit = -60 + np.argmax(length[index[:, None] + np.arange(-60, 81)].mean(axis=0))
    window = index[:, None] + summit + np.arange(-10, 11)
    return window[:, 0] + np.argmax(length[window], axis=1)


def peaks(dipole: Array, beats: Beats) -> tuple[int, ...]:
    """Return where the dipole `(3, samples)` is longest in each QRS, but for those within 100 ms of an end."""
    length = np.linalg.norm(dipole, axis=0)
    kinds = [_summits(length, beats.times[kind]) for kind in (beats.ectopic, ~beats.ectopic)]
    return tuple(np.sort(np.concatenate(kinds)).tolist())


def heart_dipole(anatomy: Anatomy, session: Session, beats: Beats, breath: Array, rng: Generator) -> Array:
    """Return the heart's dipole without noise, `(3, samples)` in mV."""
    samples = len(breath)
    dipole = _turns(at_session(anatomy.normal, session), beats, ~beats.ectopic, samples, rng)
    dipole += _turns(at_session(anatomy.ectopic, session), beats, beats.ectopic, samples, rng)
    if anatomy.condition.fibrillation:
        dipole += _fibrillation(anatomy.condition.fibrillation, samples, rng)
    # The lungs' filling makes the dipole smaller and turns it.
    x, y, z = dipole * (1.0 - 0.03 * breath)
    return np.stack([x - 0.04 * breath * y, y + 0.04 * breath * x, z])
