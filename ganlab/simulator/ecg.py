r"""A cohort of simulated ECGs: a heart dipole of Gaussian waves, seen by fifteen leads.

The dipole \(d(t) \in R^3\) (mV; left, down and back as Frank's x, y, z) is a sum over beats \(k\) and waves
\(w\)

\[ d(t) = \sum_{k,w} a_{kw} v_w \exp\left(-\frac{(t - t_{kw})^2}{2 b_{kw}^2}\right), \qquad
   t_{kw} = R_k + \frac{\theta_w}{2\pi} RR_k^{e_w}, \]

the closed form, along one turn of the limit cycle, of the dynamical model of McSharry et al. (2003): a turn
is one RR interval, and a wave stands at the angle \(\theta_w\), written here as milliseconds at 60 beats a
minute (1000 ms are \(2\pi\)). The exponent \(e_w\) says how far angle and width follow the rate: 0 not at
all (QRS), 1/2 as Bazett's QT, which is the model's own choice. The leads are linear in the dipole, so
Einthoven's law holds.

Everything of a patient comes from `(seed, patient)`, everything of a recording from `(seed, patient,
recording)`: a patient is the same person in every cohort and in each recording.

Sources: P. E. McSharry, G. D. Clifford, L. Tarassenko, L. A. Smith, "A dynamical model for generating
synthetic electrocardiogram signals", IEEE TBME 50(3), 289-294, 2003. R. Sameni, G. D. Clifford, C. Jutten,
M. B. Shamsollahi, "Multichannel ECG and noise modeling", EURASIP J. Adv. Signal Process. 2007, 043407 (the
dipole in three dimensions). G. E. Dower, H. B. Machado, J. A. Osborne, "On deriving the electrocardiogram
from vectorcardiographic leads", Clin. Cardiol. 3, 87-95, 1980 (the lead vectors). Amplitudes, rates and
noise were set beside PTB records.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfftfreq

from ganlab import __version__
from ganlab.core.diagnosis import diagnosis_of, label_of
from ganlab.core.record import LEADS, Record

Array = NDArray[np.float64]
Vector = tuple[float, float, float]

VERSION = 1
"""Raised whenever the same seed no longer gives the same signal; caches depend on it."""

RATE = 1000.0
"""Samples a second."""

GAIN = 2000.0
"""ADC units per mV, as in the PTB database."""


@dataclass(frozen=True)
class Wave:
    """A Gaussian wave of the dipole on the limit cycle.

    `vector` is its peak in mV (left, down, back); `center` and `width` are its angle and its standard
    deviation in ms at 60 beats a minute; `stretch` is the exponent of RR (in s) by which both follow the
    rate.
    """

    vector: Vector
    center: float
    width: float
    stretch: float = 0.0


Waves = Mapping[str, Wave]

SINUS: Waves = {
    "p_right": Wave((0.075, 0.075, -0.04), -172.0, 19.0, 0.3),
    "p_left": Wave((0.11, 0.05, 0.05), -148.0, 20.0, 0.3),
    "q": Wave((-0.13, 0.02, -0.40), -20.0, 8.0),
    "r": Wave((1.26, 0.68, 0.24), 0.0, 10.0),
    "s": Wave((-0.18, -0.10, 0.80), 21.0, 10.0),
    "r_late": Wave((0.0, 0.0, 0.0), 45.0, 12.0),
    "st": Wave((0.03, 0.01, -0.04), 130.0, 45.0, 0.5),
    "t_early": Wave((0.22, 0.10, -0.14), 225.0, 52.0, 0.5),
    "t_late": Wave((0.31, 0.16, -0.17), 276.0, 33.0, 0.5),
}
"""The normal beat; `r_late` is silent unless the bundle branches conduct late."""

ECTOPIC: Waves = {
    "r": Wave((0.45, 1.25, -0.75), 0.0, 27.0),
    "s": Wave((-0.35, 0.30, -0.30), 52.0, 22.0),
    "t_late": Wave((-0.20, -0.45, 0.35), 300.0, 55.0, 0.5),
}
"""A ventricular premature beat: wide, without P, its T against its QRS."""

SOURCES = ("ra", "la", "ll", "v1", "v2", "v3", "v4", "v5", "v6", "x", "y", "z")
"""Where noise enters: nine electrodes and Frank's three leads."""

INDEPENDENT = ("i", "ii", "v1", "v2", "v3", "v4", "v5", "v6", "vx", "vy", "vz")
"""The leads that are measured; the other four follow from i and ii."""

LEAD_VECTORS: Array = np.array(
    [
        (0.632, -0.235, 0.059),
        (0.235, 1.066, -0.132),
        (-0.515, 0.157, -0.917),
        (0.044, 0.164, -1.387),
        (0.882, 0.098, -1.277),
        (1.213, 0.127, -0.601),
        (1.125, 0.127, -0.086),
        (0.831, 0.076, 0.230),
        (1.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
        (0.0, 0.0, 1.0),
    ]
)
"""The independent leads from Frank's x, y, z, with shape `(11, 3)` (Dower et al. 1980)."""

TERRITORIES: Mapping[str, Vector] = {
    "anterior": (0.35, 0.0, -0.94),
    "inferior": (-0.10, 0.97, 0.20),
    "antero-lateral": (0.80, -0.15, -0.58),
    "infero-lateral": (0.62, 0.62, 0.48),
    "antero-septal": (-0.15, 0.0, -0.99),
}
"""Unit vectors towards the part of the wall that has died."""


@dataclass(frozen=True)
class Change:
    """What a condition does to a wave: `gain * vector + severity * add` in mV, `width` times, `shift` ms."""

    gain: float = 1.0
    add: Vector = (0.0, 0.0, 0.0)
    width: float = 1.0
    shift: float = 0.0


@dataclass(frozen=True)
class Condition:
    """A diagnosis as the simulator draws it.

    `reason` is the header's reason for admission; `heart_rate` (beats a minute) and `age` (years) are mean
    and standard deviation over patients; `severity` is the range of the factor on what the changes add;
    `fibrillation` is the amplitude of atrial fibrillation in mV, with which RR is irregular; `ectopic` is
    the share of ventricular premature beats; `acute` and `former` name where an infarction is.
    """

    reason: str
    changes: Mapping[str, Change] = field(default_factory=dict)
    heart_rate: tuple[float, float] = (72.0, 9.0)
    age: tuple[float, float] = (60.0, 10.0)
    severity: tuple[float, float] = (0.75, 1.25)
    fibrillation: float = 0.0
    ectopic: float = 0.0
    acute: str = "no"
    former: str = "no"


def _along(territory: str, amplitude: float) -> Vector:
    """A vector of `amplitude` mV towards a territory."""
    x, y, z = TERRITORIES[territory]
    return amplitude * x, amplitude * y, amplitude * z


def _acute_infarction(territory: str) -> Condition:
    """An infarction of the last days: ST elevation towards the territory, less R, a beginning Q wave."""
    return Condition(
        "Myocardial infarction",
        {
            "q": Change(0.9, _along(territory, -0.22), 1.3, -2.0),
            "r": Change(0.88, _along(territory, -0.15)),
            "s": Change(0.9),
            "st": Change(1.0, _along(territory, 0.20), 1.15),
            "t_early": Change(0.8, _along(territory, 0.12)),
            "t_late": Change(0.7, _along(territory, 0.06)),
        },
        heart_rate=(80.0, 12.0),
        severity=(0.4, 1.4),
        acute=territory,
    )


def _former_infarction(territory: str) -> Condition:
    """A healed infarction: a wide Q wave away from the territory, T inverted there."""
    return Condition(
        "Myocardial infarction",
        {
            "q": Change(0.8, _along(territory, -0.42), 1.6, -4.0),
            "r": Change(0.85, _along(territory, -0.20)),
            "s": Change(0.9),
            "t_early": Change(0.5, _along(territory, -0.08)),
            "t_late": Change(0.5, _along(territory, -0.22)),
        },
        heart_rate=(76.0, 11.0),
        severity=(0.4, 1.4),
        former=territory,
    )


HEALTHY = (Condition("Healthy control", heart_rate=(68.0, 8.5), age=(43.0, 13.0)),)

INFARCTIONS = tuple(
    infarct(territory) for territory in TERRITORIES for infarct in (_acute_infarction, _former_infarction)
)

LEFT_BRANCH = Condition(
    "Bundle branch block",
    {
        "q": Change(0.0),
        "r": Change(0.75, (-0.05, -0.20, 0.45), 1.8, -6.0),
        "s": Change(0.25, (0.0, 0.0, 0.15), 2.0, 12.0),
        "r_late": Change(1.0, (0.62, 0.05, 0.52), 1.45, 4.0),
        "st": Change(1.0, (-0.10, -0.02, -0.14)),
        "t_early": Change(0.1, (-0.12, -0.02, -0.16), 1.0, 30.0),
        "t_late": Change(0.1, (-0.20, -0.05, -0.20), 1.1, 45.0),
    },
    severity=(0.85, 1.15),
)
RIGHT_BRANCH = Condition(
    "Bundle branch block",
    {
        "s": Change(0.7),
        "r_late": Change(1.0, (-0.55, -0.08, -0.62), 1.55, 16.0),
        "t_early": Change(0.9, (0.04, 0.0, 0.14), 1.0, 20.0),
        "t_late": Change(0.9, (0.04, 0.0, 0.16), 1.0, 30.0),
    },
)
LOW_VOLTAGE = Condition(
    "Cardiomyopathy",
    {
        "q": Change(0.5, width=1.15),
        "r": Change(0.45, width=1.2),
        "s": Change(0.55, width=1.15),
        "t_early": Change(0.35),
        "t_late": Change(0.35),
    },
    heart_rate=(82.0, 11.0),
)
STRAIN = Condition(
    "Heart failure (NYHA 3)",
    {
        "p_left": Change(1.4),
        "r": Change(1.1, (0.15, -0.10, 0.15), 1.25),
        "s": Change(1.1, (0.0, 0.0, 0.2), 1.2),
        "st": Change(1.0, (-0.09, -0.03, -0.02)),
        "t_early": Change(0.3, (-0.10, -0.04, -0.04)),
        "t_late": Change(0.3, (-0.20, -0.08, -0.04)),
    },
    heart_rate=(84.0, 11.0),
)
HYPERTROPHY = Condition(
    "Hypertrophy",
    {
        "p_left": Change(1.3),
        "q": Change(1.4),
        "r": Change(1.65, (0.15, 0.0, 0.20), 1.1),
        "s": Change(1.7, (0.0, 0.0, 0.15), 1.1),
        "t_early": Change(0.6, (-0.08, -0.04, -0.06)),
        "t_late": Change(0.4, (-0.14, -0.06, -0.06)),
    },
)
FIBRILLATION = Condition(
    "Dysrhythmia", {"p_right": Change(0.0), "p_left": Change(0.0)}, heart_rate=(88.0, 13.0), fibrillation=0.05
)
EXTRASYSTOLES = Condition("Dysrhythmia", {}, heart_rate=(74.0, 9.0), ectopic=0.14)

MISCELLANEOUS = (
    LEFT_BRANCH,
    LOW_VOLTAGE,
    HYPERTROPHY,
    FIBRILLATION,
    RIGHT_BRANCH,
    STRAIN,
    HYPERTROPHY,
    EXTRASYSTOLES,
)

SHARES = ((0, 3, 4, 6, 8, 10), (1, 5, 9), (2, 7, 11))
"""Of every twelve patients in a row: those with an infarction, the healthy, those with something else."""


def condition_of(patient: int) -> Condition:
    """The condition of a patient, by index alone: half infarctions, a quarter healthy, a quarter others."""
    cycle, place = divmod(patient - 1, sum(map(len, SHARES)))
    for conditions, places in zip((INFARCTIONS, HEALTHY, MISCELLANEOUS), SHARES, strict=True):
        if place in places:
            return conditions[(cycle * len(places) + places.index(place)) % len(conditions)]
    raise AssertionError("SHARES names every place")


@dataclass(frozen=True)
class Anatomy:
    """A patient: what stays from one recording to the next.

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
    """The matrix `(3, 3)` of three turns, `degrees` `(3,)` about x, y and z."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        turn = np.eye(3)
        first, second = (axis + 1) % 3, (axis + 2) % 3
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix


def _turned(wave: Wave, matrix: Array, gain: float = 1.0) -> Wave:
    """A wave with its vector turned by `matrix` `(3, 3)` and multiplied by `gain`."""
    x, y, z = gain * matrix @ np.array(wave.vector)
    return replace(wave, vector=(float(x), float(y), float(z)))


def _changed(wave: Wave, change: Change, severity: float) -> Wave:
    """A wave as a condition leaves it."""
    x, y, z = change.gain * np.array(wave.vector) + severity * np.array(change.add)
    vector = (float(x), float(y), float(z))
    return replace(wave, vector=vector, center=wave.center + change.shift, width=wave.width * change.width)


def _personal(wave: Wave, rng: Generator) -> Wave:
    """A wave of the same kind in another person: its size, direction, time and width."""
    vector = np.array(wave.vector)
    aside = 0.12 * np.linalg.norm(vector) * rng.standard_normal(3)
    x, y, z = rng.lognormal(0.0, 0.16) * vector + aside
    center = wave.center + 0.12 * wave.width * rng.standard_normal()
    width = wave.width * rng.lognormal(0.0, 0.08)
    return replace(wave, vector=(float(x), float(y), float(z)), center=center, width=width)


def _notch(rng: Generator) -> Wave:
    """A small splinter of the QRS, which a person keeps."""
    x, y, z = rng.normal(0.0, 0.08, 3)
    return Wave((float(x), float(y), float(z)), rng.uniform(-25.0, 32.0), rng.uniform(4.0, 7.0))


def _personal_waves(condition: Condition, rng: Generator) -> dict[str, Wave]:
    """The normal beat of a person with `condition`."""
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
        waves[name] = _changed(wave, condition.changes.get(name, Change()), severity)
    return waves | {"notch_first": _notch(rng), "notch_second": _notch(rng)}


def _personal_leads(rng: Generator) -> Array:
    """Lead vectors `(11, 3)` of a body and where its electrodes stick; Frank's leads stay the dipole."""
    spread = np.array([0.06] * 2 + [0.16] * 6 + [0.0] * 3)[:, None]
    gain = np.array([0.0] * 2 + [0.2] * 6 + [0.0] * 3)
    moved = LEAD_VECTORS + spread * rng.standard_normal(LEAD_VECTORS.shape)
    return moved * np.exp(gain * rng.standard_normal(len(INDEPENDENT)))[:, None]


def anatomy(patient: int, *, seed: int) -> Anatomy:
    """The patient of that index (from 1), the same for a seed whoever else is in the cohort."""
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
    """What differs from one recording of a patient to the next.

    `rate` multiplies the heart rate, `t_gain` the T waves; `axis` has shape `(3, 3)`; `gain` `(11,)`
    multiplies the independent leads; `breath_phase` is in radians; `muscle`, `mains` and `drift` are levels
    in mV.
    """

    rate: float
    t_gain: float
    axis: Array
    gain: Array
    breath_phase: float
    muscle: float
    mains: float
    drift: float


def _session(rng: Generator) -> Session:
    """The circumstances of one recording."""
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


@dataclass(frozen=True)
class Beats:
    """The beats of a recording: R times and the RR before each in s, which are ectopic; all `(beats,)`."""

    times: Array
    intervals: Array
    ectopic: NDArray[np.bool_]


def _intervals(person: Anatomy, session: Session, count: int, rng: Generator) -> Array:
    """RR intervals `(count,)` in s: respiratory arrhythmia, the slow rhythm, and what is left to chance."""
    mean = 60.0 / (person.rate * session.rate)
    if person.condition.fibrillation:
        return np.clip(mean * rng.lognormal(-0.02, 0.2, count), 0.36, 1.7)
    times = mean * np.arange(count)
    breath = np.sin(2.0 * np.pi * person.breath * times + session.breath_phase)
    slow = np.sin(2.0 * np.pi * 0.095 * times + rng.uniform(0.0, 2.0 * np.pi))
    slower = np.sin(2.0 * np.pi * 0.025 * times + rng.uniform(0.0, 2.0 * np.pi))
    deviation = person.sinus * breath + 0.7 * person.pressure * (slow + slower)
    return np.clip(mean * (1.0 + deviation + person.jitter * rng.standard_normal(count)), 0.36, 1.7)


def _beats(person: Anatomy, session: Session, seconds: float, rng: Generator) -> Beats:
    """Beats from before the start to after the end; an ectopic one is early, and a pause follows."""
    count = int(np.ceil((seconds + 4.0) / 0.36))
    intervals = _intervals(person, session, count, rng)
    ectopic = rng.random(count) < person.condition.ectopic
    ectopic[1:] &= ~ectopic[:-1]
    early = np.where(ectopic, rng.uniform(0.32, 0.42, count), 0.0) * intervals
    intervals = intervals - early
    intervals[1:] += early[:-1]
    times = np.cumsum(intervals) - 2.0 - rng.uniform(0.0, 1.0)
    kept = times < seconds + 1.0
    return Beats(times[kept], intervals[kept], ectopic[kept])


def _mixed(weights: Array, courses: Array) -> Array:
    """`weights` `(m, n)` times `courses` `(n, samples)`, summed in one order whatever the threads."""
    mixed: Array = np.einsum("ij,jk->ik", weights, courses)
    return mixed


def _train(wave: Wave, times: Array, intervals: Array, gains: Array, samples: int) -> Array:
    """The course `(samples,)` of a wave over beats at `times` in s, with factors `gains`, all `(beats,)`."""
    stretch = intervals**wave.stretch
    centers = RATE * times + wave.center * stretch
    widths = wave.width * stretch
    reach = int(np.ceil(4.5 * widths.max(initial=0.0)))
    index = np.rint(centers).astype(np.int64)[:, None] + np.arange(-reach, reach + 1)
    values = gains[:, None] * np.exp(-0.5 * ((index - centers[:, None]) / widths[:, None]) ** 2)
    inside = (index >= 0) & (index < samples)
    course: Array = np.bincount(index[inside], weights=values[inside], minlength=samples).astype(np.float64)
    return course


def _turns(waves: Waves, beats: Beats, chosen: NDArray[np.bool_], samples: int, rng: Generator) -> Array:
    """The dipole `(3, samples)` in mV of the `chosen` `(beats,)`, each beat a little larger or smaller."""
    times, intervals = beats.times[chosen], np.clip(beats.intervals[chosen], 0.4, 1.3)
    common = rng.normal(1.0, 0.012, len(times))
    courses = np.stack(
        [_train(wave, times, intervals, common * rng.normal(1.0, 0.02, len(times)), samples) for wave in waves.values()]
    )
    return _mixed(np.array([wave.vector for wave in waves.values()]).T, courses)


def _fibrillation(amplitude: float, samples: int, rng: Generator) -> Array:
    """Waves of a fibrillating atrium, `(3, samples)` in mV: 5 to 8 a second, sharp, waxing and waning."""
    time = np.arange(samples) / RATE
    wander = 1.5 * np.sin(2.0 * np.pi * rng.uniform(0.1, 0.4) * time)
    phase = 2.0 * np.pi * rng.uniform(5.0, 8.0) * time + wander
    swell = 1.0 + 0.4 * np.sin(2.0 * np.pi * rng.uniform(0.3, 0.7) * time + rng.uniform(0.0, 2.0 * np.pi))
    course = amplitude * swell * (np.sin(phase) + 0.35 * np.sin(2.0 * phase) + 0.15 * np.sin(3.0 * phase))
    direction = np.array([0.25, 0.6, -0.75])
    return direction[:, None] * course


def _breathing(person: Anatomy, session: Session, samples: int) -> Array:
    """The depth of breath, `(samples,)`, between -1 and 1."""
    return np.sin(2.0 * np.pi * person.breath / RATE * np.arange(samples) + session.breath_phase)


def _breathed(dipole: Array, breath: Array) -> Array:
    """The dipole `(3, samples)` made smaller and turned by the lungs' filling `breath` `(samples,)`."""
    x, y, z = dipole * (1.0 - 0.03 * breath)
    return np.stack([x - 0.04 * breath * y, y + 0.04 * breath * x, z])


def _differences() -> Array:
    """Leads from sources, `(11, 12)`: differences of limbs, chest against Wilson's terminal, Frank's."""
    matrix = np.zeros((len(INDEPENDENT), len(SOURCES)))
    matrix[0, :3] = (-1.0, 1.0, 0.0)
    matrix[1, :3] = (-1.0, 0.0, 1.0)
    matrix[2:8, :3] = -1.0 / 3.0
    matrix[2:, 3:] = np.eye(9)
    return matrix


def _muscle(samples: int, rng: Generator) -> NDArray[np.float32]:
    """Noise of muscle and amplifier at each source, `(12, samples)`, of variance 1: 1/f above 30 Hz."""
    length = next_fast_len(samples + 500, real=True)
    frequency = rfftfreq(length, 1.0 / RATE)
    shape = 1.0 / np.hypot(1.0, frequency / 30.0) * (frequency > 0.3) + 0.02
    shape *= 0.5 * length / np.sqrt(np.sum(shape**2))
    parts = rng.standard_normal((len(SOURCES), len(frequency), 2), dtype=np.float32)
    noise: NDArray[np.float32] = irfft(parts.view(np.complex64)[..., 0] * shape.astype(np.float32), n=length)
    return noise[:, :samples]


def _drift(session: Session, breath: Array, rng: Generator) -> Array:
    """Offset, breath and slow drift at each source, `(12, samples)` in mV."""
    frequency = np.concatenate([rng.uniform(0.02, 0.12, 2), rng.uniform(0.12, 0.45, 2)])
    angles = 2.0 * np.pi / RATE * frequency[:, None] * np.arange(len(breath))
    courses = np.concatenate([np.ones((1, len(breath))), breath[None], np.sin(angles), np.cos(angles)])
    slow = session.drift * np.sqrt(0.03 / frequency)
    levels = np.concatenate([[0.25, 0.5 * session.drift], slow, slow])
    return _mixed(levels * rng.standard_normal((len(SOURCES), len(levels))), courses)


def _mains(session: Session, samples: int, rng: Generator) -> Array:
    """The mains at each source, `(12, samples)` in mV: 50 Hz and a quarter of it at 150 Hz."""
    angles = 2.0 * np.pi / RATE * np.array([[50.0], [150.0]]) * np.arange(RATE / 50.0)
    levels = session.mains * np.array([1.0, 0.25, 1.0, 0.25])
    courses = np.concatenate([np.sin(angles), np.cos(angles)])
    period = _mixed(levels * rng.standard_normal((len(SOURCES), len(levels))), courses)
    return np.resize(period.T, (samples, len(SOURCES))).T


def _noise(session: Session, breath: Array, rng: Generator) -> Array:
    """All noise in the independent leads, `(11, samples)` in mV; it enters at the electrodes."""
    samples = len(breath)
    muscle = session.muscle * rng.lognormal(0.0, 0.25, (len(SOURCES), 1)) * _muscle(samples, rng)
    return _mixed(_differences(), muscle + _drift(session, breath, rng) + _mains(session, samples, rng))


def _summits(length: Array, times: Array) -> NDArray[np.int64]:
    """Where `length` `(samples,)` has, near each of `times` (s), the summit that the mean beat has."""
    index = np.rint(RATE * times).astype(np.int64)
    index = index[(index >= 100) & (index < len(length) - 100)]
    if not index.size:
        return index
    summit = -60 + np.argmax(length[index[:, None] + np.arange(-60, 81)].mean(axis=0))
    window = index[:, None] + summit + np.arange(-10, 11)
    return window[:, 0] + np.argmax(length[window], axis=1)


def _peaks(dipole: Array, beats: Beats) -> tuple[int, ...]:
    """Where the dipole `(3, samples)` is longest in each QRS; one within 100 ms of an end has no peak."""
    length = np.linalg.norm(dipole, axis=0)
    kinds = [_summits(length, beats.times[kind]) for kind in (beats.ectopic, ~beats.ectopic)]
    return tuple(np.sort(np.concatenate(kinds)).tolist())


def _digital(leads: Array) -> NDArray[np.int16]:
    """All fifteen leads `(15, samples)` in ADC units from the eleven `(11, samples)` in mV.

    Leads i and ii are rounded to even units, so that the halves in aVR, aVL and aVF are whole and exact.
    """
    i, ii = 2 * np.rint(leads[:2] * GAIN / 2.0).astype(np.int64)
    limbs = np.stack([i, ii, ii - i, -(i + ii) // 2, i - ii // 2, ii - i // 2])
    digital = np.concatenate([limbs, np.rint(leads[2:] * GAIN).astype(np.int64)])
    if np.abs(digital).max(initial=0) > np.iinfo(np.int16).max:
        raise OverflowError(f"{np.abs(digital).max() / GAIN:.1f} mV do not fit 16 bits at {GAIN:g} per mV")
    return digital.astype(np.int16)


def _at_session(waves: Waves, session: Session) -> Waves:
    """The waves as they are in one recording."""
    return {
        name: _turned(wave, session.axis, session.t_gain if name.startswith("t") else 1.0)
        for name, wave in waves.items()
    }


def _dipole(person: Anatomy, session: Session, beats: Beats, breath: Array, rng: Generator) -> Array:
    """The heart's dipole without noise, `(3, samples)` in mV."""
    samples = len(breath)
    dipole = _turns(_at_session(person.normal, session), beats, ~beats.ectopic, samples, rng)
    dipole += _turns(_at_session(person.ectopic, session), beats, beats.ectopic, samples, rng)
    if person.condition.fibrillation:
        dipole += _fibrillation(person.condition.fibrillation, samples, rng)
    return _breathed(dipole, breath)


def simulate_record(patient: int, recording: int, *, seconds: float, seed: int) -> tuple[Record, NDArray[np.int16]]:
    """One recording of one patient, after McSharry et al. 2003, IEEE TBME 50(3).

    Args:
        patient: Index of the patient, from 1; it alone decides the diagnosis.
        recording: Index of the recording among the patient's, from 1.
        seconds: Length of the recording in s.
        seed: Seed of the whole population.

    Returns:
        The record, with its R peaks as sample indices, and its signal in ADC units, with shape `(15,
        samples)`, in the order of `LEADS`, at 1000 Hz and 2000 units per mV.
    """
    if recording < 1 or round(seconds * RATE) < 1:
        raise ValueError(f"recording={recording}, seconds={seconds}: recording >= 1 and seconds > 0 needed")
    rng = np.random.default_rng([seed, patient, recording])
    person, session, samples = anatomy(patient, seed=seed), _session(rng), round(seconds * RATE)
    breath = _breathing(person, session, samples)
    beats = _beats(person, session, seconds, rng)
    heart = _dipole(person, session, beats, breath, rng)
    leads = _mixed(session.gain[:, None] * person.leads, heart) + _noise(session, breath, rng)
    diagnosis = diagnosis_of(person.condition.reason)
    record = Record(
        name=f"patient{patient:03d}/s{patient:03d}{recording:02d}_sim",
        patient=f"patient{patient:03d}",
        diagnosis=diagnosis,
        label=label_of(diagnosis),
        leads=LEADS,
        samples=samples,
        rate=RATE,
        gain=(GAIN,) * len(LEADS),
        baseline=(0,) * len(LEADS),
        peaks=_peaks(heart, beats),
    )
    return record, _digital(leads)


def simulate_cohort(
    patients: int, *, recordings: int = 1, seconds: float, seed: int
) -> Iterator[tuple[Record, NDArray[np.int16]]]:
    """The records and signals `(15, samples)` of patients 1 to `patients`, one after the other."""
    for patient in range(1, patients + 1):
        for recording in range(1, recordings + 1):
            yield simulate_record(patient, recording, seconds=seconds, seed=seed)


def header_comments(record: Record, *, seed: int) -> list[str]:
    """The lines under a PTB header, and one that says what this is."""
    person = anatomy(int(record.patient.removeprefix("patient")), seed=seed)
    return [
        f"age: {person.age}",
        f"sex: {person.sex}",
        "ECG date: n/a",
        "Diagnose:",
        f"Reason for admission: {person.condition.reason}",
        f"Acute infarction (localization): {person.condition.acute}",
        f"Former infarction (localization): {person.condition.former}",
        "Additional diagnoses: no",
        f"synthetic: simulated by ganlab {__version__}, seed {seed}, not for clinical use",
    ]


def write_wfdb(record: Record, digital: NDArray[np.int16], folder: Path, *, seed: int) -> None:
    """Write a simulated record as PTB does: a header, twelve leads in a .dat, Frank's three in a .xyz file.

    Args:
        record: What `simulate_record` returned; its name is the path under `folder`.
        digital: Its signal in ADC units, with shape `(15, samples)`.
        folder: Root of the database.
        seed: The seed it was simulated with.
    """
    import wfdb

    path = folder / record.name
    path.parent.mkdir(parents=True, exist_ok=True)
    count = len(record.leads)
    written = wfdb.Record(
        record_name=path.name,
        n_sig=count,
        fs=round(record.rate),
        sig_len=record.samples,
        file_name=[path.name + (".xyz" if lead in ("vx", "vy", "vz") else ".dat") for lead in record.leads],
        fmt=["16"] * count,
        adc_gain=list(record.gain),
        baseline=list(record.baseline),
        units=["mV"] * count,
        adc_res=[16] * count,
        adc_zero=[0] * count,
        sig_name=list(record.leads),
        comments=header_comments(record, seed=seed),
        d_signal=digital.T.astype(np.int64),
    )
    written.set_d_features()
    written.set_defaults()
    written.wrsamp(write_dir=str(path.parent))


def write_cohort(root: Path, patients: int, *, recordings: int = 1, seconds: float, seed: int) -> tuple[Record, ...]:
    """Write the records of `simulate_cohort` under `root`, with the list RECORDS; returns the records."""
    root.mkdir(parents=True, exist_ok=True)
    records = []
    for record, digital in simulate_cohort(patients, recordings=recordings, seconds=seconds, seed=seed):
        write_wfdb(record, digital, root, seed=seed)
        records.append(record)
    (root / "RECORDS").write_text("".join(f"{record.name}\n" for record in records), encoding="utf-8")
    return tuple(records)
