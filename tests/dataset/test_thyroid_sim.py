"""Simulated people beside the aggregates of the real ones, which they are drawn from."""

import numpy as np
import pytest
from omegaconf import OmegaConf
from scipy.stats import ks_2samp

from ganlab.core.errors import UserError
from ganlab.dataset.thyroid import Thyroid
from ganlab.dataset.thyroid_sim import ThyroidSim
from tests.conftest import DATA, ROOT

CONF = {name: OmegaConf.load(ROOT / "conf" / "dataset" / f"{name}.yaml") for name in ("thyroid", "thyroid_sim")}
COLUMNS = CONF["thyroid_sim"].columns
CONTINUOUS = [number for number, name in enumerate(COLUMNS) if "binary" not in COLUMNS[name]]


def values(source: Thyroid | ThyroidSim) -> np.ndarray:
    return source.collect(source.plain()).train.spread(100_000).sample.numpy()


@pytest.fixture(scope="module")
def real() -> np.ndarray:
    if not (DATA / "thyroid").is_dir():
        pytest.skip(f"no {DATA / 'thyroid'}: set GANLAB_TEST_DATA to the folder that holds thyroid")
    return values(Thyroid(DATA / "thyroid", COLUMNS))


def test_columns_and_limits_are_those_of_the_real_data() -> None:
    assert CONF["thyroid"].columns == COLUMNS
    assert ThyroidSim.simulated


def test_distributions_are_near_the_real_ones(real: np.ndarray) -> None:
    simulated = values(ThyroidSim(COLUMNS))
    assert simulated.shape == real.shape
    distances = [ks_2samp(simulated[:, column], real[:, column]).statistic for column in CONTINUOUS]
    assert max(distances) < 0.05
    binary = np.delete(np.arange(len(COLUMNS)), CONTINUOUS)
    assert set(np.unique(simulated[:, binary])) == {0, 1}
    assert np.abs(simulated[:, binary].mean(0) - real[:, binary].mean(0)).max() < 0.02


def correlations(rows: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.corrcoef(rows.T))[np.triu_indices(rows.shape[1], 1)]


def test_correlations_are_near_the_real_ones(real: np.ndarray) -> None:
    difference = np.abs(correlations(values(ThyroidSim(COLUMNS))) - correlations(real))
    assert difference.mean() < 0.02
    assert difference.max() < 0.15
    rng = np.random.default_rng(0)
    shuffled = np.stack([rng.permutation(column) for column in real.T], axis=1)
    assert np.abs(correlations(shuffled) - correlations(real)).mean() > 0.035, "the measure sees what it should"


def test_what_always_holds_holds(real: np.ndarray) -> None:
    names = list(COLUMNS)
    for rows in (real, values(ThyroidSim(COLUMNS))):
        sex, pregnant, tt4, t4u, fti = (rows[:, names.index(name)] for name in ("Sex", "Pregnant", "TT4", "T4U", "FTI"))
        assert not (sex * pregnant).any()
        assert (np.abs(tt4 / t4u / 10 - fti) < 0.0015).mean() > 0.95


def test_nobody_real_is_among_them(real: np.ndarray) -> None:
    copies = {row.tobytes() for row in real} & {row.tobytes() for row in values(ThyroidSim(COLUMNS))}
    assert len(copies) < 10


def test_the_seed_makes_the_people() -> None:
    one, again, other = (values(ThyroidSim(COLUMNS, rows=50, seed=seed)) for seed in (0, 0, 1))
    assert (one == again).all()
    assert (one != other).any()


def test_there_are_as_many_rows_as_asked_for_within_the_limits_each_a_person() -> None:
    source = ThyroidSim({"Age": {"low": 0.5}, "Sex": {"binary": True}}, rows=30)
    found = source.collect(source.plain())
    assert found.train.spread(99).sample[:, 0].min() >= 0.5
    assert len(found.train.unique_patients) == len(found.members) == 30
    assert not found.skipped


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rows": 0}, "dataset.rows=0"),
        ({"columns": {"Weight": {}}}, "Weight; there are Age, Sex"),
        ({"columns": {"Age": {"low": 2}}}, "0 of 130040 simulated rows"),
    ],
)
def test_wrong_settings_are_refused(settings: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        values(ThyroidSim(**{"columns": COLUMNS, **settings}))
