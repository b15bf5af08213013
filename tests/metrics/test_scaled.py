"""Metrics of signals in any unit: the same numbers whatever the unit, and thresholds of ECGs refused elsewhere."""

from dataclasses import replace

import numpy as np
import pytest

from ganlab.core.errors import UserError
from ganlab.core.kind import Window
from ganlab.evaluation.controls import make
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.ecg.signal import SignalShape
from ganlab.metrics.ecg.visual_criteria import VisualCriteria
from ganlab.metrics.needs import TooFew
from ganlab.metrics.privacy.copies import Copies
from ganlab.metrics.scaled import Scaled, deviations

KIND = Window(("pleth",), 100.0, 400, "NU")


def windows(count: int, seed: int, size: float) -> SampleSet:
    """Waves of about 1 Hz with harmonics about a level far from 0, a window a patient."""
    rng = np.random.default_rng(seed)
    time, beats = np.arange(KIND.samples) / KIND.rate, rng.uniform(0.8, 1.5, (count, 1))
    phase = rng.uniform(0, 6, (count, 1))
    wave = np.sin(2 * np.pi * beats * time + phase) + 0.4 * np.sin(4 * np.pi * beats * time + 2 * phase)
    values = size * (2000 + wave + 0.02 * rng.standard_normal(wave.shape))
    return SampleSet(values[:, None].astype(np.float32), patients=np.arange(count) + 1000 * seed)


def real(size: float) -> Real:
    return Real(KIND, windows(40, 1, size), windows(30, 2, size))


@pytest.mark.parametrize("metric", [SignalShape(), Copies()])
def test_numbers_do_not_depend_on_the_unit(metric: SignalShape | Copies) -> None:
    values = {}
    for size in (1.0, 64.0):
        score = Scaled(metric).fit(real(size))
        samples = windows(30, 3, size)
        values[size] = {name: each(np.ones(30), np.ones(30)) for name, each in score(samples).items()}
    assert values[1.0].keys() <= Scaled(metric).numbers.keys()
    for name, value in values[1.0].items():
        assert value == pytest.approx(values[64.0][name], rel=1e-3, abs=1e-6), name


def test_exact_copies_are_equal_in_deviations_and_units_say_so() -> None:
    own = real(64.0)
    score = Scaled(Copies()).fit(own)
    exact = score(SampleSet(own.train.values[:10]))["copies/exact"]
    assert exact(np.ones(10), np.ones(30)) == 1
    other = score(windows(10, 4, 64.0))["copies/exact"]
    assert other(np.ones(10), np.ones(30)) == 0
    assert Scaled(SignalShape()).numbers["signal/amplitude_w1"].unit == "SD"
    assert deviations(np.zeros((3, 2, 5), np.float32)).tolist() == [[1], [1]]


def test_exact_copies_are_looked_for_below_the_least_reference() -> None:
    few = replace(real(64.0), reference=windows(5, 2, 64.0))
    samples = SampleSet(few.train.values[:10])
    with pytest.raises(TooFew):
        Scaled(Copies()).fit(few)
    exact = Scaled(Copies()).always(few, samples)["copies/exact"]
    assert exact(np.ones(10), np.ones(5)) == 1
    assert Scaled(Copies()).always(replace(few, train=few.train.take(np.arange(0))), samples) == {}


def test_noise_of_controls_is_as_large_beside_any_signal() -> None:
    shares = []
    for size in (1.0, 64.0):
        own = real(size)
        noisy, copy = (make(name, own, 40).values for name in ("noisy_copy", "bootstrap"))
        assert np.isfinite(copy).all()
        steps = np.diff(noisy, axis=-1).std() / np.diff(own.train.values, axis=-1).std()
        shares.append(steps)
    assert shares[0] == pytest.approx(shares[1], rel=0.05)


def test_metrics_of_ecgs_refuse_other_units() -> None:
    for metric in (VisualCriteria(), SignalShape(), Copies()):
        with pytest.raises(UserError, match=r"measures ECGs in mV, and these windows are in NU: metrics=signal"):
            metric.check(KIND)
    Scaled(SignalShape()).check(KIND)
    Copies().check(replace(KIND, unit="mV"))
