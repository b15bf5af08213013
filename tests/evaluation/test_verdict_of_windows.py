"""The verdict of the metrics on windows: red for each fault, green for unseen patients, grey for too few."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ganlab.core.kind import Array, Window
from ganlab.evaluation.findings import text_of
from ganlab.evaluation.null import Null, null_of, sizes_of
from ganlab.evaluation.primary import primaries_of
from ganlab.evaluation.verdict import Verdict, verdict
from ganlab.metrics.base import Metric, Real, SampleSet, Scorer
from ganlab.metrics.distribution import Distribution
from ganlab.metrics.ecg.embedding import RandomConvolutions
from ganlab.metrics.ecg.signal import SignalShape
from ganlab.metrics.ecg.visual_criteria import VisualCriteria
from ganlab.metrics.privacy.copies import Copies

KIND = Window(("i",), 125.0, 375)
PRIMARY = {name: replace(each, fault="") for name, each in primaries_of(KIND).items()}
WINDOWS = 4


def hearts(seed: int, patients: int) -> SampleSet:
    """Windows of `patients`, each with a rate, waves and a little noise of their own."""
    rng, time, windows = np.random.default_rng(seed), np.arange(KIND.samples) / KIND.rate, []
    waves = np.array([(-0.16, 0.1, 0.02), (0.0, 1.0, 0.012), (0.03, -0.2, 0.01), (0.25, 0.3, 0.04)])
    for _ in range(patients):
        rate, own = rng.uniform(55, 95) / 60, waves * np.exp(rng.normal(0, 0.15, waves.shape))
        for _ in range(WINDOWS):
            beats = np.arange(-1, 6) / rate + rng.uniform(0, 1 / rate) + rng.normal(0, 0.01, 7)
            at = time[:, None, None] - beats[:, None] - own[:, 0]
            windows.append((own[:, 1] * np.exp(-((at / own[:, 2]) ** 2) / 2)).sum(axis=(1, 2)))
    values = np.array(windows) + rng.normal(0, 0.008, (len(windows), len(time)))
    return SampleSet(values[:, None].astype(np.float32), None, np.repeat(np.arange(patients) + 1000 * seed, WINDOWS))


Prepared = tuple[Real, list[tuple[Metric, Scorer]], dict[str, Null]]


def prepared(patients: int) -> Prepared:
    """Real sets with the scorers of them, and the null distributions."""
    real = Real(KIND, hearts(1, patients), hearts(2, patients))
    metrics: tuple[Metric, ...] = (
        *(VisualCriteria(), SignalShape(), Copies()),
        Distribution(RandomConvolutions()),
    )
    scorers, null = [], {}
    for metric in metrics:
        scorer = metric.fit(real)
        scorers.append((metric, scorer))
        own = {name: each for name, each in PRIMARY.items() if name in metric.numbers}
        alone = {name for name in own if metric.numbers[name].best is None}
        null |= null_of(scorer, real, sizes_of(real, hearts(3, patients)), own, alone)
    return real, scorers, null


def judged(given: Prepared, samples: SampleSet) -> Verdict:
    real, scorers, null = given
    ones, weights = np.ones(len(real.reference)), np.ones(len(samples))
    rows: dict[str, Any] = {}
    for metric, scorer in scorers:
        for name, statistic in scorer(samples).items():
            if name in PRIMARY:
                number = metric.numbers[name]
                own = scorer(real.reference)[name](ones, ones) if number.best is None else None
                values = {"synthetic": statistic(weights, ones), "interval": [None, None], "real": own}
                about = {"best": number.best, "worse": number.worse, "unit": number.unit}
                rows[name] = values | about | {"controls": {}, "sees": []}
    return verdict(rows, KIND, null, sizes_of(real, samples))


@pytest.fixture(scope="module")
def given() -> Prepared:
    return prepared(30)


def changed(change: Callable[[Array], Array]) -> Callable[[Real], SampleSet]:
    """Windows of unseen patients, changed, as a generator gives them."""
    return lambda _: SampleSet(np.ascontiguousarray(change(hearts(3, 30).values), np.float32))


def faster(values: Array) -> Array:
    place = np.minimum(np.arange(KIND.samples) * 1.5 % (KIND.samples - 1), KIND.samples - 2)
    return values[..., place.astype(int)]


FAULTS: dict[str, tuple[str, Callable[[Real], SampleSet]]] = {
    "noise": ("looks_like", changed(lambda x: x + np.random.default_rng(0).normal(0, 0.1, x.shape))),
    "gain": ("looks_like", changed(lambda x: 2 * x)),
    "50 % faster": ("looks_like", changed(faster)),
    "only noise": ("looks_like", changed(lambda x: np.random.default_rng(0).normal(0, 0.2, x.shape))),
    "collapsed": ("varied", changed(lambda x: np.resize(x[:3], x.shape))),
    "one patient": ("varied", changed(lambda x: np.resize(x[:WINDOWS], x.shape))),
    "copies": ("private", lambda real: SampleSet(real.train.values)),
    "a third copies": (
        "private",
        lambda real: SampleSet(np.concatenate([real.train.values[::3], hearts(3, 30).values[:80]])),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_red(given: Prepared, fault: str) -> None:
    name, make = FAULTS[fault]
    lights = {light.name: light for light in judged(given, make(given[0])).lights}
    assert lights[name].colour == "red", lights[name].reason


def test_unseen_patients_are_green_and_privacy_is_grey_without_attacks(given: Prepared) -> None:
    lights = judged(given, hearts(3, 30)).lights
    assert [light.colour for light in lights] == ["green", "green", "grey"], [light.reason for light in lights]


def test_copies_are_as_real_ones_but_for_privacy(given: Prepared) -> None:
    lights = judged(given, SampleSet(given[0].train.values)).lights
    assert [light.colour for light in lights] == ["green", "green", "red"]


def test_too_few_patients_are_grey() -> None:
    lights = judged(prepared(6), hearts(3, 6)).lights
    assert [light.colour for light in lights] == ["grey"] * 3
    assert lights[0].reason == "6 patients: at least 10 are needed."


def test_shares_are_in_percent() -> None:
    assert text_of(0.1234, "share") == "12.3 %"
    assert text_of(-1.5, "mV") == "−1.5 mV"
