"""What a cardiologist reads from ECGs: intervals, heights, axis and rhythm, compared with those of other patients.

They are those of each window's median beat (`ganlab.metrics.ecg.waves`). A distance is the first Wasserstein distance
of their distributions in the number's own unit, the mean over leads where each lead has its own.

Limits of a normal ECG: Surawicz et al. (2009) and Rautaharju et al. (2009), AHA/ACCF/HRS recommendations III and IV,
Circulation 119, e235-e240 and e241-e250; rates: Wagner et al., Marriott's Practical Electrocardiography. Limits of a
possible one are wider than what anybody lives with, so that only what is no ECG is beyond.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.kind import Array, Window
from ganlab.core.labels import of_class, present
from ganlab.core.spread import evenly
from ganlab.metrics.base import Floats, Real, SampleSet, Scorer, Scores, Statistic
from ganlab.metrics.ecg.lead import LeadMetric, chosen_leads
from ganlab.metrics.ecg.lead_map import LeadMap
from ganlab.metrics.ecg.median_beat import MedianBeats, median_beats
from ganlab.metrics.ecg.peaks import LEAST_RATE, chunks
from ganlab.metrics.ecg.waves import Waves, measure
from ganlab.metrics.needs import MORE_REFERENCE, MORE_TRAINING, need
from ganlab.metrics.numbers import numbers_of
from ganlab.metrics.once import Once
from ganlab.metrics.weighted import circular_distance, column_distances, distance_of, mean_of, mean_of_finite

NORMAL: Mapping[str, tuple[float, float]] = {
    "heart_rate": (50.0, 100.0),
    "pr": (120.0, 200.0),
    "qrs": (60.0, 110.0),
    "qtc": (350.0, 460.0),
    "axis": (-30.0, 90.0),
}
"""Limits of a normal ECG: 1/min, ms, degrees."""
POSSIBLE: Mapping[str, tuple[float, float]] = {
    "heart_rate": (20.0, 300.0),
    "pr": (60.0, 450.0),
    "qrs": (40.0, 240.0),
    "qtc": (250.0, 750.0),
    "p": (-0.6, 0.6),
    "r": (0.0, 6.0),
    "s": (-6.0, 0.0),
    "st": (-1.5, 1.5),
    "t": (-2.5, 2.5),
}
"""Limits of a possible ECG: 1/min, ms, and mV in any lead."""
BY_LEAD = ("p", "r", "s", "st", "t", "slope")
UPRIGHT: Mapping[str, float] = {"p": 0.03, "t": 0.05}
"""Waves whose direction counts where they are at least so high, mV."""
LEARNED = 1000
"""Training windows at most from which scales and the relation of the leads are learned."""
LEAST_CLASS = 20
"""Windows of a class, generated and real ones, from which on it is compared by itself."""


@dataclass(frozen=True)
class Measurements:
    """Measurements of N windows by name, `(N,)` or `(N, leads)`, and what `leads` do not explain of their chest leads.

    NaN where a window has none.
    """

    columns: dict[str, Floats]
    unexplained: Floats

    @classmethod
    def of(cls, beats: MedianBeats, names: tuple[str, ...], leads: LeadMap | None = None) -> "Measurements":
        """Return the measurements of median beats whose leads have these names."""
        waves = measure(beats)
        columns = {name: getattr(waves, name) for name in ("rr", "sdnn", "rmssd", "pr", "qrs", "qt", *BY_LEAD)}
        columns["heart_rate"] = 60_000 / columns["rr"]
        columns["qtc"] = columns["qt"] / np.cbrt(columns["rr"] / 1000)
        if (axis := _axis(waves, names)) is not None:
            columns["axis"] = axis
        return cls(columns, leads.unexplained(beats.signal) if leads else np.full(len(columns["rr"]), np.nan))

    def outside(self, limits: Mapping[str, tuple[float, float]]) -> dict[str, Floats]:
        """Return of each name whether a window is outside of its limits, in any lead; NaN without a measurement."""
        outside = {}
        for name in limits.keys() & self.columns.keys():
            values = self.columns[name].reshape(len(self.columns[name]), -1)
            beyond = (values < limits[name][0]) | (values > limits[name][1])
            outside[name] = np.where(np.isfinite(values).any(axis=1), beyond.any(axis=1), np.nan)
        return outside


class ClinicalNumbers(LeadMetric):
    """Intervals, heights, axis and rhythm of the windows' median beats, of all leads or of one `lead`."""

    numbers = numbers_of("clinical")

    def fit(self, real: Real) -> Scorer:
        """Learn scales and how the leads belong together from training windows. Raises TooFew for a few windows."""
        kind, place = self.place(real.kind)
        if kind.samples < kind.rate or kind.rate < LEAST_RATE:
            return lambda samples: {}
        need(len(real.train), 2, "training windows", MORE_TRAINING)
        need(len(real.reference), 1, "reference windows", MORE_REFERENCE)
        names = tuple(name.lower() for name in kind.leads[place])
        own = real.train.take(evenly(LEARNED, len(real.train)))
        beats = _beats(chosen_leads(own, place), kind)
        leads = LeadMap.of(beats.signal, names)
        train = Measurements.of(beats, names, leads)
        scales = {name: _deviation(each) for name, each in train.columns.items()}
        tempo = _tempo(train)
        tables = Once(lambda samples: Measurements.of(_beats(chosen_leads(samples, place), kind), names, leads), real)
        tables.keep(own, train)
        reference = tables(real.reference)

        def score(samples: SampleSet) -> Scores:
            windows = tables(samples)
            numbers = _distances(windows, reference, scales) | _described(windows)
            if tempo is not None:
                numbers["tempo_w1"] = distance_of(tempo(windows), tempo(reference))
            if leads is not None:
                numbers["precordial_w1"] = distance_of(windows.unexplained, reference.unexplained)
            by_class = _by_class(windows, reference, scales, samples, real)
            if missing := _missing(samples, real):
                numbers["missing_classes"] = missing
            if by_class:
                numbers["class_distance"] = lambda judged, others: mean_of_finite(
                    each(judged, others) for each in by_class.values()
                )
            named = {f"clinical/{name}": each for name, each in numbers.items()}
            ones = np.ones(len(samples)), np.ones(len(real.reference))
            details = {name: each(*ones) for name, each in by_class.items()}
            return Scores(named, {"classes": details} if details else None, not_measurable=_lacking(windows))

        return score


def measured(windows: Array, kind: Window, names: tuple[str, ...]) -> Measurements:
    """Return the measurements of windows `(N, leads, samples)` in mV, whose leads have these names."""
    return Measurements.of(_beats(windows, kind), names)


def _beats(windows: Array, kind: Window) -> MedianBeats:
    return MedianBeats.together([median_beats(part, kind.rate) for part in chunks(windows)])


def _deviation(values: Floats) -> Floats:
    """Return the deviation of `(N,)` or of each lead of `(N, leads)`; NaN where fewer than two are known."""
    few = np.isfinite(values).sum(axis=0) < 2
    return np.where(few, np.nan, np.nanstd(np.where(few, 0, values), axis=0))


def _axis(waves: Waves, names: tuple[str, ...]) -> Floats | None:
    """Return the frontal axis of QRS in degrees, 0 to the left and 90 downwards, from i and avf, or ii: `(N,)`.

    Lead avf is the root of 3/4 of its direction's height.
    """
    net = dict(zip(names, (waves.r + waves.s).T, strict=True))
    if "i" not in net or not {"ii", "avf"} & net.keys():
        return None
    down = net["avf"] if "avf" in net else net["ii"] - net["i"] / 2
    return np.degrees(np.arctan2(down * 2 / np.sqrt(3), net["i"]))


def _distances(windows: Measurements, reference: Measurements, scales: Mapping[str, Floats]) -> dict[str, Statistic]:
    numbers: dict[str, Statistic] = {}
    for name in windows.columns.keys() - {"axis"}:
        numbers[f"{name}_w1"] = _mean_distance(windows.columns[name], reference.columns[name])
    if "axis" in windows.columns:
        numbers["axis_w1"] = circular_distance(windows.columns["axis"], reference.columns["axis"])
    for name, least in UPRIGHT.items():
        down = [_downward(each.columns[name], least) for each in (windows, reference)]
        numbers[f"{name}_polarity"] = _mean_distance(*down)
    heights = ("p", "r", "s", "t")
    by_lead = column_distances(*(_scaled(each, scales, heights) for each in (windows, reference)))

    def worst(judged: NDArray[np.float64], real: NDArray[np.float64]) -> float:
        return float(by_lead(judged, real).reshape(len(heights), -1).mean(axis=0).max())

    return numbers | {"worst_lead": worst}


def _mean_distance(values: Floats, others: Floats) -> Statistic:
    """Return the mean over leads of the distance of `(N,)` or `(N, leads)` and of the reference's."""
    if values.ndim == 1:
        return distance_of(values, others)
    apart = column_distances(values, others)
    return lambda judged, real: mean_of_finite(apart(judged, real))


def _scaled(table: Measurements, scales: Mapping[str, Floats], names: Sequence[str], some: Any = slice(None)) -> Floats:
    """Return columns in deviations of training windows, one after the other, `(N, columns)`."""
    return np.column_stack([table.columns[name][some] / scales[name] for name in names])


def _downward(heights: Floats, least: float) -> Floats:
    return np.where(np.abs(heights) >= least, heights < 0, np.nan)


def _described(windows: Measurements) -> dict[str, Statistic]:
    """Return shares of windows: outside of normal and of possible limits, and those that could not be measured."""
    numbers = {f"{name}_outside": mean_of(each) for name, each in windows.outside(NORMAL).items()}
    possible = np.stack(list(windows.outside(POSSIBLE).values()))
    numbers["impossible"] = mean_of(np.asarray(np.nan_to_num(possible).any(axis=0)))
    numbers["no_p"] = mean_of(np.where(np.isfinite(windows.columns["qrs"]), np.isnan(windows.columns["pr"]), np.nan))
    numbers["no_t"] = mean_of(np.where(np.isfinite(windows.columns["qrs"]), np.isnan(windows.columns["qt"]), np.nan))
    numbers["unmeasured"] = mean_of(np.isnan(windows.columns["qrs"]))
    return numbers


def _lacking(windows: Measurements) -> dict[str, str]:
    """Return why a number has no value: no window has it."""
    reasons: dict[str, str] = {}
    for name, each in windows.columns.items():
        if not np.isfinite(each).any():
            reason = f"not measurable in any of {len(each)} windows: too few beats, or no such wave."
            reasons |= {f"clinical/{name}_w1": reason}
            reasons |= {f"clinical/{name}_outside": reason} if name in NORMAL else {}
    return reasons


def _tempo(train: Measurements) -> Callable[[Measurements], Floats] | None:
    """Return a function to how much longer a window's beats last than usual, %, `(N,)`; None where too few are known.

    It is the least-squares estimate of one factor on PR, QRS, QT and RR, given how they vary together among training
    windows (Gauss and Markov): a heart that beats faster has a shorter QT, and one played faster a shorter QRS too.
    """

    def logarithms(table: Measurements) -> Floats:
        return 100 * np.log(np.stack([table.columns[name] for name in ("pr", "qrs", "qt", "rr")], axis=1))

    durations = logarithms(train)
    durations = durations[np.isfinite(durations).all(axis=1)]
    if len(durations) < LEAST_CLASS:
        return None
    weight = np.linalg.pinv(np.cov(durations.T)).sum(axis=0)
    usual = durations.mean(axis=0)
    return lambda table: (logarithms(table) - usual) @ (weight / weight.sum())


def _by_class(
    windows: Measurements, reference: Measurements, scales: Mapping[str, Floats], samples: SampleSet, real: Real
) -> dict[str, Statistic]:
    """Return by class the mean distance of all numbers within it, in deviations of training windows."""
    labels = samples.labels, real.reference.labels
    if labels[0] is None or labels[1] is None or len(real.classes) < 2:
        return {}
    numbers: dict[str, Statistic] = {}
    for index in present(labels[1]):
        sides = [np.flatnonzero(of_class(each, index)) for each in labels]
        if min(map(len, sides)) >= LEAST_CLASS:
            numbers[str(real.classes[index])] = _within(windows, reference, scales, *sides)
    return numbers


def _missing(samples: SampleSet, real: Real) -> Statistic | None:
    """Return the share of the reference's classes with enough windows of which the samples have none."""
    labels, others = samples.labels, real.reference.labels
    if labels is None or others is None or len(real.classes) < 2:
        return None
    expected = [index for index in present(others) if of_class(others, index).sum() >= LEAST_CLASS]
    own = [of_class(labels, index) for index in expected]
    return (lambda judged, _: float(np.mean([not judged[each].any() for each in own]))) if own else None


def _within(
    windows: Measurements,
    reference: Measurements,
    scales: Mapping[str, Floats],
    own: NDArray[Any],
    others: NDArray[Any],
) -> Statistic:
    names = [name for name in windows.columns if name not in ("axis", "rr")]
    apart = column_distances(_scaled(windows, scales, names, own), _scaled(reference, scales, names, others))
    ends = np.cumsum([np.size(scales[name]) for name in names])[:-1]
    return lambda judged, real: mean_of_finite(
        mean_of_finite(each) for each in np.split(apart(judged[own], real[others]), ends)
    )
