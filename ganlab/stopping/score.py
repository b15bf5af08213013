r"""How far generated windows are from real ones of other persons, in units of what real persons are from one another.

Of each component $m_j$ (a distance from the windows of validation persons) the floor $f_j$ is what training persons
have, and $s_j$ its standard deviation over draws of persons on both sides. With $z_j = \max(0, (m_j - f_j) / s_j)$

$$Q = \frac{1}{J} \sum_j \log(1 + z_j),$$

0 where the windows cannot be told from those of other real persons (ours; design: science, section 4). The floor is the
number itself and not the draws' mean, because draws with replacement make distances larger than they are.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ganlab.core.errors import UserError
from ganlab.core.kind import Kind, Window, window_of
from ganlab.core.spread import evenly
from ganlab.evaluation.bootstrap import drawn
from ganlab.metrics.base import Metric, Real, SampleSet, Statistic, Weights, need
from ganlab.metrics.distribution import Distribution
from ganlab.metrics.ecg.embedding import RandomConvolutions
from ganlab.metrics.ecg.leads import LeadRelations
from ganlab.metrics.ecg.signal import SignalShape
from ganlab.metrics.ecg.visual_criteria import VisualCriteria
from ganlab.metrics.points import same_person
from ganlab.metrics.privacy.copies import distances, spectra

LEAST_PERSONS = 4
"""Of validation, from whom a deviation over draws of persons can be had."""
MOST = 1000.0
"""A component is no more deviations above its floor than this; also what real windows have and these do not show."""
TINY_UV = 1e-3
"""Residual of Einthoven's law below which all are alike, uV."""

LEAST_DEVIATION = 1e-3
"""Of the share behind C_T: where no draw changes it, C_T is 500 at most."""

LEAST: Mapping[str, float] = {"einthoven": 0.1}
"""Deviations that a component has at least: real windows may all follow Einthoven's law exactly."""

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
Components = Mapping[str, Statistic]


@dataclass(frozen=True)
class Floor:
    """What real persons have of a component, and its standard deviation over draws of persons."""

    value: float
    deviation: float

    def above(self, value: float) -> float:
        """How many deviations a value is above it, from 0 to `MOST`; NaN is `MOST`."""
        found = (value - self.value) / self.deviation
        return min(MOST, max(0.0, found)) if not math.isnan(found) else MOST


@dataclass(frozen=True)
class Score:
    """Of generated windows: Q, its standard error over draws of persons, each component's z, and what guards look at.

    `coverage` and `pairwise` are those of `ganlab.metrics.distribution`; `copying` is C_T, see `Scale`.
    """

    q: float
    error: float
    z: dict[str, float]
    coverage: float
    pairwise: float
    copying: float


class Scale:
    """Floors learned once from training windows and those of validation persons; then scores of generated windows.

    `copying` is the statistic of Meehan et al. (2020, arXiv 2004.05675), for all windows together and with distances of
    `ganlab.metrics.privacy.copies`: the share of pairs in which a generated window is farther from the nearest training
    window than a validation window is, less one half, over its standard deviation over draws of persons. Far below 0
    are copies.

    Arguments:
        real: Training windows, and those of validation persons as the reference.
        windows: Generated windows that will be scored, which is also how many training windows make the floor.
        draws: Of persons, for deviations and standard errors.
        seed: Of the draws.

    Raises UserError for samples that are no windows, or for fewer than four validation persons.
    """

    def __init__(self, real: Real, windows: int = 200, draws: int = 50, seed: int = 0) -> None:
        check(real.kind)
        self.persons = 0 if real.reference.persons is None else len(np.unique(real.reference.persons))
        need(self.persons, LEAST_PERSONS, "validation persons")
        self.real = real
        self.draws = draws
        self.seed = seed
        self._judges = [measure.fit(real) for measure in _measures()]
        self._seam = self._numbers(real.reference)["signal/seam_ratio"]
        floor = real.train.take(evenly(windows, len(real.train)))
        numbers = self._numbers(floor)
        drawn_values = self._values(self._components(numbers), floor)
        values = {name: _plain(each, floor, real.reference) for name, each in self._components(numbers).items()}
        deviations = {name: max(float(np.std(found)), LEAST.get(name, 0.0)) for name, found in drawn_values.items()}
        self.floors = {
            name: Floor(value, deviations[name])
            for name, value in values.items()
            if math.isfinite(value) and deviations[name] > 0
        }
        self.left_out = sorted(set(values) - set(self.floors))
        self.coverage = _plain(numbers["distribution/coverage"], floor, real.reference)
        self._train = spectra(real.train, self.rate)
        apart = distances(spectra(real.reference, self.rate), self._train)
        np.copyto(apart, np.inf, where=same_person(real.reference.persons, real.train.persons, len(real.train)))
        self._usual = apart.min(axis=1)

    @property
    def rate(self) -> float:
        """Of the windows, Hz."""
        return window_of(self.real.kind).rate

    def __call__(self, samples: SampleSet) -> Score:
        """Score windows `(N, leads, samples)` in mV without NaN and infinity."""
        numbers = self._numbers(samples)
        components = self._components(numbers)
        of_draws = self._values(components, samples)
        scores = [
            _q(self.floors[name].above(found[draw]) for name, found in of_draws.items()) for draw in range(self.draws)
        ]
        reference = self.real.reference
        z = {name: self.floors[name].above(_plain(each, samples, reference)) for name, each in components.items()}
        return Score(
            q=_q(z.values()),
            error=float(np.std(scores)),
            z=z,
            coverage=_plain(numbers["distribution/coverage"], samples, reference),
            pairwise=_plain(numbers["distribution/pairwise_ratio"], samples, reference),
            copying=self._copying(samples),
        )

    def _numbers(self, samples: SampleSet) -> dict[str, Statistic]:
        return {name: each for judge in self._judges for name, each in judge(samples).items()}

    def _components(self, numbers: Mapping[str, Statistic]) -> dict[str, Statistic]:
        found = {name: numbers[number] for name, number in DISTANCES.items() if number in numbers}
        found["coverage"] = _one_less(numbers["distribution/coverage"])
        found["seam"] = _log_ratio(numbers["signal/seam_ratio"], self._seam)
        if "leads/einthoven_residual_uv" in numbers:
            found["einthoven"] = _log(numbers["leads/einthoven_residual_uv"])
        return {name: each for name, each in found.items() if name in getattr(self, "floors", found)}

    def _values(self, components: Components, samples: SampleSet) -> dict[str, list[float]]:
        """Of each component the values in draws of persons, of the judged ones where they are somebody's."""
        rng = np.random.default_rng(self.seed)
        pairs = [(drawn(samples, rng), drawn(self.real.reference, rng)) for _ in range(self.draws)]
        return {name: [each(*pair) for pair in pairs] for name, each in components.items()}

    def _copying(self, samples: SampleSet) -> float:
        found = distances(spectra(samples, self.rate), self._train).min(axis=1)
        farther = (found[:, None] > self._usual) + 0.5 * (found[:, None] == self._usual)
        rng = np.random.default_rng(self.seed)
        pairs = [(drawn(samples, rng), drawn(self.real.reference, rng)) for _ in range(self.draws)]
        deviation = float(np.std([_share(farther, *pair) for pair in pairs]))
        alike = np.ones(len(samples)), np.ones(len(self._usual))
        return (_share(farther, *alike) - 0.5) / max(deviation, LEAST_DEVIATION)


def check(kind: Kind) -> None:
    """Raise UserError for what is no window, or a window that is too short to be measured."""
    if not isinstance(kind, Window):
        raise UserError(
            f"stopping=rule scores windows, and this data set gives {kind.noun}s: its components are those of ECGs. "
            "stopping=epochs and stopping=steps take any."
        )
    for measure in _measures():
        measure.check(kind)


def _measures() -> list[Metric]:
    return [VisualCriteria(), SignalShape(), Distribution(RandomConvolutions(), classifier=False), LeadRelations()]


def _q(z: Iterable[float]) -> float:
    return float(np.mean(np.log1p([*z])))


def _plain(statistic: Statistic, judged: SampleSet, reference: SampleSet) -> float:
    return float(statistic(np.ones(len(judged)), np.ones(len(reference))))


def _share(farther: np.ndarray, judged: Weights, real: Weights) -> float:
    return float(judged @ farther @ real / (judged.sum() * real.sum()))


def _one_less(statistic: Statistic) -> Statistic:
    return lambda judged, real: 1 - statistic(judged, real)


def _log(statistic: Statistic) -> Statistic:
    return lambda judged, real: math.log(max(statistic(judged, real), TINY_UV))


def _log_ratio(statistic: Statistic, of_real: Statistic) -> Statistic:
    """|log| of a number over that of the reference, which describes itself."""

    def ratio(judged: Weights, real: Weights) -> float:
        found, usual = statistic(judged, real), of_real(real, real)
        return abs(math.log(found / usual)) if found > 0 and usual > 0 else math.nan

    return ratio
