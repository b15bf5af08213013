"""Noise of a simulated recording, which enters at the electrodes."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfftfreq

from ganlab.simulator.condition import INDEPENDENT
from ganlab.simulator.heart import RATE, Array, mixed
from ganlab.simulator.patient import Session

SOURCES = ("ra", "la", "ll", "v1", "v2", "v3", "v4", "v5", "v6", "x", "y", "z")
"""Sources of noise: nine electrodes and Frank's three leads."""


def _differences() -> Array:
    """Return leads from sources, `(11, 12)`: differences of limbs, chest against Wilson's terminal, Frank's."""
    matrix = np.zeros((len(INDEPENDENT), len(SOURCES)))
    matrix[0, :3] = (-1.0, 1.0, 0.0)
    matrix[1, :3] = (-1.0, 0.0, 1.0)
    matrix[2:8, :3] = -1.0 / 3.0
    matrix[2:, 3:] = np.eye(9)
    return matrix


def _muscle(samples: int, rng: Generator) -> NDArray[np.float32]:
    """Return noise of muscle and amplifier at each source, `(12, samples)`, of variance 1: 1/f above 30 Hz."""
    length = next_fast_len(samples + 500, real=True)
    frequency = rfftfreq(length, 1.0 / RATE)
    shape = 1.0 / np.hypot(1.0, frequency / 30.0) * (frequency > 0.3) + 0.02
    shape *= 0.5 * length / np.sqrt(np.sum(shape**2))
    parts = rng.standard_normal((len(SOURCES), len(frequency), 2), dtype=np.float32)
    noise: NDArray[np.float32] = irfft(parts.view(np.complex64)[..., 0] * shape.astype(np.float32), n=length)
    return noise[:, :samples]


def _drift(session: Session, breath: Array, rng: Generator) -> Array:
    """Return offset, breath and slow drift at each source, `(12, samples)` in mV."""
    frequency = np.concatenate([rng.uniform(0.02, 0.12, 2), rng.uniform(0.12, 0.45, 2)])
    angles = 2.0 * np.pi / RATE * frequency[:, None] * np.arange(len(breath))
    courses = np.concatenate([np.ones((1, len(breath))), breath[None], np.sin(angles), np.cos(angles)])
    slow = session.drift * np.sqrt(0.03 / frequency)
    levels = np.concatenate([[0.25, 0.5 * session.drift], slow, slow])
    return mixed(levels * rng.standard_normal((len(SOURCES), len(levels))), courses)


def _mains(session: Session, samples: int, rng: Generator) -> Array:
    """Return the mains at each source, `(12, samples)` in mV: 50 Hz and a quarter of it at 150 Hz."""
    angles = 2.0 * np.pi / RATE * np.array([[50.0], [150.0]]) * np.arange(RATE / 50.0)
    levels = session.mains * np.array([1.0, 0.25, 1.0, 0.25])
    courses = np.concatenate([np.sin(angles), np.cos(angles)])
    period = mixed(levels * rng.standard_normal((len(SOURCES), len(levels))), courses)
    return np.resize(period.T, (samples, len(SOURCES))).T


def noise(session: Session, breath: Array, rng: Generator) -> Array:
    """Return all noise in the independent leads, `(11, samples)` in mV; it enters at the electrodes."""
    samples = len(breath)
    muscle = session.muscle * rng.lognormal(0.0, 0.25, (len(SOURCES), 1)) * _muscle(samples, rng)
    return mixed(_differences(), muscle + _drift(session, breath, rng) + _mains(session, samples, rng))
