r"""Q: how far generated windows are from real ones of other patients, in units of what real patients differ.

Each component $m_j$ is a distance from the windows of validation patients. Its reference $f_j$ is the value of training
windows, and $s_j$ the standard deviation of that over draws of patients on both sides. With
$z_j = \max(0, (m_j - f_j) / s_j)$

$$Q = \frac{1}{J} \sum_j \log(1 + z_j),$$

0 where the windows cannot be distinguished from those of other real patients (ours; design: science, section 4). $f_j$
is the value itself and not the draws' mean, because draws with replacement make distances larger than they are.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ganlab.core.errors import UserError
from ganlab.core.kind import Kind, Window, of_kind
from ganlab.core.spread import evenly
from ganlab.evaluation.bootstrap import drawn
from ganlab.metrics.base import Metric, Real, SampleSet, Statistic, Weights
from ganlab.metrics.distribution import Distribution
from ganlab.metrics.ecg.embedding import RandomConvolutions
from ganlab.metrics.ecg.leads import LeadRelations
from ganlab.metrics.ecg.signal import SignalShape
from ganlab.metrics.ecg.visual_criteria import VisualCriteria
from ganlab.metrics.needs import need
from ganlab.metrics.points import same_patient
from ganlab.metrics.privacy.shifts import shifted_distances, spectra

LEAST_PERSONS = 4
"""Least validation patients for a deviation over draws of patients."""
MOST = 1000.0
"""Most deviations of a component above its reference; also the value of an undefined component."""
TINY_UV = 1e-3
"""Residual of Einthoven's law, uV, below which windows are not distinguished."""

LEAST_DEVIATION = 1e-3
"""Least deviation of the share in C_T: where no draw changes the share, C_T is 500 at most."""

LEAST: Mapping[str, float] = {"einthoven": 0.1}
"""Least deviations of components: real windows may all follow Einthoven's law exactly."""

DISTANCES: Mapping[str, str] = {
    "kid": "distribution/kid",
    "spectrum": "signal/psd_db",
    "heart_rate": "physiology/heart_rate_w1",
    "r_amplitude": "physiology/r_amplitude_cv_w1",
    "beats": "physiology/beat_correlation_w1",
    "baseline": "physiology/baseline_residual_w1",
    "noise": "physiology/noise_w1",
}
"""Components that are numbers of the measures as they are."""


@dataclass(frozen=True)
class Floor:
    """A component's value between real patients, and its standard deviation over draws of patients."""

    value: float
    deviation: float

    def above(self, value: float) -> float:
        """Return how many deviations a value is above the reference, from 0 to `MOST`; NaN gives `MOST`."""
        z = (value - self.value) / self.deviation
        return MOST if math.isnan(z) else min(MOST, max(0.0, z))


@dataclass(frozen=True)
class Score:
    """Q of generated windows, its standard error over draws of patients, each component's z, and the guards' numbers.

    `coverage` and `pairwise` are those of `ganlab.metrics.distribution`; `copying` is C_T, see `Scale`.
    """

    q: float
    error: float
    z: dict[str, float]
    coverage: float
    pairwise: float
    copying: float


class Scale:
    """References learned once from training windows and those of validation patients; scores generated windows.

    `copying` is C_T of Meehan et al. (2020, arXiv 2004.05675) over all windows together, with the distances of
    `ganlab.metrics.privacy.shifts`: the share of pairs in which a generated window is farther from the nearest training
    window than a validation window is, less one half, over its standard deviation over draws of patients. Copies are
    far below 0.

    `real` holds training windows, and those of validation patients as the reference; as many training windows as
    generated `windows` make the reference values; `draws` of patients make deviations and standard errors. Raises
    UserError for samples that are no windows, or for fewer than four validation patients.
    """

    def __init__(self, real: Real, windows: int = 200, draws: int = 50, seed: int = 0) -> None:
        check(real.kind)
        self.patients = 0 if real.reference.patients is None else len(np.unique(real.reference.patients))
        need(self.patients, LEAST_PERSONS, "validation patients", "A larger split.validation=, or more patients.")
        self.real, self.rate = real, of_kind(real.kind, Window).rate
        self.draws, self.seed = draws, seed
        self._metrics = [metric.fit(real) for metric in _metrics()]
        self._seam = self._numbers(real.reference)["signal/seam_ratio"]
        own = real.train.take(evenly(windows, len(real.train)))
        numbers = self._numbers(own)
        components, pairs = self._components(numbers), self._weights(own)
        self.floors = {}
        for name, component in components.items():
            value = _plain(component, own, real.reference)
            deviation = max(float(np.std([component(*pair) for pair in pairs])), LEAST.get(name, 0.0))
            if math.isfinite(value) and deviation > 0:
                self.floors[name] = Floor(value, deviation)
        self.left_out = sorted(set(components) - set(self.floors))
        self.coverage = _plain(numbers["distribution/coverage"], own, real.reference)
        self._train = spectra(real.train, self.rate)
        apart = shifted_distances(spectra(real.reference, self.rate), self._train)
        np.copyto(apart, np.inf, where=same_patient(real.reference.patients, real.train.patients, len(real.train)))
        self._usual = apart.min(axis=1)

    def __call__(self, samples: SampleSet) -> Score:
        """Return the score of windows `(N, leads, samples)` in mV, which must be finite."""
        numbers, reference, pairs = self._numbers(samples), self.real.reference, self._weights(samples)
        components = self._components(numbers)
        z = {name: floor.above(_plain(components[name], samples, reference)) for name, floor in self.floors.items()}
        of_draws = [_q(floor.above(components[name](*pair)) for name, floor in self.floors.items()) for pair in pairs]
        nearest = shifted_distances(spectra(samples, self.rate), self._train).min(axis=1)
        farther = (nearest[:, None] > self._usual) + 0.5 * (nearest[:, None] == self._usual)
        deviation = float(np.std([float(own @ farther @ real / (own.sum() * real.sum())) for own, real in pairs]))
        return Score(
            q=_q(z.values()),
            error=float(np.std(of_draws)),
            z=z,
            coverage=_plain(numbers["distribution/coverage"], samples, reference),
            pairwise=_plain(numbers["distribution/pairwise_ratio"], samples, reference),
            copying=(float(farther.mean()) - 0.5) / max(deviation, LEAST_DEVIATION),
        )

    def _numbers(self, samples: SampleSet) -> dict[str, Statistic]:
        return {name: each for metric in self._metrics for name, each in metric(samples).items()}

    def _components(self, numbers: Mapping[str, Statistic]) -> dict[str, Statistic]:
        components = {name: numbers[number] for name, number in DISTANCES.items() if number in numbers}
        coverage, seam = numbers["distribution/coverage"], numbers["signal/seam_ratio"]
        components["coverage"] = lambda judged, real: 1 - coverage(judged, real)
        components["seam"] = lambda judged, real: _log_ratio(seam(judged, real), self._seam(real, real))
        if residual := numbers.get("leads/einthoven_residual_uv"):
            components["einthoven"] = lambda judged, real: math.log(max(residual(judged, real), TINY_UV))
        return components

    def _weights(self, samples: SampleSet) -> list[tuple[Weights, Weights]]:
        """Return the weights of samples and reference in each draw of patients; samples without id are drawn singly."""
        rng = np.random.default_rng(self.seed)
        return [(drawn(samples, rng), drawn(self.real.reference, rng)) for _ in range(self.draws)]


def check(kind: Kind) -> None:
    """Raise UserError for samples that are no windows, or windows too short for the metrics."""
    if not kind.leads:
        raise UserError(
            f"stopping=rule scores windows, and this data set gives {kind.noun}s: its components are those of ECGs. "
            "stopping=epochs and stopping=steps accept any."
        )
    if kind.other_unit:
        raise UserError(
            f"stopping=rule scores ECGs in mV, and these windows are in {kind.other_unit}: stopping=epochs and "
            "stopping=steps take any."
        )
    for metric in _metrics():
        metric.check(kind)


def _metrics() -> list[Metric]:
    return [VisualCriteria(), SignalShape(), Distribution(RandomConvolutions(), classifier=False), LeadRelations()]


def _q(z: Iterable[float]) -> float:
    return float(np.mean(np.log1p([*z])))


def _plain(statistic: Statistic, samples: SampleSet, reference: SampleSet) -> float:
    return float(statistic(np.ones(len(samples)), np.ones(len(reference))))


def _log_ratio(value: float, usual: float) -> float:
    return abs(math.log(value / usual)) if value > 0 and usual > 0 else math.nan
