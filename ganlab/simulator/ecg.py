r"""A cohort of simulated ECGs: a heart dipole of Gaussian waves, seen by fifteen leads.

The dipole \(d(t) \in R^3\) (mV; left, down and back as Frank's x, y, z) is a sum over beats \(k\) and waves \(w\)

\[ d(t) = \sum_{k,w} a_{kw} v_w \exp\left(-\frac{(t - t_{kw})^2}{2 b_{kw}^2}\right), \qquad
   t_{kw} = R_k + \frac{\theta_w}{2\pi} RR_k^{e_w}, \]

the closed form, along one turn of the limit cycle, of the dynamical model of McSharry et al. (2003): a turn is one RR
interval, and a wave stands at the angle \(\theta_w\), written here as milliseconds at 60 beats a minute (1000 ms are
\(2\pi\)). The exponent \(e_w\) sets how far angle and width follow the rate: 0 not at all (QRS), 1/2 as Bazett's QT,
which is the model's own choice. The leads are linear in the dipole, so Einthoven's law holds.

Everything of a patient comes from `(seed, patient)`, everything of a recording from `(seed, patient,
recording)`: a patient is the same in every cohort and in each recording.

Sources: P. E. McSharry, G. D. Clifford, L. Tarassenko, L. A. Smith, "A dynamical model for generating synthetic
electrocardiogram signals", IEEE TBME 50(3), 289-294, 2003. R. Sameni, G. D. Clifford, C. Jutten, M. B. Shamsollahi,
"Multichannel ECG and noise modeling", EURASIP J. Adv. Signal Process. 2007, 043407 (the dipole in three dimensions). G.
E. Dower, H. B. Machado, J. A. Osborne, "On deriving the electrocardiogram from vectorcardiographic leads", Clin.
Cardiol. 3, 87-95, 1980 (the lead vectors). Amplitudes, rates and noise were adjusted to PTB records.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfftfreq

from ganlab.core.diagnosis import diagnosis_of, label_of
from ganlab.core.record import LEADS, Record
from ganlab.simulator.condition import INDEPENDENT
from ganlab.simulator.heart import RATE, Array, breathing, draw_beats, heart_dipole, mixed, peaks
from ganlab.simulator.patient import Session, draw_anatomy, draw_session

VERSION = 1
"""Raised whenever the same seed no longer gives the same signal; caches depend on it."""

GAIN = 2000.0
"""ADC units per mV, as in the PTB database."""


def _digital(leads: Array) -> NDArray[np.int16]:
    """Return all fifteen leads `(15, samples)` in ADC units from the eleven `(11, samples)` in mV.

    Leads i and ii are rounded to even units, so that the halves in aVR, aVL and aVF are whole and exact.
    """
    i, ii = 2 * np.rint(leads[:2] * GAIN / 2.0).astype(np.int64)
    limbs = np.stack([i, ii, ii - i, -(i + ii) // 2, i - ii // 2, ii - i // 2])
    digital = np.concatenate([limbs, np.rint(leads[2:] * GAIN).astype(np.int64)])
    if np.abs(digital).max(initial=0) > np.iinfo(np.int16).max:
        raise OverflowError(f"{np.abs(digital).max() / GAIN:.1f} mV do not fit 16 bits at {GAIN:g} per mV")
    return digital.astype(np.int16)


def simulate_record(patient: int, recording: int, *, seconds: float, seed: int) -> tuple[Record, NDArray[np.int16]]:
    """Simulate one recording of `seconds` of one patient, after McSharry et al. 2003, IEEE TBME 50(3).

    Patients and their recordings are counted from 1; the patient alone decides the diagnosis, `seed` is that of the
    whole population. The record has its R peaks as sample indices; the signal is in ADC units, with shape `(15,
    samples)`, in the order of `LEADS`, at 1000 Hz and 2000 units per mV.
    """
    if recording < 1 or round(seconds * RATE) < 1:
        raise ValueError(f"recording={recording}, seconds={seconds}: recording >= 1 and seconds > 0 are needed")
    rng = np.random.default_rng([seed, patient, recording])
    anatomy, session, samples = draw_anatomy(patient, seed=seed), draw_session(rng), round(seconds * RATE)
    breath = breathing(anatomy, session, samples)
    beats = draw_beats(anatomy, session, seconds, rng)
    heart = heart_dipole(anatomy, session, beats, breath, rng)
    leads = mixed(session.gain[:, None] * anatomy.leads, heart) + noise(session, breath, rng)
    diagnosis = diagnosis_of(anatomy.condition.reason)
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
        peaks=peaks(heart, beats),
    )
    return record, _digital(leads)


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
