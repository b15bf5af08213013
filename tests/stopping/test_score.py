"""Q is 0 for real patients' windows and rises with what is wrong with them; the guards see what Q cannot."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from scipy import signal as dsp

from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError
from ganlab.core.kind import Image, Window
from ganlab.core.spread import evenly
from ganlab.dataset.module import Data
from ganlab.dataset.ptbdb_sim import PTBDBSim
from ganlab.evaluation.reference import real_sets
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.needs import TooFew
from ganlab.split.patient import PatientSplit
from ganlab.stopping.score import MOST, Floor, Scale, Score
from tests.conftest import ROOT

WINDOWS = 60


@cache
def cohort(leads: tuple[str, ...] = ("i",)) -> tuple[Real, SampleSet, Scale]:
    """Real sets of 40 simulated patients, windows of others who did neither train nor validate, and the scale."""
    source = PTBDBSim(patients=40, seconds=13, cache=ROOT / "outputs" / "test_cache")
    data = Data(source, PatientSplit(train=0.5, validation=0.25, test=0.25, holdout=0), Leads(leads))
    data.setup()
    real = real_sets(data, "validation", WINDOWS, 400)
    return real, real_sets(data, "test", WINDOWS, 400).reference, Scale(real, WINDOWS, draws=20)


def rate(values: np.ndarray) -> Score:
    return cohort()[2](SampleSet(values.astype(np.float32)))


def noisy(x: np.ndarray, microvolts: float) -> np.ndarray:
    return x + microvolts / 1000 * np.random.default_rng(0).standard_normal(x.shape)


def blurred(x: np.ndarray, hertz: float) -> np.ndarray:
    return dsp.sosfiltfilt(dsp.butter(2, hertz, fs=1000, output="sos"), x, axis=-1)


def stepped(x: np.ndarray, microvolts: float) -> np.ndarray:
    """Each row of 45 samples rises by so much and falls back."""
    return x + microvolts / 1000 * (np.arange(x.shape[-1]) % 45 / 45)


def test_windows_of_other_persons_have_a_low_q_and_the_floors_own_have_none() -> None:
    real, others, _ = cohort()
    assert rate(others.values).q < 0.6
    own = real.train.values[evenly(WINDOWS, len(real.train))]
    assert rate(own).q == pytest.approx(0, abs=1e-9)
    assert rate(np.random.default_rng(0).standard_normal(others.values.shape)).q > 2


@pytest.mark.parametrize(
    ("spoil", "levels", "part"),
    [(noisy, (15, 40, 100), "noise"), (blurred, (25, 12, 6), "spectrum"), (stepped, (10, 30, 100), "seam")],
)
def test_q_rises_with_what_is_wrong(spoil, levels: Sequence[float], part: str) -> None:
    found = [rate(cohort()[1].values), *(rate(spoil(cohort()[1].values, level)) for level in levels)]
    rising = [score.q for score in found]
    assert rising == sorted(rising)
    assert rising[-1] > rising[0] + 2 * found[0].error
    assert found[-1].z[part] > found[0].z[part] + 2


def test_few_windows_repeated_are_seen_in_the_coverage_and_copies_in_the_distances() -> None:
    real, others, scale = cohort()
    rng = np.random.default_rng(0)
    few = [rate(others.values[np.resize(rng.permutation(len(others))[:k], WINDOWS)]) for k in (WINDOWS, 12, 3, 1)]
    covered = [score.coverage for score in few]
    assert covered[0] > covered[1] > max(covered[2:])
    assert few[-1].coverage < 0.5 * scale.coverage
    assert few[-1].pairwise < 0.7
    copied = []
    for share in (0.0, 0.3, 1.0):
        values = others.values.copy()
        count = round(share * len(values))
        values[:count] = real.train.values[:: len(real.train) // WINDOWS][:count]
        copied.append(rate(values).copying)
    assert copied == sorted(copied, reverse=True)
    assert copied[0] > -3 > copied[-1]


def test_three_leads_have_a_component_for_einthovens_law() -> None:
    _, others, scale = cohort(("i", "ii", "iii"))
    assert "einthoven" in scale.floors
    assert scale(SampleSet(others.values)).z["einthoven"] < 3
    broken = others.values.copy()
    broken[:, 2] *= 1.2
    assert scale(SampleSet(broken)).z["einthoven"] > 10
    assert "einthoven" not in cohort()[2].floors


def test_a_component_is_in_deviations_above_its_floor_between_0_and_the_most() -> None:
    floor = Floor(2.0, 0.5)
    assert [floor.above(x) for x in (1.0, 2.0, 3.0, 1e9, float("nan"))] == [0, 0, 2, MOST, MOST]


def test_too_few_persons_and_what_is_no_window_are_refused() -> None:
    real = cohort()[0]
    few = real.reference.take(real.reference.patients < np.unique(real.reference.patients)[3])
    with pytest.raises(TooFew, match="3 validation patients, and 4 are needed"):
        Scale(Real(real.kind, real.train, few), WINDOWS)
    with pytest.raises(UserError, match="stopping=rule scores windows, and this data set gives images"):
        Scale(Real(Image((1, 9, 9)), real.train, real.reference), WINDOWS)
    with pytest.raises(UserError, match="100 samples"):
        Scale(Real(Window(("i",), 1000, 100), real.train, real.reference), WINDOWS)
