"""A simulated patient, and the circumstances of one recording."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ganlab.simulator.condition import (
    ECTOPIC,
    INDEPENDENT,
    LEAD_VECTORS,
    SINUS,
    Change,
    Condition,
    Wave,
    Waves,
    condition_of,
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Anatomy:
    """The properties of a patient, which stay from one recording to the next.

    `normal` and `ectopic` are the waves of the two kinds of beat; `leads` has shape `(11, 3)`; `rate` is in
    beats a minute; `sinus`, `pressure` and `jitter` are relative deviations of RR by respiration, by slow
    rhythms (0.1 Hz and less), and at random; `breath` is the respiratory rate in Hz.
    """

    condition: Condition
    age: int
    sex: str
    normal: Waves
    ectopic: Waves
    leads: Array
    rate: float
    sinus: float
    pressure: float
    jitter: float
    breath: float


def _rotation(degrees: Array) -> Array:
    """Return the matrix `(3, 3)` of three turns, `degrees` `(3,)` about x, y and z."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        turn = np.eye(3)
        first, second = (axis + 1) % 3, (axis + 2) % 3
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix


def _turned(wave: Wave, matrix: Array, gain: float = 1.0) -> Wave:
    """Return a wave with its vector turned by `matrix` `(3, 3)` and multiplied by `gain`."""
    x, y, z = gain * matrix @ np.array(wave.vector)
    return replace(wave, vector=(float(x), float(y), float(z)))


def _personal(wave: Wave, rng: Generator) -> Wave:
    """Return the same wave in another patient, of another size, direction, time and width."""
    vector = np.array(wave.vector)
    aside = 0.12 * np.linalg.norm(vector) * rng.standard_normal(3)
    x, y, z = rng.lognormal(0.0, 0.16) * vector + aside
    center = wave.center + 0.12 * wave.width * rng.standard_normal()
    width = wave.width * rng.lognormal(0.0, 0.08)
    return replace(wave, vector=(float(x), float(y), float(z)), center=center, width=width)


def _notch(rng: Generator) -> Wave:
    """Return a small notch of the QRS, which a patient keeps."""
    x, y, z = rng.normal(0.0, 0.08, 3)
    return Wave((float(x), float(y), float(z)), rng.uniform(-25.0, 32.0), rng.uniform(4.0, 7.0))


def _personal_waves(condition: Condition, rng: Generator) -> dict[str, Wave]:
    """Return the normal beat of a patient with `condition`."""
    qrs_axis = _rotation(rng.normal(0.0, (10.0, 11.0, 16.0)))
    t_axis = _rotation(rng.normal(0.0, (8.0, 10.0, 9.0))) @ qrs_axis
    qrs_gain, t_gain = rng.lognormal(0.06, 0.22), rng.lognormal(-0.05, 0.28)
    qt, pr = rng.lognormal(0.0, 0.04), rng.lognormal(0.0, 0.07)
    severity = rng.uniform(*condition.severity)
    waves: dict[str, Wave] = {}
    for name, normal in SINUS.items():
        wave = _personal(normal, rng)
        if name.startswith("p"):
            wave = replace(_turned(wave, qrs_axis), center=wave.center * pr)
        elif name.startswith("t"):
            wave = replace(_turned(wave, t_axis, t_gain), center=wave.center * qt)
        else:
            wave = _turned(wave, qrs_axis, qrs_gain)
        change = condition.changes.get(name, Change())
        x, y, z = change.gain * np.array(wave.vector) + severity * np.array(change.add)
        wave = replace(wave, center=wave.center + change.shift, width=wave.width * change.width)
        waves[name] = replace(wave, vector=(float(x), float(y), float(z)))
    return waves | {"notch_first": _notch(rng), "notch_second": _notch(rng)}


def _personal_leads(rng: Generator) -> Array:
    """Return lead vectors `(11, 3)` of a body and its electrodes; Frank's leads stay the dipole."""
    spread = np.array([0.06] * 2 + [0.16] * 6 + [0.0] * 3)[:, None]
    gain = np.array([0.0] * 2 + [0.2] * 6 + [0.0] * 3)
    moved = LEAD_VECTORS + spread * rng.standard_normal(LEAD_VECTORS.shape)
    return moved * np.exp(gain * rng.standard_normal(len(INDEPENDENT)))[:, None]


def draw_anatomy(patient: int, *, seed: int) -> Anatomy:
    """Return the patient of an index (from 1), the same for a seed in every cohort."""
    if patient < 1:
        raise ValueError(f"patient={patient}: patients are numbered from 1")
    rng = np.random.default_rng([seed, patient])
    condition = condition_of(patient)
    ectopic_axis = _rotation(rng.normal(0.0, 25.0, 3))
    return Anatomy(
        condition=condition,
        age=int(np.clip(round(rng.normal(*condition.age)), 19, 86)),
        sex=str(rng.choice(["male", "female"], p=[0.65, 0.35])),
        normal=_personal_waves(condition, rng),
        ectopic={name: _turned(_personal(wave, rng), ectopic_axis) for name, wave in ECTOPIC.items()},
        leads=_personal_leads(rng),
        rate=float(np.clip(rng.normal(*condition.heart_rate), 50.0, 115.0)),
        sinus=float(rng.lognormal(np.log(0.034), 0.5)),
        pressure=float(rng.lognormal(np.log(0.030), 0.4)),
        jitter=float(rng.lognormal(np.log(0.010), 0.4)),
        breath=float(rng.uniform(0.18, 0.32)),
    )


@dataclass(frozen=True)
class Session:
    """The circumstances that differ from one recording of a patient to the next.

    `rate` multiplies the heart rate, `t_gain` the T waves; `axis` has shape `(3, 3)`; `gain` `(11,)` multiplies the
    independent leads; `breath_phase` is in radians; `muscle`, `mains` and `drift` are levels in mV.
    """

    rate: float
    t_gain: float
    axis: Array
    gain: Array
    breath_phase: float
    muscle: float
    mains: float
    drift: float


def draw_session(rng: Generator) -> Session:
    """Return the circumstances of one recording."""
    return Session(
        rate=rng.lognormal(0.0, 0.05),
        t_gain=rng.lognormal(0.0, 0.07),
        axis=_rotation(rng.normal(0.0, 2.5, 3)),
        gain=np.array([1.0] * 2 + list(rng.lognormal(0.0, 0.04, 6)) + [1.0] * 3),
        breath_phase=rng.uniform(0.0, 2.0 * np.pi),
        muscle=float(np.clip(rng.lognormal(np.log(0.0065), 0.4), 0.0015, 0.015)),
        mains=rng.lognormal(np.log(0.0015), 0.5),
        drift=float(np.clip(rng.lognormal(np.log(0.05), 0.9), 0.01, 0.4)),
    )


def at_session(waves: Waves, session: Session) -> Waves:
    """Return the waves as they are in one recording."""
    return {
        name: _turned(wave, session.axis, session.t_gain if name.startswith("t") else 1.0)
        for name, wave in waves.items()
    }
